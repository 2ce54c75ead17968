//! What one submission and everybody who waits for it have between them.
//!
//! One promise: the submission goes on as long as anybody waits, and whoever waits learns the same. Cancelling one of
//! several cancels nothing for the others.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::callback::Watched;
use crate::error::{Error, ErrorKind, Result};
use crate::invocation::ActionResult;
use crate::ledger::{Account, Identity, Ledger};
use crate::sending::Sending;
use crate::submit::Handed;

/// A longer answer to the POST is not kept for those who join after it.
const LONGEST_KEPT: usize = 4096;

/// What ends at the deadline by itself has this long to say so.
const LATE: Duration = Duration::from_millis(30);

/// And so long on a busy machine, where nothing is on the wire: what is sure to be unsent is not called unknown.
const VERY_LATE: Duration = Duration::from_secs(2);

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
        Waiter { joint: self.clone(), first: true, sending: None, inputs: Bytes::new() }
    }

    /// One more who waits for it; none where it has ended in a way that cannot be shared.
    pub(crate) fn join(self: &Arc<Self>) -> Option<Waiter> {
        let mut state = self.lock();
        if !matches!(state.came_to, CameTo::UnderWay | CameTo::Accepted { .. }) {
            return None;
        }
        state.waiting += 1;
        Some(Waiter { joint: self.clone(), first: false, sending: None, inputs: Bytes::new() })
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

/// One who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    joint: Arc<Joint>,
    first: bool,
    /// The submission itself, where this one looks after it.
    sending: Option<Sending>,
    /// The inputs of his own call, where he joined another one.
    inputs: Bytes,
}

/// What one who waits sees.
enum Seen {
    Handed(Box<Result<Handed>>),
    Accepted(Box<Handle>),
    Nothing,
}

impl Waiter {
    /// What it has come to; none where nothing will come any more.
    async fn handed(&mut self, ledger: &Arc<Ledger>, began: Instant) -> Option<Result<Handed>> {
        if let Some(sending) = &mut self.sending {
            sending.await;
        }
        loop {
            let changed = self.joint.changed.notified();
            match self.look() {
                Some(Seen::Handed(handed)) => return Some(*handed),
                Some(Seen::Accepted(handle)) => return Some(Ok(handle.handed(ledger, began))),
                Some(Seen::Nothing) => return None,
                None => changed.await,
            }
        }
    }

    /// What it has come to by the deadline. The waits before a send end there by themselves; what is late is on the wire,
    /// or belongs to an earlier call that has more time.
    ///
    /// # Errors
    /// What it came to, or [`ErrorKind::OutcomeUnknown`].
    pub(crate) async fn by(
        &mut self,
        deadline: Instant,
        ledger: &Arc<Ledger>,
        who: &Identity,
        began: Instant,
    ) -> Result<Handed> {
        let mut handed = timeout_at(deadline + LATE, self.handed(ledger, began)).await;
        if handed.is_err() && self.first && !self.is_on_the_wire() {
            handed = timeout_at(deadline + VERY_LATE, self.handed(ledger, began)).await;
        }
        let (message, hint) = match handed {
            Ok(Some(handed)) => return self.with_inputs(handed),
            Ok(None) => (
                "the runtime shut down while the request was under way",
                "look the correlation id up in the trail",
            ),
            Err(_) if self.is_on_the_wire() => (
                "the deadline passed while the request was on the wire",
                "its answer is still awaited in the background and goes into the trail; look there before calling again",
            ),
            Err(_) if self.first => (
                "the deadline passed before it was known whether the request was sent",
                "look the correlation id up in the trail before calling again",
            ),
            Err(_) => (
                "the deadline passed while the earlier call of the same correlation id waited to be sent",
                "that call goes on; look the correlation id up in the trail before calling again",
            ),
        };
        let error = Error::new(ErrorKind::OutcomeUnknown, message).with_hint(hint);
        Err(who.sign(error).with_attempts(self.attempts()))
    }

    /// What joined another call knows its own inputs.
    fn with_inputs(&mut self, mut handed: Result<Handed>) -> Result<Handed> {
        if !self.inputs.is_empty()
            && let Ok(Handed::Accepted { account, .. }) = &mut handed
        {
            account.inputs = std::mem::take(&mut self.inputs).into();
        }
        handed
    }

    /// How often it was sent.
    fn attempts(&self) -> u32 {
        self.joint.attempts.load(Ordering::Relaxed)
    }

    fn is_on_the_wire(&self) -> bool {
        self.joint.on_the_wire.load(Ordering::Relaxed)
    }

    /// This one looks after the submission himself, as long as he is there.
    pub(crate) fn drive(&mut self, sending: impl Future<Output = ()> + Send + 'static) {
        self.sending = Some(Sending::new(sending));
    }

    /// The inputs of this one's own call.
    pub(crate) fn has(&mut self, inputs: Bytes) {
        self.inputs = inputs;
    }

    /// This one has a handler for the result.
    pub(crate) fn owe(&self) {
        self.joint.owes.store(true, Ordering::Relaxed);
    }

    fn look(&self) -> Option<Seen> {
        let mut state = self.joint.lock();
        let mine = self.first || !state.first_waits;
        Some(match &mut state.came_to {
            CameTo::UnderWay => return None,
            CameTo::Nothing => Seen::Nothing,
            CameTo::Refused(error) => Seen::Handed(Box::new(Err(error.clone()))),
            CameTo::Terminal { status, result, due } => {
                let (status, result, due) = (status.clone(), result.clone(), *due);
                Seen::Handed(Box::new(Ok(Handed::Terminal { status, result, due })))
            }
            CameTo::Accepted { handle, fresh } => match fresh.take_if(|_| mine) {
                Some((account, raw)) => {
                    let status = handle.status.clone();
                    Seen::Handed(Box::new(Ok(Handed::Accepted { account, status, raw })))
                }
                None => Seen::Accepted(handle.clone()),
            },
        })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.joint.lock();
        state.waiting -= 1;
        if self.first {
            state.first_waits = false;
        }
        let left = if state.waiting == 0 { state.came_to.take() } else { None };
        drop(state);
        drop(left);
        self.joint.changed.notify_waiters();
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
    use crate::error::ErrorKind;
    use crate::telemetry::Traces;
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

    #[tokio::test]
    async fn whoever_waits_learns_the_same_and_a_lost_task_keeps_nobody() {
        let ledger =
            Ledger::new(crate::trail::Trail::in_memory("test".to_owned()), Traces::default(), Vec::new());
        let joint = Arc::new(Joint::default());
        let both = [joint.first(), joint.join().unwrap()];
        Caller::new(joint.clone()).send(Err(Error::new(ErrorKind::Rejected, "no")));
        for mut waiter in both {
            let handed = waiter.handed(&ledger, Instant::now()).await.unwrap();
            assert_eq!(handed.unwrap_err().message(), "no");
        }
        let joint = Arc::new(Joint::default());
        let mut waiter = joint.first();
        drop(Caller::new(joint));
        assert!(waiter.handed(&ledger, Instant::now()).await.is_none());
    }

    #[tokio::test]
    async fn what_hangs_before_the_send_is_told_of_the_call_itself_and_only_to_others_of_an_earlier_one() {
        let ledger =
            Ledger::new(crate::trail::Trail::in_memory("test".to_owned()), Traces::default(), Vec::new());
        let (joint, who, now) = (Arc::new(Joint::default()), Identity::default(), Instant::now());
        for (mut waiter, of_an_earlier_one) in [(joint.first(), false), (joint.join().unwrap(), true)] {
            let error = waiter.by(now - VERY_LATE * 2, &ledger, &who, now).await.unwrap_err();
            assert_eq!((error.kind(), error.attempts()), (ErrorKind::OutcomeUnknown, Some(0)));
            assert_eq!(error.message().contains("the earlier call"), of_an_earlier_one, "{error}");
        }
    }
}
