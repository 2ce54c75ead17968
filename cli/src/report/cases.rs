//! Calls whose end has not been read yet. Holds what is open and nothing else, so that a trail of millions takes the
//! memory of what was open in it at once.
//!
//! The law that the page shows: every call that was started ended in one way, was taken up again by a later call of the
//! same correlation id, or is still open.

use std::collections::HashMap;

use cxone_actions::trail::UnfinishedState;

use super::outcome::Outcome;
use super::seen::{Micros, Seen};

/// More than this are not followed one by one; their ends are counted all the same.
const MOST: usize = 50_000;

/// How far one run came with an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Started,
    Sending,
    /// The run itself gave up knowing.
    Unknown,
    Accepted,
}

/// An invocation whose end is not known so far.
#[derive(Debug, Default)]
pub(super) struct Case {
    /// Calls that were started and have not ended.
    pub(super) pending: u64,
    /// When the last of them was started, or what is known of it was written.
    pub(super) since: Option<Micros>,
    pub(super) action: Option<Box<str>>,
    pub(super) actor: Box<str>,
    pub(super) invocation: Option<Box<str>>,
    /// By run: a refusal in one does not undo what another one sent.
    progress: Vec<(u32, Progress)>,
}

impl Case {
    pub(super) fn state(&self) -> UnfinishedState {
        match self.progress.iter().map(|(_, progress)| *progress).max() {
            None | Some(Progress::Started) => UnfinishedState::Unsent,
            Some(Progress::Sending | Progress::Unknown) => UnfinishedState::Unknown,
            Some(Progress::Accepted) => UnfinishedState::Accepted,
        }
    }

    /// Whether its own process said that nobody knows what became of it.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.progress.iter().any(|(_, progress)| *progress == Progress::Unknown)
    }

    fn reach(&mut self, run: u32, reached: Progress) {
        match self.progress.iter_mut().find(|(by, _)| *by == run) {
            Some((_, progress)) => *progress = (*progress).max(reached),
            None => self.progress.push((run, reached)),
        }
    }
}

/// What a record that ends a call ended.
#[derive(Debug, PartialEq)]
pub(super) enum Ended {
    /// A call whose start was read: when that was, its action, and whether the same run ended it.
    Call { started: Option<Micros>, action: Option<Box<str>>, same_run: bool },
    /// None that was started in what was read, or one that had ended before.
    Elsewhere,
}

#[derive(Debug, Default)]
pub(super) struct Cases {
    pub(super) open: HashMap<Box<str>, Case>,
    /// Correlation ids by invocation id: a later poll may know no more than the latter.
    accepted: HashMap<Box<str>, Box<str>>,
    runs: HashMap<Box<str>, u32>,
    /// Calls that a later call of the same correlation id took up again.
    pub(super) taken_up: u64,
    /// Calls that were started while [`MOST`] were open already, and have not ended.
    pub(super) not_followed: u64,
    /// Ends of calls whose start is not in what was read, or that had ended before.
    pub(super) elsewhere: u64,
}

impl Cases {
    pub(super) fn started(&mut self, record: &Seen<'_>, at: Option<Micros>) {
        let Some(id) = record.correlation_id.as_deref() else {
            self.not_followed += 1;
            return;
        };
        if !self.open.contains_key(id) && self.open.len() >= MOST {
            self.not_followed += 1;
            return;
        }
        let run = self.run(&record.run);
        let case = self.open.entry(id.into()).or_default();
        case.pending += 1;
        case.since = at;
        case.action = record.action_id.as_deref().map(Box::from);
        case.actor = (&*record.actor).into();
        case.reach(run, Progress::Started);
    }

    pub(super) fn sending(&mut self, record: &Seen<'_>) {
        self.reach(record, Progress::Sending);
    }

    pub(super) fn accepted(&mut self, record: &Seen<'_>) {
        let ids = (record.correlation_id.as_deref(), record.invocation_id.as_deref());
        self.reach(record, Progress::Accepted);
        if let (Some(correlation), Some(invocation)) = ids
            && let Some(case) = self.open.get_mut(correlation)
        {
            case.invocation = Some(invocation.into());
            self.accepted.insert(invocation.into(), correlation.into());
        }
    }

    /// A record that ends one call of an invocation, or the invocation itself.
    pub(super) fn ended(&mut self, record: &Seen<'_>, outcome: Outcome) -> Ended {
        let Some(id) = self.correlation(record) else { return self.unfollowed() };
        let run = self.run(&record.run);
        let Some(case) = self.open.get_mut(&id) else { return self.unfollowed() };
        let was_pending = case.pending > 0;
        let ended = Ended::Call {
            started: case.since,
            action: case.action.clone(),
            same_run: case.progress.iter().any(|(by, _)| *by == run),
        };
        case.pending = case.pending.saturating_sub(1);
        let (pending, over) = match outcome {
            Outcome::Completed | Outcome::Failed | Outcome::Cancelled => (case.pending, true),
            Outcome::Unknown => {
                case.reach(run, Progress::Unknown);
                (0, false)
            }
            Outcome::Rejected | Outcome::Aborted => {
                case.progress.retain(|(by, progress)| *by != run || *progress == Progress::Unknown);
                (case.pending, case.progress.is_empty())
            }
        };
        if over {
            // Calls of dead processes before this one: it has said what became of the invocation.
            self.taken_up += pending;
            if let Some(invocation) = self.open.remove(&id).and_then(|case| case.invocation) {
                self.accepted.remove(&invocation);
            }
        }
        if was_pending { ended } else { self.unfollowed() }
    }

    /// Calls that have not ended, but for those that are not followed.
    pub(super) fn pending(&self) -> u64 {
        self.open.values().map(|case| case.pending).sum()
    }

    fn unfollowed(&mut self) -> Ended {
        if self.not_followed > 0 {
            self.not_followed -= 1;
            return Ended::Call { started: None, action: None, same_run: true };
        }
        self.elsewhere += 1;
        Ended::Elsewhere
    }

    fn reach(&mut self, record: &Seen<'_>, reached: Progress) {
        let run = self.run(&record.run);
        if let Some(case) = record.correlation_id.as_deref().and_then(|id| self.open.get_mut(id)) {
            case.reach(run, reached);
        }
    }

    fn correlation(&self, record: &Seen<'_>) -> Option<Box<str>> {
        let named = record.correlation_id.as_deref().map(Box::from);
        named.or_else(|| self.accepted.get(record.invocation_id.as_deref()?).cloned())
    }

    /// A small number for a run. A trail that has had a million of them does not get them all remembered.
    fn run(&mut self, run: &str) -> u32 {
        const MOST_RUNS: usize = 100_000;
        if let Some(number) = self.runs.get(run) {
            return *number;
        }
        let number = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        if self.runs.len() < MOST_RUNS {
            self.runs.insert(run.into(), number);
        }
        number
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left open after these records, and how many were taken up and ended elsewhere.
    fn after(story: &[(&str, &str)]) -> (Option<(&'static str, u64)>, u64, u64) {
        let mut cases = Cases::default();
        for (run, event) in story {
            let ids = match event.strip_suffix(" of i") {
                Some(_) => r#""invocation_id":"i""#,
                None if *event == "accepted" => r#""correlation_id":"c","invocation_id":"i""#,
                None => r#""correlation_id":"c""#,
            };
            let line = format!(r#"{{"ts":"t","host":"h","run":"{run}","event":"e","actor":"a",{ids}}}"#);
            let record: Seen<'_> = serde_json::from_str(&line).unwrap();
            match event.split(' ').next().unwrap() {
                "started" => cases.started(&record, Some(1)),
                "sending" => cases.sending(&record),
                "accepted" => cases.accepted(&record),
                word => {
                    let word = if word == "terminal" { "completed" } else { word };
                    let outcome = Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word).unwrap();
                    cases.ended(&record, outcome);
                }
            }
        }
        let open = cases.open.get("c").map(|case| (case.state().as_str(), case.pending));
        (open, cases.taken_up, cases.elsewhere)
    }

    #[test]
    fn every_call_that_was_started_ends_once_is_taken_up_or_stays_open() {
        type Case<'a> = (&'a [(&'a str, &'a str)], (Option<(&'a str, u64)>, u64, u64));
        let cases: &[Case<'_>] = &[
            (&[("1", "started")], (Some(("unsent", 1)), 0, 0)),
            (&[("1", "started"), ("1", "sending")], (Some(("unknown", 1)), 0, 0)),
            (&[("1", "started"), ("1", "sending"), ("1", "unknown")], (Some(("unknown", 0)), 0, 0)),
            (&[("1", "started"), ("1", "sending"), ("1", "accepted")], (Some(("accepted", 1)), 0, 0)),
            (&[("1", "started"), ("1", "sending"), ("1", "accepted"), ("1", "terminal")], (None, 0, 0)),
            (&[("1", "started"), ("1", "sending"), ("1", "accepted"), ("2", "terminal of i")], (None, 0, 0)),
            (&[("1", "started"), ("1", "rejected")], (None, 0, 0)),
            (&[("1", "started"), ("1", "aborted")], (None, 0, 0)),
            // The end is read twice, or its start was not read.
            (&[("1", "started"), ("1", "accepted"), ("1", "terminal"), ("2", "terminal")], (None, 0, 1)),
            (&[("2", "terminal of i")], (None, 0, 1)),
            // A later call ends what a dead process began.
            (&[("1", "started"), ("1", "sending"), ("2", "started"), ("2", "terminal")], (None, 1, 0)),
            (&[("1", "started"), ("1", "unknown"), ("2", "started"), ("2", "terminal")], (None, 0, 0)),
            // A refusal of a later call says nothing about an earlier one.
            (
                &[("1", "started"), ("1", "unknown"), ("1", "started"), ("1", "rejected")],
                (Some(("unknown", 0)), 0, 0),
            ),
            (
                &[("1", "started"), ("1", "sending"), ("2", "started"), ("2", "rejected")],
                (Some(("unknown", 1)), 0, 0),
            ),
        ];
        for (story, expected) in cases {
            assert_eq!(after(story), *expected, "{story:?}");
        }
    }

    #[test]
    fn more_open_calls_than_are_followed_are_counted_and_their_ends_too() {
        let mut cases = Cases::default();
        let more = 10;
        let each = |cases: &mut Cases, end: bool| {
            for n in 0..MOST + more {
                let line = format!(
                    r#"{{"ts":"t","host":"h","run":"r","event":"e","actor":"a","correlation_id":"{n}"}}"#
                );
                let record: Seen<'_> = serde_json::from_str(&line).unwrap();
                if end {
                    assert_ne!(cases.ended(&record, Outcome::Completed), Ended::Elsewhere);
                } else {
                    cases.started(&record, None);
                }
            }
        };
        each(&mut cases, false);
        assert_eq!((cases.open.len(), cases.not_followed), (MOST, more as u64));
        each(&mut cases, true);
        assert_eq!((cases.open.len(), cases.not_followed, cases.elsewhere), (0, 0, 0));
    }
}
