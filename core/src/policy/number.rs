//! Numbers for the schema validator, which computes with 64 bits, while the digits that are sent may say more.
//!
//! The promise: a number never passes a limit because it was rounded. Where 64 bits cannot hold it, its two neighbours
//! are checked in its place, and it passes only where both do.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// What to check in place of a number.
#[derive(Debug, PartialEq)]
pub(super) enum Stand {
    /// The number itself.
    Exact(Number),
    /// It lies between these two.
    Between(Number, Number),
    /// It is beyond all that 64 bits can hold, on the side of this one.
    Beyond(Number),
}

impl Stand {
    /// `text` is a number of JSON.
    pub(super) fn of(text: &str) -> Stand {
        if let Ok(integer) = text.parse::<u64>() {
            return Stand::Exact(integer.into());
        }
        if let Ok(integer) = text.parse::<i64>() {
            return Stand::Exact(integer.into());
        }
        let float = text.parse::<f64>().unwrap_or(f64::INFINITY);
        if float.is_infinite() {
            return Stand::Beyond(number(f64::MAX.copysign(float)));
        }
        let digits = Decimal::of(text);
        // The shortest text of a float is a number of its own right: 0.1 is 0.1, whatever its bits add up to.
        if digits == Decimal::of(&format!("{float:e}")) {
            return Stand::Exact(number(float));
        }
        // 1075 digits behind the point are more than the longest float has.
        match digits.compare(&Decimal::of(&format!("{float:.1075}"))) {
            Ordering::Equal => Stand::Exact(number(float)),
            Ordering::Less => Stand::Between(number(float.next_down()), number(float)),
            Ordering::Greater => Stand::Between(number(float), number(float.next_up())),
        }
    }

    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Stand::Exact(_))
    }

    /// The values to check: one, or both neighbours.
    pub(super) fn values(self) -> Vec<Value> {
        match self {
            Stand::Exact(number) | Stand::Beyond(number) => vec![Value::Number(number)],
            Stand::Between(low, high) => vec![Value::Number(low), Value::Number(high)],
        }
    }
}

fn number(float: f64) -> Number {
    let finite = float.clamp(f64::MIN, f64::MAX);
    Number::from_f64(finite).unwrap_or_else(|| 0.into())
}

/// A decimal number without its zeros: 0.`digits` × 10^`exponent`.
#[derive(Debug, PartialEq)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    fn of(text: &str) -> Decimal {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = all.iter().take_while(|digit| **digit == b'0').count();
        let mut digits: Vec<u8> = all.into_iter().skip(leading).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0 };
        }
        // An exponent beyond 64 bits has been seen off as infinite, or stands for something next to zero.
        let tiny = exponent.starts_with('-');
        let exponent = exponent.parse::<i64>().unwrap_or(if tiny { i64::MIN / 2 } else { i64::MAX / 2 });
        let places = i64::try_from(whole.len()).unwrap_or(i64::MAX / 4) - i64::try_from(leading).unwrap_or(0);
        Decimal { negative, digits, exponent: exponent.saturating_add(places) }
    }

    fn compare(&self, other: &Decimal) -> Ordering {
        let sign = |decimal: &Decimal| match (decimal.digits.is_empty(), decimal.negative) {
            (true, _) => 0,
            (_, true) => -1,
            _ => 1,
        };
        let size = (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        match sign(self).cmp(&sign(other)) {
            Ordering::Equal if self.negative => size.reverse(),
            Ordering::Equal => size,
            different => different,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Stand {
        Stand::Exact(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_64_bits_can_hold_stands_for_itself() {
        for text in
            ["0", "-1", "18446744073709551615", "-9223372036854775808", "0.1", "-2.5e-3", "1e308", "5e-324"]
        {
            assert_eq!(Stand::of(text), exact(text), "{text}");
        }
        assert_eq!(Stand::of("100e-2"), exact("1.0"));
        assert_eq!(Stand::of("0.10"), exact("0.1"));
        assert_eq!(Stand::of("-0"), exact("0"));
        assert_eq!(Stand::of("0e999999999999999999999"), exact("0.0"));
        // 2^64, of which the shortest text is 18446744073709552000.
        assert_eq!(Stand::of("18446744073709551616"), Stand::Exact(number(18_446_744_073_709_551_616.0)));
    }

    #[test]
    fn what_would_be_rounded_is_held_between_its_neighbours() {
        for (text, low, high) in [
            ("5.0000000000000000001", 5.0, 5.0f64.next_up()),
            ("4.9999999999999999999", 5.0f64.next_down(), 5.0),
            ("-5.0000000000000000001", (-5.0f64).next_down(), -5.0),
            ("-4.9999999999999999999", -5.0, (-5.0f64).next_up()),
            ("18446744073709551617", 18_446_744_073_709_551_616.0, 18_446_744_073_709_551_616.0f64.next_up()),
            ("1e-400", 0.0, 0.0f64.next_up()),
            ("-1e-99999999999999999999", (-0.0f64).next_down(), -0.0),
        ] {
            let Stand::Between(found_low, found_high) = Stand::of(text) else {
                panic!("{text} was taken as exact")
            };
            assert_eq!((found_low.as_f64(), found_high.as_f64()), (Some(low), Some(high)), "{text}");
        }
    }

    #[test]
    fn what_is_beyond_all_floats_is_known_to_be() {
        let digits = format!("1{}", "0".repeat(400));
        for text in ["1e400", &digits, "1e99999999999999999999"] {
            assert_eq!(Stand::of(text), Stand::Beyond(number(f64::MAX)));
            assert_eq!(Stand::of(&format!("-{text}")), Stand::Beyond(number(f64::MIN)));
        }
    }
}
