//! The writing end: one record after another, each with one `write`, and nothing more after the first that failed.
//!
//! A failed write or sync leaves a file in a state that nobody knows (a retried `fsync` reports success for pages that
//! were lost, a short write leaves half a line), so the log never touches that file again.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;

use super::chain::{self, GENESIS};
use super::record::{Entry, Origin, Record, timestamp_text};
use super::{Event, segment};

/// As many records as a trail in memory keeps, and their bytes.
pub(super) const MEMORY_RECORDS: usize = 10_000;
const MEMORY_BYTES: usize = 32 << 20;

/// Where records go.
#[derive(Debug)]
pub(super) enum Sink {
    Memory(Memory),
    /// The file, until it is closed, and how long it must be.
    File {
        file: Option<Arc<File>>,
        length: u64,
    },
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

    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        let line = std::str::from_utf8(line).map_err(|error| error.to_string())?;
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
    Broken(String),
}

/// What the trail's lock protects.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) sink: Sink,
    pub(super) head: Head,
    pub(super) ended: Option<Ended>,
    /// Names the end of the segment before this one, until the first record has taken it.
    link: Option<String>,
    last: Option<Event>,
    buffer: Vec<u8>,
}

impl Log {
    pub(super) fn new(sink: Sink, link: Option<String>) -> Self {
        Log { sink, head: Head::default(), ended: None, link, last: None, buffer: Vec::new() }
    }

    /// Writes the record of `entry`; what is returned as an error is the reason, and it is final.
    pub(super) fn append(&mut self, origin: &Origin, entry: &Entry<'_>) -> Result<(), Ended> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        let ts = timestamp_text(Timestamp::now());
        let link = self.link.as_deref();
        let record = Record::new(origin, entry, self.head.seq + 1, &ts, &self.head.hash, link);
        self.buffer.clear();
        let written = serde_json::to_writer(&mut self.buffer, &record).map_err(|error| error.to_string());
        let mut hash = String::with_capacity(GENESIS.len());
        chain::seal(&mut self.buffer, origin.key.as_ref(), &mut hash);
        let written = written.and_then(|()| match &mut self.sink {
            Sink::Memory(memory) => memory.push(&self.buffer),
            Sink::File { file: Some(file), length } => {
                write_at(file, *length, &self.buffer).map_err(|error| error.to_string())?;
                *length += self.buffer.len() as u64;
                Ok(())
            }
            Sink::File { file: None, .. } | Sink::Nowhere => Err("it is open for reading only".to_owned()),
        });
        if let Err(reason) = written {
            return Err(self.break_for_good(reason));
        }
        self.head = Head { seq: self.head.seq + 1, hash };
        self.last = Some(entry.event);
        self.link = None;
        Ok(())
    }

    /// After this nothing is written; a first reason stays.
    pub(super) fn break_for_good(&mut self, reason: String) -> Ended {
        self.ended.get_or_insert(Ended::Broken(reason)).clone()
    }

    /// Writes `closed` where the log is whole and its last record does not say so already, and gives the file's lock
    /// back. Nothing is written to a file that failed.
    pub(super) fn close(&mut self, origin: &Origin) {
        let writes = !matches!(self.sink, Sink::Nowhere);
        if self.ended.is_none() && writes && self.last != Some(Event::Closed) {
            // A failure is remembered as the reason why the log ended.
            let _ = self.append(origin, &Entry::new(Event::Closed));
        }
        if self.ended.is_none()
            && let Some(file) = self.file()
            && let Err(error) = file.sync_data()
        {
            self.break_for_good(error.to_string());
        }
        self.ended.get_or_insert(Ended::Closed);
        self.release();
    }

    /// Gives the lock back, also where a child of `fork` still has the file open, and lets go of the file.
    pub(super) fn release(&mut self) {
        if let Some(file) = self.file() {
            // The lock goes with the file at the latest.
            let _ = file.unlock();
        }
        self.let_go();
    }

    /// Lets go of the file and leaves its lock to whoever shares it.
    pub(super) fn let_go(&mut self) {
        if let Sink::File { file, .. } = &mut self.sink {
            *file = None;
        }
    }

    pub(super) fn file(&self) -> Option<Arc<File>> {
        match &self.sink {
            Sink::File { file, .. } => file.clone(),
            Sink::Memory(_) | Sink::Nowhere => None,
        }
    }
}

/// One `write` of the whole line to a file that is still there and as long as we left it.
fn write_at(mut file: &File, length: u64, line: &[u8]) -> io::Result<()> {
    let metadata = file.metadata()?;
    if segment::names_of(&metadata) == 0 {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the segment was deleted"));
    }
    if metadata.len() != length {
        let found = metadata.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { host: "h".into(), pid: 7, run: "r".into(), actor: "a".into(), key: None }
    }

    #[test]
    fn memory_keeps_the_last_ten_thousand_records_and_their_place_in_the_chain() {
        let mut log = Log::new(Sink::Memory(Memory::new()), None);
        for _ in 0..MEMORY_RECORDS + 5 {
            log.append(&origin(), &Entry::new(Event::Started)).unwrap();
        }
        let Sink::Memory(memory) = &log.sink else { panic!("a log in memory") };
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
        let Sink::Memory(memory) = &log.sink else { panic!("a log in memory") };
        let bytes: usize = memory.lines.iter().map(|line| line.len() + 1).sum();
        assert_eq!(bytes, memory.bytes);
        assert!(bytes <= MEMORY_BYTES && bytes > MEMORY_BYTES / 2, "{bytes}");
    }

    #[test]
    fn a_segment_that_somebody_else_wrote_to_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("segment");
        let file = Arc::new(segment::create(&path, true).unwrap());
        let mut log = Log::new(Sink::File { file: Some(file), length: 0 }, None);
        log.append(&origin(), &Entry::new(Event::Started)).unwrap();
        std::fs::write(&path, b"").unwrap();
        assert!(log.append(&origin(), &Entry::new(Event::Sending)).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }
}
