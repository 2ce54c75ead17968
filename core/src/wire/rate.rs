//! How fast a client may send: its own limit, and what the gateway's answers say is left.
//!
//! The own limit lets a burst of its size through and then keeps its pace. What the gateway says counts besides: with
//! little left, the pace is spread over the time until the reset; with nothing left, nobody sends before it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::HeaderMap;
use tokio::time::Instant;

use super::MAX_RETRY_AFTER;
use super::allowance::{Allowance, allowance, is_said};
use super::backoff::theirs;
use super::permits::Line;
use crate::config::RateLimit;

/// Where no limit is known, this little is the end of one.
const FEW: u64 = 10;
/// Two answers about one window may differ by this in when it ends.
const SAME_WINDOW: Duration = Duration::from_secs(2);

/// Lets a burst of its size through and then keeps its pace; with the clock that it is asked by.
pub(crate) type Limiter = (DefaultDirectRateLimiter, DefaultClock);

pub(super) struct Rate {
    own: Option<Limiter>,
    counts_begun: bool,
    /// Whether there is anything behind the lock, for those who only want to know whether to look.
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    learned: Option<Window>,
    /// When the own limit lets the next one through, as far as somebody has asked.
    own_next: Option<Instant>,
}

/// What the gateway lets through until a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Window {
    left: u64,
    few: u64,
    resets: Instant,
    /// When the last one was sent, and when the next one may be.
    last: Instant,
    next: Instant,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Rate {
    /// `counts_begun`: looks and whatever else is no new invocation count too.
    pub(super) fn new(own: Option<RateLimit>, counts_begun: bool) -> Rate {
        let any = AtomicBool::new(own.is_some());
        Rate { own: own.map(limiter), counts_begun, any, state: Mutex::default() }
    }

    /// Takes one send, or says when to ask again.
    pub(super) fn take(&self, line: Line, now: Instant) -> Result<(), Instant> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = self.lock();
        if let Some(window) = state.learned.filter(|window| now < window.next) {
            return Err(window.next);
        }
        if let Some((limiter, clock)) = self.own.as_ref().filter(|_| line == Line::New || self.counts_begun)
            && let Err(early) = limiter.check()
        {
            let next = now + early.wait_time_from(clock.now());
            state.own_next = Some(next);
            return Err(next);
        }
        state.learned = state.learned.filter(|window| now < window.resets).map(|window| window.took(now));
        Ok(())
    }

    /// Until when nobody sends, as far as the gateway has said.
    pub(super) fn shut_until(&self) -> Option<Instant> {
        self.lock().learned.filter(|window| window.left == 0).map(|window| window.resets)
    }

    /// When the next one may go, as far as is known; none where nothing keeps it.
    pub(super) fn not_before(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        state.learned.map(|window| window.next).max(state.own_next).filter(|next| now < *next)
    }

    /// Looks at an answer. True where it says that nothing is left.
    pub(super) fn learn(&self, headers: &HeaderMap, now: Instant) -> bool {
        if !is_said(headers) {
            return false;
        }
        let Some(said) = allowance(headers, theirs(headers).unwrap_or_else(SystemTime::now)) else {
            return false;
        };
        let mut state = self.lock();
        let known = state.learned.filter(|known| now < known.resets);
        let window = Window::seen(&said, known, now);
        state.learned = Some(window);
        self.any.store(true, Ordering::Release);
        window.left == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn seen(said: &Allowance, known: Option<Window>, now: Instant) -> Window {
        let resets = now + said.resets_in.min(MAX_RETRY_AFTER);
        let few = said.limit.map_or(FEW, |limit| limit / 10);
        // Answers overtake each other: within one window what is left never grows.
        let same = known.filter(|known| resets < known.resets + SAME_WINDOW);
        let left = same.map_or(said.left, |known| known.left.min(said.left));
        let last = known.map_or(now, |known| known.last);
        Window { left, few, resets, last, next: last }.paced()
    }

    /// One more was sent.
    fn took(self, now: Instant) -> Window {
        Window { left: self.left.saturating_sub(1), last: now, ..self }.paced()
    }

    /// When the next one may go.
    fn paced(self) -> Window {
        let rest = self.resets.saturating_duration_since(self.last);
        let next = match self.left {
            0 => self.resets,
            left if left <= self.few => self.last + rest / u32::try_from(left + 1).unwrap_or(u32::MAX),
            _ => self.last,
        };
        Window { next, ..self }
    }
}

pub(crate) fn limiter(limit: RateLimit) -> Limiter {
    let sends = NonZeroU32::new(limit.sends).unwrap_or(NonZeroU32::MIN);
    let each = (limit.per / sends.get()).max(Duration::from_nanos(1));
    let quota = Quota::with_period(each).unwrap_or_else(|| Quota::per_second(sends)).allow_burst(sends);
    (RateLimiter::direct(quota), DefaultClock::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    const SECOND: Duration = Duration::from_secs(1);

    fn said(left: u64, resets_in: u64) -> HeaderMap {
        let pairs = [("ratelimit-limit", 100), ("ratelimit-remaining", left), ("ratelimit-reset", resets_in)];
        let pairs = pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value)));
        pairs.into_iter().collect()
    }

    /// When the sends go that are ready at once.
    fn sends(rate: &Rate, from: Instant, count: usize) -> Vec<Duration> {
        let mut now = from;
        let mut gone = Vec::new();
        while gone.len() < count {
            match rate.take(Line::New, now) {
                Ok(()) => gone.push(now - from),
                Err(next) => now = next,
            }
        }
        gone
    }

    #[test]
    fn with_nothing_left_nobody_sends_before_the_reset_and_nobody_waits_longer_than_a_minute() {
        for (resets_in, waits) in [(7, 7), (60, 60), (86_400, 60)] {
            let (rate, now) = (Rate::new(None, false), Instant::now());
            assert!(rate.learn(&said(0, resets_in), now));
            for line in [Line::New, Line::Begun] {
                assert_eq!(rate.take(line, now), Err(now + SECOND * waits));
            }
            assert_eq!(rate.shut_until(), Some(now + SECOND * waits));
            assert_eq!(rate.take(Line::New, now + SECOND * waits), Ok(()));
        }
    }

    #[test]
    fn with_much_left_nobody_waits_and_the_end_is_spread_over_the_time_until_the_reset() {
        let (rate, now) = (Rate::new(None, false), Instant::now());
        rate.learn(&said(30, 10), now);
        let gone = sends(&rate, now, 31);
        assert!(gone[19] == Duration::ZERO, "a hurry where much is left: {gone:?}");
        let gaps: Vec<_> = gone[20..].windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        assert!(gaps.iter().all(|gap| *gap > SECOND / 2 && *gap < SECOND * 2), "{gaps:?}");
        assert!(gone[29] < SECOND * 10 && gone[30] == SECOND * 10, "{gone:?}");
    }

    #[test]
    fn an_answer_that_was_overtaken_gives_nothing_back() {
        let (rate, now) = (Rate::new(None, false), Instant::now());
        rate.learn(&said(0, 10), now);
        assert!(rate.learn(&said(5, 10), now + SECOND / 10), "what was left grew within a window");
        assert!(!rate.learn(&said(99, 60), now + SECOND * 11), "a new window begins full");
        assert_eq!(rate.take(Line::New, now + SECOND * 11), Ok(()));
    }

    #[test]
    fn the_own_limit_counts_what_the_profile_says() {
        let limit = RateLimit { sends: 1, per: SECOND * 30 };
        for (counts_begun, begun) in [(false, 3), (true, 0)] {
            let (rate, now) = (Rate::new(Some(limit), counts_begun), Instant::now());
            assert_eq!(rate.take(Line::New, now), Ok(()));
            assert!(rate.take(Line::New, now).is_err_and(|next| next > now + SECOND * 29));
            assert_eq!((0..3).filter(|_| rate.take(Line::Begun, now).is_ok()).count(), begun);
        }
    }
}
