//! The counters behind the snapshot. One lock, held for a few additions: only so does the law hold at every instant.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::times::Times;
use super::{ActionMetrics, CALLBACK_OUTCOMES, Counts, Metrics};

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

impl Place {
    /// The word that a span says of it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Place::InFlight => "in_flight",
            Place::Detached => "detached",
            Place::Completed => "completed",
            Place::Failed => "failed",
            Place::Cancelled => "cancelled",
            Place::Rejected => "rejected",
            Place::Aborted => "aborted",
            Place::Unknown => "unknown",
        }
    }
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
            // Those who take them know: see `Client::metrics`.
            callbacks: CALLBACK_OUTCOMES.into_iter().map(|outcome| (outcome, 0)).collect(),
            // The trail knows: see `Client::metrics`.
            audit_lost: 0,
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
        if let Some(row) = self.by_action.get_mut(action) {
            return step(row);
        }
        let name = if self.by_action.len() < NAMED_ACTIONS { action } else { REMAINDER };
        step(self.by_action.entry(name.into()).or_default());
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
    fn one_time_is_its_own_mean_minimum_maximum_and_percentile() {
        let board = Board::default();
        board.accepted("a", Duration::from_micros(115_003));
        let latency = board.snapshot().invoke_latency;
        for value in [latency.mean_ms, latency.min_ms, latency.max_ms, latency.p50_ms, latency.p99_ms] {
            assert_eq!(value, Some(115.003));
        }
    }

    /// The memory of this process, in bytes.
    #[cfg(target_os = "linux")]
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
    }

    #[test]
    fn a_million_invocations_of_five_thousand_actions_cost_a_hundred_and_one_rows_of_a_few_kilobytes() {
        // Tutorial defect S61: memory is bounded whatever the load.
        let board = Board::default();
        let actions: Vec<_> = (0..5_000).map(|n| format!("{n:08}-0000-4000-8000-000000000000")).collect();
        #[cfg(target_os = "linux")]
        let before = resident();
        for (n, action) in (0..1_000_000u32).zip(actions.iter().cycle()) {
            // A gateway that takes 80 to 1,000 ms, and actions that take up to a hundred times as long.
            let latency = Duration::from_micros(80_000 + (u64::from(n) * 7_919) % 920_000);
            board.start(action);
            board.accepted(action, latency);
            board.terminal(action, Place::InFlight, Place::Completed, latency * (1 + n % 100));
        }
        // Other tests may run in this process meanwhile; fifty bytes kept of each invocation would show.
        #[cfg(target_os = "linux")]
        assert!(resident() < before + (48 << 20), "{} bytes, {before} before", resident());
        let state = board.lock();
        let sizes: Vec<_> =
            state.by_action.values().map(|row| row.invoke_latency.bytes() + row.duration.bytes()).collect();
        assert_eq!(sizes.len(), NAMED_ACTIONS + 1);
        assert!(sizes.iter().all(|bytes| *bytes < 8 << 10), "{sizes:?}");
        drop(state);
        let metrics = board.snapshot();
        assert_eq!(metrics.by_action[REMAINDER].counts.started, 980_000);
        assert_eq!(metrics.by_action.values().map(|row| row.counts.completed).sum::<u64>(), 1_000_000);
        assert!(metrics.counts.conserved());
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
