//! What an answer says is left of a rate limit, in the four ways in which gateways say it.
//!
//! Junk is as good as nothing, and of several limits the one counts that stops us first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use sfv::{BareItem, Dictionary, FieldType, List, ListEntry, Parser};

/// So many more requests until the reset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Allowance {
    pub(super) left: u64,
    pub(super) limit: Option<u64>,
    pub(super) resets_in: Duration,
}

/// Reads every form that the answer has. `theirs` is the time by the gateway's clock.
pub(super) fn allowance(headers: &HeaderMap, theirs: SystemTime) -> Option<Allowance> {
    let forms = [
        structured(headers),
        triple(headers, ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"], theirs),
        triple(headers, ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"], theirs),
        vendor(headers),
    ];
    forms.into_iter().flatten().min_by_key(strictness)
}

/// Whether there is anything to read: most answers of most gateways have none of it.
pub(super) fn is_said(headers: &HeaderMap) -> bool {
    let prefixes = ["ratelimit", "x-ratelimit-", "inin-ratelimit-"];
    headers.keys().any(|name| prefixes.iter().any(|prefix| name.as_str().starts_with(prefix)))
}

/// With nothing left the later reset stops us longer; otherwise the fewer the sooner.
fn strictness(said: &Allowance) -> (u64, std::cmp::Reverse<Duration>) {
    (said.left, std::cmp::Reverse(said.resets_in))
}

/// draft-ietf-httpapi-ratelimit-headers-03 to -06, and what was customary before.
fn triple(headers: &HeaderMap, names: [&str; 3], theirs: SystemTime) -> Option<Allowance> {
    let [limit, left, reset] = names.map(|name| number(headers, name));
    Some(Allowance { left: whole(left?), limit: limit.map(whole), resets_in: delta(reset?, theirs) })
}

/// Genesys: how many were counted of how many, and the seconds until the count starts again.
fn vendor(headers: &HeaderMap) -> Option<Allowance> {
    let count = number(headers, "inin-ratelimit-count")?;
    let allowed = number(headers, "inin-ratelimit-allowed")?;
    let reset = number(headers, "inin-ratelimit-reset")?;
    Some(Allowance { left: whole(allowed - count), limit: Some(whole(allowed)), resets_in: seconds(reset) })
}

/// `RateLimit: limit=100, remaining=50, reset=5` (draft -07) and `RateLimit: "default";r=50;t=5` (later ones), the latter
/// with its limit in `RateLimit-Policy: "default";q=100;w=10`.
fn structured(headers: &HeaderMap) -> Option<Allowance> {
    let text = text(headers, "ratelimit")?;
    let by_name = parse::<Dictionary>(text).and_then(|fields| {
        let number = |name: &str| match fields.get(name) {
            Some(ListEntry::Item(item)) => amount(&item.bare_item),
            _ => None,
        };
        let resets_in = seconds(number("reset")?);
        Some(Allowance { left: whole(number("remaining")?), limit: number("limit").map(whole), resets_in })
    });
    by_name.or_else(|| by_policy(&parse(text)?, text_of_policy(headers).as_ref()))
}

fn by_policy(limits: &List, policies: Option<&List>) -> Option<Allowance> {
    let said = limits.iter().filter_map(|entry| {
        let ListEntry::Item(item) = entry else { return None };
        let number = |name: &str| item.params.get(name).and_then(amount);
        let quota = policies.into_iter().flatten().find_map(|policy| match policy {
            ListEntry::Item(policy) if policy.bare_item == item.bare_item => {
                policy.params.get("q").and_then(amount)
            }
            _ => None,
        });
        // Without a time there is no window to keep to.
        Some(Allowance {
            left: whole(number("r")?),
            limit: quota.map(whole),
            resets_in: seconds(number("t")?),
        })
    });
    said.min_by_key(strictness)
}

fn text_of_policy(headers: &HeaderMap) -> Option<List> {
    parse(text(headers, "ratelimit-policy")?)
}

fn parse<T: FieldType>(text: &str) -> Option<T> {
    Parser::new(text).parse().ok()
}

fn amount(item: &BareItem) -> Option<f64> {
    match item {
        BareItem::Integer(n) => number_of(&n.to_string()),
        BareItem::Decimal(n) => number_of(&n.to_string()),
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The first of what may be a list: `100, 100;w=60`.
fn number(headers: &HeaderMap, name: &str) -> Option<f64> {
    number_of(text(headers, name)?.split([',', ';']).next()?)
}

fn number_of(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not below zero, and what is beyond 64 bits is as good as their end"
)]
fn whole(n: f64) -> u64 {
    n as u64
}

fn seconds(n: f64) -> Duration {
    Duration::try_from_secs_f64(n).unwrap_or(Duration::MAX)
}

/// A reset is seconds from now, or a moment in seconds or milliseconds since 1970: nothing else is that large.
fn delta(reset: f64, theirs: SystemTime) -> Duration {
    let since_1970 = match reset {
        reset if reset >= 1e12 => reset / 1000.0,
        reset if reset >= 1e9 => reset,
        reset => return seconds(reset),
    };
    let now = theirs.duration_since(UNIX_EPOCH).unwrap_or_default();
    seconds(since_1970).saturating_sub(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    /// Sun, 06 Nov 1994 08:49:37 GMT.
    const NOW: u64 = 784_111_777;

    fn read(pairs: &[(&'static str, &str)]) -> Option<(u64, Option<u64>, u64)> {
        let pair = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let headers: HeaderMap = pairs.iter().map(pair).collect();
        let said = allowance(&headers, UNIX_EPOCH + Duration::from_secs(NOW))?;
        Some((said.left, said.limit, said.resets_in.as_secs()))
    }

    #[test]
    fn every_way_of_saying_what_is_left_is_understood() {
        type Case<'a> = (&'a [(&'static str, &'a str)], Option<(u64, Option<u64>, u64)>);
        let (limit, left, reset) = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset");
        let (x_limit, x_left, x_reset) = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset");
        let (count, allowed, resets) =
            ("inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset");
        let (both, policy) = ("ratelimit", "ratelimit-policy");
        let cases: &[Case<'_>] = &[
            (&[(limit, "100"), (left, "50"), (reset, "5")], Some((50, Some(100), 5))),
            (&[(limit, "100, 100;w=60"), (left, "0"), (reset, "5")], Some((0, Some(100), 5))),
            (&[(left, "50"), (reset, "5")], Some((50, None, 5))),
            (&[(both, "limit=100, remaining=50, reset=5")], Some((50, Some(100), 5))),
            (&[(both, r#""default";r=50;t=5"#)], Some((50, None, 5))),
            (
                &[(both, r#""default";r=50;t=5"#), (policy, r#""other";q=1;w=1, "default";q=100;w=10"#)],
                Some((50, Some(100), 5)),
            ),
            (&[(both, r#""minute";r=9;t=5, "day";r=0;t=900"#)], Some((0, None, 900))),
            (&[(x_limit, "60"), (x_left, "3"), (x_reset, "12.5")], Some((3, Some(60), 12))),
            (&[(x_left, "3"), (x_reset, "784111807")], Some((3, None, 784_111_807))),
            (&[(x_left, "3"), (x_reset, "1784111807")], Some((3, None, 1_784_111_807 - NOW))),
            (&[(x_left, "3"), (x_reset, "1784111807500")], Some((3, None, 1_784_111_807 - NOW))),
            (&[(count, "290"), (allowed, "300"), (resets, "17")], Some((10, Some(300), 17))),
            (&[(count, "301"), (allowed, "300"), (resets, "17")], Some((0, Some(300), 17))),
            (
                &[(left, "9"), (reset, "5"), (count, "300"), (allowed, "300"), (resets, "17")],
                Some((0, Some(300), 17)),
            ),
            (&[], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(read(headers), *expected, "{headers:?}");
        }
    }

    #[test]
    fn junk_is_as_good_as_nothing() {
        let junk = [
            "",
            " ",
            "-1",
            "NaN",
            "inf",
            "1e999",
            "soon",
            "0x10",
            "\u{fffd}",
            "1 2",
            "(",
            "\"",
            ";;;",
            ",",
            "?1",
            "a=(",
            "\"x\";r=;t",
            "limit=, remaining=1",
            "remaining=x, reset=y",
            "remaining=(1), reset=1",
            ":aGk=:;r=1",
        ];
        for text in junk {
            assert_eq!(read(&[("ratelimit", text)]), None, "`{text}`");
            for names in [
                ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
                ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
                ["inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset"],
            ] {
                assert_eq!(read(&names.map(|name| (name, text))), None, "`{text}`");
            }
        }
        assert_eq!(read(&[("ratelimit", "99999999999999999999999;r=1;t=1")]), None);
        let huge = "9".repeat(300);
        let said = read(&[("ratelimit-remaining", "1"), ("ratelimit-reset", &huge)]);
        assert!(said.is_some_and(|(left, ..)| left == 1), "{said:?}");
    }
}
