//! What a trail and its threads share.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::checkpoint::{self, Checkpoint, Places};
use super::failure::Failure;
use super::log::{Head, Log, Sink};
use super::record::{Origin, timestamp_text};
use super::run::Complete;
use super::{Entry, Event, index};
use crate::telemetry::TARGET;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) origin: Origin,
    pub(super) log: Mutex<Log>,
    pub(super) places: Places,
    /// Where the segments are; none in memory.
    pub(super) directory: Option<PathBuf>,
    pub(super) retention_days: Option<u32>,
}

/// What the disk has.
#[derive(Debug, Default)]
pub(super) struct Synced {
    /// So many of the records that the log has written.
    pub(super) written: u64,
    /// The end of the chain among them; none where there is nothing.
    pub(super) end: Option<(String, Head)>,
}

impl Inner {
    /// A thread that panicked here left a log whose length and end are those of its last complete record.
    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the disk has everything that was written before. Others go on writing while it works.
    ///
    /// # Errors
    /// What the disk says. Then the log is broken, and knows of what nothing is known.
    pub(super) fn sync(&self) -> Result<Synced, Failure> {
        let (unsynced, synced) = {
            let log = self.log();
            let Some(run) = log.run() else { return Ok(Synced::default()) };
            let end = (log.head.seq > 0).then(|| (run.current.name.clone(), log.head.clone()));
            (run.unsynced(), Synced { written: log.written, end })
        };
        unsynced.sync().inspect_err(|reason| {
            self.log().disk_failed(reason.clone());
        })?;
        if let Sink::Run(run) = &mut self.log().sink {
            run.synced(&unsynced);
        }
        Ok(synced)
    }

    /// What there is to do about a segment that has its last record: it is put on the disk, its index is written, and it
    /// is let go. Gives the checkpoint of its end.
    pub(super) fn seal(&self, complete: Complete) -> Option<Checkpoint> {
        let Complete { name, file, length, head, summary } = complete;
        let synced = file.sync();
        match (&synced, &self.directory) {
            (Ok(()), Some(directory)) => {
                // It can be made again from the segment.
                let key = self.origin.key.as_ref();
                if let Err(error) = index::write(directory, &name, length, &head, &summary, key) {
                    tracing::warn!(target: TARGET, "the index of segment `{name}` cannot be written: {error}");
                }
            }
            (Err(reason), _) => {
                // Not only this file: the disk that holds the others, too, is not what it should be.
                self.log().disk_failed(reason.clone());
            }
            (Ok(()), None) => {}
        }
        // The lock goes with the file at the latest.
        let _ = file.file.unlock();
        synced.ok().map(|()| self.checkpoint(name, head))
    }

    pub(super) fn checkpoint(&self, segment: String, head: Head) -> Checkpoint {
        Checkpoint {
            v: checkpoint::VERSION,
            ts: timestamp_text(Timestamp::now()),
            host: self.origin.host.clone(),
            run: self.origin.run.clone(),
            segment,
            seq: head.seq,
            hash: head.hash,
        }
    }

    /// Says in the trail that a place knows of this record, and so of as many that none knew of.
    pub(super) fn noted(&self, segment: &str, seq: u64, records: u64) {
        let mut log = self.log();
        log.unnoted = log.unnoted.saturating_sub(records);
        drop(log);
        self.note(Event::Checkpoint, &format!("record {seq} of {segment} is noted elsewhere"));
    }

    /// Writes a record about the trail itself, and says whether it could be written; if not, it is counted as missing.
    pub(super) fn note(&self, event: Event, note: &str) -> bool {
        let entry = Entry { note: Some(note), ..Entry::new(event) };
        let written = self.log().append(&self.origin, &entry).is_ok();
        if written {
            crate::telemetry::tell(&entry);
        } else {
            tracing::error!(target: TARGET, event = event.as_str(), "the audit trail cannot say: {note}");
        }
        written
    }
}
