//! Who has sent which correlation id.
//!
//! One promise: while an invocation whose id the caller gave is under way in this client, a second call with that id
//! sends nothing. With the same payload it joins the first and shares what becomes of it; with another it is refused.
//! An invocation is under way from its start until it was refused, given up, or seen to end; accepted ones that nobody
//! has polled to their end are remembered for a day, the newest ten thousand of them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::contract::Prepared;
use crate::joint::{Joint, Waiter};

const REMEMBERED: usize = 10_000;
const DAY: Duration = Duration::from_secs(86_400);

/// Where claims are kept. In this process today; a store that several processes share is its next implementation.
pub(crate) trait Claims: fmt::Debug + Send + Sync {
    /// Claims the id for this payload, unless somebody has it.
    fn claim(&self, correlation_id: &str, payload: Payload) -> Claim;

    /// What was claimed has ended.
    fn release(&self, number: ClaimNumber);
}

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The id is the caller's, who sends and releases it.
    First(ClaimNumber, Arc<Joint>),
    /// The same payload is under way.
    Joins(Waiter),
    /// Another payload is under way.
    InUse,
}

/// Tells a claim from an earlier one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimNumber(NonZeroU64);

/// A digest of what an invocation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload([u8; 32]);

impl Payload {
    /// The order of the inputs says nothing; the text of each of them does.
    pub(crate) fn of(prepared: &Prepared) -> Payload {
        let mut digest = Sha256::new();
        let mut part = |text: &[u8]| {
            digest.update(text.len().to_le_bytes());
            digest.update(text);
        };
        part(prepared.action_id.as_bytes());
        part(prepared.callback_url.as_deref().unwrap_or_default().as_bytes());
        match serde_json::from_slice::<BTreeMap<String, &RawValue>>(&prepared.inputs) {
            Ok(inputs) => {
                for (key, value) in &inputs {
                    part(key.as_bytes());
                    part(value.get().as_bytes());
                }
            }
            Err(_) => part(&prepared.inputs),
        }
        Payload(digest.finalize().into())
    }
}

/// The claims of one client.
#[derive(Default)]
pub(crate) struct InProcess(Mutex<Held>);

#[derive(Default)]
struct Held {
    by_id: HashMap<Arc<str>, Entry>,
    /// The oldest first.
    by_number: BTreeMap<ClaimNumber, Arc<str>>,
    next: u64,
}

struct Entry {
    number: ClaimNumber,
    payload: Payload,
    joint: Arc<Joint>,
    since: Instant,
}

impl Claims for InProcess {
    fn claim(&self, correlation_id: &str, payload: Payload) -> Claim {
        let mut held = self.lock();
        if let Some(entry) = held.by_id.get(correlation_id)
            && let Some(waiter) = entry.joint.join()
        {
            return if entry.payload == payload { Claim::Joins(waiter) } else { Claim::InUse };
        }
        let gone = held.make_room();
        let (number, joint) = held.enter(correlation_id, payload);
        drop(held);
        drop(gone);
        Claim::First(number, joint)
    }

    fn release(&self, number: ClaimNumber) {
        // What is taken out is dropped when nobody is kept waiting for it.
        let gone = self.lock().remove(number);
        drop(gone);
    }
}

impl InProcess {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn enter(&mut self, correlation_id: &str, payload: Payload) -> (ClaimNumber, Arc<Joint>) {
        self.next += 1;
        let (number, id) =
            (ClaimNumber(NonZeroU64::MIN.saturating_add(self.next)), Arc::from(correlation_id));
        let joint = Arc::new(Joint::default());
        let entry = Entry { number, payload, joint: joint.clone(), since: Instant::now() };
        if let Some(ended) = self.by_id.insert(Arc::clone(&id), entry) {
            self.by_number.remove(&ended.number);
        }
        self.by_number.insert(number, id);
        (number, joint)
    }

    fn remove(&mut self, number: ClaimNumber) -> Option<Entry> {
        let id = self.by_number.remove(&number)?;
        self.by_id.remove(&id)
    }

    /// Forgets the oldest of what was accepted long ago, or of too many. What is on its way is never forgotten: there is
    /// a caller or a request behind each of them.
    fn make_room(&mut self) -> Vec<Entry> {
        let mut gone = Vec::new();
        let mut older = ClaimNumber(NonZeroU64::MIN);
        while let Some((number, id)) = self.by_number.range(older..).next() {
            let number = *number;
            let Some(entry) = self.by_id.get(id) else { break };
            if self.by_id.len() < REMEMBERED && entry.since.elapsed() < DAY {
                break;
            }
            if entry.joint.is_settled() {
                gone.extend(self.remove(number));
            }
            older = ClaimNumber(number.0.saturating_add(1));
        }
        gone
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").field("held", &self.lock().by_id.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    fn prepared(action_id: &str, inputs: &str) -> Prepared {
        Prepared {
            traceparent: None,
            action_id: action_id.to_owned(),
            correlation_id: "c".to_owned(),
            callback_url: None,
            body: bytes::Bytes::new(),
            inputs: bytes::Bytes::copy_from_slice(inputs.as_bytes()),
            input_keys: Vec::new(),
        }
    }

    fn first(claims: &InProcess, id: &str, payload: Payload) -> (ClaimNumber, Arc<Joint>) {
        match claims.claim(id, payload) {
            Claim::First(number, joint) => (number, joint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_payload_is_what_is_asked_for_and_not_the_order_in_which_it_was_written() {
        let payload = |action, inputs| Payload::of(&prepared(action, inputs));
        let one = payload("a", r#"{"x":1,"y":"2"}"#);
        assert_eq!(one, payload("a", r#"{"y":"2","x":1}"#));
        for (action, inputs) in [
            ("b", r#"{"x":1,"y":"2"}"#),
            ("a", r#"{"x":1}"#),
            ("a", r#"{"x":1,"y":2}"#),
            ("a", r#"{"x":"1y","":"2"}"#),
        ] {
            assert_ne!(one, payload(action, inputs), "{action} {inputs}");
        }
    }

    #[test]
    fn an_id_is_claimed_until_it_is_released_and_a_late_release_takes_nothing_from_the_next() {
        let (claims, payload) = (InProcess::default(), Payload([0; 32]));
        let (number, joint) = first(&claims, "id", payload);
        let waiter = joint.first();
        assert!(matches!(claims.claim("id", payload), Claim::Joins(_)));
        assert!(matches!(claims.claim("id", Payload([1; 32])), Claim::InUse));
        claims.release(number);
        let (next, _waiting) = first(&claims, "id", Payload([1; 32]));
        claims.release(number);
        assert!(matches!(claims.claim("id", payload), Claim::InUse));
        claims.release(next);
        first(&claims, "id", payload);
        drop(waiter);
    }

    #[test]
    fn memory_is_bounded_and_what_is_on_its_way_is_never_forgotten() {
        let (claims, payload) = (InProcess::default(), Payload([0; 32]));
        let (_, under_way) = first(&claims, "under way", payload);
        for n in 0..3 * REMEMBERED {
            let (_, joint) = first(&claims, &n.to_string(), payload);
            let accepted = crate::joint::tests::accepted();
            joint.settle(accepted);
        }
        assert!(claims.lock().by_id.len() <= REMEMBERED && claims.lock().by_number.len() <= REMEMBERED);
        assert!(matches!(claims.claim("under way", payload), Claim::Joins(_)));
        under_way.settle(crate::joint::CameTo::Refused(Error::new(ErrorKind::Rejected, "no")));
        first(&claims, "under way", payload);
    }
}
