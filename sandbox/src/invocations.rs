//! What was accepted, and how far it is.
//!
//! Nothing runs here: an invocation knows when it was accepted and how often it was looked at, and its status
//! follows from that. Memory is bounded: the oldest is forgotten first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::{Builder, Uuid};

use crate::actions::{Action, Outcome};

/// How many invocations are held, and how many bytes of outputs.
const KEPT: usize = 250_000;
const KEPT_OUTPUT_BYTES: usize = 256 * 1024 * 1024;
/// How many correlation ids are counted.
const COUNTED: usize = 1_000_000;

#[derive(Debug)]
struct Invocation {
    action: Arc<Action>,
    correlation_id: Option<Arc<str>>,
    outputs: Option<Box<str>>,
    accepted: Instant,
    complete_after: Duration,
    polls: u32,
}

/// How far an invocation is, as the wire says it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Look<'a> {
    #[serde(serialize_with = "as_text")]
    pub(crate) invocation_id: Uuid,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

fn as_text<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

impl Invocation {
    fn look(&self, id: Uuid, now: Instant) -> Look<'_> {
        let elapsed = now.saturating_duration_since(self.accepted);
        let ended = self.action.outcome != Outcome::Never
            && (self.action.at_once
                || elapsed >= self.complete_after && self.polls > self.action.complete_after_polls);
        if ended {
            return Look {
                invocation_id: id,
                status: self.action.outcome.status(),
                outputs: self.outputs.as_deref().and_then(|text| serde_json::from_str(text).ok()),
                error_message: self.action.error_message.as_deref(),
            };
        }
        let status = if elapsed < self.complete_after / 3 || self.polls == 0 { "PENDING" } else { "RUNNING" };
        Look { invocation_id: id, status, outputs: None, error_message: None }
    }

    fn output_bytes(&self) -> usize {
        self.outputs.as_ref().map_or(0, |outputs| outputs.len())
    }
}

/// Everything that was accepted.
#[derive(Debug)]
pub(crate) struct Invocations {
    random: Rng,
    held: HashMap<Uuid, Invocation>,
    oldest_first: VecDeque<Uuid>,
    output_bytes: usize,
    executions: Executions,
}

impl Invocations {
    pub(crate) fn new(seed: u64) -> Self {
        Invocations {
            random: Rng::with_seed(seed),
            held: HashMap::new(),
            oldest_first: VecDeque::new(),
            output_bytes: 0,
            executions: Executions::default(),
        }
    }

    /// Executes the action: from here on it counts, whatever becomes of the answer.
    pub(crate) fn accept(
        &mut self,
        action: &Arc<Action>,
        correlation_id: Option<&str>,
        inputs: &RawValue,
        usual_time: Duration,
        now: Instant,
    ) -> Option<Look<'_>> {
        let id = Builder::from_random_bytes(self.random.u128(..).to_be_bytes()).into_uuid();
        let correlation_id: Option<Arc<str>> = correlation_id.map(Into::into);
        self.executions.count(correlation_id.as_ref());
        let invocation = Invocation {
            action: Arc::clone(action),
            correlation_id,
            outputs: action.put_out(id, inputs),
            accepted: now,
            complete_after: action.complete_after.unwrap_or(usual_time),
            polls: 0,
        };
        self.output_bytes += invocation.output_bytes();
        self.held.insert(id, invocation);
        self.oldest_first.push_back(id);
        while self.oldest_first.len() > 1
            && (self.oldest_first.len() > KEPT || self.output_bytes > KEPT_OUTPUT_BYTES)
        {
            let forgotten = self.oldest_first.pop_front().and_then(|oldest| self.held.remove(&oldest));
            self.output_bytes -= forgotten.map_or(0, |invocation| invocation.output_bytes());
        }
        self.held.get(&id).map(|invocation| invocation.look(id, now))
    }

    /// How far it is now; counts as a poll.
    pub(crate) fn poll(&mut self, id: Uuid, now: Instant) -> Option<Look<'_>> {
        let invocation = self.held.get_mut(&id)?;
        invocation.polls = invocation.polls.saturating_add(1);
        Some(invocation.look(id, now))
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

/// How often each correlation id was executed. The sandbox deduplicates nothing: to send once is the client's duty,
/// and this is where it shows.
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
