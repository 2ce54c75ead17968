//! Recovery: what became of the invocations of processes that died.
//!
//! One promise: an invocation of a dead process whose end is not in the trail is listed, and never as better than it
//! is. `unsent` means that no record says that a byte was about to leave, and that no record of its run is hidden: in a
//! segment that does not hold, what was said to end clears nothing from that place on.
//!
//! Of a complete segment its index is read, and its records only where there is no index that fits. What the segments
//! say is joined: the same whether a record stands in this segment or in that one.

use std::collections::{HashMap, HashSet};
use std::io;

use serde::Serialize;

use super::follow::{Chain, Standing};
use super::index;
use super::join::Join;
use super::key::Key;
use super::log::Head;
use super::segment::{Line, Segment};
use super::summary::{Ends, Summary};
use crate::error::Result;
use crate::telemetry::TARGET;

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
pub(super) fn unfinished(
    list: impl Fn() -> Result<Vec<Segment>>,
    keep: bool,
    key: Option<&Key>,
) -> Result<Vec<Unfinished>> {
    let Settled { segments, held, living } = settled(list)?;
    let mut join = Join::default();
    let mut read = Vec::with_capacity(segments.len());
    let keep = |segment: &Segment| keep && !held.contains(&segment.name);
    for (number, segment) in segments.iter().enumerate() {
        let run = join.run(&segment.run);
        read.push(match index::open(segment, key) {
            Some(index) => {
                join.open(number, run, index.open);
                (index.last, None)
            }
            None => {
                let Scanned { summary, doubt } = scan(segment, keep(segment), key);
                if let Some(Doubt { line, what }) = doubt {
                    let name = &segment.name;
                    tracing::error!(
                        target: TARGET,
                        "segment `{name}` line {line} does not hold: {what}; nothing that its run left open is taken \
                         for unsent"
                    );
                    join.doubt(run);
                }
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
        let run = join.run(&segment.run);
        let ends = match ends.or_else(|| index::ends(segment, key)) {
            Some(ends) => ends,
            None => {
                let Scanned { summary, doubt } = scan(segment, keep(segment), key);
                if doubt.is_some() {
                    join.doubt(run);
                }
                summary.ends.map(index::sorted)
            }
        };
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
        let before = begun(&segments);
        let mut held = HashSet::new();
        for segment in segments.iter().filter(|segment| before.contains_key(segment.name.as_str())) {
            if segment.is_held().unwrap_or_default() {
                held.insert(segment.name.clone());
            }
        }
        let living: HashSet<_> = held.iter().filter_map(|name| before.get(name.as_str()).copied()).collect();
        let again = list()?;
        let after = begun(&again);
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

/// The names and runs of those that have anything in them, or may have.
fn begun(segments: &[Segment]) -> HashMap<&str, &str> {
    let begun = segments.iter().filter(|segment| match segment.length() {
        Ok(length) => length > 0,
        // It was removed since it was listed, because it is too old to be kept; or it cannot be read.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    });
    begun.map(|segment| (segment.name.as_str(), segment.run.as_str())).collect()
}

/// What a segment says as far as it can be read.
struct Scanned {
    summary: Summary,
    /// Where it does not hold, for the first time.
    doubt: Option<Doubt>,
}

struct Doubt {
    /// 0 for the segment as a whole.
    line: u64,
    what: String,
}

/// Reads all records of a segment and checks the chain; with `keep`, gives it an index where it holds.
fn scan(segment: &Segment, keep: bool, key: Option<&Key>) -> Scanned {
    let mut summary = Summary::new(&segment.name);
    let mut chain = Chain::new(Head::default(), key);
    let mut lines = match segment.lines() {
        Ok(lines) => lines,
        // It was removed since it was listed, because it is too old to be kept.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Scanned { summary, doubt: None },
        Err(error) => return Scanned { summary, doubt: Some(Doubt { line: 0, what: error.to_string() }) },
    };
    let (mut doubt, mut is_foreign, mut began_foreign) = (None, false, false);
    loop {
        let number = lines.number + 1;
        let outcome = match lines.next() {
            // A torn end was never acknowledged to anybody.
            Ok(Line::Torn | Line::End) => break,
            Ok(Line::TooLong) => chain.lose("it is longer than any record".to_owned()),
            Ok(Line::Whole(line)) => {
                let holds_so_far = doubt.is_none() || is_foreign;
                chain.follow(line, Some(&segment.run), |record, standing| {
                    // One that was sealed with another key from its beginning may be older than this key. It is believed
                    // about itself, and about no other segment.
                    is_foreign = standing == Standing::Foreign && (number == 1 || is_foreign);
                    began_foreign |= is_foreign;
                    match standing {
                        Standing::Holds if doubt.is_none() => summary.take(record),
                        Standing::Foreign if is_foreign && holds_so_far => summary.take(record),
                        Standing::Holds | Standing::Misplaced => summary.take_doubtful(record, true),
                        Standing::Foreign | Standing::Broken => summary.take_doubtful(record, false),
                    }
                })
            }
            Err(error) => {
                doubt.get_or_insert(Doubt { line: number, what: error.to_string() });
                break;
            }
        };
        if let Err(what) = outcome {
            is_foreign &= number == 1;
            doubt.get_or_insert(Doubt { line: number, what });
        }
    }
    if began_foreign {
        summary.ends = Ends::default();
    }
    if keep
        && doubt.is_none()
        && chain.unchecked == 0
        && chain.head.seq > 0
        && let Some(directory) = segment.path.parent()
        && let Ok(length) = segment.length()
    {
        // It saves the next reader work, and is nothing that this one needs.
        let _ = index::write(directory, &segment.name, length, &chain.head, &summary, key);
    }
    Scanned { summary, doubt }
}
