//! Reading: the lines of all segments as one stream in the order of time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Take};
use std::path::Path;
use std::sync::Arc;

use super::log::{Ended, Head, Log, Sink};
use super::segment::{self, Line, Lines, Segment};
use super::summary::Moment;
use super::{Filter, Record, Trail};
use crate::error::{Error, ErrorKind, Result};

/// All segments, and the name and the end of the one that is written here.
type Listed = (Vec<Segment>, Option<(String, Head)>);

/// So often the directory is listed while others write.
const LOOKS: usize = 5;

impl Trail {
    /// The end before the first record in memory, and the records.
    pub(super) fn memory(&self) -> Result<(Head, Vec<Arc<str>>)> {
        let log = self.lock()?;
        Ok(match &log.sink {
            Sink::Memory(memory) => (memory.before.clone(), memory.lines.iter().cloned().collect()),
            Sink::Run(_) | Sink::Nowhere => (Head::default(), Vec::new()),
        })
    }

    /// All segments, and the own one's name and end as they were after the listing: whatever a segment says about the own
    /// one was true before. The own one is read as far as that, where the last acknowledged record ends.
    pub(super) fn segments(&self) -> Result<Listed> {
        let Some(path) = self.directory() else { return Ok(Default::default()) };
        let list = || {
            segment::list(path).map_err(|error| {
                let message = format!("the trail `{}` cannot be read: {error}", path.display());
                Error::new(ErrorKind::Audit, message).with_hint("was the directory moved or deleted?")
            })
        };
        // A segment that is begun while the directory is read may not be in the list, and others know of it already. So the
        // list is good where none was begun meanwhile; who writes that fast is made to wait in the end.
        for _ in 0..LOOKS {
            let before = self.segment();
            let segments = list()?;
            let log = self.lock()?;
            if before == log.run().map(|run| run.current.name.clone()) {
                return Ok(with_own(segments, &log));
            }
        }
        let log = self.lock()?;
        Ok(with_own(list()?, &log))
    }
}

/// What was listed, with the end of the own one.
fn with_own(mut segments: Vec<Segment>, log: &Log) -> Listed {
    let Some(run) = log.run() else { return (segments, None) };
    if let Some(own) = segments.iter_mut().find(|segment| segment.name == run.current.name) {
        // Nothing is being written while the log is held. What is longer than it should be has bytes of somebody else's, and
        // is read to its end; after a write that failed, they are the half of a record.
        let as_written = own.length().is_ok_and(|length| length == run.current.length);
        let failed = matches!(log.ended, Some(Ended::Broken(_)));
        own.limit = (as_written || failed).then_some(run.current.length);
    }
    (segments, Some((run.current.name.clone(), log.head.clone())))
}

/// The records of a trail as exact JSON lines: see [`Trail::records`](super::Trail::records).
pub struct Records(Source);

enum Source {
    Memory { lines: std::vec::IntoIter<Arc<str>>, filter: Filter },
    Segments(Merge),
}

impl Records {
    pub(super) fn of_lines(lines: Vec<Arc<str>>, filter: Filter) -> Records {
        Records(Source::Memory { lines: lines.into_iter(), filter })
    }

    pub(super) fn of_segments(segments: Vec<Segment>, filter: Filter) -> Records {
        Records(Source::Segments(Merge::new(segments, filter)))
    }
}

impl Iterator for Records {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Source::Memory { lines, filter } => lines
                .find(|line| Record::parse(line.as_bytes()).is_ok_and(|record| filter.matches(&record)))
                .map(|line| Ok(line.to_string())),
            Source::Segments(merge) => merge.next(),
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").finish_non_exhaustive()
    }
}

/// Merges segments by time. A segment is opened when the stream has come to the time at which it was created, and closed
/// at its end, so that no more files are open than overlap in time. The order within a segment is never changed, even
/// where its clock was set back.
struct Merge {
    waiting: VecDeque<(usize, Segment)>,
    open: BinaryHeap<Reader>,
    filter: Filter,
}

impl Merge {
    fn new(segments: Vec<Segment>, filter: Filter) -> Merge {
        Merge { waiting: segments.into_iter().enumerate().collect(), open: BinaryHeap::new(), filter }
    }

    /// Whether the next segment may hold a record that comes before all those at hand.
    fn must_open(&self) -> bool {
        match (self.waiting.front(), self.open.peek()) {
            (Some((_, segment)), Some(reader)) => Moment::first(&segment.name) <= reader.moment,
            (waiting, _) => waiting.is_some(),
        }
    }
}

impl Iterator for Merge {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.must_open() {
            let Some((index, segment)) = self.waiting.pop_front() else { break };
            match segment.lines() {
                Ok(lines) => self.open.extend(Reader::new(index, segment, lines).advance(&self.filter)),
                Err(error) => return Some(Err(unreadable(&segment.name, None, error))),
            }
        }
        let mut reader = self.open.pop()?;
        let item = std::mem::replace(&mut reader.head, Ok(String::new()));
        self.open.extend(reader.advance(&self.filter));
        Some(item)
    }
}

/// One open segment and its next line.
struct Reader {
    index: usize,
    segment: Segment,
    lines: Lines<BufReader<Take<File>>>,
    /// That of the head; that of the line before it where the head is no record.
    moment: Moment,
    head: Result<String, Error>,
    failed: bool,
}

impl Reader {
    fn new(index: usize, segment: Segment, lines: Lines<BufReader<Take<File>>>) -> Reader {
        let moment = Moment::before(&segment.name);
        Reader { index, segment, lines, moment, head: Ok(String::new()), failed: false }
    }

    /// Goes on to the next line that is wanted or that is an error; none at the end.
    fn advance(mut self, filter: &Filter) -> Option<Reader> {
        if self.failed {
            return None;
        }
        let what = loop {
            let bytes = match self.lines.next() {
                Ok(Line::Whole(bytes)) => bytes,
                Ok(Line::TooLong) => break "it is longer than any record".to_owned(),
                // A torn end was never acknowledged to anybody.
                Ok(Line::Torn | Line::End) => return None,
                Err(error) => {
                    self.failed = true;
                    break error.to_string();
                }
            };
            let record = match Record::parse(bytes) {
                Ok(record) => record,
                Err(error) => break format!("it is no record: {error}"),
            };
            self.moment = self.moment.next(record.timestamp());
            if filter.matches(&record) {
                // What parsed as JSON is text, so nothing is replaced here.
                self.head = Ok(String::from_utf8_lossy(bytes).into_owned());
                return Some(self);
            }
        };
        self.head = Err(unreadable(&self.segment.name, Some(self.lines.number), what));
        Some(self)
    }
}

/// Reversed, because the heap gives its greatest and we want the oldest; equal times in the order of the segments.
impl Ord for Reader {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.moment, other.index).cmp(&(self.moment, self.index))
    }
}

impl PartialOrd for Reader {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Reader {}

/// The newest segment that has a record, and the end of its chain. What cannot be read is passed over: it is for
/// `verify` to name it, and must not keep a new client from opening.
pub(super) fn last_head(directory: &Path) -> io::Result<Option<(String, Head)>> {
    Ok(segment::list(directory)?.into_iter().rev().find_map(|segment| {
        let line = segment.last_line().ok().flatten()?;
        let record = Record::parse(&line).ok()?;
        let hash = record.hash?.as_str().to_owned();
        Some((segment.name, Head { seq: record.seq, hash }))
    }))
}

/// An error about one line of a segment, or about all of it where there is no line.
fn unreadable(segment: &str, line: Option<u64>, what: impl fmt::Display) -> Error {
    let place = line.map(|line| format!(" line {line}")).unwrap_or_default();
    Error::new(ErrorKind::Audit, format!("segment `{segment}`{place} cannot be read: {what}"))
        .with_hint("verify the trail: it names every place that is damaged")
}
