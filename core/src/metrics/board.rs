//! The counters behind the snapshot. One lock, held for a few additions: only so does the law hold at every instant.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::{ActionMetrics, Counts, Distribution, Metrics};

/// More action names than this are counted together.
const NAMED_ACTIONS: usize = 100;
/// What they are counted as.
const REMAINDER: &str = "other";

/// Where an invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    InFlight,
    Detached,
    Completed,
    Failed,
    Cancelled,
    Rejected,
    Aborted,
    Unknown,
}

/// Something that is counted apart from the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tally {
    Denied,
    Invalid,
    Retry,
    RateLimited,
    Poll,
    TokenRefresh,
    CallbackFailure,
    UnknownStatus,
}

const TALLIES: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    total: Row,
    by_action: HashMap<Box<str>, Row>,
    tallies: [u64; TALLIES],
}

#[derive(Debug, Default)]
struct Row {
    counts: Counts,
    invoke_latency: Times,
    duration: Times,
}

impl Board {
    pub(crate) fn start(&self, action: &str) {
        self.lock().each(action, |row| {
            row.counts.started += 1;
            row.counts.in_flight += 1;
        });
    }

    pub(crate) fn shift(&self, action: &str, from: Place, to: Place) {
        self.lock().each(action, |row| {
            let slot = row.counts.slot(from);
            *slot = slot.saturating_sub(1);
            *row.counts.slot(to) += 1;
        });
    }

    pub(crate) fn accepted(&self, action: &str, latency: Duration) {
        self.lock().each(action, |row| row.invoke_latency.record(latency));
    }

    /// Ends an invocation in one step, so that no snapshot sees its time without its place.
    pub(crate) fn terminal(&self, action: &str, from: Place, to: Place, duration: Duration) {
        self.lock().each(action, |row| {
            let slot = row.counts.slot(from);
            *slot = slot.saturating_sub(1);
            *row.counts.slot(to) += 1;
            row.duration.record(duration);
        });
    }

    pub(crate) fn tally(&self, what: Tally) {
        if let Some(count) = self.lock().tallies.get_mut(what as usize) {
            *count += 1;
        }
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.lock().total.counts.in_flight
    }

    pub(crate) fn snapshot(&self) -> Metrics {
        let state = self.lock();
        let tally = |what: Tally| state.tallies.get(what as usize).copied().unwrap_or(0);
        let by_action: BTreeMap<_, _> =
            state.by_action.iter().map(|(name, row)| (name.to_string(), row.snapshot())).collect();
        let total = state.total.snapshot();
        Metrics {
            counts: total.counts,
            denied: tally(Tally::Denied),
            invalid: tally(Tally::Invalid),
            success_rate: total.success_rate,
            invoke_latency: total.invoke_latency,
            duration: total.duration,
            retries: tally(Tally::Retry),
            rate_limited: tally(Tally::RateLimited),
            polls: tally(Tally::Poll),
            token_refreshes: tally(Tally::TokenRefresh),
            callback_failures: tally(Tally::CallbackFailure),
            unknown_statuses: tally(Tally::UnknownStatus),
            by_action,
        }
    }

    /// Counting goes on after a panic elsewhere: every step below leaves the numbers whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn each(&mut self, action: &str, mut step: impl FnMut(&mut Row)) {
        step(&mut self.total);
        if !self.by_action.contains_key(action) && self.by_action.len() < NAMED_ACTIONS {
            self.by_action.insert(action.into(), Row::default());
        }
        match self.by_action.get_mut(action) {
            Some(row) => step(row),
            None => step(self.by_action.entry(REMAINDER.into()).or_default()),
        }
    }
}

impl Counts {
    fn slot(&mut self, place: Place) -> &mut u64 {
        match place {
            Place::InFlight => &mut self.in_flight,
            Place::Detached => &mut self.detached,
            Place::Completed => &mut self.completed,
            Place::Failed => &mut self.failed,
            Place::Cancelled => &mut self.cancelled,
            Place::Rejected => &mut self.rejected,
            Place::Aborted => &mut self.aborted,
            Place::Unknown => &mut self.unknown,
        }
    }
}

impl Row {
    fn snapshot(&self) -> ActionMetrics {
        ActionMetrics {
            counts: self.counts,
            success_rate: self.counts.success_rate(),
            invoke_latency: self.invoke_latency.snapshot(),
            duration: self.duration.snapshot(),
        }
    }
}

/// Times in microseconds up to a day, each within 1 %: 128 linear steps in each power of two.
#[derive(Debug, Default)]
struct Times {
    /// Made with the first value: most actions of a large tenant are never called.
    histogram: Option<Histogram<u32>>,
    sum_us: u64,
    min_us: Option<u64>,
    max_us: u64,
}

impl Times {
    const LARGEST_US: u64 = 86_400_000_000;

    fn record(&mut self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(Self::LARGEST_US);
        self.sum_us = self.sum_us.saturating_add(us);
        self.min_us = Some(self.min_us.map_or(us, |least| least.min(us)));
        self.max_us = self.max_us.max(us);
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(1, Self::LARGEST_US, 2).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(us);
        }
    }

    fn snapshot(&self) -> Distribution {
        let Some(histogram) = &self.histogram else { return Distribution::default() };
        let ms = |us: u64| Some(us as f64 / 1000.0);
        // A bucket's upper edge may lie beyond what was ever seen.
        let quantile = |q: f64| ms(histogram.value_at_quantile(q).min(self.max_us));
        Distribution {
            count: histogram.len(),
            mean_ms: ms(self.sum_us).map(|sum| sum / histogram.len() as f64),
            min_ms: self.min_us.and_then(ms),
            max_ms: ms(self.max_us),
            p50_ms: quantile(0.50),
            p90_ms: quantile(0.90),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_success_is_one_invocation_at_rate_one() {
        let board = Board::default();
        board.start("create-case");
        assert_eq!(
            board.snapshot().success_rate,
            None,
            "no rate before the first result: tutorial defect S64"
        );
        board.terminal("create-case", Place::InFlight, Place::Completed, Duration::from_millis(80));
        let metrics = board.snapshot();
        assert_eq!((metrics.counts.started, metrics.counts.completed), (1, 1), "tutorial defect S59");
        assert_eq!(metrics.success_rate, Some(1.0));
        assert!(metrics.counts.conserved());
    }

    #[test]
    fn percentiles_are_within_one_percent() {
        // Tutorial defect S60: a mean of successes is no percentile.
        let board = Board::default();
        for n in 1..=10_000u64 {
            board.accepted("a", Duration::from_micros(n * 37));
        }
        let latency = board.snapshot().invoke_latency;
        for (got, rank) in [
            (latency.p50_ms, 5_000.0),
            (latency.p90_ms, 9_000.0),
            (latency.p95_ms, 9_500.0),
            (latency.p99_ms, 9_900.0),
        ] {
            let exact = rank * 37.0 / 1000.0;
            assert!((got.unwrap() - exact).abs() <= exact * 0.01, "{got:?} is not within 1 % of {exact}");
        }
    }

    #[test]
    fn one_time_is_its_own_mean_minimum_maximum_and_percentile() {
        let board = Board::default();
        board.accepted("a", Duration::from_micros(115_003));
        let latency = board.snapshot().invoke_latency;
        for value in [latency.mean_ms, latency.min_ms, latency.max_ms, latency.p50_ms, latency.p99_ms] {
            assert_eq!(value, Some(115.003));
        }
    }

    #[test]
    fn a_thousand_action_names_cost_a_hundred_and_one_rows() {
        // Tutorial defect S61: memory is bounded whatever the load.
        let board = Board::default();
        for n in 0..1_000 {
            board.start(&format!("action-{n}"));
        }
        let metrics = board.snapshot();
        assert_eq!(metrics.by_action.len(), NAMED_ACTIONS + 1);
        assert_eq!(metrics.by_action[REMAINDER].counts.started, 900);
        assert_eq!(metrics.counts.started, 1_000);
    }

    #[test]
    fn the_law_holds_at_every_instant_under_concurrency() {
        let board = Board::default();
        std::thread::scope(|scope| {
            for to in [Place::Completed, Place::Rejected, Place::Detached, Place::Unknown] {
                let board = &board;
                scope.spawn(move || {
                    for _ in 0..2_000 {
                        board.start("a");
                        board.shift("a", Place::InFlight, to);
                    }
                });
            }
            for _ in 0..500 {
                assert!(board.snapshot().counts.conserved());
            }
        });
        assert_eq!(board.snapshot().counts.started, 8_000);
    }
}
