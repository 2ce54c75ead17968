//! How long things took: a histogram that is exact to one in a hundred, whatever its number of values.

use std::time::Duration;

use cxone_actions::Distribution;
use hdrhistogram::Histogram;

/// Times in microseconds. A few KiB, and nothing before the first one.
#[derive(Debug, Default, Clone)]
pub(super) struct Times(Option<Box<Histogram<u32>>>);

impl Times {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "above zero and below a year, in microseconds"
    )]
    pub(super) fn record_ms(&mut self, ms: f64) {
        // A duration that is no number, or longer than a year, was not measured.
        const YEAR: f64 = 366.0 * 86_400_000.0;
        if !(0.0..YEAR).contains(&ms) {
            return;
        }
        if self.0.is_none() {
            self.0 = Histogram::new(2).ok().map(Box::new);
        }
        if let Some(histogram) = &mut self.0 {
            // It grows as it has to, so there is no value that it cannot take.
            let _ = histogram.record((ms * 1000.0) as u64);
        }
    }

    pub(super) fn add(&mut self, other: &Times) {
        let Some(theirs) = &other.0 else { return };
        match &mut self.0 {
            // It grows by itself, so there is nothing in it that could not be added.
            Some(ours) => drop(ours.add(theirs.as_ref())),
            None => self.0 = Some(theirs.clone()),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |histogram| histogram.len())
    }

    /// In milliseconds; none where nothing was measured.
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(histogram.value_at_percentile(percent).min(histogram.max()) as f64 / 1000.0)
    }

    pub(super) fn max(&self) -> Option<f64> {
        self.percentile(100.0)
    }

    pub(super) fn min(&self) -> Option<f64> {
        let histogram = self.0.as_ref().filter(|histogram| !histogram.is_empty())?;
        Some(histogram.min() as f64 / 1000.0)
    }

    /// As the metrics of a client say it; the percentiles are those of the page.
    pub(super) fn distribution(&self) -> Distribution {
        let steps = self.0.iter().flat_map(|histogram| histogram.iter_recorded());
        let values = steps
            .map(|step| (Duration::from_micros(step.value_iterated_to()), u64::from(step.count_at_value())));
        let mut all = Distribution::of(values);
        (all.min_ms, all.max_ms) = (self.min(), self.max());
        (all.p50_ms, all.p90_ms) = (self.percentile(50.0), self.percentile(90.0));
        (all.p95_ms, all.p99_ms) = (self.percentile(95.0), self.percentile(99.0));
        all
    }

    /// How many there are in each of the parts that these bounds (in milliseconds, rising) make of all times; what is
    /// below the first belongs to the first part, what is above the last to the last.
    pub(super) fn parts(&self, bounds: &[f64]) -> Vec<u64> {
        let mut parts = vec![0; bounds.len().saturating_sub(1)];
        let last = parts.len().saturating_sub(1);
        for step in self.0.iter().flat_map(|histogram| histogram.iter_recorded()) {
            let ms = step.value_iterated_to() as f64 / 1000.0;
            let part = bounds.partition_point(|bound| *bound <= ms).saturating_sub(1).min(last);
            if let Some(count) = parts.get_mut(part) {
                *count += u64::from(step.count_at_value());
            }
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_exact_to_one_in_a_hundred_whatever_the_size() {
        let mut times = Times::default();
        (1..=100_000).for_each(|n| times.record_ms(f64::from(n) / 10.0));
        for percent in [1.0, 50.0, 90.0, 95.0, 99.0, 100.0] {
            let (got, want) = (times.percentile(percent).unwrap(), percent * 100.0);
            assert!((got - want).abs() <= want * 0.0101, "p{percent}: {got} instead of {want}");
        }
        assert_eq!(times.count(), 100_000);
    }

    #[test]
    fn what_is_no_duration_is_not_measured_and_nothing_has_no_percentile() {
        let mut times = Times::default();
        for ms in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            times.record_ms(ms);
        }
        assert_eq!((times.count(), times.percentile(50.0)), (0, None));
        assert_eq!(times.parts(&[1.0, 10.0]), [0]);
    }

    #[test]
    fn each_time_is_in_one_part() {
        let mut times = Times::default();
        for ms in [0.0, 0.5, 1.0, 9.0, 10.0, 500.0] {
            times.record_ms(ms);
        }
        assert_eq!(times.parts(&[1.0, 10.0, 100.0]), [4, 2]);
    }

    #[test]
    fn the_sum_of_two_has_what_both_had() {
        let (mut one, mut other) = (Times::default(), Times::default());
        one.record_ms(1.0);
        other.record_ms(60_000.0);
        one.add(&other);
        one.add(&Times::default());
        assert_eq!(one.count(), 2);
        assert!((one.max().unwrap() - 60_000.0).abs() < 600.0);
    }
}
