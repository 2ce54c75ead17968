//! Numbers and times as a reader says them. Nothing is rounded to something better than it is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use crate::plain::plain;
use crate::report::seen::Micros;

/// 1234567 → `1,234,567`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 call`, `2 calls`.
pub(super) fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A part of a whole in percent, cut and not rounded: only all of it is 100 %, only none of it is 0 %.
pub(super) fn share(part: f64) -> String {
    let hundredths = (part.clamp(0.0, 1.0) * 10_000.0).floor();
    if part > 0.0 && hundredths == 0.0 {
        return "< 0.01 %".to_owned();
    }
    let text = format!("{:.2}", hundredths / 100.0);
    format!("{} %", text.strip_suffix(".00").unwrap_or(&text))
}

pub(super) fn share_of(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { share(part as f64 / whole as f64) }
}

/// Milliseconds with as many digits as say something.
pub(super) fn duration(ms: f64) -> String {
    let whole = |ms: f64, unit: f64| (ms / unit).floor();
    match ms {
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 9_950.0 => format!("{:.2} s", ms / 1000.0),
        ms if ms < 59_950.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms < 3_600_000.0 => {
            format!("{:.0} min {:.0} s", whole(ms, 60_000.0), whole(ms % 60_000.0, 1000.0))
        }
        ms if ms < 172_800_000.0 => {
            format!("{:.0} h {:.0} min", whole(ms, 3_600_000.0), whole(ms % 3_600_000.0, 60_000.0))
        }
        ms => counted(rounded_down(ms / 86_400_000.0), "day"),
    }
}

/// A power of ten of milliseconds, for a scale.
pub(super) fn duration_mark(ms: f64) -> String {
    match ms {
        ms if ms < 0.5 => format!("{ms} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{} s", count(rounded_down((ms / 1000.0).round()))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what no u64 holds is said as the nearest that it does"
)]
fn rounded_down(n: f64) -> u64 {
    n as u64
}

/// How long ago, in one unit.
pub(super) fn age(ms: f64) -> String {
    let seconds = rounded_down(ms / 1000.0);
    match seconds {
        0..120 => counted(seconds, "second"),
        120..7200 => counted(seconds / 60, "minute"),
        7200..172_800 => counted(seconds / 3600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

pub(super) fn maybe_duration(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), duration)
}

/// The length of an interval: `10 minutes`, `hour`.
pub(super) fn interval(width: Micros) -> String {
    let seconds = u64::try_from(width / 1_000_000).unwrap_or(0);
    let units = [(604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds % unit == 0).unwrap_or((1, "second"));
    if seconds == unit { name.to_owned() } else { counted(seconds / unit, name) }
}

/// A time for a sentence: `22 Nov 2026, 15:12:22 UTC`.
pub(super) fn moment(at: Micros) -> String {
    time(at, "%-d %b %Y, %H:%M:%S UTC")
}

pub(super) fn maybe_moment(at: Option<Micros>) -> String {
    at.map_or_else(|| "–".to_owned(), moment)
}

/// A time for a table, whose heading says that it is UTC.
pub(super) fn short(at: Option<Micros>) -> Markup {
    html! {
        @match at {
            Some(at) => { span.when { (time(at, "%-d %b %Y, %H:%M")) } },
            None => { "–" },
        }
    }
}

/// A time for the axis of intervals of this width.
pub(super) fn tick(at: Micros, width: Micros) -> String {
    const MINUTE: Micros = 60_000_000;
    const DAY: Micros = 1440 * MINUTE;
    match width {
        width if width < MINUTE => time(at, "%H:%M:%S"),
        width if width < 60 * MINUTE => time(at, "%-d %b %H:%M"),
        width if width < DAY => time(at, "%-d %b %H:%M"),
        width if width < 300 * DAY => time(at, "%-d %b %Y"),
        _ => time(at, "%Y"),
    }
}

fn time(at: Micros, format: &str) -> String {
    Timestamp::from_microsecond(at)
        .map(|at| at.to_zoned(TimeZone::UTC).strftime(format).to_string())
        .unwrap_or_default()
}

/// A text of the trail: shown as it is, never as anything else.
pub(super) fn quoted(text: &str) -> Markup {
    html! { bdi { (plain(text, 200)) } }
}

/// An action by the name that the policy gives it, or else by its id.
pub(super) fn action(id: &str, name: Option<&str>) -> Markup {
    html! {
        @match (id, name) {
            ("", None) => { span.soft { "none named" } },
            (id, None) => { span.id { (quoted(id)) } },
            (_, Some(name)) => { (quoted(name)) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        for (part, said) in [
            (1.0, "100 %"),
            (0.999_999, "99.99 %"),
            (0.5, "50 %"),
            (0.123_456, "12.34 %"),
            (0.000_001, "< 0.01 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(share(part), said);
        }
        assert_eq!(share_of(0, 0), "–");
    }

    #[test]
    fn numbers_and_times_are_said_as_a_reader_says_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(counted(1, "call") + &counted(1200, "call"), "1 call1,200 calls");
        for (ms, said) in [
            (0.42, "0.42 ms"),
            (4.25, "4.2 ms"),
            (412.4, "412 ms"),
            (1234.0, "1.23 s"),
            (45_000.0, "45.0 s"),
            (61_000.0, "1 min 1 s"),
            (3_720_000.0, "1 h 2 min"),
            (200_000_000.0, "2 days"),
        ] {
            assert_eq!(duration(ms), said);
        }
        assert_eq!(interval(600_000_000), "10 minutes");
        assert_eq!(interval(3_600_000_000), "hour");
        assert_eq!(interval(28 * 86_400_000_000), "4 weeks");
        assert_eq!(interval(364 * 86_400_000_000), "52 weeks");
        assert_eq!(moment(1_795_360_342_000_000), "22 Nov 2026, 15:12:22 UTC");
    }

    #[test]
    fn no_text_is_markup() {
        let said = quoted("<script>alert(1)</script>&\"'").into_string();
        assert_eq!(said, "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;'</bdi>");
    }
}
