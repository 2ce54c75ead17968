//! What one segment says about the invocations that are not finished in it, and about the ends of others: all that
//! recovery needs to know of it.
//!
//! One promise: summaries of the segments of a trail, joined, say what reading all records in the order of time says,
//! wherever the segments were cut. That is so because a summary holds nothing but *last moments* (the last time that a
//! run came so far with an invocation, the last time that it ended, …), and the later of two moments is the same in
//! whatever order they are compared.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::record::Record;
use super::{Event, segment};

/// When something was written: microseconds in the upper bits, and a lowest bit that is clear for what a record says
/// about everything before it, and set for the rest. No two records of a segment have the same microsecond here: one that
/// claims to be no later than the one before it counts as a microsecond later.
pub(super) type Moment = i64;

/// How far one run came with an invocation. The order is that of their weight: the heaviest one says its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    Started,
    Sending,
    /// The run itself gave up knowing. No later refusal of another attempt says anything about this one.
    Unknown,
    Accepted,
    /// The result is known, and the caller's handler is owed it.
    Due,
}

impl Progress {
    pub(super) const ALL: [Progress; 5] =
        [Progress::Started, Progress::Sending, Progress::Unknown, Progress::Accepted, Progress::Due];
}

/// The last time that a run came so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reach {
    pub(super) moment: Moment,
    pub(super) action_id: Option<String>,
    pub(super) invocation_id: Option<String>,
}

/// One invocation that this run left open, by [`Progress`].
pub(super) type Open = [Option<Reach>; Progress::ALL.len()];

/// The first 64 bits of the SHA-256 of an id.
pub(super) type IdHash = u64;

/// What one segment says, as of its last record that was taken.
#[derive(Debug, PartialEq)]
pub(super) struct Summary {
    /// The moment of the last record.
    pub(super) last: Moment,
    /// By correlation id. What is finished takes no room here.
    pub(super) open: HashMap<String, Open>,
    /// When an invocation ended the last time, by correlation id.
    pub(super) ended: HashMap<IdHash, Moment>,
    /// When this run learned the last time that what it sent was not executed.
    pub(super) refused: HashMap<IdHash, Moment>,
    /// When this run's handler had the result the last time, where this segment does not say that it was due.
    pub(super) delivered: HashMap<IdHash, Moment>,
    /// The same as `ended`, by invocation id, where the record knows no more than that.
    pub(super) ended_invocations: HashMap<IdHash, Moment>,
    /// The same as `refused`, by invocation id.
    pub(super) refused_invocations: HashMap<IdHash, Moment>,
    /// Correlation ids of what is open by invocation id: a later poll may know no more than the latter.
    known: HashMap<String, String>,
}

impl Summary {
    /// Of a segment of this name that has no record yet.
    pub(super) fn new(segment: &str) -> Summary {
        Summary {
            last: segment::start_of(segment).map_or(0, |start| start.as_microsecond() << 1),
            open: HashMap::new(),
            ended: HashMap::new(),
            refused: HashMap::new(),
            delivered: HashMap::new(),
            ended_invocations: HashMap::new(),
            refused_invocations: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// A time that is later than every record that was taken, also where the clock was set back. The name of the run's
    /// next segment must give this time or a later one.
    pub(super) fn end(&self) -> Timestamp {
        Timestamp::from_microsecond((self.last >> 1) + 1).unwrap_or(Timestamp::MAX)
    }

    /// One record of the segment; all of them are taken, in the order of writing.
    pub(super) fn take(&mut self, record: &Record<'_>) {
        let at = self.advance(record);
        let Some(event) = Event::ALL.iter().find(|event| event.as_str() == record.event) else { return };
        let correlation = record.correlation_id.as_ref().map(|id| id.as_str());
        let invocation = record.invocation_id.as_ref().map(|id| id.as_str());
        let (correlation, only) = match (correlation, invocation) {
            (Some(correlation), _) => (correlation, None),
            (None, Some(invocation)) => ("", Some(invocation)),
            (None, None) => return,
        };
        let due = record.due == Some(true);
        match (event, only) {
            (Event::Started, None) => self.reach(correlation, Progress::Started, at, record),
            (Event::Sending, None) => self.reach(correlation, Progress::Sending, at, record),
            (Event::Unknown, None) => self.reach(correlation, Progress::Unknown, at, record),
            (Event::Accepted, None) => self.reach(correlation, Progress::Accepted, at, record),
            (Event::Rejected | Event::Aborted, None) => self.refuse(correlation, at),
            (Event::Rejected | Event::Aborted, Some(invocation)) => self.refuse_invocation(invocation, at),
            (Event::Terminal, None) if due => {
                self.end_all(correlation, at - 1);
                self.reach(correlation, Progress::Due, at, record);
            }
            (Event::Terminal, None) => self.end_all(correlation, at),
            // Nobody knows whose result it is: it stays as it was until it is delivered.
            (Event::Terminal, Some(_)) if due => {}
            (Event::Delivered | Event::CallbackFailed, None) => self.deliver(correlation, at),
            (Event::Terminal | Event::Delivered | Event::CallbackFailed, Some(invocation)) => {
                self.end_invocation(invocation, at);
            }
            // Without a correlation id they say nothing that was not known.
            (Event::Started | Event::Sending | Event::Unknown | Event::Accepted, Some(_)) => {}
            // Named one by one, so that a new event is thought about here.
            (
                Event::Joined
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
            ) => {}
        }
    }

    fn advance(&mut self, record: &Record<'_>) -> Moment {
        let micros = record.timestamp().map_or(Moment::MIN, Timestamp::as_microsecond);
        let micros = micros.max((self.last >> 1).saturating_add(1));
        self.last = (micros << 1) | 1;
        self.last
    }

    fn reach(&mut self, correlation: &str, progress: Progress, moment: Moment, record: &Record<'_>) {
        let owned = |text: &str| text.to_owned();
        let reach = Reach {
            moment,
            action_id: record.action_id.as_ref().map(|id| owned(id.as_str())),
            invocation_id: record.invocation_id.as_ref().map(|id| owned(id.as_str())),
        };
        if let Some(invocation) = &reach.invocation_id {
            self.known.insert(invocation.clone(), owned(correlation));
        }
        if !self.open.contains_key(correlation) {
            self.open.insert(owned(correlation), Open::default());
        }
        let slot = self.open.get_mut(correlation).and_then(|open| open.get_mut(progress as usize));
        let Some(slot) = slot else { return };
        let forgotten = slot.replace(reach).and_then(|before| before.invocation_id);
        let now = slot.as_ref().and_then(|reach| reach.invocation_id.as_ref());
        if forgotten.as_ref() != now
            && let Some(invocation) = forgotten
        {
            self.known.remove(&invocation);
        }
    }

    /// Everything that anybody did for it up to this moment is over.
    fn end_all(&mut self, correlation: &str, at: Moment) {
        let id = id_hash(correlation);
        later(&mut self.ended, id, at);
        if self.refused.get(&id).is_some_and(|refused| *refused <= at) {
            self.refused.remove(&id);
        }
        if self.delivered.get(&id).is_some_and(|delivered| *delivered <= at) {
            self.delivered.remove(&id);
        }
        self.close(correlation, |_, reach| reach.moment <= at);
    }

    /// What this run did for it up to this moment was not executed, apart from what it does not know.
    fn refuse(&mut self, correlation: &str, at: Moment) {
        later(&mut self.refused, id_hash(correlation), at);
        self.close(correlation, |progress, reach| progress != Progress::Unknown && reach.moment <= at);
    }

    fn deliver(&mut self, correlation: &str, at: Moment) {
        let was_due = self
            .open
            .get(correlation)
            .is_some_and(|open| open.get(Progress::Due as usize).is_some_and(Option::is_some));
        if was_due {
            self.close(correlation, |progress, _| progress == Progress::Due);
        } else {
            later(&mut self.delivered, id_hash(correlation), at);
        }
    }

    /// The end of the invocation that was accepted by this id, and so of everything up to its acceptance: the same
    /// correlation id may have been started again since.
    fn end_invocation(&mut self, invocation: &str, at: Moment) {
        later(&mut self.ended_invocations, id_hash(invocation), at);
        // Where the acceptance is in another segment, the join finds it.
        if let Some((correlation, accepted)) = self.acceptance(invocation) {
            self.end_all(&correlation, accepted);
        }
    }

    fn refuse_invocation(&mut self, invocation: &str, at: Moment) {
        later(&mut self.refused_invocations, id_hash(invocation), at);
        if let Some((correlation, accepted)) = self.acceptance(invocation) {
            self.refuse(&correlation, accepted);
        }
    }

    /// Which invocation this id belongs to here, and when that was learned the last time.
    fn acceptance(&self, invocation: &str) -> Option<(String, Moment)> {
        let correlation = self.known.get(invocation)?;
        let open = self.open.get(correlation)?.iter().flatten();
        let named = open.filter(|reach| reach.invocation_id.as_deref() == Some(invocation));
        Some((correlation.clone(), named.map(|reach| reach.moment).max()?))
    }

    fn close(&mut self, correlation: &str, over: impl Fn(Progress, &Reach) -> bool) {
        let Some(open) = self.open.get_mut(correlation) else { return };
        for (progress, slot) in Progress::ALL.into_iter().zip(open.iter_mut()) {
            if let Some(reach) = slot.take_if(|reach| over(progress, reach))
                && let Some(invocation) = reach.invocation_id
                && self.known.get(&invocation).is_some_and(|known| known == correlation)
            {
                self.known.remove(&invocation);
            }
        }
        if open.iter().all(Option::is_none) {
            self.open.remove(correlation);
        }
    }
}

pub(super) fn id_hash(id: &str) -> IdHash {
    Sha256::digest(id.as_bytes()).iter().take(8).fold(0, |hash, byte| (hash << 8) | IdHash::from(*byte))
}

fn later(moments: &mut HashMap<IdHash, Moment>, id: IdHash, at: Moment) {
    moments.entry(id).and_modify(|moment| *moment = at.max(*moment)).or_insert(at);
}
