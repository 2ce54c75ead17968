//! How many requests a gateway takes in which time: fixed windows, each of which begins with the first request in it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Windows are forgotten when they are over and there are more of them than this.
const KEPT: usize = 10_000;

/// So many requests in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) allowed: u32,
    pub(crate) per: Duration,
}

impl Rate {
    /// `300/60s`; `none` is no limit. Nothing where the text is neither.
    #[expect(clippy::option_option, reason = "nonsense, no limit, or a limit")]
    pub(crate) fn parse(text: &str) -> Option<Option<Rate>> {
        if text == "none" {
            return Some(None);
        }
        let (allowed, seconds) = text.strip_suffix('s')?.split_once('/')?;
        let allowed = allowed.parse().ok().filter(|allowed| *allowed > 0)?;
        let per = Duration::try_from_secs_f64(seconds.parse().ok()?).ok().filter(|per| !per.is_zero())?;
        Some(Some(Rate { allowed, per }))
    }
}

/// Where a subject stands in its window, the request just counted included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) count: u32,
    pub(crate) allowed: u32,
    /// Whole seconds until the window is over, rounded up.
    pub(crate) reset: u64,
}

impl Quota {
    pub(crate) fn exceeded(&self) -> bool {
        self.count > self.allowed
    }
}

#[derive(Debug)]
struct Window {
    until: Instant,
    count: u32,
}

/// The windows of every subject: a token, or a tenant.
#[derive(Debug)]
pub(crate) struct Windows {
    rate: Option<Rate>,
    open: HashMap<String, Window>,
}

impl Windows {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Windows { rate, open: HashMap::new() }
    }

    /// Counts a request; nothing where there is no limit.
    pub(crate) fn count(&mut self, subject: &str, now: Instant) -> Option<Quota> {
        let Rate { allowed, per } = self.rate?;
        if self.open.len() > KEPT {
            self.open.retain(|_, window| window.until > now);
        }
        // A window beyond what the clock can say is one that is over at once, and nobody asks for it.
        let until = now.checked_add(per).unwrap_or(now);
        let window = self.open.entry(subject.to_owned()).or_insert(Window { until, count: 0 });
        if window.until <= now {
            *window = Window { until, count: 0 };
        }
        window.count = window.count.saturating_add(1);
        let left = window.until.saturating_duration_since(now);
        let reset = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        Some(Quota { count: window.count, allowed, reset })
    }

    pub(crate) fn forget(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_its_first_request_and_each_subject_has_its_own() {
        let start = Instant::now();
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let mut windows = Windows::new(Rate::parse("2/60s").unwrap());
        let mut quota = |subject: &str, seconds: f64| {
            let quota = windows.count(subject, at(seconds)).unwrap();
            (quota.count, quota.reset, quota.exceeded())
        };
        assert_eq!(quota("a", 0.0), (1, 60, false));
        assert_eq!(quota("a", 10.5), (2, 50, false));
        assert_eq!(quota("b", 11.0), (1, 60, false));
        assert_eq!(quota("a", 59.9), (3, 1, true));
        assert_eq!(quota("a", 60.0), (1, 60, false));
        assert_eq!(Windows::new(None).count("a", start), None);
    }

    #[test]
    fn a_rate_is_so_many_in_so_many_seconds() {
        let rate = |allowed, per| Some(Some(Rate { allowed, per: Duration::from_secs_f64(per) }));
        let cases = [
            ("300/60s", rate(300, 60.0)),
            ("1/0.5s", rate(1, 0.5)),
            ("none", Some(None)),
            ("0/60s", None),
            ("300/0s", None),
            ("300/-1s", None),
            ("300/60", None),
            ("300", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Rate::parse(text), expected, "{text}");
        }
    }
}
