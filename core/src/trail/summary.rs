//! What one segment says about invocations that are not finished in it, and about the ends of others: all that recovery
//! needs to know of it.
//!
//! One promise: the summaries of the segments of a trail, joined, say what reading all its records in the order of time
//! says, wherever the segments were cut. That holds because a summary has nothing but moments of which only the latest
//! counts (when a run came so far with an invocation, when it ended, …), and the latest of several is the same in
//! whatever order they are compared.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::record::{Record, Text};
use super::{Event, segment};

/// When something was written: microseconds above a lowest bit, which is clear for what a record says about everything
/// before it and set for the rest. No two records of a segment have one microsecond: what claims to be no later than the
/// record before it counts as a microsecond later, so that the order within a segment is always that of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Moment(pub(super) i64);

impl Moment {
    fn of(micros: i64) -> Moment {
        Moment((micros << 1) | 1)
    }

    pub(super) fn micros(self) -> i64 {
        self.0 >> 1
    }

    /// Before the record itself, and after every other one that came before it.
    fn just_before(self) -> Moment {
        Moment(self.0 - 1)
    }

    /// The moment of the next record of the same segment, at the time that it gives.
    pub(super) fn next(self, at: Option<Timestamp>) -> Moment {
        let at = at.map_or(i64::MIN >> 1, Timestamp::as_microsecond);
        Moment::of(at.max(self.micros() + 1))
    }

    /// Before every record of a segment of this name.
    pub(super) fn before(segment: &str) -> Moment {
        Moment(segment::start_of(segment).map_or(0, |start| start.as_microsecond() - 1) << 1)
    }

    /// The first that a record of a segment of this name can have.
    pub(super) fn first(segment: &str) -> Moment {
        Moment::before(segment).next(None)
    }
}

/// How far one run came with an invocation. The order is that of their weight: the heaviest one says the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Progress {
    Started,
    Sending,
    /// The run itself gave up knowing. No later refusal of another attempt says anything about this one.
    Unknown,
    Accepted,
    /// The result is known, and the caller's handler is owed it.
    Due,
}

/// That a run came so far, and when it did so the last time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Reach {
    pub(super) progress: Progress,
    pub(super) moment: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) action_id: Option<Arc<str>>,
}

/// One invocation that is not over as far as this segment says.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    /// At most one for each progress.
    pub(super) reached: Vec<Reach>,
    /// The ids that the gateway gave it, and when. They are told apart because a later record may know only them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) invocations: Vec<(Arc<str>, Moment)>,
}

/// The first 64 bits of the SHA-256 of an id.
pub(super) type IdHash = u64;

/// The last time that something was said of an invocation.
pub(super) type Last = HashMap<IdHash, Moment>;

/// What was said of invocations that may be open elsewhere.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ends<T> {
    /// It ended.
    pub(super) ended: T,
    /// This run learned that what it had sent was not executed.
    pub(super) refused: T,
    /// This run's handler had the result, and no record of this segment says that it was due.
    pub(super) delivered: T,
    /// It ended, by the gateway's id where no more is known than that.
    pub(super) ended_invocations: T,
    /// It was refused, by the gateway's id.
    pub(super) refused_invocations: T,
}

impl<T> Ends<T> {
    pub(super) fn map<U>(&self, mut to: impl FnMut(&T) -> U) -> Ends<U> {
        Ends {
            ended: to(&self.ended),
            refused: to(&self.refused),
            delivered: to(&self.delivered),
            ended_invocations: to(&self.ended_invocations),
            refused_invocations: to(&self.refused_invocations),
        }
    }
}

/// What one segment says, as far as its records were taken. As many invocations as wait are open in it, so their ids are
/// kept once each.
#[derive(Debug, PartialEq)]
pub(super) struct Summary {
    /// The moment of the last record.
    pub(super) last: Moment,
    /// By correlation id. What is finished takes no room here.
    pub(super) open: HashMap<Arc<str>, Open>,
    pub(super) ends: Ends<Last>,
    /// Correlation ids of what is open, by the gateway's id.
    known: HashMap<Arc<str>, Arc<str>>,
    /// The action that was named last: mostly the next record names the same one.
    action_id: Option<Arc<str>>,
}

impl Summary {
    /// Of a segment of this name that has no record yet.
    pub(super) fn new(segment: &str) -> Summary {
        let last = Moment::before(segment);
        Summary { last, open: HashMap::new(), ends: Ends::default(), known: HashMap::new(), action_id: None }
    }

    /// A time that is later than every record that was taken, also where the clock was set back. The name of the run's
    /// next segment must give this time or a later one.
    pub(super) fn end(&self) -> Timestamp {
        Timestamp::from_microsecond(self.last.micros() + 1).unwrap_or(Timestamp::MAX)
    }

    /// One record of the segment. All of them are taken, in the order of writing.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        self.take_of(record, record.timestamp());
    }

    /// The same for whoever knows the record's time already.
    pub(super) fn take_of(&mut self, record: &Record<'_>, at: Option<Timestamp>) {
        self.last = self.last.next(at);
        let at = self.last;
        let Some(event) = Event::ALL.iter().find(|event| event.as_str() == record.event) else { return };
        let correlation = record.correlation_id.as_ref().map(Text::as_str);
        let invocation = record.invocation_id.as_ref().map(Text::as_str);
        let due = record.due == Some(true);
        match (event, correlation, invocation) {
            (Event::Started, Some(id), _) => self.reach(id, Progress::Started, record),
            (Event::Sending, Some(id), _) => self.reach(id, Progress::Sending, record),
            (Event::Unknown, Some(id), _) => self.reach(id, Progress::Unknown, record),
            (Event::Accepted, Some(id), _) => self.reach(id, Progress::Accepted, record),
            (Event::Rejected | Event::Aborted, Some(id), _) => self.refuse(id, at),
            (Event::Rejected | Event::Aborted, None, Some(id)) => self.refuse_invocation(id),
            (Event::Terminal, Some(id), _) if due => {
                self.end_all(id, at.just_before());
                self.reach(id, Progress::Due, record);
            }
            (Event::Terminal, Some(id), _) => self.end_all(id, at),
            // Nobody knows whose result this is, so it stays as it was until somebody has it.
            (Event::Terminal, None, Some(_)) if due => {}
            (Event::Delivered | Event::CallbackFailed, Some(id), _) => self.deliver(id, at),
            (Event::Terminal | Event::Delivered | Event::CallbackFailed, None, Some(id)) => {
                self.end_invocation(id);
            }
            // Named one by one, so that a new event is thought about here.
            (
                Event::Started
                | Event::Sending
                | Event::Unknown
                | Event::Accepted
                | Event::Rejected
                | Event::Aborted
                | Event::Terminal
                | Event::Delivered
                | Event::CallbackFailed
                | Event::Joined
                | Event::Denied
                | Event::Invalid
                | Event::PollFailed
                | Event::Detached
                | Event::TokenRefreshed
                | Event::Config
                | Event::Checkpoint
                | Event::Gap
                | Event::Closed,
                _,
                _,
            ) => {}
        }
    }

    /// A record that stands behind a place of the segment that does not hold, or at it. It clears nothing; and where it is
    /// not `sealed` as it should be, it tells no more than that something may have been sent.
    pub(super) fn take_doubtful(&mut self, record: &Record<'_>, sealed: bool) {
        self.last = self.last.next(record.timestamp());
        let Some(event) = Event::ALL.iter().find(|event| event.as_str() == record.event) else { return };
        let progress = match event {
            Event::Started => Progress::Started,
            Event::Sending => Progress::Sending,
            Event::Accepted if sealed => Progress::Accepted,
            Event::Terminal if sealed && record.due == Some(true) => Progress::Due,
            Event::Unknown | Event::Accepted => Progress::Unknown,
            _ => return,
        };
        let Some(correlation) = &record.correlation_id else { return };
        if sealed {
            self.reach(correlation.as_str(), progress, record);
        } else {
            self.reach_with(correlation.as_str(), progress, None, None);
        }
    }

    fn reach(&mut self, correlation: &str, progress: Progress, record: &Record<'_>) {
        let action_id = record.action_id.as_ref().map(|text| self.action(text.as_str()));
        let invocation = record.invocation_id.as_ref().map(|text| text.as_str().into());
        self.reach_with(correlation, progress, action_id, invocation);
    }

    fn action(&mut self, id: &str) -> Arc<str> {
        match &self.action_id {
            Some(last) if **last == *id => Arc::clone(last),
            _ => Arc::clone(self.action_id.insert(id.into())),
        }
    }

    fn reach_with(
        &mut self,
        correlation: &str,
        progress: Progress,
        action_id: Option<Arc<str>>,
        invocation: Option<Arc<str>>,
    ) {
        let moment = self.last;
        let reach = Reach { progress, moment, action_id };
        let correlation = match self.open.get_key_value(correlation) {
            Some((correlation, _)) => Arc::clone(correlation),
            None => correlation.into(),
        };
        if let Some(invocation) = &invocation {
            self.known.insert(Arc::clone(invocation), Arc::clone(&correlation));
        }
        let open = self.open.entry(correlation).or_default();
        match open.reached.iter_mut().find(|reach| reach.progress == progress) {
            Some(before) => *before = reach,
            None => {
                // Most come to three: started, sending, accepted.
                open.reached.reserve_exact(3_usize.saturating_sub(open.reached.len()).max(1));
                open.reached.push(reach);
            }
        }
        if let Some(invocation) = invocation {
            // And get one id.
            open.invocations.reserve_exact(1);
            open.invocations.push((invocation, moment));
        }
    }

    /// Everything that anybody did for it up to this moment is over.
    fn end_all(&mut self, correlation: &str, at: Moment) {
        let id = id_hash(correlation);
        later(&mut self.ends.ended, id, at);
        // What is said of a time before the end says nothing more.
        for said in [&mut self.ends.refused, &mut self.ends.delivered] {
            if said.get(&id).is_some_and(|said| *said <= at) {
                said.remove(&id);
            }
        }
        if let Some(open) = self.open.get_mut(correlation) {
            let known = &mut self.known;
            open.invocations.retain(|(invocation, moment)| {
                let over = *moment <= at;
                if over && known.get(invocation).is_some_and(|known| **known == *correlation) {
                    known.remove(invocation);
                }
                !over
            });
        }
        self.close(correlation, |reach| reach.moment <= at);
    }

    /// What this run did for it up to this moment was not executed, apart from what the run does not know.
    fn refuse(&mut self, correlation: &str, at: Moment) {
        later(&mut self.ends.refused, id_hash(correlation), at);
        self.close(correlation, |reach| reach.progress != Progress::Unknown && reach.moment <= at);
    }

    fn deliver(&mut self, correlation: &str, at: Moment) {
        let open = self.open.get_mut(correlation);
        let due = open.and_then(|open| {
            let due = open.reached.iter().find(|reach| reach.progress == Progress::Due)?.moment;
            // Nothing else led to what was due: all that was before it had ended.
            open.invocations.retain(|(_, moment)| *moment != due);
            Some(due)
        });
        match due {
            // That it is said to be due here ended whatever was due before this segment.
            Some(_) => self.close(correlation, |reach| reach.progress == Progress::Due),
            None => later(&mut self.ends.delivered, id_hash(correlation), at),
        }
    }

    /// The end of what the gateway knows by this id, and of everything that led to it. Not of what came after that: the
    /// same correlation id may have been started again.
    fn end_invocation(&mut self, invocation: &str) {
        later(&mut self.ends.ended_invocations, id_hash(invocation), self.last);
        // Where it was accepted in another segment, the join finds it.
        if let Some((correlation, accepted)) = self.acceptance(invocation) {
            self.end_all(&correlation, accepted);
        }
    }

    fn refuse_invocation(&mut self, invocation: &str) {
        later(&mut self.ends.refused_invocations, id_hash(invocation), self.last);
        if let Some((correlation, accepted)) = self.acceptance(invocation) {
            self.refuse(&correlation, accepted);
        }
    }

    /// Whose id it is, and when that was said the last time.
    fn acceptance(&self, invocation: &str) -> Option<(Arc<str>, Moment)> {
        let correlation = self.known.get(invocation)?;
        let said = self.open.get(correlation)?.invocations.iter().filter(|(id, _)| **id == *invocation);
        Some((Arc::clone(correlation), said.map(|(_, moment)| *moment).max()?))
    }

    fn close(&mut self, correlation: &str, over: impl Fn(&Reach) -> bool) {
        let Some(open) = self.open.get_mut(correlation) else { return };
        open.reached.retain(|reach| !over(reach));
        if open.reached.is_empty() && open.invocations.is_empty() {
            self.open.remove(correlation);
        }
    }
}

pub(super) fn id_hash(id: &str) -> IdHash {
    digest(&SHA256, id.as_bytes())
        .as_ref()
        .iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | IdHash::from(*byte))
}

fn later(last: &mut Last, id: IdHash, at: Moment) {
    last.entry(id).and_modify(|moment| *moment = at.max(*moment)).or_insert(at);
}
