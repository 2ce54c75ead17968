//! What one submission and everybody who waits for it have between them.
//!
//! One promise: the submission goes on as long as anybody waits, and whoever waits learns the same. Cancelling one of
//! several cancels nothing for the others.

mod waiter;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::callback::Watched;
use crate::error::{Error, Result};
use crate::invocation::ActionResult;
use crate::ledger::{Account, Identity, Ledger};
use crate::submit::Handed;
pub(crate) use waiter::Waiter;

/// A longer answer to the POST is not kept for those who join after it.
const LONGEST_KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Joint {
    state: Mutex<State>,
    changed: Notify,
    /// How often it was sent, for those whose deadline passes meanwhile.
    attempts: AtomicU32,
    /// It was sent, and its answer is awaited.
    on_the_wire: AtomicBool,
    /// Somebody who waits has a handler for the result.
    owes: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    /// The one who started it waits, and is to have the account.
    first_waits: bool,
    came_to: CameTo,
}

/// What a submission has come to.
#[derive(Debug, Default)]
pub(crate) enum CameTo {
    #[default]
    UnderWay,
    Accepted {
        handle: Box<Handle>,
        fresh: Option<Fresh>,
    },
    Terminal {
        status: String,
        result: Box<ActionResult>,
        due: bool,
    },
    Refused(Error),
    /// Nobody waited any more before it was sent, or its task is gone.
    Nothing,
}

/// The account of what was accepted, and the whole answer, until one of those who wait takes them.
type Fresh = (Box<Account>, Option<Arc<RawValue>>);

/// An accepted invocation, for those who join after its account was taken.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    who: Identity,
    attempts: u32,
    invoke_latency: Option<Duration>,
    status: String,
    raw: Option<Arc<RawValue>>,
    watched: Option<Arc<Watched>>,
}

impl From<Result<Handed>> for CameTo {
    fn from(handed: Result<Handed>) -> CameTo {
        match handed {
            Ok(Handed::Accepted { account, status, raw }) => {
                let handle = Handle {
                    who: account.who.clone(),
                    attempts: account.attempts,
                    invoke_latency: account.invoke_latency,
                    status,
                    raw: raw.clone().filter(|raw| raw.get().len() <= LONGEST_KEPT),
                    watched: account.watched().cloned(),
                };
                CameTo::Accepted { handle: Box::new(handle), fresh: Some((account, raw)) }
            }
            Ok(Handed::Terminal { status, result, due }) => CameTo::Terminal { status, result, due },
            Err(error) => CameTo::Refused(error),
        }
    }
}

impl Joint {
    /// The one who starts it.
    pub(crate) fn first(self: &Arc<Self>) -> Waiter {
        let mut state = self.lock();
        state.waiting += 1;
        state.first_waits = true;
        Waiter::new(self.clone(), true)
    }

    /// One more who waits for it; none where it has ended in a way that cannot be shared.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Waiter> {
        let mut state = self.lock();
        if !matches!(state.came_to, CameTo::UnderWay | CameTo::Accepted { .. }) {
            return None;
        }
        state.waiting += 1;
        Some(Waiter::new(self.clone(), false))
    }

    pub(crate) fn is_settled(&self) -> bool {
        !matches!(self.lock().came_to, CameTo::UnderWay)
    }

    pub(crate) fn settle(&self, mut came_to: CameTo) {
        let mut state = self.lock();
        let left = if state.waiting == 0 { came_to.take() } else { None };
        state.came_to = came_to;
        drop(state);
        // Accepted, and nobody waits: the account says so.
        drop(left);
        self.changed.notify_waiters();
    }

    /// Ends when nobody waits any more; then nobody can join either.
    pub(crate) async fn abandoned(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                if state.leave() {
                    return;
                }
            }
            changed.await;
        }
    }

    fn is_abandoned(&self) -> bool {
        self.lock().leave()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nobody waits any more; then nobody can join either.
    fn leave(&mut self) -> bool {
        if self.waiting == 0 {
            self.came_to = CameTo::Nothing;
        }
        self.waiting == 0
    }
}

impl CameTo {
    fn take(&mut self) -> Option<Fresh> {
        match self {
            CameTo::Accepted { fresh, .. } => fresh.take(),
            _ => None,
        }
    }
}

impl Handle {
    /// The invocation with an account of one's own: the one that was left behind, or one beside that of somebody who
    /// waits for it.
    fn handed(self, ledger: &Arc<Ledger>, began: Instant) -> Handed {
        let account = ledger.adopt(self.who, began);
        let account = Box::new(account.joining(self.attempts, self.invoke_latency, self.watched));
        Handed::Accepted { account, status: self.status, raw: self.raw }
    }
}

/// The sending side. Dropped before it said anything, it says that nothing will come.
#[derive(Debug)]
pub(crate) struct Caller(Arc<Joint>);

impl Caller {
    pub(crate) fn new(joint: Arc<Joint>) -> Caller {
        Caller(joint)
    }

    pub(crate) async fn abandoned(&self) {
        self.0.abandoned().await;
    }

    /// Whether nobody waits any more; then nobody can join either.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }

    /// Whether anybody who waits has a handler for the result.
    pub(crate) fn owes(&self) -> bool {
        self.0.owes.load(Ordering::Relaxed)
    }

    pub(crate) fn sent(&self, attempts: u32) {
        self.0.attempts.store(attempts, Ordering::Relaxed);
        self.0.on_the_wire.store(true, Ordering::Relaxed);
    }

    /// What was sent is on the wire no longer.
    pub(crate) fn heard(&self) {
        self.0.on_the_wire.store(false, Ordering::Relaxed);
    }

    /// What it has come to. Where nobody waits any more, the account comes back and is dropped.
    pub(crate) fn send(self, handed: Result<Handed>) {
        self.0.settle(handed.into());
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if !self.0.is_settled() {
            self.0.settle(CameTo::Nothing);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use futures_util::poll;

    /// An invocation that was accepted, without an account.
    pub(crate) fn accepted() -> CameTo {
        let handle = Handle {
            who: Identity::default(),
            attempts: 1,
            invoke_latency: None,
            status: "PENDING".to_owned(),
            raw: None,
            watched: None,
        };
        CameTo::Accepted { handle: Box::new(handle), fresh: None }
    }

    #[tokio::test]
    async fn it_is_abandoned_when_the_last_one_has_gone_and_not_before() {
        let joint = Arc::new(Joint::default());
        let (first, second) = (joint.first(), joint.join().unwrap());
        let caller = Caller::new(joint.clone());
        let mut abandoned = Box::pin(caller.abandoned());
        drop(first);
        assert!(poll!(&mut abandoned).is_pending(), "cancelling one cancelled it for the other");
        drop(second);
        assert!(poll!(&mut abandoned).is_ready());
        assert!(joint.join().is_none(), "what is abandoned was joined");
    }
}
