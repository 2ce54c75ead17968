//! `audit show`: records, for a person at a terminal or for the next program in a pipe.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ColumnConstraint, Table, presets};
use serde::Deserialize;

use super::{Place, Wanted, fit};
use crate::Failure;
use crate::output;
use crate::plain::plain;

/// As many as a table shows unless it is told otherwise.
const USUAL: usize = 50;
/// A terminal of so many columns has room for whole times.
const ROOMY: u16 = 90;
/// More than this are no table: they are streamed as JSON, or exported.
const MOST: usize = 100_000;

/// Show records in the order of time
///
/// Example: cxone-actions audit show trail --event denied --since 2026-11-22
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Only the last so many; a table has 50 unless this says otherwise
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One array
    Json,
    /// The exact lines
    Jsonl,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let records = arguments.place.open()?.records(&arguments.wanted.filter()?)?;
    let table = arguments.output == Output::Table;
    let last =
        arguments.last.or(table.then_some(USUAL)).map(|last| if table { last.min(MOST) } else { last });
    let mut kept = VecDeque::new();
    let mut stdout = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    let [open, between, close] =
        if arguments.output == Output::Json { ["[\n", ",\n", "\n]\n"] } else { ["", "\n", "\n"] };
    let (mut seen, mut written) = (0_u64, 0_u64);
    let mut write = |line: &str| -> io::Result<()> {
        stdout.write_all(if written == 0 { open } else { between }.as_bytes())?;
        written += 1;
        stdout.write_all(line.as_bytes())
    };
    for line in records {
        let line = line?;
        seen += 1;
        let Some(last) = last else {
            write(&line)?;
            continue;
        };
        kept.push_back(line);
        if kept.len() > last {
            kept.pop_front();
        }
    }
    if table {
        let (shown, kept) = (kept.len(), tabled(kept.make_contiguous()));
        stdout.write_all(kept.as_bytes())?;
        stdout.flush()?;
        let more = seen - shown as u64;
        if more > 0 {
            writeln!(
                io::stderr(),
                "{more} earlier records are not shown: `--last N` shows more, `--output jsonl` all"
            )?;
        }
        return Ok(());
    }
    for line in &kept {
        write(line)?;
    }
    let end = match (written, arguments.output) {
        (0, Output::Json) => "[]\n",
        (0, _) => "",
        _ => close,
    };
    stdout.write_all(end.as_bytes())?;
    Ok(stdout.flush()?)
}

/// What a table shows of a record.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    action_id: Option<String>,
    action_name: Option<String>,
    correlation_id: Option<String>,
    attempt: Option<u32>,
    http_status: Option<u16>,
    status: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    timings: Timings,
    note: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Timings {
    attempt_ms: Option<f64>,
    invoke_ms: Option<f64>,
    duration_ms: Option<f64>,
}

fn tabled(lines: &[String]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    fit(&mut table);
    table.set_header(["TIME (UTC)", "EVENT", "ACTION", "CORRELATION ID", "WHAT", "MS", "ACTOR"]);
    for row in lines.iter().filter_map(|line| serde_json::from_str::<Row<'_>>(line).ok()) {
        let text = |text: Option<String>, most| text.map(|text| plain(&text, most)).unwrap_or_default();
        let time = row.ts.replace('T', " ");
        let ms = row.timings.duration_ms.or(row.timings.invoke_ms).or(row.timings.attempt_ms);
        table.add_row([
            plain(time.get(..23).unwrap_or(&time), 30),
            plain(&row.event, 20),
            text(row.action_name.clone().or(row.action_id.clone()), 36),
            text(row.correlation_id.clone(), 36),
            plain(&what(&row), 60),
            ms.map(|ms| format!("{ms:.0}")).unwrap_or_default(),
            plain(&row.actor, 24),
        ]);
    }
    // Where there is room, times and words stay in one piece, and long texts go on below.
    for narrow in [0, 1, 5] {
        if let Some(column) =
            table.column_mut(narrow).filter(|_| output::width().is_some_and(|width| width >= ROOMY))
        {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(column) = table.column_mut(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if lines.is_empty() { String::new() } else { format!("{}\n", table.trim_fmt()) }
}

/// What there is to say of it besides ids and times, in a few words.
fn what(row: &Row<'_>) -> String {
    let attempt = row.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!("attempt {attempt}"));
    let status = row.http_status.map(|status| status.to_string());
    let parts = [attempt, status, row.status.clone(), row.kind.clone(), row.note.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
