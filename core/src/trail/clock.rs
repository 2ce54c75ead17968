//! The time of a record: whole microseconds, in UTC.

use jiff::Timestamp;

use super::record::timestamp_text;

/// As exactly as records say it.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// Says times as records do. Everything before the microseconds is made once in a second.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: Option<i64>,
    text: String,
}

impl Clock {
    pub(super) fn text(&mut self, at: Timestamp) -> &str {
        const MICROSECONDS_AT: usize = "2026-11-22T15:12:22.".len();
        if at.subsec_nanosecond() < 0 || self.second != Some(at.as_second()) {
            self.second = Some(at.as_second());
            self.text = timestamp_text(at);
        } else {
            self.text.truncate(MICROSECONDS_AT);
            let micros = at.subsec_nanosecond().unsigned_abs() / 1_000;
            let digits = [100_000, 10_000, 1_000, 100, 10, 1].map(|place| micros / place % 10);
            self.text.extend(digits.iter().filter_map(|digit| char::from_digit(*digit, 10)));
            self.text.push('Z');
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_said_in_full() {
        let mut clock = Clock::default();
        for text in [
            "2026-11-22T15:12:22.345678Z",
            "2026-11-22T15:12:22.000001Z",
            "2026-11-22T15:12:22.999999Z",
            "2026-11-22T15:12:23.000000Z",
            "2026-11-22T15:12:22.5Z",
            "1969-12-31T23:59:59.25Z",
            "1969-12-31T23:59:59.5Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(clock.text(at), timestamp_text(at));
        }
    }
}
