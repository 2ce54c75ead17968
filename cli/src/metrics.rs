//! `cxone-actions metrics`: the numbers of a trail, once or as they grow.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use cxone_actions::trail::{Filter, Trail};
use cxone_actions::{ActionMetrics, Distribution, Metrics};

use crate::failure::Failure;
use crate::output;
use crate::report::{Numbers, numbers};
use crate::settings::Flags;
use crate::signals::Signals;

/// Reading may take so much of the time between two looks.
const SHARE: u32 = 5;
/// What a client counts and no record says: a zero would be a lie.
const NOT_IN_A_TRAIL: [&str; 7] = [
    "cxone_callbacks_total",
    "cxone_invocations_detached",
    "cxone_rate_limited_total",
    "cxone_polls_total",
    "cxone_token_refreshes_total",
    "cxone_unknown_statuses_total",
    "cxone_audit_lost_total",
];

/// Show the numbers of a trail: how calls ended, how long they took
///
/// They are counted from the records, with the names and the percentiles that clients and `audit report` have. A call of
/// which no record says how it ended is in flight; `unfinished` says what processes that are gone have left. With
/// `--watch` they are counted again and again until Ctrl-C: drawn anew on a terminal, one after the other elsewhere.
///
/// Example: cxone-actions metrics --audit trail --watch
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: Flags,
    /// Go on until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks; more where reading takes long
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = seconds)]
    interval: f64,
    /// Count what was written at this time or later: 2026-11-22T15:00:00Z, or a day (UTC)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Count what was written before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object on a line
    #[value(alias = "jsonl")]
    Json,
    /// The text format that Prometheus scrapes
    Prometheus,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "must be a number of seconds from 0.1 to 86400".to_owned())
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let given = [("since", &arguments.since), ("until", &arguments.until)];
    let filter = crate::audit::filter(given)?;
    let settings = arguments.settings.resolve()?;
    let directory = settings.text("audit").ok_or_else(|| {
        Failure::config(
            "there is no trail to count: name its directory with `--audit`, or set `CXONE_AUDIT_DIR`",
        )
    })?;
    let trail = Trail::read_only(Path::new(directory))?;
    if !arguments.watch {
        return output::print(&text(&numbers(&trail, &filter)?, arguments.output)?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(watch(arguments, &trail, &filter))
}

async fn watch(arguments: &Arguments, trail: &Trail, filter: &Filter) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let redraws = arguments.output == Format::Table && io::stdout().is_terminal();
    loop {
        let began = Instant::now();
        let text = text(&numbers(trail, filter)?, arguments.output)?;
        // Home, and what was below is cleared: nothing flickers, and what was there before stays above.
        output::print(&if redraws { format!("\u{1b}[H\u{1b}[J{text}") } else { text })?;
        let pause = Duration::from_secs_f64(arguments.interval).max(began.elapsed() * SHARE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            signal = signals.next() => return Err(Failure::silent(signal.exit_code())),
        }
    }
}

fn text(numbers: &Numbers, format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Table => table(numbers),
        Format::Json => format!("{}\n", serde_json::to_string(numbers).map_err(io::Error::other)?),
        Format::Prometheus => prometheus(numbers),
    })
}

fn table(numbers: &Numbers) -> String {
    let mut rows = vec![row("all actions", &numbers.all)];
    rows.extend(numbers.by_action.iter().map(|(name, action)| row(name, action)));
    let header = [
        "ACTION",
        "STARTED",
        "COMPLETED",
        "FAILED",
        "CANCELLED",
        "REJECTED",
        "ABORTED",
        "UNKNOWN",
        "IN FLIGHT",
    ];
    let mut text = output::table(header, &rows);
    let mut times = Vec::new();
    for (name, action) in std::iter::once(("all actions", &numbers.all))
        .chain(numbers.by_action.iter().map(|(name, action)| (name.as_str(), action)))
    {
        times.push(timed(name, "accepted", &action.invoke_latency));
        times.push(timed(name, "ended", &action.duration));
    }
    text.push('\n');
    text.push_str(&output::table(
        ["ACTION", "UNTIL", "COUNT", "P50 MS", "P90 MS", "P95 MS", "P99 MS", "MAX MS"],
        &times,
    ));
    let left: Vec<_> = numbers.unfinished.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let rate =
        numbers.all.success_rate.map_or("none yet".to_owned(), |rate| format!("{:.2} %", rate * 100.0));
    text.push_str(&format!(
        "\nsuccess {rate}; refused: {} denied, {} invalid; {} sends repeated; left by processes that are gone: {}; {} \
         records\n",
        numbers.denied,
        numbers.invalid,
        numbers.retries,
        left.join(", "),
        numbers.records,
    ));
    if numbers.unreadable > 0 {
        text.push_str(&format!("{} lines are no records: `audit verify` says where\n", numbers.unreadable));
    }
    text
}

fn row(name: &str, action: &ActionMetrics) -> [String; 9] {
    let c = &action.counts;
    let [completed, failed, cancelled, rejected, aborted, unknown] = c.outcomes().map(|(_, n)| n.to_string());
    [
        name.to_owned(),
        c.started.to_string(),
        completed,
        failed,
        cancelled,
        rejected,
        aborted,
        unknown,
        c.in_flight.to_string(),
    ]
}

fn timed(name: &str, until: &str, times: &Distribution) -> [String; 8] {
    let ms = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{ms:.1}"));
    [
        name.to_owned(),
        until.to_owned(),
        times.count.to_string(),
        ms(times.p50_ms),
        ms(times.p90_ms),
        ms(times.p95_ms),
        ms(times.p99_ms),
        ms(times.max_ms),
    ]
}

/// As a client says them, without what a trail does not know.
fn prometheus(numbers: &Numbers) -> String {
    let all = &numbers.all;
    let metrics = Metrics {
        counts: all.counts,
        denied: numbers.denied,
        invalid: numbers.invalid,
        success_rate: all.success_rate,
        invoke_latency: all.invoke_latency,
        duration: all.duration,
        retries: numbers.retries,
        rate_limited: 0,
        polls: 0,
        token_refreshes: 0,
        callback_failures: numbers.callback_failures,
        callbacks: BTreeMap::new(),
        unknown_statuses: 0,
        audit_lost: 0,
        by_action: numbers.by_action.clone(),
    };
    let of_family = |line: &str| {
        let name = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE ")).unwrap_or(line);
        let name = name.split([' ', '{']).next().unwrap_or_default();
        NOT_IN_A_TRAIL.contains(&name)
    };
    metrics.prometheus().lines().filter(|line| !of_family(line)).map(|line| format!("{line}\n")).collect()
}
