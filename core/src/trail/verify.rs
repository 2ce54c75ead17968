//! Is the trail what was written? Every line is read once, in bounded memory, and every disagreement is named with its
//! place.
//!
//! Within a segment the chain shows edited, deleted, inserted and swapped records. The first record of a segment names
//! the end of the one before it ([`link`]), which shows where an older segment was cut short or removed. Only the end of
//! the newest segment has no witness in the directory itself; of the segment that this process writes, the process is
//! the witness.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use serde::Serialize;

use super::chain;
use super::log::Head;
use super::record::{Record, clip};
use super::segment::{Line, Lines, Segment};
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

    fn conclude(mut self) -> Verification {
        if self.unlisted > 0 {
            let what = format!("and {} more problems", self.unlisted);
            self.verification.problems.push(Problem { segment: String::new(), line: 0, what });
        }
        self.verification.ok = self.verification.problems.is_empty();
        self.verification
    }
}

/// Verifies a trail in memory, of which the records up to `before` are gone by design.
pub(super) fn lines(before: Head, lines: &[Arc<str>]) -> Verification {
    let mut findings = Findings::default();
    let mut chain = Chain { head: before, adrift: false };
    for (line, number) in lines.iter().zip(1..) {
        findings.verification.records += 1;
        if let Err(what) = chain.follow(line.as_bytes(), None) {
            findings.add("", number, what);
        }
    }
    findings.conclude()
}

/// Verifies all segments of a directory; `own` is the one that this process writes, and the end that it must have.
pub(super) fn segments(segments: &[Segment], own: Option<(&str, Head)>) -> Verification {
    let mut findings = Findings::default();
    if let Some((name, _)) = &own
        && !segments.iter().any(|segment| segment.name == *name)
    {
        findings.add(name, 0, "it is missing, and this process wrote it");
    }
    let mut witnesses = witnesses(segments, &mut findings);
    for segment in segments {
        findings.verification.segments += 1;
        let own = own.as_ref().filter(|(name, _)| *name == segment.name).map(|(_, head)| head);
        let testimony = witnesses.remove(&segment.name).unwrap_or_default();
        if let Err(error) = one(segment, own, testimony, &mut findings) {
            findings.add(&segment.name, 0, format!("it cannot be read: {error}"));
        }
    }
    findings.conclude()
}

fn one(segment: &Segment, own: Option<&Head>, links: Vec<Link>, findings: &mut Findings) -> io::Result<()> {
    // In this order: a writer that was gone before we read left its last line as it is for ever.
    let held = segment.is_held()?;
    let mut lines = segment.lines()?;
    let mut chain = Chain { head: Head::default(), adrift: false };
    let mut links = links.into_iter().peekable();
    loop {
        let outcome = match lines.next()? {
            Line::End => break,
            Line::Torn if own.is_some() => Err("it ends in half a record".to_owned()),
            Line::Torn if held => break,
            Line::Torn => {
                findings.verification.cut += 1;
                break;
            }
            Line::TooLong => chain.lose("it is longer than any record".to_owned()),
            Line::Whole(line) => {
                findings.verification.records += 1;
                chain.follow(line, Some(&segment.run))
            }
        };
        if let Err(what) = outcome {
            findings.add(&segment.name, lines.number, what);
        }
        while let Some(link) = links.next_if(|link| link.head.seq <= chain.head.seq) {
            if link.head != chain.head {
                let what =
                    format!("it is not the record that `{}` names as number {}", link.by, link.head.seq);
                findings.add(&segment.name, lines.number, what);
            }
        }
    }
    if let Some(link) = links.last() {
        let (by, seq) = (&link.by, link.head.seq);
        findings.add(
            &segment.name,
            lines.number + 1,
            format!("it was cut short: `{by}` names its record {seq}"),
        );
    }
    if let Some(own) = own
        && *own != chain.head
    {
        let what = format!("it does not end with record {}, the last that this process wrote", own.seq);
        findings.add(&segment.name, lines.number, what);
    }
    Ok(())
}

/// Follows the links of one chain.
struct Chain {
    head: Head,
    /// The last line was no record, so the next one can only be taken at its word.
    adrift: bool,
}

impl Chain {
    fn lose(&mut self, what: String) -> Result<(), String> {
        self.adrift = true;
        Err(what)
    }

    /// One line, newline excluded; what disagrees about it is named, the gravest first.
    fn follow(&mut self, line: &[u8], run: Option<&str>) -> Result<(), String> {
        let Some((content, claimed)) = chain::unseal(line) else {
            return self.lose("it is no record: it does not end with a hash".to_owned());
        };
        let record = match Record::parse(line) {
            Ok(record) => record,
            Err(error) => return self.lose(format!("it is no record: {error}")),
        };
        let (next, adrift) = (self.head.seq + 1, std::mem::take(&mut self.adrift));
        let (seq, prev) = (record.seq, &*record.prev);
        let verdict = if chain::hash(content) != claimed {
            Err("it was edited: its content does not have the hash that it claims".to_owned())
        } else if seq > next && !adrift {
            Err(match seq - next {
                1 => format!("record {next} is missing before it"),
                _ => format!("records {next} to {} are missing before it", seq - 1),
            })
        } else if seq < next && !adrift {
            Err(format!("it is record {seq} where record {next} belongs: repeated, moved or inserted"))
        } else if *prev != self.head.hash && !adrift {
            let expected = &self.head.hash;
            Err(format!(
                "it does not follow the record before it: `prev` is `{}`, not `{expected}`",
                clip(prev, 64)
            ))
        } else if run.is_some_and(|run| *record.run != *run) {
            Err(format!("it was written by run `{}`, which is not this segment's", clip(&record.run, 64)))
        } else {
            Ok(())
        };
        // From here on by what the line says, so that one wrong record is one problem.
        self.head = Head { seq, hash: claimed.to_owned() };
        verdict
    }
}

/// What the segment `by` says about the end of the one before it.
struct Link {
    by: String,
    head: Head,
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

/// What first records say about earlier segments, by the segment spoken of and in the order of its records.
///
/// Whoever keeps logs for a while only deletes the oldest segments, so a missing one is a problem when an older one is
/// still there.
fn witnesses(segments: &[Segment], findings: &mut Findings) -> BTreeMap<String, Vec<Link>> {
    let mut links: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    for segment in segments {
        let Some((before, head)) = first_link(segment) else { continue };
        links.entry(before).or_default().push(Link { by: segment.name.clone(), head });
    }
    for (name, links) in &mut links {
        links.sort_by_key(|link| link.head.seq);
        let there = segments.iter().any(|segment| segment.name == *name);
        let oldest = segments.first().is_none_or(|segment| *name < segment.name);
        if !there && !oldest {
            let by: Vec<_> = links.iter().map(|link| format!("`{}`", link.by)).collect();
            findings.add(name, 0, format!("it is missing: named by {}", by.join(", ")));
        }
    }
    links
}

fn first_link(segment: &Segment) -> Option<(String, Head)> {
    // What cannot be read is named when its turn comes.
    let mut lines = segment.lines().ok()?;
    let Ok(Line::Whole(line)) = Lines::next(&mut lines) else { return None };
    let note = Record::parse(line).ok()?.note?;
    parse_link(note.as_str()).map(|(segment, head)| (segment.to_owned(), head))
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
