//! The one who waits: for what the submission comes to, until its deadline, and no longer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::{CameTo, Handle, Joint};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Identity, Ledger};
use crate::sending::Sending;
use crate::submit::Handed;

/// What ends at the deadline by itself has this long to say so.
const LATE: Duration = Duration::from_millis(30);

/// And so long on a busy machine, where nothing is on the wire: what is sure to be unsent is not called unknown.
const VERY_LATE: Duration = Duration::from_secs(2);

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
    pub(super) fn new(joint: Arc<Joint>, first: bool) -> Waiter {
        Waiter { joint, first, sending: None, inputs: Bytes::new() }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joint::Caller;
    use crate::telemetry::Traces;

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
