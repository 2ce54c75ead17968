//! The audit trail, which is also the write-ahead log: what is about to happen is written before it happens.
//!
//! One promise: when [`Trail::append`] returns, the record stands behind every record before it, chained by hashes that
//! anybody can check ([`Trail::verify`], or a few lines of any language: `docs/trail.md`), and survives the death of this
//! process. When it fails, nothing may be sent, and the trail stays failed.
//!
//! A trail is kept in memory (the last 10,000 records), or in a directory to which every process and every client adds
//! segments of its own, so that writing needs no coordination and reading sees them all. A record never holds the value of
//! an input or an output: names, sizes, and a digest whose key is never stored.

mod chain;
mod event;
mod export;
mod filter;
mod index;
mod key;
mod log;
mod read;
mod record;
mod segment;
mod summary;
#[cfg(test)]
mod tests;
mod unfinished;
mod verify;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

pub use event::Event;
pub use export::ExportFormat;
pub use filter::Filter;
pub use read::Records;
pub use record::{Entry, Timings};
pub use unfinished::{Unfinished, UnfinishedState};
pub use verify::{Problem, Verification};

use crate::error::{Error, ErrorKind, Result};
use key::Digests;
use log::{Ended, Head, Log, Memory, Sink};
use record::{Origin, Record};
use segment::Segment;

/// The trail of one client. Shared by all its tasks; every method takes `&self`.
pub struct Trail {
    origin: Origin,
    digests: Digests,
    place: Place,
    log: Mutex<Log>,
}

/// Where the records are.
#[derive(Debug)]
enum Place {
    Memory,
    /// The directory, and the segment that this trail writes.
    Directory {
        path: PathBuf,
        segment: Option<String>,
    },
}

impl Trail {
    /// A trail that keeps the last 10,000 records (at most 32 MiB of them) as long as the process lives.
    ///
    /// `actor` is who acts, as every record will say.
    pub fn in_memory(actor: String) -> Trail {
        Trail::new(Origin::here(actor), Place::Memory, Log::new(Sink::Memory(Memory::new()), None))
    }

    /// A new segment in this directory, which is created (0700) where there is none. The segment (0600) is locked as long
    /// as the trail is open, which is how others know that its writer lives.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] where the directory cannot be created, written or locked; the hint says what to do.
    pub fn open(directory: &Path, actor: String) -> Result<Trail> {
        let fail = |error: io::Error| unusable(directory, &error);
        if cfg!(not(unix)) {
            // Locks are mandatory there: nobody could read a segment while it is being written.
            return Err(fail(io::ErrorKind::Unsupported.into()));
        }
        let origin = Origin::here(actor);
        let path = segment::directory(directory).map_err(fail)?;
        let link = read::last_head(&path).map_err(fail)?.map(|(name, head)| verify::link(&name, &head));
        let name = segment::name(Timestamp::now(), origin.pid, &origin.run);
        let file = Some(Arc::new(segment::create_locked(&path, &name).map_err(fail)?));
        let log = Log::new(Sink::File { file, length: 0 }, link);
        Ok(Trail::new(origin, Place::Directory { path, segment: Some(name) }, log))
    }

    /// The trail of a directory that is only read: nothing is created in it, and [`Trail::append`] fails.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] where the directory is not there or cannot be read.
    pub fn read_only(directory: &Path) -> Result<Trail> {
        let list = |path: PathBuf| segment::list(&path).map(|_| path);
        let path = std::fs::canonicalize(directory).and_then(list).map_err(|error| {
            let directory = directory.display();
            Error::new(ErrorKind::Audit, format!("the trail `{directory}` cannot be read: {error}"))
                .with_hint("name the directory that the client's `audit` option names")
        })?;
        let place = Place::Directory { path, segment: None };
        Ok(Trail::new(Origin::here(String::new()), place, Log::new(Sink::Nowhere, None)))
    }

    fn new(origin: Origin, place: Place, log: Log) -> Trail {
        Trail { origin, digests: Digests::of(None), place, log: Mutex::new(log) }
    }

    /// Writes one record. It is with the operating system when this returns, and survives this process.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when it could not be written: then nothing may be sent. After one failure every later append
    /// fails and the file is never written again; opening a new client starts a new segment. The same error after
    /// [`Trail::close`], and in a process that inherited the trail by `fork`.
    pub fn append(&self, entry: &Entry<'_>) -> Result<()> {
        self.lock()?.append(&self.origin, entry).map_err(|ended| self.ended(&ended))
    }

    /// A digest (HMAC-SHA256, hexadecimal) of an invocation's inputs. The key is random and lives as long as this trail, so
    /// that equal inputs can be seen to be equal within one run, and a digest tells nothing of a guessable value.
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
        match &self.place {
            Place::Memory => Ok(Records::of_lines(self.memory()?.1, filter.clone())),
            Place::Directory { .. } => Ok(Records::of_segments(self.segments()?.0, filter.clone())),
        }
    }

    /// Writes the records that pass the filter to a file (0600), and returns how many. The file appears when it is
    /// complete; one that was there before is replaced.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a path that names a segment or no file; [`ErrorKind::Audit`] when a record cannot be read or
    /// the file cannot be written. Then there is no new file.
    pub fn export(&self, path: &Path, format: ExportFormat, filter: &Filter) -> Result<u64> {
        export::export(self.records(filter)?, path, format)
    }

    /// Reads everything and checks every hash, every link and every number. Works while the trail is being written.
    pub fn verify(&self) -> Verification {
        let verified = match &self.place {
            Place::Memory => self.memory().map(|(before, lines)| verify::lines(before, &lines)),
            Place::Directory { segment, .. } => self.segments().map(|(segments, head)| {
                verify::segments(&segments, segment.as_deref().map(|name| (name, head)))
            }),
        };
        verified.unwrap_or_else(|error| Verification::impossible(&error))
    }

    /// What other processes left unfinished in this directory when they died: see [`Unfinished`]. Nothing for a trail in
    /// memory.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when a segment or one of its lines cannot be read: then nobody can know what is unfinished.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>> {
        match &self.place {
            Place::Memory => Ok(Vec::new()),
            Place::Directory { .. } => unfinished::unfinished(self.segments()?.0),
        }
    }

    /// Waits until the disk has what was written (`fdatasync`). Records survive the death of the process without it, and the
    /// death of the machine with it.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`] when the disk refuses, now or before: the trail is broken then.
    pub fn flush(&self) -> Result<()> {
        let log = self.lock()?;
        if let Some(ended @ Ended::Broken(_)) = &log.ended {
            return Err(self.ended(ended));
        }
        let Some(file) = log.file() else { return Ok(()) };
        drop(log); // others go on writing while the disk works
        match file.sync_data() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.ended(&self.lock()?.break_for_good(error.to_string()))),
        }
    }

    /// Writes `closed`, syncs, and gives the segment's lock back; reading goes on working, appending does not. A second
    /// call does nothing. In a process that inherited the trail by `fork` it only lets go of the file, so that the
    /// segment counts as unheld when its writer dies.
    pub fn close(&self) {
        match self.lock() {
            Ok(mut log) => log.close(&self.origin),
            // Not ours. Another thread may have held the lock at the fork: then it stays locked for ever, so no waiting.
            Err(_) => {
                if let Ok(mut log) = self.log.try_lock() {
                    log.let_go();
                }
            }
        }
    }

    /// The directory of the segments, absolute; none in memory.
    pub fn directory(&self) -> Option<&Path> {
        match &self.place {
            Place::Memory => None,
            Place::Directory { path, .. } => Some(path),
        }
    }

    /// The name of the segment that this trail writes; none in memory and where it is only read.
    pub fn segment(&self) -> Option<&str> {
        match &self.place {
            Place::Memory => None,
            Place::Directory { segment, .. } => segment.as_deref(),
        }
    }

    /// The lock, in the process that opened the trail. A child of `fork` that wrote on would write a second chain into its
    /// parent's segment.
    fn lock(&self) -> Result<MutexGuard<'_, Log>> {
        let (owner, here) = (self.origin.pid, std::process::id());
        if owner != here {
            let message = format!("the trail belongs to process {owner}, and this is process {here}");
            return Err(Error::new(ErrorKind::Audit, message).with_hint("open a new client in this process"));
        }
        // A thread that panicked here left a log whose length and end are those of its last complete record.
        Ok(self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn memory(&self) -> Result<(Head, Vec<Arc<str>>)> {
        let log = self.lock()?;
        Ok(match &log.sink {
            Sink::Memory(memory) => (memory.before.clone(), memory.lines.iter().cloned().collect()),
            Sink::File { .. } | Sink::Nowhere => (Head::default(), Vec::new()),
        })
    }

    /// All segments, and the end of the own one as it was after they were listed: whatever a segment says about the own one
    /// was true before. The own one is read as far as that, where the last acknowledged record ends.
    fn segments(&self) -> Result<(Vec<Segment>, Head)> {
        let Place::Directory { path, segment } = &self.place else { return Ok(Default::default()) };
        let mut segments = segment::list(path).map_err(|error| {
            let message = format!("the trail `{}` cannot be read: {error}", path.display());
            Error::new(ErrorKind::Audit, message).with_hint("was the directory moved or deleted?")
        })?;
        let log = self.lock()?;
        if let Sink::File { length, .. } = &log.sink
            && let Some(own) = segments.iter_mut().find(|candidate| Some(&candidate.name) == segment.as_ref())
        {
            own.limit = Some(*length);
        }
        Ok((segments, log.head.clone()))
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
                Error::new(ErrorKind::Audit, message).with_hint(match place {
                    Some(path) => format!(
                        "nothing is sent without a record: see that `{path}` exists, is writable and has space, then \
                         open a new client"
                    ),
                    None => "nothing is sent without a record: open a new client".to_owned(),
                })
            }
        }
    }
}

impl Origin {
    fn here(actor: String) -> Origin {
        let host = hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut run = Uuid::new_v4().simple().to_string();
        run.truncate(12);
        Origin { host, pid: std::process::id(), run, actor, key: None }
    }
}

/// A trail that was not closed ends without a word; only its lock is given back.
impl Drop for Trail {
    fn drop(&mut self) {
        let ours = self.origin.pid == std::process::id();
        let log = self.log.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ours { log.release() } else { log.let_go() }
    }
}

/// Never shows the key of the digests.
impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail")
            .field("place", &self.place)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

fn unusable(directory: &Path, error: &io::Error) -> Error {
    let directory = directory.display();
    let hint = match error.kind() {
        io::ErrorKind::Unsupported => {
            format!(
                "advisory file locks do not work in `{directory}`: name a local directory of a Unix system"
            )
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("`{directory}` is no directory: name one, or a path that does not exist yet")
        }
        io::ErrorKind::PermissionDenied => format!("let this user write to `{directory}`, or name another"),
        _ => format!("see that `{directory}` can be created and written, or name another"),
    };
    Error::new(ErrorKind::Audit, format!("the trail `{directory}` cannot be opened: {error}")).with_hint(hint)
}

/// An error about one line of a segment, or about all of it where there is no line.
fn unreadable(segment: &str, line: Option<u64>, what: impl fmt::Display) -> Error {
    let place = line.map(|line| format!(" line {line}")).unwrap_or_default();
    Error::new(ErrorKind::Audit, format!("segment `{segment}`{place} cannot be read: {what}"))
        .with_hint("verify the trail: it names every place that is damaged")
}
