//! Recovery: what became of the invocations of processes that died.
//!
//! One promise: an invocation of a dead process whose end is not in the trail is listed, and never as better than it
//! is. `unsent` means that no record says that a byte was about to leave.

use std::collections::HashMap;

use serde::Serialize;

use super::read::Merge;
use super::segment::Segment;
use super::{Event, Filter, Record, unreadable};
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

/// How far one process came with an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Started,
    Sending,
    /// The process itself gave up knowing. No later refusal of another attempt says anything about this one.
    Unknown,
    Accepted,
}

/// An invocation without a terminal record so far.
#[derive(Debug)]
struct Open {
    /// Where it stands among all that were found, to list them in the order of time.
    order: usize,
    action_id: Option<String>,
    invocation_id: Option<String>,
    /// By segment: a refusal in one process does not undo what another one sent.
    progress: Vec<(usize, Progress)>,
}

/// Reads all segments, those of living processes too: an invocation that one of them finished, or has taken up again, is
/// not unfinished.
pub(super) fn unfinished(segments: Vec<Segment>) -> Result<Vec<Unfinished>> {
    let held = segments
        .iter()
        .map(|segment| segment.is_held().map_err(|error| unreadable(&segment.name, None, error)))
        .collect::<Result<Vec<bool>>>()?;
    let mut ledger = Ledger::default();
    for item in Merge::new(segments, Filter::default()) {
        let (segment, line) = item?;
        if let Ok(record) = Record::parse(line.as_bytes()) {
            ledger.take(segment, &record);
        }
    }
    Ok(ledger.conclude(|segment| held.get(segment).copied().unwrap_or(true)))
}

/// What is open, by correlation id. Holds what is unfinished and nothing else, however long the trail is.
#[derive(Default)]
struct Ledger {
    open: HashMap<String, Open>,
    /// Correlation ids by invocation id: a later poll may know no more than the latter.
    accepted: HashMap<String, String>,
    seen: usize,
}

impl Ledger {
    fn take(&mut self, segment: usize, record: &Record<'_>) {
        let named = record.correlation_id.as_ref().map(|id| id.as_str());
        let invocation = record.invocation_id.as_ref().map(|id| id.as_str());
        let known = || self.accepted.get(invocation?).cloned();
        let Some(correlation) = named.map(str::to_owned).or_else(known) else { return };
        let Some(event) = Event::ALL.iter().find(|event| event.as_str() == record.event) else { return };
        match event {
            Event::Started => self.reach(segment, correlation, record, Progress::Started),
            Event::Sending => self.reach(segment, correlation, record, Progress::Sending),
            Event::Unknown => self.reach(segment, correlation, record, Progress::Unknown),
            Event::Accepted => {
                if let Some(invocation) = invocation {
                    self.accepted.insert(invocation.to_owned(), correlation.clone());
                }
                self.reach(segment, correlation, record, Progress::Accepted);
            }
            Event::Rejected | Event::Aborted => self.refused(segment, &correlation),
            Event::Terminal => self.finish(&correlation),
            // Named one by one, so that a new event is thought about here.
            Event::Joined
            | Event::Denied
            | Event::Invalid
            | Event::PollFailed
            | Event::Detached
            | Event::CallbackFailed
            | Event::Delivered
            | Event::TokenRefreshed
            | Event::Config
            | Event::Checkpoint
            | Event::Gap
            | Event::Closed => {}
        }
    }

    fn reach(&mut self, segment: usize, correlation: String, record: &Record<'_>, reached: Progress) {
        self.seen += 1;
        let order = self.seen;
        let open = self.open.entry(correlation).or_insert_with(|| Open {
            order,
            action_id: None,
            invocation_id: None,
            progress: Vec::new(),
        });
        if let Some(id) = &record.action_id {
            open.action_id = Some(id.as_str().to_owned());
        }
        if let Some(id) = &record.invocation_id {
            open.invocation_id = Some(id.as_str().to_owned());
        }
        match open.progress.iter_mut().find(|(by, _)| *by == segment) {
            Some((_, progress)) => *progress = (*progress).max(reached),
            None => open.progress.push((segment, reached)),
        }
    }

    fn refused(&mut self, segment: usize, correlation: &str) {
        let Some(open) = self.open.get_mut(correlation) else { return };
        open.progress.retain(|(by, progress)| *by != segment || *progress == Progress::Unknown);
        if open.progress.is_empty() {
            self.finish(correlation);
        }
    }

    fn finish(&mut self, correlation: &str) {
        if let Some(invocation) = self.open.remove(correlation).and_then(|open| open.invocation_id) {
            self.accepted.remove(&invocation);
        }
    }

    fn conclude(self, held: impl Fn(usize) -> bool) -> Vec<Unfinished> {
        let mut open: Vec<_> = self.open.into_iter().collect();
        open.retain(|(_, open)| !open.progress.iter().any(|(segment, _)| held(*segment)));
        open.sort_unstable_by_key(|(_, open)| open.order);
        let unfinished = open.into_iter().filter_map(|(correlation_id, open)| {
            let state = match open.progress.iter().map(|(_, progress)| *progress).max()? {
                Progress::Started => UnfinishedState::Unsent,
                Progress::Sending | Progress::Unknown => UnfinishedState::Unknown,
                Progress::Accepted => UnfinishedState::Accepted,
            };
            let (action_id, invocation_id) = (open.action_id, open.invocation_id);
            Some(Unfinished { action_id, correlation_id, invocation_id, state, resume_token: None })
        });
        unfinished.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: usize = 0;
    const DEAD_TOO: usize = 1;
    const ALIVE: usize = 2;

    /// What is listed for the correlation id `c` after these records.
    fn state_after(story: &[(usize, &str)]) -> Option<&'static str> {
        let mut ledger = Ledger::default();
        for (segment, event) in story {
            let invocation = if *event == "accepted" { r#""invocation_id":"i","# } else { "" };
            // A poll by a bare invocation id knows no correlation id.
            let (event, ids) = match event.strip_suffix(" of i") {
                Some(event) => (event, r#""invocation_id":"i","#.to_owned()),
                None => (*event, format!(r#""correlation_id":"c",{invocation}"#)),
            };
            let line = format!(
                r#"{{"v":1,"seq":1,"ts":"t","host":"h","pid":1,"run":"r","event":"{event}","actor":"a",{ids}"prev":""}}"#
            );
            ledger.take(*segment, &Record::parse(line.as_bytes()).unwrap());
        }
        let listed = ledger.conclude(|segment| segment == ALIVE);
        assert!(listed.len() <= 1);
        listed.first().map(|unfinished| unfinished.state.as_str())
    }

    #[test]
    fn an_invocation_is_never_listed_as_better_than_it_is() {
        let d = DEAD;
        type Case<'a> = (&'a [(usize, &'a str)], Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[(d, "started")], Some("unsent")),
            (&[(d, "started"), (d, "sending")], Some("unknown")),
            (&[(d, "sending")], Some("unknown")),
            (&[(d, "started"), (d, "sending"), (d, "unknown")], Some("unknown")),
            (&[(d, "started"), (d, "sending"), (d, "accepted")], Some("accepted")),
            (
                &[(d, "started"), (d, "sending"), (d, "accepted"), (d, "poll_failed"), (d, "detached")],
                Some("accepted"),
            ),
            (&[(d, "started"), (d, "sending"), (d, "accepted"), (d, "terminal")], None),
            (
                &[(d, "started"), (d, "sending"), (d, "accepted"), (d, "terminal"), (d, "callback_failed")],
                None,
            ),
            (&[(d, "started"), (d, "sending"), (d, "rejected")], None),
            (&[(d, "started"), (d, "aborted")], None),
            (&[(d, "denied")], None),
            (&[(d, "invalid")], None),
            // A refused second attempt says nothing about a first one whose outcome is unknown.
            (
                &[(d, "sending"), (d, "unknown"), (d, "started"), (d, "sending"), (d, "rejected")],
                Some("unknown"),
            ),
            (
                &[(d, "sending"), (DEAD_TOO, "started"), (DEAD_TOO, "sending"), (DEAD_TOO, "rejected")],
                Some("unknown"),
            ),
            (&[(d, "sending"), (DEAD_TOO, "started"), (DEAD_TOO, "aborted")], Some("unknown")),
            (&[(d, "sending"), (DEAD_TOO, "started")], Some("unknown")),
            (&[(d, "started"), (DEAD_TOO, "started"), (DEAD_TOO, "rejected")], Some("unsent")),
            // Another process finished it.
            (&[(d, "sending"), (d, "accepted"), (ALIVE, "terminal")], None),
            (&[(d, "sending"), (d, "accepted"), (ALIVE, "terminal of i")], None),
            (&[(d, "sending"), (d, "accepted"), (DEAD_TOO, "poll_failed of i")], Some("accepted")),
            // A living process has taken it up, or only looked at it.
            (&[(d, "started"), (ALIVE, "started"), (ALIVE, "sending")], None),
            (&[(d, "sending"), (d, "accepted"), (ALIVE, "detached of i")], Some("accepted")),
            (&[(ALIVE, "started"), (ALIVE, "sending")], None),
            // It was called again after its end.
            (&[(d, "sending"), (d, "accepted"), (d, "terminal"), (d, "started")], Some("unsent")),
        ];
        for (story, expected) in cases {
            assert_eq!(state_after(story), *expected, "{story:?}");
        }
    }

    #[test]
    fn what_is_finished_takes_no_memory() {
        let mut ledger = Ledger::default();
        for event in ["started", "sending", "accepted", "terminal"] {
            let line = format!(
                r#"{{"v":1,"seq":1,"ts":"t","host":"h","pid":1,"run":"r","event":"{event}","actor":"a","correlation_id":"c","invocation_id":"i","prev":""}}"#
            );
            ledger.take(DEAD, &Record::parse(line.as_bytes()).unwrap());
        }
        assert!(ledger.open.is_empty() && ledger.accepted.is_empty());
    }
}
