//! The writing end: one record after another, each with one `write`, and nothing more to a file that failed.
//!
//! A failed write or sync leaves a file in a state that nobody knows (a retried `fsync` reports success for pages that
//! were lost, a short write leaves half a line), so the log never touches that file again. It goes on in a new segment
//! when the disk takes one, and that begins by saying how many records are missing.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::chain::{self, GENESIS};
use super::clock::{self, Clock};
use super::failure::Failure;
use super::record::{Entry, Origin, Record};
use super::run::{Complete, Run};
use super::{Event, line, witness};
use crate::telemetry::{self, TARGET};

/// As many records as a trail in memory keeps, and their bytes.
pub(super) const MEMORY_RECORDS: usize = 10_000;
const MEMORY_BYTES: usize = 32 << 20;
/// So long a log that failed waits before it tries a new segment.
const RETRY: Duration = Duration::from_secs(5);

/// Where records go.
#[derive(Debug)]
pub(super) enum Sink {
    Memory(Memory),
    Run(Box<Run>),
    /// A trail that is only read.
    Nowhere,
}

/// The last records, and the end of the chain before the first of them.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) lines: VecDeque<Arc<str>>,
    bytes: usize,
    pub(super) before: Head,
}

impl Memory {
    pub(super) fn new() -> Self {
        Memory { lines: VecDeque::new(), bytes: 0, before: Head::default() }
    }

    fn push(&mut self, line: &[u8]) -> io::Result<()> {
        let line = std::str::from_utf8(line).map_err(io::Error::other)?;
        self.bytes += line.len();
        self.lines.push_back(line.trim_end().into());
        while self.lines.len() > MEMORY_RECORDS || self.bytes > MEMORY_BYTES {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.len() + 1;
            self.before.seq += 1;
            if let Some((_, hash)) = chain::unseal(oldest.as_bytes()) {
                hash.clone_into(&mut self.before.hash);
            }
        }
        Ok(())
    }
}

/// The end of a chain: the number and the hash of its last record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: String,
}

impl Default for Head {
    fn default() -> Self {
        Head { seq: 0, hash: GENESIS.to_owned() }
    }
}

/// Why nothing is written any more.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Closed,
    /// Until a new segment can be begun.
    Broken(Failure),
}

/// What the trail's lock protects.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) sink: Sink,
    /// The end of the segment that is being written.
    pub(super) head: Head,
    pub(super) ended: Option<Ended>,
    /// How many records this log has written, over all segments.
    pub(super) written: u64,
    /// Of them those that came after the last checkpoint and are none themselves.
    pub(super) unnoted: u64,
    /// Names the end of the segment before this one, until the first record has taken it.
    link: Option<String>,
    last: Option<Event>,
    /// How many could not be written, and no `gap` says so yet.
    pub(super) missing: u64,
    /// How many could not be written since it was opened.
    pub(super) lost: u64,
    /// The last record of which a failed sync leaves nothing known, and what the disk said.
    pub(super) unknown: Option<(u64, Failure)>,
    /// How many of the missing a line of the log has named.
    reported: u64,
    /// When it broke, or when a new segment was tried for the last time.
    tried: Option<Instant>,
    pub(super) retry: Duration,
    clock: Clock,
    line: Vec<u8>,
    hash: String,
}

impl Log {
    pub(super) fn new(sink: Sink, link: Option<String>) -> Self {
        Log {
            sink,
            head: Head::default(),
            ended: None,
            written: 0,
            unnoted: 0,
            link,
            last: None,
            missing: 0,
            lost: 0,
            unknown: None,
            reported: 0,
            tried: None,
            retry: RETRY,
            clock: Clock::default(),
            line: Vec::new(),
            hash: String::new(),
        }
    }

    /// The row of segments that it writes, where it writes any.
    pub(super) fn run(&self) -> Option<&Run> {
        match &self.sink {
            Sink::Run(run) => Some(run),
            Sink::Memory(_) | Sink::Nowhere => None,
        }
    }

    /// Writes the record of `entry`. An error says why nothing is written, and that this record is missing.
    pub(super) fn append(&mut self, origin: &Origin, entry: &Entry<'_>) -> Result<(), Ended> {
        self.append_at(origin, entry, clock::now())
    }

    /// The same at a given time, in whole microseconds.
    pub(super) fn append_at(
        &mut self,
        origin: &Origin,
        entry: &Entry<'_>,
        at: Timestamp,
    ) -> Result<(), Ended> {
        if self.ended.is_some() && !self.heals(origin, at) {
            self.lose();
            return Err(self.ended.clone().unwrap_or(Ended::Closed));
        }
        self.write(origin, entry, at).map_err(|reason| {
            self.lose();
            self.break_off(reason)
        })
    }

    fn lose(&mut self) {
        // What comes after the end belongs to no trail: whoever brings it is told.
        if matches!(self.ended, Some(Ended::Closed)) {
            return;
        }
        self.missing += 1;
        self.lost += 1;
    }

    /// Where no record can say that others are missing, the program's log does, once for each number.
    fn report(&mut self) {
        if self.missing > self.reported {
            tracing::error!(
                target: TARGET,
                missing = self.missing,
                "the audit trail ends without a word of what is missing: {}",
                not_written(self.missing)
            );
            self.reported = self.missing;
        }
    }

    fn write(&mut self, origin: &Origin, entry: &Entry<'_>, at: Timestamp) -> Result<(), Failure> {
        let (ts, link) = (self.clock.text(at), self.link.as_deref());
        let record = Record::new(origin, entry, self.head.seq + 1, ts, &self.head.hash, link);
        lay(&mut self.line, &mut self.hash, origin, &record)?;
        match &mut self.sink {
            Sink::Memory(memory) => memory.push(&self.line)?,
            Sink::Run(run) if run.is_over(self.line.len(), at) => return self.begin_next(origin, entry, at),
            Sink::Run(run) => {
                run.current.write(&self.line)?;
                run.current.took(&record, at);
            }
            Sink::Nowhere => return Err("it is open for reading only".into()),
        }
        self.wrote(entry.event);
        Ok(())
    }

    /// Writes the record as the first of a new segment.
    fn begin_next(&mut self, origin: &Origin, entry: &Entry<'_>, at: Timestamp) -> Result<(), Failure> {
        let Sink::Run(run) = &mut self.sink else { return Err("it has no segments".into()) };
        let mut next = run.next(origin, at)?;
        // Where this one has no record, the next one follows the one before it.
        let link = if self.head.seq == 0 {
            self.link.clone()
        } else {
            Some(witness::link(&run.current.name, &self.head))
        };
        let record = Record::new(origin, entry, 1, self.clock.text(at), GENESIS, link.as_deref());
        let written =
            lay(&mut self.line, &mut self.hash, origin, &record).and_then(|()| next.write(&self.line));
        if let Err(error) = written {
            run.discard(&next);
            return Err(error.into());
        }
        next.took(&record, at);
        run.go_on_with(next, std::mem::take(&mut self.head));
        self.wrote(entry.event);
        Ok(())
    }

    fn wrote(&mut self, event: Event) {
        self.head.seq += 1;
        std::mem::swap(&mut self.head.hash, &mut self.hash);
        self.written += 1;
        self.unnoted += u64::from(event != Event::Checkpoint);
        self.last = Some(event);
        self.link = None;
    }

    /// From here on nothing is written, until a new segment can be begun; a first reason stays.
    pub(super) fn break_off(&mut self, reason: Failure) -> Ended {
        if !matches!(self.ended, Some(Ended::Broken(_))) {
            tracing::error!(target: TARGET, "the audit trail cannot be written: {reason}");
        }
        if self.ended.is_none() {
            self.tried = Some(Instant::now());
        }
        self.ended.get_or_insert(Ended::Broken(reason)).clone()
    }

    /// The disk may not have what was written, and nobody will ever know.
    pub(super) fn disk_failed(&mut self, reason: Failure) -> Ended {
        if let Sink::Run(run) = &mut self.sink {
            run.not_synced();
        }
        self.unknown = Some((self.written, reason.clone()));
        self.break_off(reason)
    }

    fn heals(&mut self, origin: &Origin, at: Timestamp) -> bool {
        self.tried.is_some_and(|tried| tried.elapsed() >= self.retry) && self.heal(origin, at)
    }

    /// Tries to go on in a new segment, whose first record says how many are missing.
    fn heal(&mut self, origin: &Origin, at: Timestamp) -> bool {
        if !matches!((&self.ended, &self.sink), (Some(Ended::Broken(_)), Sink::Run(_))) {
            return false;
        }
        self.tried = Some(Instant::now());
        let note = format!("{} records are missing", self.missing);
        let gap = Entry { note: Some(&note), ..Entry::new(Event::Gap) };
        match self.begin_next(origin, &gap, at) {
            Ok(()) => {
                telemetry::tell(&gap);
                (self.ended, self.tried) = (None, None);
                (self.missing, self.reported) = (0, 0);
                true
            }
            Err(reason) => {
                tracing::error!(target: TARGET, "the audit trail still cannot be written: {reason}");
                false
            }
        }
    }

    /// Writes `closed` where the last record does not say so already, and gives what is to be sealed. A log that broke
    /// tries a new segment once more, to say what is missing; nothing is written to a file that failed.
    pub(super) fn close(&mut self, origin: &Origin) -> Vec<Complete> {
        self.close_at(origin, clock::now())
    }

    /// The same at a given time.
    pub(super) fn close_at(&mut self, origin: &Origin, at: Timestamp) -> Vec<Complete> {
        self.heal(origin, at);
        if self.ended.is_none() && self.last != Some(Event::Closed) && !matches!(self.sink, Sink::Nowhere) {
            // A failure is remembered as the reason why the log ended.
            let _ = self.append_at(origin, &Entry::new(Event::Closed), at);
        }
        self.ended.get_or_insert(Ended::Closed);
        self.tried = None;
        self.report();
        let Sink::Run(run) = &mut self.sink else { return Vec::new() };
        let mut complete = std::mem::take(&mut run.complete);
        complete.extend(run.end(self.head.clone()));
        complete
    }

    /// Gives the lock back, also where a child of `fork` still has the file open, and lets go of the files.
    pub(super) fn release(&mut self) {
        self.report();
        for file in self.run().into_iter().flat_map(Run::files) {
            // The lock goes with the file at the latest.
            let _ = file.file.unlock();
        }
        self.let_go();
    }

    /// Lets go of the files and leaves their locks to whoever shares them.
    pub(super) fn let_go(&mut self) {
        if let Sink::Run(run) = &mut self.sink {
            run.let_go();
        }
    }
}

/// What is said of so many lost records.
pub(super) fn not_written(records: u64) -> String {
    format!("{records} {} could not be written", if records == 1 { "record" } else { "records" })
}

/// The line of a record, and its hash.
fn lay(line: &mut Vec<u8>, hash: &mut String, origin: &Origin, record: &Record<'_>) -> io::Result<()> {
    line.clear();
    line::write(record, line)?;
    chain::seal(line, origin.key.as_ref(), hash);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { host: "h".into(), pid: 7, run: "0f86d081884c".into(), actor: "a".into(), key: None }
    }

    fn memory(log: &Log) -> &Memory {
        let Sink::Memory(memory) = &log.sink else { panic!("a log in memory") };
        memory
    }

    #[test]
    fn memory_keeps_the_last_ten_thousand_records_and_their_place_in_the_chain() {
        let mut log = Log::new(Sink::Memory(Memory::new()), None);
        for _ in 0..MEMORY_RECORDS + 5 {
            log.append(&origin(), &Entry::new(Event::Started)).unwrap();
        }
        let memory = memory(&log);
        assert_eq!(memory.lines.len(), MEMORY_RECORDS);
        assert_eq!(memory.before.seq, 5);
        let first = Record::parse(memory.lines[0].as_bytes()).unwrap();
        assert_eq!((first.seq, &*first.prev), (6, memory.before.hash.as_str()));
    }

    #[test]
    fn memory_is_bounded_in_bytes_too() {
        let note = "\u{1}".repeat(4096);
        let keys: Vec<String> = (0..256).map(|n| format!("{n:032}")).collect();
        let entry = Entry { note: Some(&note), input_keys: Some(&keys), ..Entry::new(Event::Invalid) };
        let mut log = Log::new(Sink::Memory(Memory::new()), None);
        for _ in 0..2_000 {
            log.append(&origin(), &entry).unwrap();
        }
        let memory = memory(&log);
        let bytes: usize = memory.lines.iter().map(|line| line.len() + 1).sum();
        assert_eq!(bytes, memory.bytes);
        assert!(bytes <= MEMORY_BYTES && bytes > MEMORY_BYTES / 2, "{bytes}");
    }
}
