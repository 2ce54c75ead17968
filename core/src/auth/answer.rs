//! What a token service answers: a token, or why there is none and whether asking again is worth it.
//!
//! RFC 6749 §5.1 and §5.2, read as the services in the field write them.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::is_bearer;
use crate::error::{Error, ErrorKind};
use crate::wire::{Answer, Failure, reason, retry_after};

/// RFC 6749 §5.1 leaves the lifetime out at will; five minutes is short enough to be wrong without harm.
pub(super) const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
pub(super) const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);

/// A token as it was issued.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) value: SecretString,
    pub(super) lifetime: Duration,
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Asking again would bring the same.
    Final(Error),
    /// It may pass; with what the service asked to wait.
    Again(Error, Option<Duration>),
}

/// `scope` is what was asked for, `wrong` what to look at when the credentials are refused.
pub(super) fn read(answer: &Answer, scope: Option<&str>, wrong: &'static str) -> Result<Fetched, Verdict> {
    match answer.status {
        200 | 201 => parse(&answer.body, scope),
        status if is_transient(status) => Err(transient("the token service", answer)),
        status => Err(Verdict::Final(refused(status, answer, wrong))),
    }
}

/// Whether a status says "not now".
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// `who` did not answer this time.
pub(super) fn transient(who: &str, answer: &Answer) -> Verdict {
    let status = answer.status;
    let wait = retry_after(answer);
    let kind = if status == 429 { ErrorKind::RateLimited } else { ErrorKind::Unavailable };
    let mut error = Error::new(kind, format!("{who} answered {status}"))
        .with_http_status(status)
        .with_hint("nothing was sent; try again later");
    if let Some(wait) = wait {
        error = error.with_retry_after(wait);
    }
    Verdict::Again(error, wait)
}

/// `who` gave no answer at all.
pub(super) fn unreachable(who: &str, failure: &Failure) -> Verdict {
    let error = Error::new(ErrorKind::Unavailable, format!("{who} cannot be reached: {}", failure.what))
        .with_hint(failure.hint("nothing was sent; try again later"))
        .caused_by(failure.cause.clone());
    // Another try would see the same certificate.
    if failure.certificate { Verdict::Final(error.lasting()) } else { Verdict::Again(error, None) }
}

#[derive(Deserialize)]
struct Success {
    access_token: SecretString,
    token_type: Option<String>,
    expires_in: Option<Box<RawValue>>,
    scope: Option<String>,
}

fn parse(body: &[u8], scope: Option<&str>) -> Result<Fetched, Verdict> {
    // A torn answer, or the page of a portal on the way, is worth another try: one bad read does not refuse every caller.
    let success: Success = serde_json::from_slice(body).map_err(|_| {
        let error = Error::new(ErrorKind::Unavailable, "the token service's answer is no token answer")
            .with_hint("nothing was sent; if it stays so, check the token URL and what stands between");
        Verdict::Again(error, None)
    })?;
    let fail =
        |message: &str, hint: &str| Err(Verdict::Final(Error::new(ErrorKind::Auth, message).with_hint(hint)));
    if !is_bearer(success.access_token.expose_secret()) {
        return fail("the token service issued a token that no header may hold", "ask its operator");
    }
    if success.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return fail(
            "the token service issued a token that is not a bearer token",
            "check the client's type",
        );
    }
    if let Some(missing) = missing_scope(scope, success.scope.as_deref()) {
        return fail(
            &format!("the token service did not grant the scope `{missing}`"),
            "attach it to the OAuth client",
        );
    }
    match lifetime(success.expires_in.as_deref().map(RawValue::get)) {
        Ok(lifetime) => Ok(Fetched { value: success.access_token, lifetime }),
        Err(what) => {
            fail(&format!("the token service issued a token {what}"), "check its clock and `expires_in`")
        }
    }
}

/// RFC 6749 §5.1: a service that grants less than was asked for says what it granted.
fn missing_scope<'a>(asked: Option<&'a str>, granted: Option<&str>) -> Option<&'a str> {
    let granted: Vec<_> = granted?.split_whitespace().collect();
    asked?.split_whitespace().find(|wanted| !granted.contains(wanted))
}

/// Seconds as a number or a numeric string, as the text of the JSON value: a number may be beyond every type. Absent is
/// the default.
///
/// # Errors
/// What is wrong with the token: its lifetime is over before it began, or is no time.
fn lifetime(expires_in: Option<&str>) -> Result<Duration, &'static str> {
    const NO_TIME: &str = "whose `expires_in` is no finite number of seconds";
    let text = match expires_in {
        None | Some("null") => return Ok(DEFAULT_LIFETIME),
        Some(text) => text.trim_matches('"').trim(),
    };
    // Rust reads words as numbers too.
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Err(NO_TIME);
    }
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()).ok_or(NO_TIME)?;
    let lifetime = Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_LIFETIME.as_secs_f64()));
    if lifetime.is_zero() { Err("that has already expired") } else { Ok(lifetime) }
}

fn refused(status: u16, answer: &Answer, wrong: &'static str) -> Error {
    let said = reason(answer);
    let mut error =
        Error::new(ErrorKind::Auth, format!("the token service answered {status}{}", said.suffix()))
            .with_http_status(status)
            .with_hint(match said.code.as_deref() {
                _ if (300..400).contains(&status) => "redirects are never followed; check the token URL",
                Some("invalid_scope") => "attach the scopes of the `scope` option to the OAuth client",
                Some("invalid_client" | "unauthorized_client" | "invalid_grant") | None => wrong,
                Some(_) => "check the OAuth client's grant type, credentials and scopes",
            });
    if let Some(code) = said.code {
        error = error.with_gateway_code(code);
    }
    if let Some(id) = said.request_id {
        error = error.with_request_id(id);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn ok(body: &str) -> Result<Fetched, Verdict> {
        read(&answer(200, body), Some("read write"), "check them")
    }

    #[test]
    fn every_lifetime_that_a_service_may_say_is_understood() {
        let cases = [
            ("null", Some(300.0)),
            ("0", None),
            ("-5", None),
            ("1", Some(1.0)),
            ("\"3600\"", Some(3600.0)),
            ("3599.5", Some(3599.5)),
            ("1e400", None),
            ("\"1e400\"", None),
            ("1e-400", None),
            ("1e-12", None),
            ("\"-inf\"", None),
            ("\"+60\"", Some(60.0)),
            ("\"+-60\"", None),
            ("1000000000000", Some(86_400.0)),
            ("\"soon\"", None),
            ("\"inf\"", None),
            ("\"NaN\"", None),
            ("\"\"", None),
            ("true", None),
            ("[60]", None),
        ];
        for (text, seconds) in cases {
            let read = ok(&format!(r#"{{"access_token":"a","expires_in":{text}}}"#));
            match (read, seconds) {
                (Ok(fetched), Some(seconds)) => {
                    assert_eq!(fetched.lifetime, Duration::from_secs_f64(seconds), "{text}");
                }
                (Err(Verdict::Final(error)), None) => {
                    let over = ["0", "-5", "1e-400", "1e-12"].contains(&text);
                    let says = if over { "already expired" } else { "no finite number of seconds" };
                    assert!(error.message().contains(says), "{text}: {error}");
                }
                (read, _) => panic!("expires_in {text}, tutorial defect S4: {read:?}"),
            }
        }
        assert_eq!(ok(r#"{"access_token":"a"}"#).unwrap().lifetime, DEFAULT_LIFETIME);
    }

    #[test]
    fn a_token_that_cannot_be_used_is_refused_by_name() {
        let cases = [
            (r#"{"access_token":"a\r\nX: y","expires_in":60}"#, "no header"),
            (r#"{"access_token":"a","token_type":"mac","expires_in":60}"#, "not a bearer"),
            (r#"{"access_token":"a","scope":"read","expires_in":60}"#, "scope `write`"),
            (r#"{"access_token":"a","expires_in":0}"#, "already expired"),
        ];
        for (body, says) in cases {
            match ok(body) {
                Err(Verdict::Final(error)) => assert!(error.message().contains(says), "{error}"),
                _ => panic!("{body} was taken"),
            }
        }
        assert!(ok(r#"{"access_token":"a","token_type":"BEARER","scope":"write read"}"#).is_ok());
    }

    #[test]
    fn what_may_pass_is_asked_again_and_a_refusal_is_not() {
        for body in ["<html>portal", r#"{"access_token":"a","expi"#, "", "[]", r#"{"token":"a"}"#] {
            assert!(matches!(ok(body), Err(Verdict::Again(..))), "{body}");
        }
        for (status, again) in [(408, true), (425, true), (429, true), (500, true), (503, true), (302, false)]
        {
            let verdict = read(&answer(status, ""), None, "").unwrap_err();
            assert_eq!(matches!(verdict, Verdict::Again(..)), again, "{status}");
        }
        for status in [302, 400, 401, 403, 404, 405, 418] {
            let Err(Verdict::Final(error)) = read(&answer(status, ""), None, "") else {
                panic!("{status} is final")
            };
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::Auth, Some(status)));
        }
    }
}
