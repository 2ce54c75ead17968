//! Reading: the lines of all segments as one stream in the order of time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Take};
use std::path::Path;
use std::sync::Arc;

use super::log::Head;
use super::segment::{self, Line, Lines, Segment};
use super::summary::Moment;
use super::{Filter, Record, unreadable};
use crate::error::{Error, Result};

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
            Source::Segments(merge) => merge.next().map(|item| item.map(|(_, line)| line)),
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
pub(super) struct Merge {
    waiting: VecDeque<(usize, Segment)>,
    open: BinaryHeap<Reader>,
    filter: Filter,
}

/// The place of a segment in the list, and one of its lines.
pub(super) type Item = Result<(usize, String)>;

impl Merge {
    pub(super) fn new(segments: Vec<Segment>, filter: Filter) -> Merge {
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
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        while self.must_open() {
            let Some((index, segment)) = self.waiting.pop_front() else { break };
            match segment.lines() {
                Ok(lines) => self.open.extend(Reader::new(index, segment, lines).advance(&self.filter)),
                Err(error) => return Some(Err(unreadable(&segment.name, None, error))),
            }
        }
        let mut reader = self.open.pop()?;
        let item = std::mem::replace(&mut reader.head, Ok(String::new())).map(|line| (reader.index, line));
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
