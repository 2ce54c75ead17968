//! What was accepted, and how far it is.
//!
//! Nothing runs here: an invocation knows when it was accepted and how often it was looked at, and its status
//! follows from that. Memory is bounded: the oldest is forgotten first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::value::RawValue;
use uuid::{Builder, Uuid};

use crate::actions::{Action, Outcome, Run};

/// How many invocations are held, and how many bytes of outputs.
const KEPT: usize = 250_000;
const KEPT_OUTPUT_BYTES: usize = 256 * 1024 * 1024;
/// How many correlation ids are counted.
const COUNTED: usize = 1_000_000;

#[derive(Debug)]
struct Invocation {
    action: Arc<Action>,
    correlation_id: Option<Arc<str>>,
    outcome: Outcome,
    outputs: Option<Box<str>>,
    error_message: Option<Box<str>>,
    accepted: Instant,
    launched: Timestamp,
    complete_after: Duration,
    polls: u32,
    /// How somebody at the console ended it.
    by_hand: Option<ByHand>,
}

/// An end that somebody chose.
#[derive(Debug, Clone)]
pub(crate) struct ByHand {
    pub(crate) outcome: Outcome,
    pub(crate) error_message: Option<String>,
    /// What it puts out instead of its own.
    pub(crate) outputs: Option<Box<str>>,
}

/// How far an invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Running,
    Ended(Outcome),
}

/// What there is to say of an invocation; a profile says it in its own words.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    pub(crate) id: Uuid,
    pub(crate) action: &'a Action,
    pub(crate) correlation_id: Option<&'a str>,
    pub(crate) phase: Phase,
    /// What it puts out, once it has ended.
    pub(crate) outputs: Option<&'a RawValue>,
    /// Why it ended as it did, where it says so.
    pub(crate) error_message: Option<&'a str>,
    pub(crate) launched: Timestamp,
}

impl Invocation {
    fn ended(&self, now: Instant, polls: u32) -> bool {
        let elapsed = now.saturating_duration_since(self.accepted);
        self.by_hand.is_some()
            || self.outcome != Outcome::Never
                && (self.action.at_once
                    || elapsed >= self.complete_after && polls > self.action.complete_after_polls)
    }

    fn outcome(&self) -> Outcome {
        self.by_hand.as_ref().map_or(self.outcome, |end| end.outcome)
    }

    /// What a look with so many polls behind it finds.
    fn phase(&self, now: Instant, polls: u32) -> Phase {
        let elapsed = now.saturating_duration_since(self.accepted);
        if self.ended(now, polls) {
            Phase::Ended(self.outcome())
        } else if elapsed < self.complete_after / 3 || polls == 0 {
            Phase::Pending
        } else {
            Phase::Running
        }
    }

    fn look(&self, id: Uuid, now: Instant) -> Look<'_> {
        self.seen(id, self.phase(now, self.polls))
    }

    fn seen(&self, id: Uuid, phase: Phase) -> Look<'_> {
        let ended = matches!(phase, Phase::Ended(_));
        let outputs = self.outputs.as_deref().filter(|_| ended);
        Look {
            id,
            action: &self.action,
            correlation_id: self.correlation_id.as_deref(),
            phase,
            outputs: outputs.and_then(|text| serde_json::from_str(text).ok()),
            error_message: match &self.by_hand {
                Some(end) => end.error_message.as_deref(),
                None => self.error_message.as_deref().filter(|_| ended),
            },
            launched: self.launched,
        }
    }

    fn output_bytes(&self) -> usize {
        self.outputs.as_ref().map_or(0, |outputs| outputs.len())
    }
}

/// Everything that was accepted.
#[derive(Debug)]
pub(crate) struct Invocations {
    random: Rng,
    seed: u64,
    held: HashMap<Uuid, Invocation>,
    oldest_first: VecDeque<Uuid>,
    output_bytes: usize,
    executions: Executions,
    /// The first invocation of each correlation id, where the same one is not executed again.
    firsts: Option<HashMap<Arc<str>, Uuid>>,
}

impl Invocations {
    pub(crate) fn new(seed: u64, deduplicate: bool) -> Self {
        Invocations {
            firsts: deduplicate.then(HashMap::new),
            random: Rng::with_seed(seed),
            seed,
            held: HashMap::new(),
            oldest_first: VecDeque::new(),
            output_bytes: 0,
            executions: Executions::default(),
        }
    }

    /// Executes the action: from here on it counts, whatever becomes of the answer. One that was executed under the
    /// same correlation id already is only looked up, where the sandbox deduplicates.
    pub(crate) fn accept(
        &mut self,
        action: &Arc<Action>,
        correlation_id: Option<&str>,
        inputs: &RawValue,
        usual_time: Duration,
        now: Instant,
    ) -> Uuid {
        let first = self.firsts.as_ref().zip(correlation_id).and_then(|(firsts, id)| firsts.get(id));
        if let Some(first) = first {
            return *first;
        }
        let id = Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid();
        let correlation_id: Option<Arc<str>> = correlation_id.map(Into::into);
        self.executions.count(correlation_id.as_ref());
        if let (Some(firsts), Some(correlation_id)) = (&mut self.firsts, &correlation_id) {
            firsts.insert(Arc::clone(correlation_id), id);
        }
        let launched = Timestamp::now();
        // Its luck is its own: what else is invoked does not change it.
        let mut luck = Rng::with_seed(self.seed ^ id.as_u64_pair().0);
        let Run { outcome, outputs, error_message, takes } = action.run(id, inputs, launched, &mut luck);
        let invocation = Invocation {
            action: Arc::clone(action),
            correlation_id,
            outcome,
            outputs,
            error_message,
            accepted: now,
            launched,
            complete_after: takes.unwrap_or(usual_time),
            polls: 0,
            by_hand: None,
        };
        self.output_bytes += invocation.output_bytes();
        self.held.insert(id, invocation);
        self.oldest_first.push_back(id);
        while self.oldest_first.len() > 1
            && (self.oldest_first.len() > KEPT || self.output_bytes > KEPT_OUTPUT_BYTES)
        {
            self.forget_oldest();
        }
        id
    }

    fn forget_oldest(&mut self) {
        let Some(id) = self.oldest_first.pop_front() else { return };
        let Some(invocation) = self.held.remove(&id) else { return };
        self.output_bytes -= invocation.output_bytes();
        if let (Some(firsts), Some(correlation_id)) = (&mut self.firsts, &invocation.correlation_id) {
            firsts.remove(correlation_id);
        }
    }

    /// How far it is now, as the answer to the POST says it.
    pub(crate) fn look(&self, id: Uuid, now: Instant) -> Option<Look<'_>> {
        self.held.get(&id).map(|invocation| invocation.look(id, now))
    }

    /// Its end, and how long it takes from now until then; no time where it never ends.
    pub(crate) fn end(&self, id: Uuid, now: Instant) -> Option<(Look<'_>, Option<Duration>)> {
        let invocation = self.held.get(&id)?;
        let elapsed = now.saturating_duration_since(invocation.accepted);
        let left = match (invocation.outcome, invocation.action.at_once) {
            (Outcome::Never, _) => None,
            (_, true) => Some(Duration::ZERO),
            _ => Some(invocation.complete_after.saturating_sub(elapsed)),
        };
        Some((invocation.seen(id, Phase::Ended(invocation.outcome)), left))
    }

    /// How far it is now; counts as a poll.
    pub(crate) fn poll(&mut self, id: Uuid, now: Instant) -> Option<Look<'_>> {
        let invocation = self.held.get_mut(&id)?;
        invocation.polls = invocation.polls.saturating_add(1);
        Some(invocation.look(id, now))
    }

    /// What the next look finds, without being one.
    pub(crate) fn phase(&self, id: Uuid, now: Instant) -> Option<Phase> {
        self.held.get(&id).map(|invocation| invocation.phase(now, invocation.polls.saturating_add(1)))
    }

    /// Ends one that has not ended. Says whether it did, or nothing where there is no such invocation.
    pub(crate) fn end_by_hand(&mut self, id: Uuid, mut end: ByHand, now: Instant) -> Option<bool> {
        let invocation = self.held.get_mut(&id)?;
        let polls = invocation.polls.saturating_add(1);
        if matches!(invocation.phase(now, polls), Phase::Ended(outcome) if outcome != Outcome::Never) {
            return Some(false);
        }
        self.output_bytes -= invocation.output_bytes();
        if let Some(outputs) = end.outputs.take() {
            invocation.outputs = Some(outputs);
        } else if end.outcome != invocation.outcome && end.outcome != Outcome::Completed {
            // What it would have put out belongs to the end that it did not come to.
            invocation.outputs = None;
        }
        self.output_bytes += invocation.output_bytes();
        invocation.by_hand = Some(end);
        Some(true)
    }

    /// The correlation id that the invocation was accepted with.
    pub(crate) fn correlation_id(&self, id: Uuid) -> Option<&str> {
        self.held.get(&id)?.correlation_id.as_deref()
    }

    pub(crate) fn executions(&self) -> &Executions {
        &self.executions
    }

    pub(crate) fn forget_executions(&mut self) {
        self.executions = Executions::default();
    }
}

/// How often each correlation id was executed. Unless it is told to, the sandbox deduplicates nothing: to send once is
/// the client's duty, and this is where it shows.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    by_correlation: HashMap<Arc<str>, u64>,
    oldest_first: VecDeque<Arc<str>>,
    pub(crate) total: u64,
    pub(crate) most: u64,
}

impl Executions {
    fn count(&mut self, correlation_id: Option<&Arc<str>>) {
        self.total += 1;
        let Some(correlation_id) = correlation_id else { return };
        let times = match self.by_correlation.get_mut(correlation_id) {
            Some(times) => {
                *times += 1;
                *times
            }
            None => {
                self.by_correlation.insert(Arc::clone(correlation_id), 1);
                self.oldest_first.push_back(Arc::clone(correlation_id));
                1
            }
        };
        self.most = self.most.max(times);
        if self.oldest_first.len() > COUNTED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_correlation.remove(&oldest);
        }
    }

    pub(crate) fn of(&self, correlation_id: &str) -> u64 {
        self.by_correlation.get(correlation_id).copied().unwrap_or_default()
    }
}
