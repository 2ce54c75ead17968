//! Recovery: what became of the invocations of processes that died.
//!
//! One promise: an invocation of a dead process whose end is not in the trail is listed, and never as better than it
//! is. `unsent` means that no record says that a byte was about to leave.
//!
//! Of a complete segment its index is read, and its records only where there is no index that fits. What the segments
//! say is joined: the same whether a record stands in this segment or in that one.

use std::collections::{HashMap, HashSet};
use std::io;

use serde::Serialize;

use super::index;
use super::join::Join;
use super::log::Head;
use super::segment::{Line, Segment};
use super::summary::Summary;
use super::{Record, unreadable};
use crate::error::Result;

/// An invocation that a process left unfinished when it died.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unfinished {
    /// The action, in canonical form.
    pub action_id: Option<String>,
    /// The logical invocation.
    pub correlation_id: String,
    /// The gateway's id, when it was accepted and the gateway gives one.
    pub invocation_id: Option<String>,
    /// How far it had come.
    pub state: UnfinishedState,
    /// What to hand to `poll`; the client fills it in when it was accepted.
    pub resume_token: Option<String>,
}

/// How far an unfinished invocation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UnfinishedState {
    /// Nothing was sent: calling again cannot execute it twice.
    Unsent,
    /// It may have been executed, and nobody knows.
    Unknown,
    /// The gateway accepted it: its result can be polled.
    Accepted,
}

impl UnfinishedState {
    /// The word that stands in JSON: `"unsent"`.
    pub fn as_str(self) -> &'static str {
        match self {
            UnfinishedState::Unsent => "unsent",
            UnfinishedState::Unknown => "unknown",
            UnfinishedState::Accepted => "accepted",
        }
    }
}

/// So often a reader looks again whether a run that seemed dead has gone on in another segment.
const PATIENCE: usize = 20;

/// What dead runs left unfinished, by the segments that `list` finds. With `keep`, complete segments that have no index
/// are given one.
pub(super) fn unfinished(list: impl Fn() -> Result<Vec<Segment>>, keep: bool) -> Result<Vec<Unfinished>> {
    let Settled { segments, held, living } = settled(list)?;
    let mut join = Join::default();
    let mut read = Vec::with_capacity(segments.len());
    let keep = |segment: &Segment| keep && !held.contains(&segment.name);
    for (number, segment) in segments.iter().enumerate() {
        let run = join.run(&segment.run);
        read.push(match index::open(segment) {
            Some(index) => {
                join.open(number, run, index.open);
                (index.last, None)
            }
            None => {
                let summary = scan(segment, keep(segment))?;
                join.open(number, run, summary.open);
                (summary.last, Some(summary.ends.map(index::sorted)))
            }
        });
    }
    let Some(first) = join.first() else { return Ok(Vec::new()) };
    for ((number, segment), (last, ends)) in segments.iter().enumerate().zip(read) {
        // What was said before anything began that is still open says nothing of it.
        if last < first {
            continue;
        }
        let ends = match ends.or_else(|| index::ends(segment)) {
            Some(ends) => ends,
            None => scan(segment, keep(segment))?.ends.map(index::sorted),
        };
        let run = join.run(&segment.run);
        join.ends(number, run, &ends);
    }
    Ok(join.conclude(&living))
}

/// Segments, and what their locks say.
struct Settled {
    segments: Vec<Segment>,
    /// The names of those that somebody may be writing.
    held: HashSet<String>,
    /// The runs that have one of them.
    living: HashSet<String>,
}

/// A run that goes on in its next segment locks that before it lets go of the last one. So it is dead only when it has no
/// other segments after its locks were tested than before.
fn settled(list: impl Fn() -> Result<Vec<Segment>>) -> Result<Settled> {
    let mut segments = list()?;
    for _ in 0..PATIENCE {
        let before = begun(&segments)?;
        let mut held = HashSet::new();
        for segment in segments.iter().filter(|segment| before.contains_key(segment.name.as_str())) {
            if there(segment, segment.is_held())?.unwrap_or_default() {
                held.insert(segment.name.clone());
            }
        }
        let living: HashSet<_> = held.iter().filter_map(|name| before.get(name.as_str()).copied()).collect();
        let again = list()?;
        let after = begun(&again)?;
        let moved = after.iter().any(|(name, run)| !before.contains_key(name) && !living.contains(run));
        if !moved {
            // What is empty may get its first record at any time, in a run that has no other or that lives.
            let dead: HashSet<_> = after.values().filter(|run| !living.contains(*run)).copied().collect();
            let living = again.iter().map(|segment| &segment.run).filter(|run| !dead.contains(run.as_str()));
            let living = living.cloned().collect();
            let others = again.iter().filter(|segment| !before.contains_key(segment.name.as_str()));
            held.extend(others.map(|segment| segment.name.clone()));
            drop(after);
            return Ok(Settled { segments: again, held, living });
        }
        segments = again;
    }
    let held = segments.iter().map(|segment| segment.name.clone()).collect();
    let living = segments.iter().map(|segment| segment.run.clone()).collect();
    Ok(Settled { segments, held, living })
}

/// The names and runs of those that have anything in them.
fn begun(segments: &[Segment]) -> Result<HashMap<&str, &str>> {
    let mut begun = HashMap::new();
    for segment in segments {
        if there(segment, segment.length())?.unwrap_or_default() > 0 {
            begun.insert(segment.name.as_str(), segment.run.as_str());
        }
    }
    Ok(begun)
}

/// What is asked of a segment; none where it was removed since it was listed, because it is too old to be kept.
fn there<T>(segment: &Segment, answer: io::Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&segment.name, None, error)),
    }
}

/// Reads all records of a segment; with `keep`, gives it an index.
fn scan(segment: &Segment, keep: bool) -> Result<Summary> {
    let mut summary = Summary::new(&segment.name);
    let mut head = Head::default();
    let Some(mut lines) = there(segment, segment.lines())? else { return Ok(summary) };
    loop {
        let number = lines.number + 1;
        let wrong = |what: &str| unreadable(&segment.name, Some(number), what);
        match lines.next().map_err(|error| unreadable(&segment.name, Some(number), error))? {
            Line::Whole(line) => {
                let record =
                    Record::parse(line).map_err(|error| wrong(&format!("it is no record: {error}")))?;
                summary.take(&record);
                head.seq = record.seq;
                head.hash.clear();
                head.hash.push_str(record.hash.as_ref().map_or("", |hash| hash.as_str()));
            }
            Line::TooLong => return Err(wrong("it is longer than any record")),
            // A torn end was never acknowledged to anybody.
            Line::Torn | Line::End => break,
        }
    }
    if keep
        && head.seq > 0
        && let Some(directory) = segment.path.parent()
        && let Ok(length) = segment.length()
    {
        // It saves the next reader work, and is nothing that this one needs.
        let _ = index::write(directory, &segment.name, length, &head, &summary);
    }
    Ok(summary)
}
