//! One gate for everybody who shares a base URL: what one caller learned from a 429, the others need not learn again.
//!
//! It is shut for as long as the gateway asks. When that is over one request goes alone, and what the gateway answers to
//! it decides: another 429 shuts the gate again, anything else lets the others follow, spread, so that they do not come
//! back as one herd. Times and chance are passed in: nothing here waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Backoff, MAX_RETRY_AFTER};

/// A gateway that throttles says so at once. An action that takes its time is no reason for the others to wait for it.
const VERDICT_WITHIN: Duration = Duration::from_secs(5);
const LEAST_SPREAD: Duration = Duration::from_millis(100);
const MOST_SPREAD: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Gate {
    /// Of the state below, for those who only want to know whether to look at it.
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Now,
    /// Where a 429 does not say how long.
    backoff: Backoff,
    /// How long it was shut the last time.
    shut_for: Duration,
    probes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Now {
    Open,
    /// Nobody goes before then.
    Shut {
        until: Instant,
    },
    /// One went alone; the others wait for what it learns, but no longer than this.
    Probing {
        probe: Probe,
        until: Instant,
    },
    /// The others follow, the next one not before `next`.
    Following {
        next: Instant,
        gap: Duration,
        until: Instant,
    },
}

/// The one request that goes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probe(u64);

impl Default for Gate {
    fn default() -> Gate {
        let state =
            State { now: Now::Open, backoff: Backoff::throttled(), shut_for: Duration::ZERO, probes: 0 };
        Gate { open: AtomicBool::new(true), state: Mutex::new(state) }
    }
}

impl Gate {
    /// Whether there is nothing to ask. Costs one atomic load.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Until when nobody goes, as far as the gateway has said.
    pub(super) fn shut_until(&self) -> Option<Instant> {
        match self.lock().now {
            Now::Shut { until } => Some(until),
            _ => None,
        }
    }

    /// When to ask again, where this is not the time to go. Changes nothing.
    pub(super) fn not_before(&self, now: Instant) -> Option<Instant> {
        let at = match self.lock().now {
            Now::Open => return None,
            Now::Shut { until } | Now::Probing { until, .. } => until,
            Now::Following { next, .. } => next,
        };
        (at > now).then_some(at)
    }

    /// Lets one request go, perhaps alone, or says when to ask again. `behind` others wait.
    pub(super) fn pass(&self, now: Instant, behind: usize) -> Result<Option<Probe>, Instant> {
        let mut state = self.lock();
        loop {
            match state.now {
                Now::Open => return Ok(None),
                Now::Shut { until } | Now::Probing { until, .. } if now < until => return Err(until),
                Now::Shut { .. } => return Ok(Some(state.probe(now))),
                Now::Probing { .. } => self.follow(&mut state, now, behind + 1),
                Now::Following { until, .. } if now >= until || behind == 0 => {
                    self.become_(&mut state, Now::Open);
                }
                Now::Following { next, .. } if now < next => return Err(next),
                Now::Following { gap, until, .. } => {
                    state.now = Now::Following { next: now + jittered(gap), gap, until };
                    return Ok(None);
                }
            }
        }
    }

    /// A 429 was seen, by `probe` or by one of those that went before. Says how long nobody goes.
    pub(super) fn shut(&self, asked: Option<Duration>, probe: Option<Probe>, now: Instant) -> Duration {
        let mut state = self.lock();
        let until = match (state.now, asked.map(|asked| now + asked.min(MAX_RETRY_AFTER))) {
            (Now::Shut { until }, None) => return until.saturating_duration_since(now),
            // This one went before the one that is on its way, which knows better.
            (Now::Probing { probe: other, until }, None) if probe != Some(other) => {
                return until.saturating_duration_since(now);
            }
            (Now::Shut { until }, Some(asked)) => until.max(asked),
            (_, Some(asked)) => asked,
            (_, None) => now + state.backoff.next(),
        };
        state.shut_for = until.saturating_duration_since(now);
        self.become_(&mut state, Now::Shut { until });
        state.shut_for
    }

    /// The one that went alone was not throttled: the others follow.
    pub(super) fn passed(&self, probe: Probe, now: Instant, behind: usize) {
        let mut state = self.lock();
        if matches!(state.now, Now::Probing { probe: on_its_way, .. } if on_its_way == probe) {
            self.follow(&mut state, now, behind);
        }
    }

    /// The one that went alone brings no verdict: the next one goes in its place.
    pub(super) fn gave_up(&self, probe: Probe, now: Instant) {
        let mut state = self.lock();
        if matches!(state.now, Now::Probing { probe: on_its_way, .. } if on_its_way == probe) {
            self.become_(&mut state, Now::Shut { until: now });
        }
    }

    /// Over half the time that it was shut, each of those who wait at a random moment; twice that at most, so that the
    /// gate is open again whatever happens.
    fn follow(&self, state: &mut State, now: Instant, behind: usize) {
        state.backoff = Backoff::throttled();
        let Ok(behind @ 1..) = u32::try_from(behind) else { return self.become_(state, Now::Open) };
        let spread = (state.shut_for / 2).clamp(LEAST_SPREAD, MOST_SPREAD);
        let gap = spread / behind;
        self.become_(state, Now::Following { next: now + jittered(gap), gap, until: now + spread * 2 });
    }

    fn become_(&self, state: &mut State, now: Now) {
        state.now = now;
        self.open.store(now == Now::Open, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn probe(&mut self, now: Instant) -> Probe {
        self.probes += 1;
        let probe = Probe(self.probes);
        self.now = Now::Probing { probe, until: now + VERDICT_WITHIN };
        probe
    }
}

/// Between nothing and twice as much: on average, as much.
fn jittered(gap: Duration) -> Duration {
    gap.mul_f64(2.0 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Duration = Duration::from_secs(2);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn it_reopens_with_one_probe_and_the_others_follow_spread() {
        let (gate, start) = (Gate::default(), Instant::now());
        assert!(gate.is_open() && gate.pass(start, 99) == Ok(None));
        assert_eq!(gate.shut(Some(TWO), None, start), TWO);
        assert!(!gate.is_open());
        assert_eq!(gate.pass(at(start, 1_999), 99), Err(at(start, 2_000)));
        let probe = gate.pass(at(start, 2_000), 99).unwrap().expect("the first one goes alone");
        assert!(gate.pass(at(start, 2_001), 98).is_err(), "a second one went before the verdict");
        gate.passed(probe, at(start, 2_010), 99);
        let mut now = at(start, 2_010);
        let mut gone = Vec::new();
        for behind in (0..99).rev() {
            while let Err(next) = gate.pass(now, behind) {
                now = next;
            }
            gone.push(now);
        }
        let took = gone[98] - at(start, 2_010);
        assert!(took > Duration::from_millis(500) && took <= TWO, "they took {took:?}");
        let busiest =
            gone.iter().map(|from| gone.iter().filter(|t| **t >= *from && **t < *from + took / 10).count());
        assert!(busiest.max().unwrap() < 30, "they came back as a herd");
        assert!(gate.is_open());
    }

    #[test]
    fn a_probe_that_is_throttled_shuts_it_again_and_longer() {
        let (gate, start) = (Gate::default(), Instant::now());
        let mut now = start + gate.shut(None, None, start);
        for ceiling in [2, 4, 8, 16, 20, 20] {
            let probe = gate.pass(now, 5).unwrap();
            assert!(probe.is_some());
            let wait = gate.shut(None, probe, now);
            assert!(wait <= Duration::from_secs(ceiling), "{wait:?}");
            now += wait;
        }
    }

    #[test]
    fn a_probe_whose_caller_goes_away_hands_its_role_on() {
        let (gate, start) = (Gate::default(), Instant::now());
        gate.shut(Some(TWO), None, start);
        let now = start + TWO;
        let lost = gate.pass(now, 5).unwrap().unwrap();
        gate.gave_up(lost, now);
        let next = gate.pass(now, 5).unwrap().expect("nobody took the role over");
        gate.gave_up(lost, now);
        assert!(gate.pass(now, 5).is_err(), "a probe that is over took the role from the next one");
        gate.passed(lost, now, 5);
        assert!(gate.pass(now, 5).is_err(), "a probe that is over opened the gate");
        gate.passed(next, now, 0);
        assert!(gate.is_open());
    }

    #[test]
    fn a_probe_without_a_verdict_keeps_nobody_for_long() {
        let (gate, start) = (Gate::default(), Instant::now());
        gate.shut(Some(TWO), None, start);
        gate.pass(start + TWO, 5).unwrap().unwrap();
        assert_eq!(gate.pass(start + TWO, 5), Err(start + TWO + VERDICT_WITHIN));
        assert!(gate.pass(start + TWO + VERDICT_WITHIN, 0).is_ok() || !gate.is_open());
        assert_eq!(gate.pass(start + TWO + VERDICT_WITHIN * 3, 0), Ok(None));
    }

    #[test]
    fn what_was_on_its_way_when_it_shut_adds_only_what_the_gateway_asks_for() {
        let (gate, start) = (Gate::default(), Instant::now());
        let first = gate.shut(None, None, start);
        for _ in 0..63 {
            assert_eq!(gate.shut(None, None, start), first, "64 refusals at once are one");
        }
        assert_eq!(gate.shut(Some(TWO), None, start), first.max(TWO));
        assert_eq!(gate.shut(Some(Duration::from_secs(3_600)), None, start), MAX_RETRY_AFTER);
    }
}
