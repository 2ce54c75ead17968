//! `cxone-actions batch`: a file of rows, each of them one invocation, and what became of each.
//!
//! One promise: however often it is killed and started again, no row is sent twice. Three things carry it. Each row has a
//! correlation id that is the same in every run. The trail says what was about to leave before it leaves, and that a result
//! was delivered only after its line is on the disk. And a run that goes on asks both the results and the trail before
//! it sends anything.

mod bits;
mod cell;
mod drive;
mod identity;
mod json_lines;
mod left;
mod leftovers;
mod line;
mod one;
mod progress;
mod reading;
mod rehearsal;
mod results;
mod resume;
mod row;
mod source;
mod summary;
mod survey;
mod table;
mod twins;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Args;
use cxone_actions::config::Config;
use cxone_actions::policy::Policy;
use cxone_actions::{Client, Rules};
use tokio::sync::watch;

use crate::failure::Failure;
use crate::output::{Output, note};
use crate::settings::{Flags, Settings};
use crate::signals::Signals;
use drive::{Drive, Ran, Stopped};
use identity::Namespace;
use left::Left;
use one::Room;
use progress::{Progress, Tally};
use reading::{Empty, Format, Kind, Mapped, Reading};
use resume::Place;
use source::Source;
use summary::Summary;

/// How long a batch that ends waits for what is still being written of it.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long one that is stopped at once waits for the answers to what is on the wire.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Run a file of requests, each at most once, and go on after any interruption
///
/// FILE has a request on each line in JSON (`actionId`, `inputs`, `correlationId`, `callbackUrl`), or is a table in CSV
/// with a header, each column an input. It is read as there is room for it, however long it is.
///
/// What became of each row is a line of OUT, as soon as it is known. After Ctrl-C, a crash or a power cut the same command
/// with `--resume` goes on: what was sent is never sent again. Ctrl-C once waits for what is under way, twice stops at once.
///
/// It ends with 0 where every row completed, 1 where some failed or were refused, 8 where the outcome of some is unknown,
/// 6 or 7 where some are still running or were not sent and `--resume` goes on with them, and 130 after Ctrl-C.
///
/// Example: cxone-actions batch cases.csv --action create-case --map priority=Prio:integer --key case -o cases.out.jsonl
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The rows: JSON Lines, or CSV with a header
    file: PathBuf,
    /// The file of results [default: FILE with `.results.jsonl`]
    #[arg(long, short, value_name = "OUT")]
    out: Option<PathBuf>,
    /// Go on with the batch of OUT
    #[arg(long)]
    resume: bool,
    /// What FILE is written in [default: by its ending]
    #[arg(long = "format", value_enum)]
    written_in: Option<Format>,
    /// The action of rows that name none: its id, or the name that the policy gives it
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// An input, the column that it is in, and its type: string, integer, number, boolean, json; may be given more than once
    #[arg(long, value_name = "INPUT=COLUMN[:TYPE]")]
    map: Vec<Mapped>,
    /// The column (in JSON Lines: the input) whose value tells a row from all others
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// What an empty cell stands for [default: omit]
    #[arg(long, value_enum)]
    empty: Option<Empty>,
    /// A name for the batch, in place of the digest of FILE: rows may then be added at its end between two runs
    #[arg(long, value_name = "TEXT")]
    batch_id: Option<String>,
    /// How many rows are under way at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    concurrency: u32,
    /// How many are sent in which time, as in 300/60s; the same as `--rate-limit`
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Take up so many rows and end
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Write the results in the order of the rows when the batch has ended; until then they stand as they came
    #[arg(long)]
    ordered: bool,
    /// Check every row against contract and policy, and send nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Flags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut settings = arguments.settings.resolve()?;
    if let Some(rate) = &arguments.rate {
        settings.set("rate_limit", rate.as_str(), "--rate");
    }
    // What a power cut could take back would be sent again.
    if settings.get("durability").is_none() {
        settings.set("durability", "power", "batch");
    }
    if arguments.dry_run {
        let profile = settings.profile()?;
        let policy = || match settings.text("policy") {
            Some(path) => {
                let source = cxone_actions::config::PolicySource::File(path.into());
                Policy::load(&source, profile.invoke.action_id)
            }
            None => Ok(Policy::open()),
        };
        let rules = Rules::new(&profile, settings.callback_hosts(), policy()?)?;
        let reading = arguments.reading();
        return rehearsal::run(
            arguments,
            &reading,
            &|action, input| typed(rules.policy(), action, input),
            &rules,
        );
    }
    crate::block_on(work(arguments, &mut settings))
}

impl Arguments {
    fn reading(&self) -> Reading {
        Reading {
            format: self.written_in.unwrap_or_else(|| Format::of(&self.file)),
            action: self.action.clone(),
            map: self.map.clone(),
            key: self.key.clone(),
            empty: self.empty.unwrap_or_default(),
        }
    }

    /// Whether nothing was said of how the file is read.
    fn leaves_reading_open(&self) -> bool {
        self.written_in.is_none()
            && self.action.is_none()
            && self.map.is_empty()
            && self.key.is_none()
            && self.empty.is_none()
    }
}

/// The type that the policy gives an input, where it gives it one.
fn typed(policy: &Policy, action: &str, input: &str) -> Option<Kind> {
    let mut types = policy.types_of(action, input).iter().filter(|word| *word != "null");
    match (types.next().map(String::as_str)?, types.next()) {
        ("array" | "object", None) => Some(Kind::Json),
        (word, None) => Kind::of_word(word),
        _ => None,
    }
}

/// What waits for the rate must not wait longer than a call may take: then fewer are under way.
fn within_the_rate(concurrency: u32, config: &Config) -> usize {
    let most = config.rate_limit.map_or(f64::INFINITY, |rate| {
        let each_second = f64::from(rate.sends) / rate.per.as_secs_f64().max(1e-3);
        (each_second * config.timeout.as_secs_f64() / 2.0).floor().max(1.0)
    });
    let count = (1..=concurrency).rev().find(|count| f64::from(*count) <= most).unwrap_or(1);
    usize::try_from(count).unwrap_or(1)
}

async fn work(arguments: &Arguments, settings: &mut Settings) -> Result<(), Failure> {
    let mut place = Place::of(arguments, settings)?;
    let config = settings.config()?;
    let typing = |action: &str, input: &str| typed(&config.policy, action, input);
    let survey = place.survey(arguments, &typing)?;
    let namespace = Namespace::of(&survey.file, place.batch_id.as_deref(), &place.reading);
    let client = settings.client()?;
    let done = place.take_up(&client, &survey)?;
    let reading = place.reading.clone();
    let open = || Source::open(&arguments.file, &reading, &typing, Some(survey.file.bytes), None);
    let left = if place.goes_on() {
        let rows = left::without_a_line(open()?, survey.file.bytes, namespace, &done)?;
        let (resends, polls) = (config.delivery.resends_ambiguous(), config.profile.poll.is_some());
        Left::by(&client, &rows, place.since(), resends, polls)?
    } else {
        Left::default()
    };
    place.write_note(&client, &survey)?;

    // From here on Ctrl-C is heard: before, nothing is begun.
    let mut signals = Signals::listen()?;
    let (broken, watched) = watch::channel(None);
    let writer = place.results.writer(broken.clone())?;
    let Some(lines) = writer.lines() else { return Ok(()) };
    let tally = Tally {
        failed: done.failed.count(),
        unknown: done.unknown.count(),
        completed: done.rows.count() - done.failed.count() - done.unknown.count(),
        ..Tally::default()
    };
    let mut progress = Progress::new(survey.rows, tally.done());
    let action = reading.action.clone();
    let mut drive = Drive {
        source: open()?,
        namespace,
        action: action.clone(),
        twins: survey.twins.clone(),
        left,
        done,
        room: Room { client: client.clone(), lines, broken },
        concurrency: within_the_rate(arguments.concurrency, &config),
        limit: arguments.limit.unwrap_or(u64::MAX),
        tally,
    };
    let ran = drive.run(&mut signals, watched, &mut progress).await;
    let (tally, done) = (drive.tally, std::mem::take(&mut drive.done));
    let read = drive.source.fingerprint();
    drop(drive);
    leave(&client, ran.as_ref().ok()).await;
    writer.close();
    progress.end(tally, &client.metrics());
    let ran = ran?;
    if ran.to_the_end && read != survey.file {
        return Err(Failure::config(format!(
            "`{}` was changed while it was read: what was sent is in `{}`, and as it is now it is another batch",
            arguments.file.display(),
            place.out.display()
        )));
    }
    let mut summary = Summary::of(&place, &survey, tally, ran);
    if summary.may_write() {
        // Every row is read once more: whoever presses Ctrl-C now need not wait for that.
        let heard = Arc::new(OnceLock::new());
        tokio::spawn({
            let heard = heard.clone();
            async move { heard.set(signals.next().await) }
        });
        let wanted = || heard.get().map_or(Ok(()), |_| Err(std::io::ErrorKind::Interrupted.into()));
        let file = (&survey.file, namespace, action.as_deref());
        let mut written = leftovers::write(&place.out, &done, open, file, &survey.twins, &wanted);
        if written.is_ok() && arguments.ordered && summary.is_complete() {
            let ordered = leftovers::order(&place.out, survey.rows, &wanted);
            written = written.and_then(|leftovers| Ok(ordered.map(|()| leftovers)?));
        }
        match (written, heard.get()) {
            (Ok(leftovers), _) => summary.leftovers = leftovers,
            (Err(_), Some(signal)) => {
                note(
                    "the rows that failed or are unknown were not all written to their files: `--resume` does that",
                );
                summary.stopped = Some(Stopped::Signal(*signal, true));
            }
            (Err(failure), None) => return Err(failure),
        }
    }
    summary.tell(arguments)
}

async fn leave(client: &Client, ran: Option<&Ran>) {
    match ran.and_then(|ran| ran.stopped.as_ref()) {
        Some(Stopped::Signal(_, false) | Stopped::Broken(_)) => client.leave(AT_ONCE).await,
        _ => client.shutdown(FAREWELL).await,
    }
}
