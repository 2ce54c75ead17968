//! The last five minutes, second by second: how many requests came, how they were answered, and how long it took.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::record::Exchange;
use crate::faults::Point;

/// How many seconds are kept.
pub(super) const SECONDS: usize = 300;
/// Steps of a time in each doubling of it: a percentile is wrong by a tenth at most.
const STEPS: f64 = 8.0;
/// From a hundredth of a millisecond to three hours.
const BUCKETS: usize = 243;
const SHORTEST: f64 = 0.000_01;

/// Times, counted by how long they are.
#[derive(Debug, Default)]
struct Times {
    counts: Vec<u32>,
    total: u32,
}

impl Times {
    fn count(&mut self, time: Duration) {
        // Most seconds of most sandboxes have no result at all.
        if self.counts.is_empty() {
            self.counts = vec![0; BUCKETS];
        }
        let step = (time.as_secs_f64() / SHORTEST).max(1.0).log2() * STEPS;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 0, and no time has more than a few hundred steps"
        )]
        let bucket = (step.round() as usize).min(BUCKETS - 1);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// Seconds that so large a share of the times does not exceed.
    fn percentile(&self, share: f64) -> Option<f64> {
        let wanted = (f64::from(self.total) * share).ceil().max(1.0);
        let mut so_far = 0.0;
        self.counts.iter().enumerate().find_map(|(bucket, count)| {
            so_far += f64::from(*count);
            (so_far >= wanted).then(|| SHORTEST * (bucket as f64 / STEPS).exp2())
        })
    }
}

/// What happened in one second.
#[derive(Debug, Default)]
struct Second {
    at: u64,
    invoke: u32,
    poll: u32,
    other: u32,
    refused: u32,
    cut: u32,
    answers: Times,
    results: Times,
}

/// A second as a drawing needs it; times in seconds.
#[derive(Debug, Serialize)]
pub(super) struct Drawn {
    /// Whole seconds since the sandbox started.
    pub(super) at: u64,
    invoke: u32,
    poll: u32,
    other: u32,
    refused: u32,
    cut: u32,
    answer_median: Option<f64>,
    answer_p95: Option<f64>,
    result_median: Option<f64>,
    result_p95: Option<f64>,
    results: u32,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Series(VecDeque<Second>);

impl Series {
    /// Counts an answer, and the time of a result where it was the first to tell it.
    pub(super) fn count(&mut self, exchange: &Exchange, result: Option<Duration>) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds since the start, which are not negative"
        )]
        let at = exchange.seen.at as u64;
        if self.0.back().is_none_or(|second| second.at < at) {
            self.0.push_back(Second { at, ..Second::default() });
            while self.0.front().is_some_and(|oldest| oldest.at + SECONDS as u64 <= at) {
                self.0.pop_front();
            }
        }
        let Some(second) = self.0.back_mut() else { return };
        match exchange.seen.point {
            Point::Invoke => second.invoke += 1,
            Point::Poll => second.poll += 1,
            _ => second.other += 1,
        }
        match exchange.close {
            Some(_) => second.cut += 1,
            None if exchange.status >= 400 => second.refused += 1,
            None => {}
        }
        if exchange.close.is_none() {
            second.answers.count(exchange.took);
        }
        if let Some(result) = result {
            second.results.count(result);
        }
    }

    /// The seconds from this one on in which something happened, oldest first.
    pub(super) fn since(&self, at: u64) -> Vec<Drawn> {
        let drawn = |second: &Second| Drawn {
            at: second.at,
            invoke: second.invoke,
            poll: second.poll,
            other: second.other,
            refused: second.refused,
            cut: second.cut,
            answer_median: second.answers.percentile(0.5),
            answer_p95: second.answers.percentile(0.95),
            result_median: second.results.percentile(0.5),
            result_p95: second.results.percentile(0.95),
            results: second.results.total,
        };
        self.0.iter().filter(|second| second.at >= at).map(drawn).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_wrong_by_a_tenth_at_most() {
        for share in [0.5, 0.95] {
            let mut times = Times::default();
            (1..=1000_u32).for_each(|ms| times.count(Duration::from_millis(ms.into())));
            let (got, exact) = (times.percentile(share).unwrap(), share);
            assert!((got / exact - 1.0).abs() < 0.1, "{share}: {got}");
        }
        assert_eq!(Times::default().percentile(0.5), None);
        let mut long = Times::default();
        long.count(Duration::from_secs(1_000_000));
        long.count(Duration::ZERO);
        assert!(long.percentile(1.0).unwrap() > 3600.0);
        assert!(long.percentile(0.1).unwrap() <= SHORTEST);
    }
}
