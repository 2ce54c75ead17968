//! What the summaries of all segments say together: which invocations are unfinished.
//!
//! One promise: the order in which summaries are put in is of no account. Each says of an invocation when something
//! happened to it the last time, and only the latest of those counts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::index::Said;
use super::summary::{Ends, IdHash, Moment, Open, Progress, Reach, id_hash};
use super::{Unfinished, UnfinishedState};

/// A moment among those of all segments; of equal ones the earlier segment's comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    micros: i64,
    segment: usize,
    moment: Moment,
}

impl Standing {
    fn of(moment: Moment, segment: usize) -> Standing {
        Standing { micros: moment.micros(), segment, moment }
    }
}

/// A run, by the order in which they were met.
type RunNumber = usize;

/// Every invocation that is open in some segment, and what all of them say about it.
#[derive(Default)]
pub(super) struct Join {
    runs: HashMap<String, RunNumber>,
    /// Runs that may have done more than can be read.
    doubtful: HashSet<RunNumber>,
    cases: Vec<Case>,
    by_name: HashMap<Arc<str>, usize>,
    by_correlation: HashMap<IdHash, Vec<usize>>,
    by_invocation: HashMap<IdHash, Vec<usize>>,
}

/// One invocation.
struct Case {
    correlation_id: Arc<str>,
    /// At most one of a run for each progress: the latest.
    reached: Vec<Reached>,
    accepted: Vec<Acceptance>,
    ended: Option<Standing>,
    refused: HashMap<RunNumber, Standing>,
    delivered: HashMap<RunNumber, Standing>,
}

/// That a run came so far with it.
struct Reached {
    run: RunNumber,
    at: Standing,
    progress: Progress,
    action_id: Option<Arc<str>>,
}

/// That the gateway knows it by this id.
struct Acceptance {
    run: RunNumber,
    at: Standing,
    invocation_id: Arc<str>,
    hash: IdHash,
    /// The last time that it was said to have ended, and that its own run said that it was refused.
    ended: Option<Standing>,
    refused: Option<Standing>,
}

impl Join {
    pub(super) fn run(&mut self, name: &str) -> RunNumber {
        let next = self.runs.len();
        *self.runs.entry(name.to_owned()).or_insert(next)
    }

    /// Something is hidden of what this run did: nothing that it left open is `unsent`.
    pub(super) fn doubt(&mut self, run: RunNumber) {
        self.doubtful.insert(run);
    }

    /// What is open in a segment.
    pub(super) fn open(
        &mut self,
        segment: usize,
        run: RunNumber,
        open: impl IntoIterator<Item = (Arc<str>, Open)>,
    ) {
        for (correlation_id, open) in open {
            let number = self.number(correlation_id);
            let Some(case) = self.cases.get_mut(number) else { continue };
            for Reach { progress, moment, action_id } in open.reached {
                case.reach(Reached { run, at: Standing::of(moment, segment), progress, action_id });
            }
            for (invocation_id, moment) in open.invocations {
                let (at, hash) = (Standing::of(moment, segment), id_hash(&invocation_id));
                case.accepted.push(Acceptance { run, at, invocation_id, hash, ended: None, refused: None });
                let numbers = self.by_invocation.entry(hash).or_default();
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
    }

    fn number(&mut self, correlation_id: Arc<str>) -> usize {
        if let Some(number) = self.by_name.get(&correlation_id) {
            return *number;
        }
        let number = self.cases.len();
        self.by_correlation.entry(id_hash(&correlation_id)).or_default().push(number);
        self.by_name.insert(correlation_id.clone(), number);
        self.cases.push(Case {
            correlation_id,
            reached: Vec::new(),
            accepted: Vec::new(),
            ended: None,
            refused: HashMap::new(),
            delivered: HashMap::new(),
        });
        number
    }

    /// The earliest moment of which it matters what was said afterwards.
    pub(super) fn first(&self) -> Option<Moment> {
        let open = self.cases.iter().filter(|case| !case.reached.is_empty());
        open.filter_map(|case| {
            let reached = case.reached.iter().map(|reached| reached.at.moment);
            reached.chain(case.accepted.iter().map(|accepted| accepted.at.moment)).min()
        })
        .min()
    }

    /// What a segment says about the ends of others.
    pub(super) fn ends(&mut self, segment: usize, run: RunNumber, ends: &Ends<Said>) {
        let Join { cases, by_correlation, by_invocation, .. } = self;
        said(cases, by_correlation, &ends.ended, segment, |case, _, at| {
            case.ended = case.ended.max(Some(at));
        });
        said(cases, by_correlation, &ends.refused, segment, |case, _, at| latest(&mut case.refused, run, at));
        said(cases, by_correlation, &ends.delivered, segment, |case, _, at| {
            latest(&mut case.delivered, run, at);
        });
        said(cases, by_invocation, &ends.ended_invocations, segment, |case, id, at| {
            for accepted in case.accepted.iter_mut().filter(|accepted| accepted.hash == id) {
                accepted.ended = accepted.ended.max(Some(at));
            }
        });
        said(cases, by_invocation, &ends.refused_invocations, segment, |case, id, at| {
            for accepted in case.accepted.iter_mut().filter(|by| by.hash == id && by.run == run) {
                accepted.refused = accepted.refused.max(Some(at));
            }
        });
    }

    pub(super) fn conclude(self, living: &HashSet<String>) -> Vec<Unfinished> {
        let living: HashSet<_> = living.iter().filter_map(|run| self.runs.get(run).copied()).collect();
        let mut left: Vec<_> =
            self.cases.into_iter().filter_map(|case| case.left(&living, &self.doubtful)).collect();
        left.sort_unstable_by(|(a, x), (b, y)| (a, &x.correlation_id).cmp(&(b, &y.correlation_id)));
        left.into_iter().map(|(_, unfinished)| unfinished).collect()
    }
}

/// Tells the cases that these ids may be about.
fn said(
    cases: &mut [Case],
    by_id: &HashMap<IdHash, Vec<usize>>,
    said: &Said,
    segment: usize,
    mut tell: impl FnMut(&mut Case, IdHash, Standing),
) {
    for (id, moment) in said {
        for number in by_id.get(id).into_iter().flatten() {
            if let Some(case) = cases.get_mut(*number) {
                tell(case, *id, Standing::of(*moment, segment));
            }
        }
    }
}

fn latest(said: &mut HashMap<RunNumber, Standing>, run: RunNumber, at: Standing) {
    said.entry(run).and_modify(|before| *before = at.max(*before)).or_insert(at);
}

impl Case {
    fn reach(&mut self, reached: Reached) {
        let same = |before: &&mut Reached| (before.run, before.progress) == (reached.run, reached.progress);
        match self.reached.iter_mut().find(same) {
            Some(before) if before.at >= reached.at => {}
            Some(before) => *before = reached,
            None => self.reached.push(reached),
        }
    }

    /// Where it is unfinished: since when, and how far.
    fn left(
        mut self,
        living: &HashSet<RunNumber>,
        doubtful: &HashSet<RunNumber>,
    ) -> Option<(Standing, Unfinished)> {
        for accepted in &self.accepted {
            // What was said by the gateway's id is about everything that led to it, and nothing that came after it.
            if accepted.ended > Some(accepted.at) {
                self.ended = self.ended.max(Some(accepted.at));
            }
            if accepted.refused > Some(accepted.at) {
                latest(&mut self.refused, accepted.run, accepted.at);
            }
        }
        let Case { correlation_id, mut reached, mut accepted, ended, refused, delivered } = self;
        let refused = |run: RunNumber, at: Standing| Some(&at) <= refused.get(&run);
        reached.retain(|Reached { run, at, progress, .. }| {
            let delivered = *progress == Progress::Due && Some(at) <= delivered.get(run);
            if delivered {
                // Nothing but what is delivered led to it.
                accepted.retain(|accepted| accepted.at != *at);
            }
            let over =
                Some(*at) <= ended || delivered || (*progress != Progress::Unknown && refused(*run, *at));
            !over
        });
        if reached.iter().any(|reached| living.contains(&reached.run)) {
            return None;
        }
        let state = match reached.iter().map(|reached| reached.progress).max()? {
            Progress::Started if reached.iter().any(|reached| doubtful.contains(&reached.run)) => {
                UnfinishedState::Unknown
            }
            Progress::Started => UnfinishedState::Unsent,
            Progress::Sending | Progress::Unknown => UnfinishedState::Unknown,
            Progress::Accepted | Progress::Due => UnfinishedState::Accepted,
        };
        let since = reached.iter().map(|reached| reached.at).min()?;
        accepted.retain(|accepted| Some(accepted.at) > ended && !refused(accepted.run, accepted.at));
        let last = accepted.iter().max_by_key(|accepted| accepted.at);
        let invocation_id = last.map(|last| last.invocation_id.to_string());
        reached.retain(|reached| reached.action_id.is_some());
        let last = reached.into_iter().max_by_key(|reached| reached.at);
        let action_id = last.and_then(|last| last.action_id).map(|id| id.to_string());
        let correlation_id = correlation_id.to_string();
        Some((since, Unfinished { action_id, correlation_id, invocation_id, state, resume_token: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::summary::Summary;
    use super::super::{Record, index};
    use super::*;

    const DEAD: usize = 0;
    const DEAD_TOO: usize = 1;
    const ALIVE: usize = 2;

    /// What is listed for the correlation id `c` after these records, each run's in one segment.
    fn state_after(story: &[(usize, &str)]) -> Option<&'static str> {
        let run = |run: usize| format!("{run:012}");
        let mut summaries: Vec<_> =
            (0..3).map(|n| Summary::new(&format!("20261122T000000.000000Z-{n}-{}.jsonl", run(n)))).collect();
        for ((segment, event), second) in story.iter().zip(0..) {
            let line = line(event, second);
            summaries[*segment].take(&Record::parse(line.as_bytes()).unwrap());
        }
        let mut join = Join::default();
        let mut said = Vec::new();
        for (n, summary) in summaries.into_iter().enumerate() {
            let number = join.run(&run(n));
            join.open(n, number, summary.open);
            said.push((n, number, summary.ends.map(index::sorted)));
        }
        for (n, number, ends) in said {
            join.ends(n, number, &ends);
        }
        let listed = join.conclude(&HashSet::from([run(ALIVE)]));
        assert!(listed.len() <= 1);
        listed.first().map(|unfinished| unfinished.state.as_str())
    }

    /// A record about `c`, which the gateway accepts as `i`; `… of i` knows only the latter.
    fn line(event: &str, second: u32) -> String {
        let (event, ids) = match event.strip_suffix(" of i") {
            Some(event) => (event, r#""invocation_id":"i","#),
            None if matches!(event, "accepted" | "terminal due") => {
                (event, r#""correlation_id":"c","invocation_id":"i","#)
            }
            None => (event, r#""correlation_id":"c","#),
        };
        let (event, due) = match event.strip_suffix(" due") {
            Some(event) => (event, r#""due":true,"#),
            None => (event, ""),
        };
        format!(
            r#"{{"v":1,"seq":1,"ts":"2026-11-22T00:00:{second:02}.000000Z","host":"h","pid":1,"run":"r","event":"{event}","actor":"a",{ids}{due}"prev":""}}"#
        )
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
            // The result is known, and the handler that is owed it has not had it.
            (&[(d, "sending"), (d, "accepted"), (d, "terminal due")], Some("accepted")),
            (&[(d, "sending"), (d, "terminal due")], Some("accepted")),
            (&[(d, "accepted"), (d, "terminal"), (d, "terminal due")], Some("accepted")),
            (&[(d, "accepted"), (d, "terminal due"), (d, "delivered")], None),
            (&[(d, "accepted"), (d, "terminal due"), (d, "callback_failed")], None),
            (&[(d, "accepted"), (d, "terminal due"), (ALIVE, "terminal due")], None),
            (&[(d, "accepted"), (d, "terminal due"), (DEAD_TOO, "terminal due")], Some("accepted")),
            (&[(d, "terminal due"), (DEAD_TOO, "terminal due"), (DEAD_TOO, "delivered")], None),
            (&[(d, "accepted"), (d, "terminal due"), (DEAD_TOO, "terminal")], None),
            (&[(d, "terminal due"), (d, "started"), (d, "delivered")], Some("unsent")),
            (&[(d, "accepted"), (DEAD_TOO, "terminal due of i")], Some("accepted")),
            (&[(d, "accepted"), (DEAD_TOO, "terminal due of i"), (DEAD_TOO, "delivered of i")], None),
            // What the gateway's id ended is what led to it, and not what came after it.
            (&[(d, "accepted"), (DEAD_TOO, "started"), (ALIVE, "terminal of i")], Some("unsent")),
            (&[(DEAD_TOO, "sending"), (d, "accepted"), (ALIVE, "terminal of i")], None),
            (&[(ALIVE, "terminal of i"), (d, "accepted")], Some("accepted")),
            (&[(d, "accepted"), (d, "rejected of i")], None),
            (&[(d, "accepted"), (DEAD_TOO, "rejected of i")], Some("accepted")),
            // It was called again after its end.
            (&[(d, "sending"), (d, "accepted"), (d, "terminal"), (d, "started")], Some("unsent")),
        ];
        for (story, expected) in cases {
            assert_eq!(state_after(story), *expected, "{story:?}");
        }
    }

    #[test]
    fn what_is_finished_takes_no_more_than_its_end() {
        let mut summary = Summary::new("20261122T000000.000000Z-1-9f86d081884c.jsonl");
        let story = ["started", "sending", "accepted", "terminal due", "delivered", "sending", "accepted"];
        for (event, second) in story.iter().chain(&["terminal of i"]).zip(0..) {
            summary.take(&Record::parse(line(event, second).as_bytes()).unwrap());
        }
        assert_eq!(summary.open, HashMap::new());
        assert_eq!(
            summary.ends.map(HashMap::len),
            Ends { ended: 1, ended_invocations: 1, ..Ends::default() }
        );
    }
}
