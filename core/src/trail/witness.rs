//! Who speaks about the end of a segment besides the segment: the first record of the one after it, a checkpoint that was
//! kept elsewhere, and the record that says that it was removed.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader};
use std::path::Path;

use jiff::Timestamp;

use super::checkpoint::{self, Checkpoint};
use super::log::Head;
use super::record::{Record, timestamp_text};
use super::retention::RETENTION_REMOVED;
use super::segment::{self, Line, Lines, Segment};
use super::{Event, chain};

/// What somebody says: record `seq` of a segment has this hash.
#[derive(Debug)]
pub(super) struct Testimony {
    pub(super) seq: u64,
    /// As bytes, because there may be very many.
    hash: [u8; 32],
    pub(super) by: Witness,
}

/// Who says it.
#[derive(Debug)]
pub(super) enum Witness {
    /// The first record of this segment.
    Segment(Box<str>),
    /// A checkpoint of this time.
    Checkpoint(Timestamp),
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Witness::Segment(name) => write!(f, "`{name}`"),
            Witness::Checkpoint(at) => write!(f, "the checkpoint of {}", timestamp_text(*at)),
        }
    }
}

impl Testimony {
    fn new(seq: u64, hash: &str, by: Witness) -> Option<Testimony> {
        Some(Testimony { seq, hash: chain::unhex(hash)?, by })
    }

    pub(super) fn agrees(&self, head: &Head) -> bool {
        self.seq == head.seq && chain::unhex(&head.hash) == Some(self.hash)
    }

    pub(super) fn is_checkpoint(&self) -> bool {
        matches!(self.by, Witness::Checkpoint(_))
    }
}

/// All that is said, by the segment spoken of; what is said of one is in the order of its records.
#[derive(Debug, Default)]
pub(super) struct Testimonies {
    by_segment: BTreeMap<String, Vec<Testimony>>,
    /// Lines of the checkpoints that are none.
    pub(super) damaged: Vec<u64>,
}

impl Testimonies {
    /// The checkpoints of a file. They must be read before the segments are listed: a checkpoint speaks of what was there.
    ///
    /// # Errors
    /// Those of reading the file.
    pub(super) fn checkpoints(path: &Path) -> io::Result<Testimonies> {
        let mut testimonies = Testimonies::default();
        let file = segment::open_file(path)?;
        let mut lines = Lines::new(BufReader::with_capacity(64 << 10, file));
        loop {
            let number = lines.number + 1;
            let line = match lines.next()? {
                Line::Whole(line) => line,
                Line::TooLong => {
                    testimonies.damaged.push(number);
                    continue;
                }
                // Its writer died, or is writing just now.
                Line::Torn | Line::End => return Ok(testimonies),
            };
            match serde_json::from_slice::<Checkpoint>(line) {
                Ok(checkpoint) if testimonies.checkpoint(&checkpoint).is_some() => {}
                // Half a line of a writer that died: the next one went on behind it.
                Err(error) if error.is_eof() => {}
                _ => testimonies.damaged.push(number),
            }
        }
    }

    fn checkpoint(&mut self, said: &Checkpoint) -> Option<()> {
        let by = Witness::Checkpoint(said.ts.parse().ok()?);
        let is_one = said.v == checkpoint::VERSION && said.seq > 0 && segment::is_name(&said.segment);
        let testimony = Testimony::new(said.seq, &said.hash, by).filter(|_| is_one)?;
        self.by_segment.entry(said.segment.clone()).or_default().push(testimony);
        Some(())
    }

    /// What the first records of these segments say.
    pub(super) fn links(&mut self, segments: &[Segment]) {
        for segment in segments {
            let Some((before, head)) = first_link(segment) else { continue };
            let by = Witness::Segment(segment.name.as_str().into());
            if let Some(testimony) = Testimony::new(head.seq, &head.hash, by) {
                self.by_segment.entry(before).or_default().push(testimony);
            }
        }
    }

    /// What is said of this segment.
    pub(super) fn of(&mut self, segment: &str) -> Vec<Testimony> {
        let mut said = self.by_segment.remove(segment).unwrap_or_default();
        said.sort_by_key(|testimony| testimony.seq);
        said
    }

    /// What nobody has asked for: it is about segments that are not there.
    pub(super) fn rest(self) -> BTreeMap<String, Vec<Testimony>> {
        self.by_segment
    }
}

/// What the first record of a segment says about the one before it, at the end of its `note`.
pub(super) fn link(segment: &str, head: &Head) -> String {
    format!("after {segment} {} {}", head.seq, head.hash)
}

fn parse_link(note: &str) -> Option<(&str, Head)> {
    let mut words = note.rsplit(' ');
    let (hash, seq, segment) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    let well_formed = words.next() == Some("after") && hash.len() == chain::GENESIS.len();
    well_formed.then(|| (segment, Head { seq, hash: hash.to_owned() }))
}

fn first_link(segment: &Segment) -> Option<(String, Head)> {
    // What cannot be read is named when its turn comes.
    let mut lines = segment.lines().ok()?;
    let Ok(Line::Whole(line)) = Lines::next(&mut lines) else { return None };
    let note = Record::parse(line).ok()?.note?;
    parse_link(note.as_str()).map(|(segment, head)| (segment.to_owned(), head))
}

/// The segment that this record says was removed because it was old.
pub(super) fn removal<'a>(record: &'a Record<'_>) -> Option<&'a str> {
    let note = record.note.as_ref().filter(|_| record.event == Event::Gap.as_str())?;
    note.as_str().strip_prefix(RETENTION_REMOVED)?.split(' ').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_found_at_the_end_of_any_note() {
        let head = Head { seq: 7, hash: "a".repeat(64) };
        let link = link("x.jsonl", &head);
        for note in [link.clone(), format!("profile gateway; {link}")] {
            assert_eq!(parse_link(&note), Some(("x.jsonl", head.clone())));
        }
        for note in ["", "after", "after x 7", "before x.jsonl 7 aaaa", "after x.jsonl seven 00"] {
            assert_eq!(parse_link(note), None);
        }
    }
}
