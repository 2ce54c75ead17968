//! The row of segments that one client writes in one process: one after the other, each linked to the one before it.
//!
//! One promise: at any time a segment of a run that lives is locked. The next one is created, locked and given its first
//! record before the one before it may be let go. A file that failed is never touched again.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::failure::Failure;
use super::log::Head;
use super::record::{Origin, Record};
use super::segment::{self, Written};
use super::summary::Summary;

/// The segments of this run, of which the last is written.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) directory: PathBuf,
    segment_bytes: u64,
    pub(super) current: Current,
    /// Those before it that wait for being sealed.
    pub(super) complete: Vec<Complete>,
    /// Earlier files that the disk was not asked about since they ended.
    unsynced: Vec<Arc<Written>>,
    /// How many segments were created, and how many of them the directory has on the disk.
    created: (u64, u64),
}

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) name: String,
    /// None once it is closed.
    pub(super) file: Option<Arc<Written>>,
    pub(super) length: u64,
    /// The UTC day of its first record, from the epoch.
    day: i64,
    summary: Summary,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// A write failed: nothing is written any more, and what was written before is what it was.
    NotWritten,
    /// A sync failed: nothing is known.
    NotSynced,
}

/// A segment that has its last record, and is still locked.
#[derive(Debug)]
pub(super) struct Complete {
    pub(super) name: String,
    pub(super) file: Arc<Written>,
    pub(super) length: u64,
    pub(super) head: Head,
    pub(super) summary: Summary,
}

impl Run {
    /// Begins the first segment.
    pub(super) fn begin(directory: PathBuf, segment_bytes: u64, origin: &Origin) -> io::Result<Run> {
        let name = segment::name(Timestamp::now(), origin.pid, &origin.run);
        let file = Arc::new(Written::new(segment::create_locked(&directory, &name)?));
        Ok(Run::of(directory, segment_bytes, Current::new(name, file)))
    }

    pub(super) fn of(directory: PathBuf, segment_bytes: u64, current: Current) -> Run {
        Run { directory, segment_bytes, current, complete: Vec::new(), unsynced: Vec::new(), created: (1, 0) }
    }

    /// Whether a record of this length, written at this time, belongs in the next segment.
    pub(super) fn is_over(&self, line: usize, at: Timestamp) -> bool {
        let full = self.current.length.saturating_add(line as u64) > self.segment_bytes;
        self.current.length > 0 && (full || day(at) > self.current.day)
    }

    /// A segment after this one, created and locked. It is the run's own only when it has its first record: see
    /// [`Run::go_on_with`].
    pub(super) fn next(&self, origin: &Origin, at: Timestamp) -> io::Result<Current> {
        // Also where the clock was set back, and where this one has no record, a later segment has the later name.
        let this = segment::start_of(&self.current.name).unwrap_or(Timestamp::MIN);
        let later = this.checked_add(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MAX);
        let begun = at.max(later).max(self.current.summary.end());
        let name = segment::name(begun, origin.pid, &origin.run);
        let file = Arc::new(Written::new(segment::create_locked(&self.directory, &name)?));
        Ok(Current::new(name, file))
    }

    /// The next segment has its first record; `head` is the end of the one before it.
    pub(super) fn go_on_with(&mut self, next: Current, head: Head) {
        let before = std::mem::replace(&mut self.current, next);
        self.created.0 += 1;
        let complete = self.complete_of(before, head);
        self.complete.extend(complete);
    }

    /// A segment that nobody writes any more. Of one that failed there is nothing to say, since nobody knows its end; its
    /// lock may go, because another one is the run's now or the run is over.
    fn complete_of(&mut self, segment: Current, head: Head) -> Option<Complete> {
        let Current { name, file, length, summary, state, .. } = segment;
        let file = file?;
        if state != State::NotSynced {
            self.unsynced.push(Arc::clone(&file));
        }
        if state == State::Whole && length > 0 {
            return Some(Complete { name, file, length, head, summary });
        }
        let _ = file.file.unlock();
        None
    }

    /// The next segment did not get its first record: an empty one would say that a writer is about to lock it.
    pub(super) fn discard(&self, next: &Current) {
        let _ = std::fs::remove_file(self.directory.join(&next.name));
    }

    /// What the disk must have so that it has everything that was written.
    pub(super) fn unsynced(&self) -> Unsynced {
        let current = self.current.file.iter().filter(|_| self.current.state != State::NotSynced);
        let (created, known) = self.created;
        Unsynced {
            files: self.unsynced.iter().chain(current).cloned().collect(),
            directory: (created > known).then(|| self.directory.clone()),
            created,
        }
    }

    /// The disk has all of it.
    pub(super) fn synced(&mut self, synced: &Unsynced) {
        self.unsynced.retain(|file| !synced.files.iter().any(|synced| Arc::ptr_eq(file, synced)));
        self.created.1 = self.created.1.max(synced.created);
    }

    /// All that it has open.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<Written>> {
        self.complete.iter().map(|complete| &complete.file).chain(&self.current.file)
    }

    /// What the disk should have had is lost for who waits for it: no later sync says anything of these files.
    pub(super) fn not_synced(&mut self) {
        self.current.state = State::NotSynced;
        self.unsynced.clear();
    }

    pub(super) fn let_go(&mut self) {
        self.current.file = None;
        self.complete.clear();
        self.unsynced.clear();
    }

    /// The current segment as a complete one, where it is.
    pub(super) fn end(&mut self, head: Head) -> Option<Complete> {
        let current = &mut self.current;
        let ended = Current {
            name: current.name.clone(),
            file: current.file.take(),
            length: current.length,
            day: current.day,
            summary: std::mem::replace(&mut current.summary, Summary::new(&current.name)),
            state: current.state,
        };
        self.complete_of(ended, head)
    }
}

impl Current {
    pub(super) fn new(name: String, file: Arc<Written>) -> Current {
        let summary = Summary::new(&name);
        Current { name, file: Some(file), length: 0, day: 0, summary, state: State::Whole }
    }

    /// One line, with one `write`. After an error nothing may be written any more.
    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let Some(file) = &self.file else { return Err(io::Error::other("it is open for reading only")) };
        write_at(&file.file, self.length, line).inspect_err(|_| self.state = State::NotWritten)?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// The record that was written.
    pub(super) fn took(&mut self, record: &Record<'_>, at: Timestamp) {
        if record.seq == 1 {
            self.day = day(at);
        }
        self.summary.take_of(record, Some(at));
    }
}

/// Files, and a directory with new names in it.
#[derive(Debug)]
pub(super) struct Unsynced {
    files: Vec<Arc<Written>>,
    directory: Option<PathBuf>,
    created: u64,
}

impl Unsynced {
    /// Returns when the disk has all of it. Whoever calls this breaks the log off when it fails.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        // Windows syncs no directories, and keeps new names in a journal of its own.
        if let Some(directory) = self.directory.as_ref().filter(|_| cfg!(not(windows))) {
            File::open(directory).and_then(|directory| directory.sync_all())?;
        }
        self.files.iter().try_for_each(|file| file.sync())
    }
}

/// Days since the epoch, in UTC.
fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(86_400)
}

/// One `write` of the whole line to a file that is still there and as long as we left it.
fn write_at(mut file: &File, length: u64, line: &[u8]) -> io::Result<()> {
    let (names, found) = segment::names_and_length(file)?;
    if names == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the segment was deleted"));
    }
    if found != length {
        return Err(io::Error::other(format!("the segment has {found} bytes where {length} were written")));
    }
    loop {
        return match file.write(line) {
            Ok(written) if written == line.len() => Ok(()),
            Ok(written) => {
                let message = format!("only {written} of {} bytes could be written", line.len());
                Err(io::Error::new(io::ErrorKind::WriteZero, message))
            }
            // By contract nothing was written.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
    }
}
