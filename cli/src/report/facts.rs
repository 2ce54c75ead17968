//! What the records say, read once. Everything in here is bounded, however long the trail is: lists are capped and say how
//! much more there is.

use std::collections::HashMap;

use cxone_actions::trail::{Event, RETENTION_REMOVED, Unfinished, UnfinishedState};

use super::actions::Actions;
use super::cases::{Case, Cases, Ended};
use super::outcome::{Outcome, Refusal};
use super::refusals::Refusals;
use super::seen::{Micros, Seen, Text};
use super::timeline::Timeline;

/// As many actors and hosts as are told apart.
const NAMES: usize = 1000;
/// As many configurations and gaps as are listed.
const NOTES: usize = 50;
/// As many open invocations of each state as are listed.
const LISTED: usize = 50;

#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) records: u64,
    /// Lines that are no records.
    pub(super) unreadable: u64,
    pub(super) first: Option<Micros>,
    pub(super) last: Option<Micros>,
    /// Records without a time that can be believed.
    pub(super) timeless: u64,
    events: [u64; Event::ALL.len()],
    /// Sends of an invocation beyond its first.
    pub(super) repeats: u64,
    pub(super) actions: Actions,
    pub(super) timeline: Timeline,
    pub(super) refusals: Refusals,
    pub(super) cases: Cases,
    pub(super) actors: Names,
    pub(super) hosts: Names,
    pub(super) gaps: Notes,
    pub(super) configs: Notes,
}

/// What was written about a thing of which there are a few at most: the first ones that differ, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) count: u64,
    /// When it was first said, what it was, and how often it was said.
    pub(super) listed: Vec<(Option<Micros>, Box<str>, u64)>,
}

impl Notes {
    fn add(&mut self, at: Option<Micros>, note: &str) {
        self.count += 1;
        if let Some((_, _, count)) = self.listed.iter_mut().find(|(_, said, _)| **said == *note) {
            *count += 1;
        } else if self.listed.len() < NOTES {
            self.listed.push((at, note.into(), 1));
        }
    }

    pub(super) fn unlisted(&self) -> u64 {
        self.count - self.listed.iter().map(|(_, _, count)| count).sum::<u64>()
    }
}

/// What one actor did.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Deeds {
    pub(super) started: u64,
    refused: [u64; 2],
    pub(super) unknown: u64,
    pub(super) records: u64,
    pub(super) last: Option<Micros>,
}

impl Deeds {
    pub(super) fn refused(&self, refusal: Refusal) -> u64 {
        self.refused.get(refusal as usize).copied().unwrap_or(0)
    }
}

/// By name, and everybody else together.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Box<str>, Deeds>,
    rest: Deeds,
}

impl Names {
    fn of(&mut self, name: &str) -> &mut Deeds {
        if !self.known.contains_key(name) {
            if self.known.len() >= NAMES {
                return &mut self.rest;
            }
            self.known.insert(name.into(), Deeds::default());
        }
        self.known.get_mut(name).unwrap_or(&mut self.rest)
    }

    pub(super) fn count(&self) -> usize {
        self.known.len()
    }

    /// How many of them the policy refused something, and whether others were refused besides.
    pub(super) fn denied(&self) -> (u64, bool) {
        let denied = self.known.values().filter(|deeds| deeds.refused(Refusal::Denied) > 0);
        (u64::try_from(denied.count()).unwrap_or(u64::MAX), self.rest.refused(Refusal::Denied) > 0)
    }

    /// The busiest first, and whether there are more than these.
    pub(super) fn listed(&self) -> (Vec<(&str, Deeds)>, bool) {
        let mut names: Vec<_> = self.known.iter().map(|(name, deeds)| (&**name, *deeds)).collect();
        names.sort_by(|(a, one), (b, other)| other.records.cmp(&one.records).then_with(|| a.cmp(b)));
        let more = names.len() > LISTED || self.rest.records > 0;
        names.truncate(LISTED);
        (names, more)
    }
}

impl Facts {
    pub(super) fn count(&self, event: Event) -> u64 {
        self.events.get(event as usize).copied().unwrap_or(0)
    }

    /// A line that is no record.
    pub(super) fn cannot_read(&mut self) {
        self.unreadable += 1;
    }

    /// One record.
    pub(super) fn take(&mut self, line: &str) {
        let Ok(record) = serde_json::from_str::<Seen<'_>>(line) else { return self.cannot_read() };
        self.records += 1;
        let at = record.at();
        match at {
            Some(at) => {
                self.first = Some(self.first.map_or(at, |first| first.min(at)));
                self.last = self.last.max(Some(at));
            }
            None => self.timeless += 1,
        }
        self.hosts.of(&record.host).records += 1;
        let deeds = self.actors.of(&record.actor);
        deeds.records += 1;
        deeds.last = deeds.last.max(at);
        let Some(event) = Event::ALL.iter().copied().find(|event| event.as_str() == &*record.event) else {
            return;
        };
        if let Some(count) = self.events.get_mut(event as usize) {
            *count += 1;
        }
        self.happened(event, &record, at);
    }

    fn happened(&mut self, event: Event, record: &Seen<'_>, at: Option<Micros>) {
        match event {
            Event::Started => self.started(record, at),
            Event::Denied => self.refused(Refusal::Denied, record, at),
            Event::Invalid => self.refused(Refusal::Invalid, record, at),
            Event::Sending => {
                self.repeats += u64::from(record.attempt.is_some_and(|attempt| attempt > 1));
                self.cases.sending(record);
            }
            Event::Accepted => {
                self.cases.accepted(record);
                if let Some(ms) = record.timings.invoke_ms {
                    self.each(record, |row| row.invoke.record_ms(ms));
                }
            }
            Event::Terminal => {
                let outcome = match record.status.as_deref() {
                    Some("COMPLETED") => Outcome::Completed,
                    Some("CANCELLED") => Outcome::Cancelled,
                    _ => Outcome::Failed,
                };
                self.ended(outcome, record, at);
            }
            Event::Rejected => self.ended(Outcome::Rejected, record, at),
            Event::Aborted => self.ended(Outcome::Aborted, record, at),
            Event::Unknown => self.ended(Outcome::Unknown, record, at),
            Event::Gap => {
                let note = record.note.as_deref().unwrap_or_default();
                // What was to be removed is no loss; how much it is, verifying says.
                if !note.starts_with(RETENTION_REMOVED) {
                    self.gaps.add(at, note);
                }
            }
            Event::Config => self.configs.add(at, without_link(record.note.as_deref().unwrap_or_default())),
            _ => {}
        }
    }

    fn started(&mut self, record: &Seen<'_>, at: Option<Micros>) {
        self.actors.of(&record.actor).started += 1;
        self.each(record, |row| row.counts.started += 1);
        if let Some(at) = at {
            self.timeline.at(at).counts.started += 1;
        }
        self.cases.started(record, at);
    }

    fn refused(&mut self, refusal: Refusal, record: &Seen<'_>, at: Option<Micros>) {
        if let Some(count) = self.actors.of(&record.actor).refused.get_mut(refusal as usize) {
            *count += 1;
        }
        self.each(record, |row| row.counts.refuse(refusal));
        if let Some(at) = at {
            self.timeline.at(at).counts.refuse(refusal);
        }
        let who = (&*record.actor, text(record.action_id.as_ref()));
        self.refusals.add(refusal, who, at, record.note.as_deref().unwrap_or_default());
    }

    fn ended(&mut self, outcome: Outcome, record: &Seen<'_>, at: Option<Micros>) {
        let Ended::Call { started, action, same_run } = self.cases.ended(record, outcome) else { return };
        if outcome == Outcome::Unknown {
            self.actors.of(&record.actor).unknown += 1;
        }
        let terminal = matches!(outcome, Outcome::Completed | Outcome::Failed | Outcome::Cancelled);
        // A process that takes up what another one left begins its own clock when it looks.
        let whole = || Some((at? - started?).max(0) as f64 / 1000.0);
        let duration = if same_run { record.timings.duration_ms } else { whole() }.filter(|_| terminal);
        let id = record.action_id.as_deref().or(action.as_deref());
        self.actions.each(id, record.action_name.as_deref(), |row| {
            row.counts.end(outcome);
            if let Some(ms) = duration {
                row.duration.record_ms(ms);
            }
        });
        if let Some(at) = at {
            let slot = self.timeline.at(at);
            slot.counts.end(outcome);
            if let Some(ms) = duration {
                slot.duration.record_ms(ms);
            }
        }
    }

    fn each(&mut self, record: &Seen<'_>, step: impl FnMut(&mut super::actions::Row)) {
        self.actions.each(record.action_id.as_deref(), record.action_name.as_deref(), step);
    }
}

fn text<'a>(text: Option<&'a Text<'_>>) -> &'a str {
    text.map_or("", |text| &**text)
}

/// The note without the link to another segment, which follows what the writer had to say.
fn without_link(note: &str) -> &str {
    note.rfind("after ").map_or(note, |at| note.get(..at).unwrap_or(note)).trim_end_matches("; ")
}

/// What somebody has to see to.
#[derive(Debug, Default)]
pub(super) struct Attention {
    /// By state, the worst first: how many there are, and the oldest of them.
    pub(super) states: Vec<(UnfinishedState, u64, Vec<Open>)>,
    /// In the hands of a process that lives, as far as anybody knows.
    pub(super) in_flight: u64,
    /// Why it cannot be told which of them a living process holds.
    pub(super) unsure: Option<String>,
}

/// One invocation that is open.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) correlation_id: Box<str>,
    pub(super) invocation_id: Option<Box<str>>,
    pub(super) action: Option<Box<str>>,
    pub(super) actor: Option<Box<str>>,
    pub(super) since: Option<Micros>,
}

impl Attention {
    /// What is open, told apart by what the trail knows of living processes.
    pub(super) fn of(cases: &mut Cases, unfinished: Result<Vec<Unfinished>, String>) -> Attention {
        let mut found: Vec<(UnfinishedState, Open)> = Vec::new();
        let mut attention = Attention::default();
        let pending = cases.pending() + cases.not_followed;
        let mut left_behind = 0;
        match unfinished {
            Ok(unfinished) => {
                for one in unfinished {
                    let case = cases.open.remove(one.correlation_id.as_str()).unwrap_or_default();
                    left_behind += case.pending;
                    let open = Open {
                        invocation_id: one.invocation_id.map(Into::into),
                        action: one.action_id.map(Into::into),
                        ..Open::of(one.correlation_id.into(), case)
                    };
                    found.push((one.state, open));
                }
                // What a living process knows to be lost needs somebody, too.
                let in_doubt = cases.open.extract_if(|_, case| case.is_in_doubt());
                found.extend(in_doubt.map(|(id, case)| (UnfinishedState::Unknown, Open::of(id, case))));
            }
            Err(why) => {
                attention.unsure = Some(why);
                left_behind = cases.pending();
                found.extend(cases.open.drain().map(|(id, case)| (case.state(), Open::of(id, case))));
            }
        }
        attention.in_flight = pending.saturating_sub(left_behind);
        found.sort_by(|(_, one), (_, other)| {
            (one.since, &one.correlation_id).cmp(&(other.since, &other.correlation_id))
        });
        for state in [UnfinishedState::Unknown, UnfinishedState::Accepted, UnfinishedState::Unsent] {
            let (of_state, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(s, _)| *s == state);
            found = others;
            let count = u64::try_from(of_state.len()).unwrap_or(u64::MAX);
            attention.states.push((
                state,
                count,
                of_state.into_iter().map(|(_, open)| open).take(LISTED).collect(),
            ));
        }
        attention
    }

    pub(super) fn total(&self) -> u64 {
        self.states.iter().map(|(_, count, _)| count).sum()
    }

    pub(super) fn count(&self, state: UnfinishedState) -> u64 {
        self.states.iter().find(|(s, _, _)| *s == state).map_or(0, |(_, count, _)| *count)
    }
}

impl Open {
    fn of(correlation_id: Box<str>, case: Case) -> Open {
        Open {
            correlation_id,
            invocation_id: case.invocation,
            action: case.action,
            actor: Some(case.actor).filter(|actor| !actor.is_empty()),
            since: case.since,
        }
    }
}
