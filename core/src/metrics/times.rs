//! A distribution of times in bounded memory: percentiles within 1 %, and counts for the buckets that Prometheus adds up.
//!
//! The percentiles come from a DDSketch, which keeps one count for each 2 % of time between the smallest and the largest
//! value that it saw: 2 KiB for two powers of ten. An HDR histogram that is as good takes 16 KiB for each distribution of
//! each action, whatever it saw.

use std::time::Duration;

use sketches_ddsketch::{Config, DDSketch};

use super::Distribution;

/// The upper edges of the buckets, in milliseconds: from an answer on the same machine to an action that takes minutes.
pub(super) const BUCKETS_MS: [u32; 16] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 900_000];

/// How many values each bucket has, without those of the buckets below it. What is beyond the last is in `count` alone.
pub(super) type Buckets = [u64; BUCKETS_MS.len()];

/// A little less than what is promised, for the roundings on the way.
const RELATIVE_ERROR: f64 = 0.0099;
/// Nothing is measured to take longer than a day.
const LONGEST: Duration = Duration::from_secs(86_400);
/// From a nanosecond to a day there are 1,622 steps of 2 %: the sketch never has to merge any.
const MOST_STEPS: u32 = 1_664;

#[derive(Debug, Default)]
pub(super) struct Times(Option<Box<Seen>>);

/// Made with the first value: most actions of a large tenant are never called.
struct Seen {
    sketch: DDSketch,
    buckets: Buckets,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
}

impl Times {
    pub(super) fn record(&mut self, time: Duration) {
        self.0.get_or_insert_with(Box::default).record(time);
    }

    pub(super) fn snapshot(&self) -> Distribution {
        self.0.as_ref().map(|seen| seen.snapshot()).unwrap_or_default()
    }

    /// What it takes on the heap.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |seen| size_of::<Seen>() + seen.sketch.length() * size_of::<u64>())
    }
}

impl Default for Seen {
    fn default() -> Self {
        let sketch = DDSketch::new(Config::new(RELATIVE_ERROR, MOST_STEPS, 1.0));
        Seen { sketch, buckets: Buckets::default(), sum_ns: 0, min_ns: u64::MAX, max_ns: 0 }
    }
}

impl Seen {
    #[expect(clippy::cast_precision_loss, reason = "a day has fewer nanoseconds than a float is exact for")]
    fn record(&mut self, time: Duration) {
        let time = time.min(LONGEST);
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.sketch.add(ns as f64);
        let bucket = BUCKETS_MS.partition_point(|edge| Duration::from_millis(u64::from(*edge)) < time);
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ns = self.sum_ns.saturating_add(ns);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    fn snapshot(&self) -> Distribution {
        let count = self.sketch.count();
        let (min, max) = (milliseconds(self.min_ns), milliseconds(self.max_ns));
        let percentile = |percent| self.percentile(percent, count).map(|ms| ms.clamp(min, max));
        Distribution {
            count: count as u64,
            mean_ms: Some(milliseconds(self.sum_ns) / count as f64),
            min_ms: Some(min),
            max_ms: Some(max),
            p50_ms: percentile(50),
            p90_ms: percentile(90),
            p95_ms: percentile(95),
            p99_ms: percentile(99),
            buckets: self.buckets,
        }
    }

    /// The value that so many of a hundred are at most: the n-th of them, n rounded up. The sketch counts ranks from 0 and
    /// rounds them down, so it is asked for the middle of the one that is meant.
    fn percentile(&self, percent: usize, count: usize) -> Option<f64> {
        let rank = (percent * count).div_ceil(100);
        let quantile = (rank as f64 - 0.5) / (count.max(2) - 1) as f64;
        let ns = self.sketch.quantile(quantile.clamp(0.0, 1.0)).ok()??;
        Some(ns / 1e6)
    }
}

impl Distribution {
    /// The distribution of times that somebody else has measured, each with how often.
    #[doc(hidden)]
    pub fn of(times: impl IntoIterator<Item = (Duration, u64)>) -> Distribution {
        let mut all = Times::default();
        for (time, count) in times {
            (0..count).for_each(|_| all.record(time));
        }
        all.snapshot()
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("count", &self.sketch.count()).finish_non_exhaustive()
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is read by people")]
fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Of any scale between 10 ns and a day.
    fn time() -> impl Strategy<Value = Duration> {
        (1u64..=9_999, 1u32..=10)
            .prop_map(|(digits, zeros)| Duration::from_nanos(digits * 10u64.pow(zeros)).min(LONGEST))
    }

    proptest! {
        #[test]
        fn each_percentile_is_within_one_percent_of_the_exact_one(
            times in prop::collection::vec(time(), 1..400)
        ) {
            let mut distribution = Times::default();
            for time in &times {
                distribution.record(*time);
            }
            let seen = distribution.snapshot();
            let mut sorted = times;
            sorted.sort_unstable();
            let ms = |place: usize| sorted[place].as_nanos() as f64 / 1e6;
            let exact = |percent: usize| ms((percent * sorted.len()).div_ceil(100) - 1);
            for (percent, got) in [(50, seen.p50_ms), (90, seen.p90_ms), (95, seen.p95_ms), (99, seen.p99_ms)] {
                let (got, exact) = (got.unwrap(), exact(percent));
                prop_assert!((got - exact).abs() <= exact * 0.01, "p{percent} is {got}, and exactly {exact}");
            }
            prop_assert_eq!(seen.count, sorted.len() as u64);
            prop_assert_eq!((seen.min_ms, seen.max_ms), (Some(ms(0)), Some(ms(sorted.len() - 1))));
            let sum: f64 = sorted.iter().map(Duration::as_secs_f64).sum();
            let mean = seen.mean_ms.unwrap();
            prop_assert!((mean - sum * 1e3 / sorted.len() as f64).abs() <= mean * 1e-9);
        }

        #[test]
        fn a_bucket_has_what_is_at_most_its_edge(times in prop::collection::vec(time(), 1..200)) {
            let mut distribution = Times::default();
            for time in &times {
                distribution.record(*time);
            }
            let buckets = distribution.snapshot().buckets;
            for (n, edge) in BUCKETS_MS.iter().enumerate() {
                let edge = Duration::from_millis(u64::from(*edge));
                let below = times.iter().filter(|time| **time <= edge).count() as u64;
                prop_assert_eq!(buckets[..=n].iter().sum::<u64>(), below);
            }
        }
    }

    #[test]
    fn a_time_beyond_a_day_is_a_day_and_one_of_nothing_is_nothing() {
        let mut distribution = Times::default();
        distribution.record(Duration::MAX);
        assert_eq!(distribution.snapshot().p99_ms, Some(86_400_000.0));
        distribution.record(Duration::ZERO);
        assert_eq!((distribution.snapshot().min_ms, distribution.snapshot().p50_ms), (Some(0.0), Some(0.0)));
    }
}
