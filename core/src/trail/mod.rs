//! The audit trail, which is also the write-ahead log: what is about to happen is written before it happens.
//!
//! One promise: when [`Trail::append`] returns, the record stands behind every record before it, chained by hashes that
//! anybody can check ([`Trail::verify`], or a few lines of any language: `docs/trail.md`), and survives the death of this
//! process; when [`Trail::settled`] returns, it survives what the durability says. When either fails, nothing may be sent.
//!
//! A trail is kept in memory (the last 10,000 records), or in a directory to which every process and every client adds
//! segments of its own, so that writing needs no coordination and reading sees them all. A record never holds the value of
//! an input or an output: names, sizes, and a digest whose key is in no record.

mod chain;
mod checkpoint;
mod clock;
mod close;
mod event;
mod export;
mod failure;
mod filter;
mod follow;
mod index;
mod inner;
mod join;
mod keeper;
mod key;
mod line;
mod log;
mod open;
#[cfg(test)]
mod oracle;
mod read;
mod record;
mod retention;
mod run;
mod segment;
mod summary;
mod syncer;
#[cfg(test)]
mod tests;
mod unfinished;
mod verify;
mod witness;
#[cfg(unix)]
#[cfg(test)]
mod writing;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub use checkpoint::{Checkpoint, CheckpointSink, SharedSink};
pub use event::Event;
pub use export::ExportFormat;
pub use filter::Filter;
pub use read::Records;
pub use record::{Entry, Timings};
pub use retention::RETENTION_REMOVED;
pub use unfinished::{Unfinished, UnfinishedState};
pub use verify::{Problem, Verification};

use crate::config::AuditFailure;
use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::{self, TARGET};
use failure::Failure;
use inner::Inner;
use keeper::Keeper;
use key::Digests;
use log::{Ended, Log, Sink};
use record::Record;
use syncer::Group;
use verify::Against;
use witness::Testimonies;

/// The trail of one client. Shared by all its tasks; every method takes `&self`.
pub struct Trail {
    inner: Arc<Inner>,
    digests: Digests,
    failure: AuditFailure,
    keeper: Arc<Keeper>,
    power: Option<Power>,
}

/// Durability `power`.
struct Power {
    group: Arc<Group>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The place of a record among all that this trail has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64);

impl Trail {
    /// Writes one record. It is with the operating system when this returns, and survives this process; see
    /// [`Trail::settled`] for what else it may survive.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when it could not be written: then nothing may be sent. The file that failed is never written
    /// again; a later append, at most every five seconds, begins a new segment, which says how many records are missing.
    /// Where the settings say `continue_with_gap`, a record that could not be written is no error. The same error after
    /// [`Trail::close`], and in a process that inherited the trail by `fork`.
    pub fn append(&self, entry: &Entry<'_>) -> Result<Position> {
        let mut log = self.lock()?;
        let written = log.append(&self.inner.origin, entry);
        self.upkeep(&mut log);
        let position = Position(log.written);
        // Whoever listens may take his time.
        drop(log);
        if written.is_ok() {
            telemetry::tell(entry);
        }
        match written {
            Ok(()) => Ok(position),
            Err(Ended::Broken(_)) if self.failure == AuditFailure::ContinueWithGap => Ok(position),
            Err(ended) => Err(self.ended(&ended)),
        }
    }

    /// Returns when the record survives what the `durability` of the settings says: at `process` at once, at `power` when
    /// the disk has it. One sync of the disk serves all who wait for it.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when the disk refuses: then nothing may be sent, unless the settings say
    /// `continue_with_gap`.
    pub async fn settled(&self, position: Position) -> Result<()> {
        let Some(power) = &self.power else { return Ok(()) };
        self.here()?;
        match power.group.settled(position.0).await {
            Err(reason) if self.failure == AuditFailure::FailClosed => {
                Err(self.ended(&Ended::Broken(reason)))
            }
            _ => Ok(()),
        }
    }

    /// [`Trail::settled`] for everything that was written so far.
    ///
    /// # Errors
    /// Those of [`Trail::settled`].
    pub async fn settle(&self) -> Result<()> {
        if self.power.is_none() {
            return Ok(());
        }
        let written = self.lock()?.written;
        self.settled(Position(written)).await
    }

    /// Hands over what is not done under the lock.
    fn upkeep(&self, log: &mut Log) {
        if let Sink::Run(run) = &mut log.sink
            && !run.complete.is_empty()
        {
            self.keeper.start(&self.inner);
            self.keeper.seal(std::mem::take(&mut run.complete));
        }
        if log.unnoted >= keeper::RECORDS
            && log.unnoted.is_multiple_of(keeper::RECORDS)
            && self.inner.places.any()
        {
            self.keeper.checkpoint();
        }
    }

    /// A digest (HMAC-SHA256, hexadecimal) of an invocation's inputs. With an auditor's key equal inputs have equal digests
    /// in all runs; without one its key is random and lives as long as this trail, so that a digest tells nothing of a
    /// guessable value.
    pub fn digest(&self, inputs: &[u8]) -> String {
        self.digests.digest(inputs)
    }

    /// The records that pass the filter, as exact lines without their newline: from all segments of the directory, in the
    /// order of time, and in the order of writing within a segment. Streams: memory is bounded by the segments that overlap
    /// in time. Shows what was written when it was called, at least.
    ///
    /// A line that is no record is an error in its place, and the iteration goes on behind it.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when the directory cannot be read.
    pub fn records(&self, filter: &Filter) -> Result<Records> {
        match &self.inner.directory {
            None => Ok(Records::of_lines(self.memory()?.1, filter.clone())),
            Some(_) => Ok(Records::of_segments(self.segments()?.0, filter.clone())),
        }
    }

    /// Reads everything and checks every hash, every link, every number, and every checkpoint of the settings' file. Works
    /// while the trail is being written, in bounded memory.
    pub fn verify(&self) -> Verification {
        self.verify_against(self.inner.places.file.as_deref())
    }

    /// The same with the checkpoints of this file: those that a function was told, say, one JSON object a line.
    pub fn verify_against(&self, checkpoints: Option<&Path>) -> Verification {
        let key = self.inner.origin.key.as_ref();
        // Before the segments are listed: a checkpoint speaks of what was there.
        let testimonies = checkpoints.map(|path| {
            Testimonies::checkpoints(path)
                .map_err(|error| format!("the checkpoints `{}` cannot be read: {error}", path.display()))
        });
        let (testimonies, unreadable) = match testimonies {
            Some(Ok(testimonies)) => (testimonies, None),
            Some(Err(what)) => (Testimonies::default(), Some(what)),
            None => (Testimonies::default(), None),
        };
        let verified = match &self.inner.directory {
            None => {
                self.memory().map(|(before, lines)| verify::lines(before, &lines, key, checkpoints.is_some()))
            }
            Some(_) => self.segments().map(|(segments, own)| {
                verify::segments(&segments, Against { own, key, testimonies, unreadable })
            }),
        };
        self.with_lost(verified.unwrap_or_else(|error| Verification::impossible(&error)))
    }

    /// How many records could not be written since this trail was opened, also where a `gap` has said so since.
    pub fn lost(&self) -> u64 {
        self.lock().map_or(0, |log| log.lost)
    }

    /// What this process knows to be missing, and no record says.
    fn with_lost(&self, mut verification: Verification) -> Verification {
        let Ok(log) = self.lock() else { return verification };
        if log.missing > 0 && !matches!(log.sink, Sink::Nowhere) {
            let segment = log.run().map(|run| run.current.name.clone()).unwrap_or_default();
            let what = log::not_written(log.missing);
            verification.problems.push(Problem { segment, line: 0, what });
            verification.ok = false;
        }
        verification
    }

    /// What other processes left unfinished in this directory when they died: see [`Unfinished`]. Nothing for a trail in
    /// memory.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when the directory cannot be read. A segment that is damaged is logged and read as far as it
    /// can be; what it may hide is never taken for `unsent`.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>> {
        match &self.inner.directory {
            None => Ok(Vec::new()),
            Some(_) => {
                let writes = self.segment().is_some();
                unfinished::unfinished(|| Ok(self.segments()?.0), writes, self.inner.origin.key.as_ref())
            }
        }
    }

    /// Waits until the disk has what was written (`fdatasync`), and notes the end of the chain in the file for checkpoints.
    /// Records survive the death of the process without it, and the death of the machine with it.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when the disk refuses, now or before: the trail is broken then.
    pub fn flush(&self) -> Result<()> {
        let broken = |reason: Failure| self.ended(&Ended::Broken(reason));
        let unnoted = {
            let log = self.lock()?;
            match (&log.ended, &log.unknown) {
                (Some(Ended::Broken(reason)), _) => return Err(broken(reason.clone())),
                // Closing has tried it.
                (Some(Ended::Closed), Some((last, reason))) if *last == log.written => {
                    return Err(broken(reason.clone()));
                }
                (Some(Ended::Closed), _) => return Ok(()),
                (None, _) => log.unnoted,
            }
        };
        let end = self.inner.sync().map_err(broken)?.end;
        let places = &self.inner.places;
        if places.sink.is_some() {
            self.keeper.checkpoint();
        }
        if let (Some((segment, head)), Some(_)) = (end, &places.file) {
            let seq = head.seq;
            match places.note_in_file(&self.inner.checkpoint(segment.clone(), head)) {
                Ok(()) if places.sink.is_none() && unnoted > 0 => self.inner.noted(&segment, seq, unnoted),
                Ok(()) => {}
                Err(what) => {
                    tracing::warn!(target: TARGET, "a checkpoint of the audit trail cannot be noted: {what}");
                }
            }
        }
        Ok(())
    }

    /// The directory of the segments, absolute; none in memory.
    pub fn directory(&self) -> Option<&Path> {
        self.inner.directory.as_deref()
    }

    /// The name of the segment that this trail writes now; none in memory and where it is only read.
    pub fn segment(&self) -> Option<String> {
        self.lock().ok()?.run().map(|run| run.current.name.clone())
    }

    /// The lock, in the process that opened the trail. A child of `fork` that wrote on would write a second chain into its
    /// parent's segment.
    fn lock(&self) -> Result<MutexGuard<'_, Log>> {
        self.here()?;
        Ok(self.inner.log())
    }

    fn here(&self) -> Result<()> {
        let (owner, here) = (self.inner.origin.pid, std::process::id());
        if owner == here {
            return Ok(());
        }
        let message = format!("the trail belongs to process {owner}, and this is process {here}");
        Err(Error::new(ErrorKind::Audit, message).with_hint("open a new client in this process"))
    }

    /// The error of everything that comes after the end.
    fn ended(&self, ended: &Ended) -> Error {
        let place = self.directory().map(|path| path.display().to_string());
        let name = place.as_ref().map(|path| format!("the trail `{path}`"));
        let name = name.unwrap_or_else(|| "the trail".to_owned());
        match ended {
            Ended::Closed => {
                Error::new(ErrorKind::Audit, format!("{name} is closed")).with_hint("open a new client")
            }
            Ended::Broken(reason) => {
                let message = format!("{name} cannot be written: {reason}");
                let meanwhile = match self.failure {
                    AuditFailure::FailClosed => "nothing is sent without a record",
                    AuditFailure::ContinueWithGap => "invocations go on without records, which are counted",
                };
                let hint = match place {
                    Some(path) => format!(
                        "{meanwhile}: see that `{path}` exists, is writable and has space; it is tried again every \
                         five seconds"
                    ),
                    None => format!("{meanwhile}: open a new client"),
                };
                Error::new(ErrorKind::Audit, message).with_hint(hint).caused_by(reason.cause.clone())
            }
        }
    }
}

/// Never shows the key of the digests.
impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail")
            .field("directory", &self.inner.directory)
            .field("origin", &self.inner.origin)
            .finish_non_exhaustive()
    }
}
