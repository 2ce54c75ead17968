//! Is the trail what was written? Every line is read once, in bounded memory, and every disagreement is named with its
//! place.
//!
//! Within a segment the chain shows edited, deleted, inserted and swapped records. The first record of a segment names
//! the end of the one before it, which shows where an older segment was cut short or removed. Only the end of the newest
//! segment has no witness in the directory itself: checkpoints that are kept elsewhere are that, and the process of the
//! segment that it writes.

use std::fs;
use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::follow::Chain;
use super::index;
use super::key::Key;
use super::log::Head;
use super::segment::{Line, Segment};
use super::summary::Summary;
use super::witness::{Testimonies, Testimony, removal};
use crate::error::Error;

/// After so many problems the rest is only counted.
const MAX_PROBLEMS: usize = 1000;

/// What verifying found.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub struct Verification {
    /// Whether there are no problems.
    pub ok: bool,
    /// How many whole records were read.
    pub records: u64,
    /// How many segments were read; 0 in memory.
    pub segments: u64,
    /// How many records a checkpoint kept elsewhere covers.
    pub anchored: u64,
    /// How many segments end in half a record, because their writer died in the middle of it. No problem: nobody was told
    /// that it was written.
    pub cut: u64,
    /// How many records are sealed with a key that is not at hand: of them only the order and the links were checked.
    pub unchecked: u64,
    /// How many segments are known of and not there, because only a limited history is kept. No problem.
    pub removed: u64,
    /// Every disagreement; beyond the thousandth, one last entry counts the rest.
    pub problems: Vec<Problem>,
}

/// One place where the trail is not what was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// The file; empty in memory.
    pub segment: String,
    /// The line, from 1; 0 for the segment as a whole.
    pub line: u64,
    /// What disagrees.
    pub what: String,
}

impl Verification {
    /// Nothing could be read at all.
    pub(super) fn impossible(error: &Error) -> Verification {
        let mut findings = Findings::default();
        findings.add("", 0, error.to_string());
        findings.conclude()
    }
}

/// What is being found.
#[derive(Default)]
struct Findings {
    verification: Verification,
    unlisted: u64,
}

impl Findings {
    fn add(&mut self, segment: &str, line: u64, what: impl Into<String>) {
        if self.verification.problems.len() < MAX_PROBLEMS {
            let problem = Problem { segment: segment.to_owned(), line, what: what.into() };
            self.verification.problems.push(problem);
        } else {
            self.unlisted += 1;
        }
    }

    fn count(&self) -> u64 {
        self.verification.problems.len() as u64 + self.unlisted
    }

    fn conclude(mut self) -> Verification {
        if self.unlisted > 0 {
            let what = format!("and {} more problems", self.unlisted);
            self.verification.problems.push(Problem { segment: String::new(), line: 0, what });
        }
        self.verification.ok = self.verification.problems.is_empty();
        self.verification
    }
}

/// Verifies a trail in memory, of which the records up to `before` are gone by design. There is nothing that checkpoints
/// could speak of: who asks for them is not told that they agree.
pub(super) fn lines(
    before: Head,
    lines: &[Arc<str>],
    key: Option<&Key>,
    with_checkpoints: bool,
) -> Verification {
    let mut findings = Findings::default();
    if with_checkpoints {
        findings.add("", 0, "the trail is kept in memory, of which no checkpoints speak: leave them out");
    }
    let mut chain = Chain::new(before, key);
    for (line, number) in lines.iter().zip(1..) {
        findings.verification.records += 1;
        if let Err(what) = chain.follow(line.as_bytes(), None, |_, _| ()) {
            findings.add("", number, what);
        }
    }
    findings.verification.unchecked = chain.unchecked;
    findings.conclude()
}

/// What a trail in a directory is compared with.
#[derive(Default)]
pub(super) struct Against<'a> {
    /// The segment that this process writes, and the end that it must have.
    pub(super) own: Option<(String, Head)>,
    pub(super) key: Option<&'a Key>,
    /// The checkpoints at hand.
    pub(super) testimonies: Testimonies,
    /// Why they cannot be read.
    pub(super) unreadable: Option<String>,
}

/// Verifies all segments of a directory.
pub(super) fn segments(segments: &[Segment], against: Against<'_>) -> Verification {
    let mut findings = Findings::default();
    let Against { own, key, mut testimonies, unreadable } = against;
    if let Some(what) = unreadable {
        findings.add("", 0, what);
    }
    if let Some((name, _)) = &own
        && !segments.iter().any(|segment| segment.name == *name)
    {
        findings.add(name, 0, "it is missing, and this process wrote it");
    }
    for line in std::mem::take(&mut testimonies.damaged) {
        findings.add("", line, format!("line {line} of the checkpoints is none"));
    }
    testimonies.links(segments);
    let mut removed = String::new();
    for segment in segments {
        findings.verification.segments += 1;
        let own = own.as_ref().filter(|(name, _)| *name == segment.name).map(|(_, head)| head);
        let one = One { segment, own, key, said: testimonies.of(&segment.name) };
        if let Err(error) = one.verify(&mut findings, &mut removed) {
            findings.add(&segment.name, 0, format!("it cannot be read: {error}"));
        }
    }
    let oldest = segments.first().map(|segment| segment.name.as_str());
    let begun_since = |name: &str| segments.first().is_some_and(|one| one.path.with_file_name(name).exists());
    for (name, said) in testimonies.rest() {
        // The directory was listed while another process went on to its next segment.
        if begun_since(&name) {
            continue;
        }
        if is_removed(&name, &said, oldest, &removed, key) {
            findings.verification.removed += 1;
        } else {
            let by: Vec<_> = said.iter().map(|testimony| testimony.by.to_string()).take(3).collect();
            findings.add(&name, 0, format!("it is missing: named by {}", by.join(", ")));
        }
    }
    findings.conclude()
}

/// Whether a missing segment is gone because only a limited history is kept. What removes old segments begins with the
/// oldest one and says so in the trail. Whoever deletes the oldest ones without it leaves no word: that is believed as long
/// as no record of any removal, no checkpoint and no key says that somebody wants to know.
fn is_removed(
    name: &str,
    said: &[Testimony],
    oldest: Option<&str>,
    removed: &str,
    key: Option<&Key>,
) -> bool {
    let by_hand = key.is_none() && removed.is_empty() && !said.iter().any(Testimony::is_checkpoint);
    name <= removed || (by_hand && oldest.is_none_or(|oldest| name < oldest))
}

/// One segment, and what is known of it besides.
struct One<'a> {
    segment: &'a Segment,
    own: Option<&'a Head>,
    key: Option<&'a Key>,
    said: Vec<Testimony>,
}

impl One<'_> {
    /// `removed` becomes the newest segment that is said to have been removed.
    fn verify(self, findings: &mut Findings, removed: &mut String) -> io::Result<()> {
        let One { segment, own, key, said } = self;
        // In this order: a writer that was gone before we read left its last line as it is for ever.
        let held = segment.is_held()?;
        let mut lines = segment.lines()?;
        let mut chain = Chain::new(Head::default(), key);
        let mut said = said.into_iter().peekable();
        let (mut anchored, mut torn) = (0, false);
        // What an index says is compared with what the records say.
        let mut summary = index::open(segment, key).map(|_| Summary::new(&segment.name));
        let before = findings.count();
        loop {
            let outcome = match lines.next()? {
                Line::End => break,
                Line::Torn if own.is_some() => Err("it ends in half a record".to_owned()),
                Line::Torn if held => break,
                Line::Torn => {
                    findings.verification.cut += 1;
                    torn = true;
                    break;
                }
                Line::TooLong => chain.lose("it is longer than any record".to_owned()),
                Line::Whole(line) => {
                    findings.verification.records += 1;
                    chain.follow(line, Some(&segment.run), |record, _| {
                        if let Some(summary) = &mut summary {
                            summary.take(record);
                        }
                        if let Some(gone) = removal(record).filter(|gone| *gone > removed.as_str()) {
                            gone.clone_into(removed);
                        }
                    })
                }
            };
            if let Err(what) = outcome {
                findings.add(&segment.name, lines.number, what);
            }
            while let Some(testimony) = said.next_if(|testimony| testimony.seq <= chain.head.seq) {
                if !testimony.agrees(&chain.head) {
                    let Testimony { by, seq, .. } = testimony;
                    let what = format!("it is not the record that {by} names as number {seq}");
                    findings.add(&segment.name, lines.number, what);
                } else if testimony.is_checkpoint() {
                    anchored = testimony.seq;
                }
            }
        }
        if let Some(Testimony { by, seq, .. }) = said.last() {
            let what = format!("it was cut short: {by} names its record {seq}");
            findings.add(&segment.name, lines.number + u64::from(!torn), what);
        }
        if let Some(own) = own
            && *own != chain.head
        {
            let what = format!("it does not end with record {}, the last that this process wrote", own.seq);
            findings.add(&segment.name, lines.number, what);
        }
        findings.verification.anchored += anchored;
        findings.verification.unchecked += chain.unchecked;
        if let Some(summary) = summary
            && findings.count() == before
            && !agrees(segment, &chain.head, &summary, key)?
        {
            let what = "its index does not say what its records say: delete the index, it is made again";
            findings.add(&segment.name, 0, what);
        }
        Ok(())
    }
}

/// Whether the index of a segment, where there is one that claims to be of these records, says what they say.
fn agrees(segment: &Segment, head: &Head, summary: &Summary, key: Option<&Key>) -> io::Result<bool> {
    let Some(directory) = segment.path.parent() else { return Ok(true) };
    let (written, made) = (
        fs::read(index::path(directory, &segment.name)),
        index::bytes(&segment.name, segment.length()?, head, summary, key)?,
    );
    Ok(index::open(segment, key).is_none() || written.is_ok_and(|written| written == made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_problems_is_bounded() {
        let mut findings = Findings::default();
        for line in 0..5000 {
            findings.add("s", line, "bad");
        }
        let verification = findings.conclude();
        assert!(!verification.ok);
        assert_eq!(verification.problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(verification.problems[MAX_PROBLEMS].what, "and 4000 more problems");
    }
}
