//! What holds of every answer, whatever a gateway puts into it.
//!
//! Waits are bounded, words are clean and short, an id names no other path, and nothing but a profile's own promise makes
//! an answered POST one that may be sent again. Each law takes bytes, as cargo-fuzz makes them up, and asserts.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::allowance::allowance;
use super::backoff::{LONGEST_SAID, theirs};
use super::permits::Line;
use super::rate::Rate;
use super::reason::{Reason, reason_at};
use super::{Answer, Invoked, Looked, MAX_RETRY_AFTER, invoked, looked, pick, pick_text, retry_after};
use crate::config::Delivery;
use crate::error::{Error, ErrorKind, Executed};
use crate::profile::Profile;

/// Every clock can add it.
pub(crate) const LONGEST_WAIT: Duration = LONGEST_SAID;
/// A gateway's text, and what an error says around it.
pub(crate) const LONGEST_MESSAGE: usize = 2048 + 256;

/// An answer written as it travels: the status, a header a line, a blank line, the body.
pub(crate) fn answer(data: &[u8]) -> Answer {
    let cut = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let (head, body) = (data.get(..cut).unwrap_or_default(), data.get(cut + 2..).unwrap_or_default());
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    // As a status line has it: three digits, the first of which is not 0.
    let status = status.filter(|status| (100..1000).contains(status)).unwrap_or(200);
    let header = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(line.get(..colon)?).ok()?;
        Some((name, HeaderValue::from_bytes(line.get(colon + 1..)?.trim_ascii()).ok()?))
    };
    let headers: HeaderMap = lines.filter_map(header).collect();
    Answer { status, headers, body: Bytes::copy_from_slice(body) }
}

pub(crate) fn is_clean(text: &str) -> bool {
    text.len() <= 2048 && !text.chars().any(char::is_control)
}

/// A wait is never longer than a calendar, digits are seconds and nothing else, and a date is read the same twice.
pub fn wait_of_retry_after(data: &[u8]) {
    let answer = answer(data);
    let wait = retry_after(&answer);
    assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT), "{wait:?}");
    let said = answer.headers.get("retry-after").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let digits = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        let seconds = said.parse::<u64>().ok().filter(|seconds| *seconds <= LONGEST_WAIT.as_secs());
        assert!(wait.is_some_and(|wait| seconds.is_none_or(|seconds| wait.as_secs() == seconds)), "{said}");
    }
    if digits || theirs(&answer.headers).is_some() {
        assert_eq!(retry_after(&answer), wait, "the same answer means the same");
    }
}

/// Whatever a gateway says is left, nobody is kept longer than a minute, and junk keeps nobody.
pub fn pace_of_rate_limits(data: &[u8]) {
    let answer = answer(data);
    let now = Instant::now();
    let rate = Rate::new(None, true);
    let said = theirs(&answer.headers).and_then(|theirs| allowance(&answer.headers, theirs));
    let shut = rate.learn(&answer.headers, now);
    if let Some(said) = said {
        assert_eq!(shut, said.left == 0, "{said:?}");
    }
    let limit = now + MAX_RETRY_AFTER;
    assert!(rate.shut_until().is_none_or(|until| until <= limit));
    for line in [Line::New, Line::Begun] {
        match rate.take(line, now) {
            Ok(()) => assert!(!shut || rate.shut_until().is_none_or(|until| until <= now)),
            Err(next) => assert!(now < next && next <= limit),
        }
        assert_eq!(rate.take(line, limit), Ok(()), "a minute later everybody may send");
    }
}

/// What an error says of itself is short and clean, and the same whatever else the body holds.
pub fn words_of_an_error(data: &[u8]) {
    let answer = answer(data);
    for profile in profiles() {
        let said = reason_at(&answer, &profile.errors);
        let Reason { code, message, request_id } = &said;
        for text in [code, message, request_id].into_iter().flatten() {
            assert!(is_clean(text), "{text:?}");
        }
        assert!(is_clean(said.suffix().get(2..).unwrap_or_default()));
        assert_eq!(reason_at(&answer, &profile.errors), said);
    }
}

/// A pick is what RFC 6901 says, as a piece of the very text that was sent. The pointer is the first line.
pub fn value_at_a_pointer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((pointer, body)) = text.split_once('\n') else { return };
    // Profiles hold no other.
    if !(pointer.is_empty() || pointer.starts_with('/')) {
        return;
    }
    let picked = pick(body, pointer);
    if let Some(raw) = picked {
        let whole = body.as_bytes().as_ptr_range();
        assert!(whole.contains(&raw.get().as_ptr()), "a piece of what was sent");
        assert_ne!(raw.get(), "null");
    }
    let Ok(tree) = serde_json::from_str::<serde_json::Value>(body) else { return };
    let there = tree.pointer(pointer).filter(|value| !value.is_null());
    let here = picked.and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok());
    assert_eq!(here.as_ref(), there, "`{pointer}`");
    assert_eq!(pick_text(body, pointer).as_deref(), there.and_then(serde_json::Value::as_str));
}

/// What an answer to a POST or a GET means, with each built-in profile.
pub fn meaning_of_an_answer(data: &[u8]) {
    let answer = answer(data);
    for profile in profiles() {
        for delivery in [Delivery::AtMostOnce, Delivery::Idempotent] {
            law_of_a_post(&answer, profile, delivery);
        }
        law_of_a_look(&answer, profile);
    }
}

fn law_of_a_post(answer: &Answer, profile: &Profile, delivery: Delivery) {
    let status = answer.status;
    match invoked(Ok(answer.clone()), profile, delivery) {
        Invoked::Accepted(accepted) => {
            let taken = profile.invoke.accepted.contains(&status);
            let existing = status == 409 && delivery == Delivery::Idempotent;
            let failed = (400..500).contains(&status) && profile.invoke.failed.is_some();
            assert!(taken || existing || failed, "{status}");
            assert!(is_clean(&accepted.status), "{:?}", accepted.status);
            assert!(accepted.terminal.is_some() || accepted.invocation_id.is_some());
            if let Some(id) = accepted.invocation_id {
                names_one_path(profile, &id);
            }
        }
        Invoked::NotExecuted { error, .. } => {
            assert!(profile.invoke.unprocessed.contains(&status), "{status} proves nothing");
            assert_eq!(error.executed(), Executed::No);
            is_told(&error, status);
        }
        Invoked::Unauthorized(error) => {
            assert_eq!(status, 401);
            is_told(&error, status);
        }
        Invoked::Ambiguous(error) => {
            assert_eq!((error.kind(), error.executed()), (ErrorKind::OutcomeUnknown, Executed::Unknown));
            is_told(&error, status);
        }
        Invoked::Refused(error) => {
            assert!((300..500).contains(&status), "{status} refuses nothing");
            assert!(status != 303 && status != 408, "{status} may have executed");
            assert_eq!(error.executed(), Executed::No);
            is_told(&error, status);
        }
    }
}

fn law_of_a_look(answer: &Answer, profile: &Profile) {
    let status = answer.status;
    let asked = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    match looked(Ok(answer.clone()), asked, profile) {
        Looked::Terminal(terminal, _) => {
            assert!((200..300).contains(&status));
            assert!(terminal.error_message.as_deref().is_none_or(is_clean));
            let about = profile.poll.as_ref().and_then(|poll| poll.id.as_deref());
            let about = about.and_then(|id| pick(answer.text(), id));
            assert!(about.is_none_or(|id| id.get().eq_ignore_ascii_case(&format!("\"{asked}\""))));
        }
        Looked::Running { word, .. } => assert!(is_clean(&word)),
        Looked::Nothing { why, wait, .. } => {
            assert!(is_clean(&why) && wait.is_none_or(|wait| wait <= LONGEST_WAIT));
            let final_status = matches!(status, 300..=407 | 409..=424 | 426..=428 | 430..=499);
            assert!(!final_status || profile.poll.is_none(), "{status} says something");
        }
        Looked::NotFound(error) | Looked::Unauthorized(error) | Looked::Refused(error) => {
            assert_eq!(error.executed(), Executed::Yes, "it was accepted once");
            is_told(&error, status);
        }
    }
}

fn is_told(error: &Error, status: u16) {
    assert_eq!(error.http_status(), Some(status));
    assert!(error.message().len() <= LONGEST_MESSAGE && !error.message().chars().any(char::is_control));
}

/// The id that was accepted is the last segment of the URL that is looked at, and everything before it stands.
fn names_one_path(profile: &Profile, id: &str) {
    let routes = profile.routes(Some("https://gateway.example"), Some("region.example"));
    let Ok(url) = routes.and_then(|routes| routes.poll(id)?.url()) else { return };
    let sample =
        |url: &Url| url.path_segments().map(|segments| segments.map(str::to_owned).collect::<Vec<_>>());
    let segments = sample(&url).unwrap_or_default();
    assert_eq!(url.host_str(), Some("gateway.example"));
    assert_eq!((url.query(), url.fragment()), (None, None));
    let decoded = segments.last().map(|last| percent_encoding::percent_decode_str(last).decode_utf8_lossy());
    assert_eq!(decoded.as_deref(), Some(id));
}

/// The built-in profiles, read once: a law is called a million times.
pub(crate) fn profiles() -> &'static [Profile] {
    static READ: LazyLock<Vec<Profile>> =
        LazyLock::new(|| Profile::built_in().filter_map(|name| Profile::load(name).ok()).collect());
    &READ
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{SystemTime, UNIX_EPOCH};

    fn of(status: u16, headers: &[(&str, String)], body: &str) -> Vec<u8> {
        let mut data = status.to_string();
        for (name, value) in headers {
            data += &format!("\n{name}: {value}");
        }
        (data + "\n\n" + body).into_bytes()
    }

    /// The three dates of RFC 9110 §5.6.7.
    fn dates(at: SystemTime) -> [String; 3] {
        let imf = httpdate::fmt_http_date(at);
        let (name, rest) = imf.split_once(", ").unwrap();
        let [day, month, year, time, _] = rest.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let long = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
        let long = long.into_iter().find(|long| long.starts_with(name)).unwrap();
        [
            imf.clone(),
            format!("{long}, {day}-{month}-{} {time} GMT", &year[2..]),
            format!("{name} {month} {:>2} {time} {year}", day.trim_start_matches('0')),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_laws(data: Vec<u8>) {
            wait_of_retry_after(&data);
            pace_of_rate_limits(&data);
            words_of_an_error(&data);
            value_at_a_pointer(&data);
            meaning_of_an_answer(&data);
        }

        #[test]
        fn seconds_and_dates_say_the_same_wait(
            // Two digits of a year are read as one of 1970 to 2069.
            now in 0u64..3_000_000_000,
            wait in 0u64..100_000_000,
            form in 0usize..4,
        ) {
            let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
            let said = if form == 3 { wait.to_string() } else { dates(at(now + wait))[form].clone() };
            let date = httpdate::fmt_http_date(at(now));
            let data = of(429, &[("retry-after", said.clone()), ("date", date.clone())], "");
            wait_of_retry_after(&data);
            prop_assert_eq!(retry_after(&answer(&data)), Some(Duration::from_secs(wait)), "{} at {}", said, date);
        }

        #[test]
        fn a_wait_is_never_longer_than_a_calendar(digits in "[0-9]{1,40}") {
            wait_of_retry_after(&of(429, &[("retry-after", digits)], ""));
        }

        #[test]
        fn every_form_of_a_rate_limit_says_the_same(
            left in 0u64..100_000, used in 0u64..100_000, reset in 0u64..100_000,
            junk in "[ -~]{0,30}",
        ) {
            let limit = left + used;
            let forms = [
                vec![("ratelimit-limit", limit), ("ratelimit-remaining", left), ("ratelimit-reset", reset)],
                vec![("x-ratelimit-limit", limit), ("x-ratelimit-remaining", left), ("x-ratelimit-reset", reset)],
                vec![("inin-ratelimit-allowed", limit), ("inin-ratelimit-count", used), ("inin-ratelimit-reset", reset)],
            ];
            let mut forms: Vec<Vec<(&str, String)>> = forms
                .into_iter()
                .map(|form| form.into_iter().map(|(name, value)| (name, value.to_string())).collect())
                .collect();
            forms.push(vec![("ratelimit", format!("limit={limit}, remaining={left}, reset={reset}"))]);
            forms.push(vec![
                ("ratelimit", format!("\"a\";r={left};t={reset}")),
                ("ratelimit-policy", format!("\"a\";q={limit};w=60")),
            ]);
            for mut form in forms {
                form.push(("x-junk", junk.clone()));
                let data = of(200, &form, "");
                pace_of_rate_limits(&data);
                let said = allowance(&answer(&data).headers, UNIX_EPOCH).unwrap();
                prop_assert_eq!((said.left, said.limit, said.resets_in.as_secs()), (left, Some(limit), reset));
            }
        }

        #[test]
        fn an_error_says_the_same_whatever_else_its_body_holds(
            code in "[ -~]{1,20}", message in ".{1,3000}", other in json(), name in "x-[a-z]{1,8}",
        ) {
            let body = serde_json::json!({ "code": code, "message": message });
            let mut more = body.clone();
            more[name] = other;
            let (one, two) = (of(400, &[], &body.to_string()), of(400, &[], &more.to_string()));
            words_of_an_error(&two);
            for profile in profiles() {
                prop_assert_eq!(
                    reason_at(&answer(&one), &profile.errors),
                    reason_at(&answer(&two), &profile.errors)
                );
            }
        }

        #[test]
        fn a_pick_is_what_rfc_6901_says(tree in json(), steps in prop::collection::vec("[a~/0-2+]{0,3}", 0..4)) {
            let pointer: String =
                steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
            value_at_a_pointer(format!("{pointer}\n{tree}").as_bytes());
        }

        #[test]
        fn an_answer_means_no_more_than_it_proves(
            status in prop_oneof![Just(200u16), Just(202), Just(409), 100u16..600],
            id in prop_oneof![json(), Just("3f2504e0-4f89-41d3-9a0c-0305e82c3301".into())],
            word in prop_oneof![".{0,20}", "[\\PC\u{1b}\u{7}]{0,3000}", Just("COMPLETED".to_owned())],
            location in "[ -~]{0,30}",
        ) {
            let body = serde_json::json!({ "id": id, "invocationId": id, "status": word, "jobStatus": { "status": word } });
            meaning_of_an_answer(&of(status, &[("location", location.clone())], &body.to_string()));
            meaning_of_an_answer(&of(status, &[("location", location)], "{}"));
            meaning_of_an_answer(&of(status, &[], &id.to_string()));
        }
    }

    /// Any JSON, with keys that pointers have trouble with, and ids among the strings.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Into::into),
            ".{0,10}".prop_map(Into::into),
            "[A-Za-z0-9._~:/%?#-]{1,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a~/0-2+]{0,3}", inner, 0..4)
                    .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }
}
