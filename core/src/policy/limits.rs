//! How much of one action may be under way: so many in a time, so many at once.
//!
//! One promise: who comes first goes first, nobody goes before both limits let them, and whoever waits has sent nothing.
//! The limits are the action's, not a call's: those that a new policy brings hold for everybody who waits.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use governor::clock::Clock;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::{Error, ErrorKind, Result};
use crate::profile::RateLimit;
use crate::wire::{Limiter, limiter};

/// What a policy says of how much of an action may be under way.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limit {
    /// So many in a time.
    pub(crate) rate: Option<RateLimit>,
    /// So many at once.
    pub(crate) concurrency: Option<u32>,
}

impl Limit {
    pub(crate) fn is_none(&self) -> bool {
        *self == Limit::default()
    }
}

/// Everybody who waits for an action of one client.
#[derive(Debug)]
pub(crate) struct Lobby {
    waiting: AtomicU32,
    most: u32,
}

impl Lobby {
    pub(crate) fn new(most: u32) -> Arc<Lobby> {
        Arc::new(Lobby { waiting: AtomicU32::new(0), most })
    }
}

/// The limits of one action, and what of them is taken.
pub(crate) struct ActionLimits {
    lobby: Arc<Lobby>,
    state: Mutex<State>,
    /// Whoever holds its only permit stands at the front.
    front: Semaphore,
    /// Of all requests of batches, the one that holds its only permit is the next to line up.
    next: Arc<Semaphore>,
    /// Rung when the front has to look again.
    changed: Notify,
}

struct State {
    /// What messages call the action.
    name: String,
    limit: Limit,
    limiter: Option<Limiter>,
    under_way: u32,
}

/// What keeps the front.
#[derive(Debug, Clone, Copy)]
enum Kept {
    /// Until one that is under way ends.
    ByNumber,
    ByRate(Instant),
}

impl ActionLimits {
    pub(crate) fn new(lobby: Arc<Lobby>) -> Arc<ActionLimits> {
        let state = State { name: String::new(), limit: Limit::default(), limiter: None, under_way: 0 };
        Arc::new(ActionLimits {
            lobby,
            state: Mutex::new(state),
            front: Semaphore::new(1),
            next: Arc::new(Semaphore::new(1)),
            changed: Notify::new(),
        })
    }

    /// What holds from now on. What a rate that stays has let through already stays counted.
    pub(crate) fn set(&self, name: &str, limit: Limit) {
        let mut state = self.lock();
        if state.limit.rate != limit.rate {
            state.limiter = limit.rate.map(limiter);
        }
        state.limit = limit;
        name.clone_into(&mut state.name);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Whether anything of it is taken.
    pub(crate) fn is_in_use(&self) -> bool {
        self.lock().under_way > 0
    }

    /// Waits until a request of a batch is the next of all batches' to line up. It is so until it drops what it is given.
    pub(crate) async fn next(&self) -> Option<OwnedSemaphorePermit> {
        self.next.clone().acquire_owned().await.ok()
    }

    /// Takes a place among those that are under way, when both limits let it, before the deadline.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] at once when too many wait, and when nothing ended in time; [`ErrorKind::RateLimited`]
    /// as soon as it is known that the rate lets nobody through before the deadline.
    pub(crate) async fn take(self: &Arc<Self>, deadline: Instant) -> Result<Slot> {
        if let Ok(_front) = self.front.try_acquire()
            && self.pass(Instant::now()).is_ok()
        {
            return Ok(Slot(self.clone()));
        }
        let _place = self.line_up()?;
        match timeout_at(deadline, self.in_line(deadline)).await {
            Ok(slot) => slot,
            Err(_) => Err(self.late()),
        }
    }

    async fn in_line(self: &Arc<Self>, deadline: Instant) -> Result<Slot> {
        let _front = self.front.acquire().await;
        loop {
            let changed = self.changed.notified();
            match self.pass(Instant::now()) {
                Ok(()) => return Ok(Slot(self.clone())),
                Err(Kept::ByRate(next)) if next >= deadline => return Err(self.too_fast(Some(next))),
                Err(Kept::ByRate(next)) => {
                    tokio::select! {
                        () = sleep_until(next) => {}
                        () = changed => {}
                    }
                }
                Err(Kept::ByNumber) => changed.await,
            }
        }
    }

    /// Asked last, so that nothing is taken from the rate for what the number keeps.
    fn pass(&self, now: Instant) -> Result<(), Kept> {
        let mut state = self.lock();
        if state.is_full() {
            return Err(Kept::ByNumber);
        }
        if let Some((limiter, clock)) = &state.limiter
            && let Err(early) = limiter.check()
        {
            return Err(Kept::ByRate(now + early.wait_time_from(clock.now())));
        }
        state.under_way += 1;
        Ok(())
    }

    fn line_up(&self) -> Result<Place<'_>> {
        let place = Place(&self.lobby);
        if self.lobby.waiting.fetch_add(1, Ordering::Relaxed) < self.lobby.most {
            return Ok(place);
        }
        let what = format!("the queue is full: {} callers wait for a limit of the policy", self.lobby.most);
        Err(Error::new(ErrorKind::Overloaded, what)
            .with_hint("nothing was sent; send less at once, or raise `max_queued`"))
    }

    /// The deadline passed in the line.
    fn late(&self) -> Error {
        let state = self.lock();
        if !state.is_full() {
            drop(state);
            return self.too_fast(None);
        }
        let most = state.limit.concurrency.unwrap_or_default();
        let times = if most == 1 { "once".to_owned() } else { format!("{most} times at once") };
        let what = format!("{} is under way {times}, which is as much as the policy allows", state.name);
        Error::new(ErrorKind::Overloaded, what).with_hint(LATE_HINT)
    }

    fn too_fast(&self, next: Option<Instant>) -> Error {
        let state = self.lock();
        let rate = state.limit.rate.map(|rate| rate.to_string()).unwrap_or_default();
        let what = format!("{} may not be sent before the deadline: the policy allows {rate}", state.name);
        let error = Error::new(ErrorKind::RateLimited, what).with_hint(LATE_HINT);
        match next {
            Some(next) => error.with_retry_after(next.saturating_duration_since(Instant::now())),
            None => error,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const LATE_HINT: &str = "nothing was sent; allow a longer `timeout`, or send less at once";

impl State {
    fn is_full(&self) -> bool {
        self.limit.concurrency.is_some_and(|most| self.under_way >= most)
    }
}

impl fmt::Debug for ActionLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("ActionLimits")
            .field("limit", &state.limit)
            .field("under_way", &state.under_way)
            .finish_non_exhaustive()
    }
}

struct Place<'a>(&'a Lobby);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among those that are under way. Dropped, it is the next one's.
#[derive(Debug)]
pub(crate) struct Slot(Arc<ActionLimits>);

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way = state.under_way.saturating_sub(1);
        drop(state);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits(rate: Option<&str>, concurrency: Option<u32>, most: u32) -> Arc<ActionLimits> {
        let limits = ActionLimits::new(Lobby::new(most));
        limits.set("`n`", Limit { rate: rate.and_then(RateLimit::parse), concurrency });
        limits
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(30)
    }

    #[tokio::test]
    async fn whoever_comes_first_goes_first_when_one_that_is_under_way_ends() {
        let limits = limits(None, Some(1), 9);
        let held = limits.take(soon()).await.unwrap();
        let far = Instant::now() + Duration::from_secs(60);
        let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
        for n in 0..3 {
            let (limits, done) = (limits.clone(), done.clone());
            tokio::spawn(async move {
                let slot = limits.take(far).await.unwrap();
                done.send(n).unwrap();
                drop(slot);
            });
            tokio::task::yield_now().await;
        }
        assert!(order.try_recv().is_err(), "one went while another was under way");
        drop(held);
        for n in 0..3 {
            assert_eq!(order.recv().await, Some(n));
        }
    }

    #[tokio::test]
    async fn the_deadline_ends_the_waiting_and_says_which_limit_it_was() {
        let full = limits(None, Some(1), 9);
        let _held = full.take(soon()).await.unwrap();
        let error = full.take(soon()).await.unwrap_err();
        assert_eq!((error.kind(), error.executed().as_str()), (ErrorKind::Overloaded, "no"));
        assert!(error.message().starts_with("`n` is under way once"), "{error}");
        let fast = limits(Some("1/h"), None, 9);
        drop(fast.take(soon()).await.unwrap());
        let began = Instant::now();
        let error = fast.take(began + Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind(), error.executed().as_str()), (ErrorKind::RateLimited, "no"));
        assert!(error.message().contains("the policy allows 1/3600s"), "{error}");
        assert!(error.retry_after() > Some(3000.0), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(30), "it waited in vain");
    }

    #[tokio::test]
    async fn no_more_wait_than_the_lobby_holds() {
        let limits = limits(None, Some(1), 1);
        let _held = limits.take(soon()).await.unwrap();
        let far = Instant::now() + Duration::from_secs(60);
        let mut first = Box::pin(limits.take(far));
        assert!(futures_util::poll!(&mut first).is_pending());
        let error = limits.take(far).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Overloaded && error.message().contains("1 callers"), "{error}");
        drop(first);
        let mut next = Box::pin(limits.take(far));
        assert!(futures_util::poll!(&mut next).is_pending(), "who left the line still stood in it");
    }

    #[tokio::test]
    async fn a_new_limit_holds_at_once_and_gives_no_burst_back() {
        let limits = limits(Some("2/h"), Some(1), 9);
        let far = Instant::now() + Duration::from_secs(60);
        let held = limits.take(far).await.unwrap();
        let mut waiting = Box::pin(limits.take(far));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        limits.set("`n`", Limit { rate: RateLimit::parse("2/h"), concurrency: Some(2) });
        let second = waiting.await.unwrap();
        drop((held, second));
        let error = limits.take(far).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "the burst was given back: {error}");
        limits.set("`n`", Limit::default());
        limits.take(far).await.unwrap();
    }
}
