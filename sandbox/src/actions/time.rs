//! How long an action takes: always the same, or drawn anew for each invocation.

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;

use crate::parse::{Members, Mistake, Mistakes};

/// How many standard deviations the 99th percentile lies above the median.
const P99: f64 = 2.326_347_874_040_841;

/// How long an action takes from acceptance to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Time {
    /// The same every time.
    Always(Duration),
    /// Anything from the least to the most, each as likely.
    Between {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Log-normal, as the times of services usually are: half of the invocations take no longer than the median, and
    /// one in a hundred takes longer than the 99th percentile.
    Spread {
        /// Half of them take no longer.
        median: Duration,
        /// 99 of 100 take no longer.
        p99: Duration,
    },
}

impl Time {
    /// From the JSON text of the member `place`: seconds, `{"min", "max"}` or `{"median", "p99"}`.
    pub(super) fn read(place: &str, json: &str) -> Result<Self, Vec<Mistake>> {
        if !json.starts_with('{') {
            let must = "a number of seconds of 0 or more, `{min, max}` or `{median, p99}`";
            return match serde_json::from_str(json).ok().and_then(|s| Duration::try_from_secs_f64(s).ok()) {
                Some(time) => Ok(Time::Always(time)),
                None => Err(vec![Mistake::must(place, must, json)]),
            };
        }
        let mut members =
            Members::read("the time of an action", format!("{place}."), json).map_err(|it| vec![it])?;
        let mut mistakes = Mistakes::default();
        let mut seconds = |name| mistakes.keep(members.seconds(name));
        let (min, max) = (seconds("min"), seconds("max"));
        let (median, p99) = (seconds("median"), seconds("p99"));
        mistakes.all(members.unknown());
        if !mistakes.is_empty() {
            return Err(mistakes.into());
        }
        match (min, max, median, p99) {
            (Some(min), Some(max), None, None) => Ok(Time::Between { min, max }),
            (None, None, Some(median), Some(p99)) => Ok(Time::Spread { median, p99 }),
            _ => {
                let message = format!("`{place}` must have `min` and `max`, or `median` and `p99`");
                Err(vec![Mistake::new(place, message)])
            }
        }
    }

    /// What cannot work, after the name of the member.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        match *self {
            Time::Between { min, max } if min > max => Some("must have a `min` no longer than its `max`"),
            Time::Spread { median, p99 } if median.is_zero() || median > p99 => {
                Some("must have a `median` longer than 0 and no longer than its `p99`")
            }
            _ => None,
        }
    }

    pub(super) fn draw(&self, random: &mut Rng) -> Duration {
        match *self {
            Time::Always(time) => time,
            Time::Between { min, max } => min.saturating_add(max.saturating_sub(min).mul_f64(random.f64())),
            Time::Spread { median, p99 } => {
                let deviation = (p99.as_secs_f64() / median.as_secs_f64()).ln() / P99;
                let seconds = median.as_secs_f64() * (deviation * normal(random)).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(p99)
            }
        }
    }
}

/// Box and Muller's method.
fn normal(random: &mut Rng) -> f64 {
    let (radius, angle) = (1.0 - random.f64(), random.f64());
    (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_spread_as_it_was_said() {
        const DRAWN: usize = 20_000;
        let seconds = |time: Time| {
            let mut random = Rng::with_seed(1);
            let mut drawn: Vec<f64> = (0..DRAWN).map(|_| time.draw(&mut random).as_secs_f64()).collect();
            drawn.sort_by(f64::total_cmp);
            drawn
        };
        let at = |drawn: &[f64], percent: usize| drawn[DRAWN / 100 * percent];
        let near = |value: f64, wanted: f64| (value / wanted - 1.0).abs() < 0.05;
        let of = Duration::from_secs_f64;

        let spread = seconds(Time::Spread { median: of(0.2), p99: of(1.5) });
        assert!(near(at(&spread, 50), 0.2) && near(at(&spread, 99), 1.5), "{}", at(&spread, 99));
        let between = seconds(Time::Between { min: of(1.0), max: of(3.0) });
        assert!(between[0] >= 1.0 && between[DRAWN - 1] < 3.0 && near(at(&between, 50), 2.0));
        assert!(seconds(Time::Spread { median: of(2.0), p99: of(2.0) }).iter().all(|time| near(*time, 2.0)));
        assert!(seconds(Time::Always(of(0.7))).iter().all(|time| near(*time, 0.7)));
    }
}
