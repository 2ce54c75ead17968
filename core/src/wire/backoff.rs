//! How long to wait: full jitter, doubled, capped; and what `Retry-After` says.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::Answer;

/// Longer than this nobody sleeps: the caller is told instead.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);
const CAP: Duration = Duration::from_secs(20);
/// What is said to be longer than this is as long: every clock can add it.
pub(super) const LONGEST_SAID: Duration = Duration::from_secs(u32::MAX as u64);

/// Full jitter over a doubling ceiling. The random source is its own, so that a test can know the sequence.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    /// After something that was not sent: from 100 ms.
    pub(crate) fn unsent() -> Backoff {
        Backoff::new(Duration::from_millis(100), fastrand::Rng::new())
    }

    /// After being told to slow down: from a second.
    pub(crate) fn throttled() -> Backoff {
        Backoff::new(Duration::from_secs(1), fastrand::Rng::new())
    }

    fn new(base: Duration, random: fastrand::Rng) -> Backoff {
        Backoff { ceiling: base, random }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.ceiling.mul_f64(self.random.f64());
        self.ceiling = (self.ceiling * 2).min(CAP);
        wait
    }
}

/// RFC 9110 §10.2.3: delta-seconds or an HTTP date, the latter against the answer's own `Date`, because its clock and
/// ours need not agree. Junk is as good as nothing.
pub(crate) fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are an answer too: longer than anybody waits.
        return Some(text.parse().map_or(LONGEST_SAID, Duration::from_secs).min(LONGEST_SAID));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = theirs(&answer.headers).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default().min(LONGEST_SAID))
}

/// What time it was by the gateway's clock when it answered.
pub(super) fn theirs(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderValue;

    #[test]
    fn jitter_stays_below_a_ceiling_that_doubles_to_twenty_seconds() {
        let mut backoff = Backoff::new(Duration::from_secs(1), fastrand::Rng::with_seed(7));
        for ceiling in [1, 2, 4, 8, 16, 20, 20] {
            assert!(backoff.next() <= Duration::from_secs(ceiling));
        }
    }

    #[test]
    fn retry_after_is_understood_in_all_its_forms() {
        let cases = [
            ("3", Some(3)),
            ("1000000000000000000000", Some(u64::from(u32::MAX))),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sunday, 06-Nov-94 08:49:47 GMT", Some(10)),
            ("Sun Nov  6 08:49:47 1994", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            let answer = Answer { status: 429, headers, body: Bytes::new() };
            assert_eq!(
                retry_after(&answer),
                seconds.map(Duration::from_secs),
                "`{text}`, tutorial defect S35"
            );
        }
    }
}
