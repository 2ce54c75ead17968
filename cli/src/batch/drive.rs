//! Rows in, outcomes counted: so many at once, until the file ends or somebody says stop.

use std::sync::Arc;
use std::time::Duration;

use cxone_actions::{Batch, Error, ErrorKind, Executed, Violation};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::interval;

use super::identity::Namespace;
use super::left::Left;
use super::line::{Became, Whose, mistakes};
use super::one::{End, Room, ends_the_batch};
use super::progress::{Progress, Tally};
use super::results::Done;
use super::row::{Name, Row};
use super::source::Source;
use super::twins::Twins;
use crate::failure::Failure;
use crate::signals::{Signal, Signals};

/// So many rows that are done are passed over before signals and ends are looked at.
const AT_ONCE: usize = 2_000;
/// So many refused rows are named on stderr; all of them are in the results.
const NAMED: u64 = 10;
/// How often it is looked whether there is something to show.
const SHOWN: Duration = Duration::from_millis(200);

/// Everything that a run needs.
pub(super) struct Drive<'a> {
    pub(super) source: Source<'a>,
    pub(super) namespace: Namespace,
    pub(super) action: Option<String>,
    pub(super) twins: Twins,
    pub(super) left: Left,
    pub(super) done: Done,
    pub(super) room: Room,
    pub(super) concurrency: usize,
    pub(super) limit: u64,
    pub(super) tally: Tally,
}

/// Why a run ended before its file.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Ctrl-C, and what was under way has ended; or not, where it came twice.
    Signal(Signal, bool),
    /// Something that every row would meet.
    Error(Error),
    /// The results cannot be written.
    Broken(String),
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) stopped: Option<Stopped>,
    /// The file was read to its end.
    pub(super) to_the_end: bool,
    /// The last reason why a row has no line.
    pub(super) open: Option<Error>,
}

enum Next {
    Work,
    /// Only rows that are done were met.
    More,
    End,
}

impl Drive<'_> {
    pub(super) async fn run(
        &mut self,
        signals: &mut Signals,
        mut broken: watch::Receiver<Option<String>>,
        progress: &mut Progress,
    ) -> Result<Ran, Failure> {
        let (batch, aside) = (Batch::new(self.concurrency), Arc::new(Notify::new()));
        let mut running = JoinSet::new();
        let mut tick = interval(SHOWN);
        let mut ran = Ran { stopped: None, to_the_end: false, open: None };
        let (mut ended, mut in_a_row, mut named, mut unreadable) = (false, 0_usize, 0_u64, None);
        loop {
            let mut more = false;
            while !ended && !more && running.len() < batch.room() {
                match self.next(&mut running, &batch, &aside) {
                    Ok(Next::Work) => {}
                    Ok(Next::More) => more = true,
                    Ok(Next::End) => {
                        ended = true;
                        ran.to_the_end = self.limit > 0;
                    }
                    Err(failure) => {
                        // What is under way ends well; what cannot be read is said then.
                        (ended, unreadable) = (true, Some(failure));
                    }
                }
            }
            if ended && running.is_empty() {
                return unreadable.map_or(Ok(ran), Err);
            }
            tokio::select! {
                biased;
                Some(what) = told(&mut broken) => {
                    running.shutdown().await;
                    ran.stopped = Some(Stopped::Broken(what));
                    return Ok(ran);
                }
                signal = signals.next() => {
                    if matches!(ran.stopped, Some(Stopped::Signal(..))) {
                        running.shutdown().await;
                        ran.stopped = Some(Stopped::Signal(signal, false));
                        return Ok(ran);
                    }
                    progress.say(&format!(
                        "stopping: {} rows are under way, and are waited for; once more stops at once",
                        running.len()
                    ));
                    (ended, ran.to_the_end) = (true, false);
                    ran.stopped = Some(Stopped::Signal(signal, true));
                }
                Some(end) = running.join_next(), if !running.is_empty() => {
                    let (told, why) = self.count(end, &mut ran);
                    if let Some(told) = told && named < NAMED {
                        named += 1;
                        progress.say(&told);
                    }
                    let Some(error) = why.filter(|error| is_the_gateways(error.kind())) else {
                        in_a_row = 0;
                        continue;
                    };
                    in_a_row += 1;
                    let hopeless = ends_the_batch(error.kind()) || in_a_row >= (2 * self.concurrency).max(32);
                    if hopeless && ran.stopped.is_none() {
                        (ended, ran.to_the_end) = (true, false);
                        ran.stopped = Some(Stopped::Error(error));
                    }
                }
                () = aside.notified() => {}
                _ = tick.tick() => {
                    let client = &self.room.client;
                    progress.show(self.tally, || client.metrics());
                }
                () = std::future::ready(()), if more => tokio::task::yield_now().await,
            }
        }
    }

    /// Begins the next row that is not done.
    fn next(
        &mut self,
        running: &mut JoinSet<End>,
        batch: &Batch,
        aside: &Arc<Notify>,
    ) -> Result<Next, Failure> {
        for _ in 0..AT_ONCE {
            if self.limit == 0 {
                return Ok(Next::End);
            }
            let Some(row) = self.source.next()? else { return Ok(Next::End) };
            let twin = self.twins.first(&row);
            if self.done.rows.has(row.index) {
                continue;
            }
            self.limit -= 1;
            let id = self.namespace.id(&row);
            let whose = Whose { index: row.index, line: row.line, correlation_id: id.clone() };
            let room = self.room.clone();
            let wrong = cannot_be_sent(&row, twin);
            if !wrong.is_empty() {
                running.spawn(room.refused(mistakes(wrong, id.as_deref()), whose));
            } else if let Some(known) = id.as_deref().and_then(|id| self.left.of(id)) {
                running.spawn(room.go_on(known, whose));
            } else {
                let request = row.request(self.action.as_deref(), id.as_deref());
                let aside = aside.clone();
                running.spawn(room.send(request, whose, batch.clone(), move || aside.notify_one()));
            }
            return Ok(Next::Work);
        }
        Ok(Next::More)
    }

    /// What is to be said of it, and what was wrong.
    fn count(
        &mut self,
        end: Result<End, tokio::task::JoinError>,
        ran: &mut Ran,
    ) -> (Option<String>, Option<Error>) {
        match end {
            Ok(End::Line { index, became, why, told }) => {
                self.done.add(index, became);
                match became {
                    Became::Completed => self.tally.completed += 1,
                    Became::Failed => self.tally.failed += 1,
                    Became::Unknown => self.tally.unknown += 1,
                }
                (told, why)
            }
            Ok(End::Open(error)) => {
                match error.executed() {
                    Executed::Yes => self.tally.running += 1,
                    _ => self.tally.put_off += 1,
                }
                ran.open = Some(error.clone());
                (None, Some(error))
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => (None, None),
            },
        }
    }
}

/// Why the results cannot be written, once they cannot.
async fn told(broken: &mut watch::Receiver<Option<String>>) -> Option<String> {
    broken.wait_for(Option::is_some).await.ok()?.clone()
}

/// What keeps a row from being a request at all. `twin`: the row before it that is the same one.
pub(super) fn cannot_be_sent(row: &Row, twin: Option<u64>) -> Vec<Violation> {
    let violation = |path: &str, code: &str, message: String| Violation {
        path: path.to_owned(),
        code: code.to_owned(),
        message,
    };
    let mut wrong = row.mistakes.clone();
    if matches!(&row.name, Name::Key(key) if key.is_empty()) {
        let message = "the row has no key, without which it cannot be told from others".to_owned();
        wrong.push(violation("", "key", message));
    } else if let Some(first) = twin {
        let message =
            format!("row {first} of this file has the same correlation id or key, and is sent instead");
        wrong.push(violation("/correlationId", "duplicate", message));
    }
    wrong
}

/// What so many rows in a row met is the gateway's or the way's to it, and no row's.
fn is_the_gateways(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Forbidden | ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Overloaded
    ) || ends_the_batch(kind)
}
