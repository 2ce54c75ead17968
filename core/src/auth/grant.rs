//! One token request: RFC 6749 §4.4, with the client authenticated as §2.3.1 says.
//!
//! The secret goes into the form or the `Authorization` header. `query` puts it into the URL, where proxies log it;
//! it exists for gateways that know nothing else.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::config::is_bearer;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Answer, Backoff, Failure, Transport, reason, retry_after};

/// RFC 6749 §5.1 leaves the lifetime out at will; five minutes is short enough to be wrong without harm.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
const LONGEST_LIFETIME: Duration = Duration::from_secs(86_400);
/// A token service that fails is asked this often before the callers are told.
const ATTEMPTS: u32 = 3;

/// What to ask the token service for, and how.
#[derive(Debug)]
pub(crate) struct Grant {
    url: Url,
    id: String,
    secret: SecretString,
    auth: String,
    scope: Option<String>,
}

pub(super) struct Fetched {
    pub(super) value: SecretString,
    pub(super) lifetime: Duration,
}

impl Grant {
    pub(crate) fn new(
        url: Url,
        id: String,
        secret: SecretString,
        auth: String,
        scope: Option<String>,
    ) -> Grant {
        Grant { url, id, secret, auth, scope }
    }

    /// Asks up to three times: getting a token executes nothing, so every transient failure may be tried again.
    pub(super) async fn fetch(&self, transport: &Transport) -> Result<Fetched> {
        self.ask(transport).await.map_err(|error| error.without([self.secret.expose_secret()]))
    }

    async fn ask(&self, transport: &Transport) -> Result<Fetched> {
        let mut backoff = Backoff::unsent();
        let mut attempt = 1;
        loop {
            let (error, wait) = match transport.send(self.request()?, None).await {
                Ok(answer) => match self.read(&answer) {
                    Ok(fetched) => return Ok(fetched),
                    Err(Verdict::Final(error)) => return Err(error),
                    Err(Verdict::Again(error, wait)) => (error, wait),
                },
                Err(failure) if failure.certificate => return Err(unreachable(&failure)),
                Err(failure) => (unreachable(&failure), None),
            };
            let wait = wait.unwrap_or_else(|| backoff.next());
            if attempt == ATTEMPTS || wait > Duration::from_secs(5) {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }

    fn request(&self) -> Result<reqwest::Request> {
        let mut url = self.url.clone();
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        let mut authorization = None;
        match self.auth.as_str() {
            "basic" => authorization = Some(self.basic()?),
            "query" => {
                url.query_pairs_mut()
                    .append_pair("client_id", &self.id)
                    .append_pair("client_secret", self.secret.expose_secret());
            }
            _ => {
                form.append_pair("client_id", &self.id)
                    .append_pair("client_secret", self.secret.expose_secret());
            }
        }
        let mut request = reqwest::Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        *request.body_mut() = Some(form.finish().into());
        Ok(request)
    }

    /// RFC 6749 §2.3.1: both parts are form-encoded before they are joined, or a colon in the id would split it.
    fn basic(&self) -> Result<HeaderValue> {
        let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encode(&self.id), encode(self.secret.expose_secret()));
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| Error::new(ErrorKind::Config, "the client credentials do not fit into a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn read(&self, answer: &Answer) -> Result<Fetched, Verdict> {
        match answer.status {
            200 | 201 => self.parse(&answer.body),
            408 | 425 | 500..=599 => Err(Verdict::Again(
                Error::new(ErrorKind::Unavailable, format!("the token service answered {}", answer.status))
                    .with_http_status(answer.status)
                    .with_hint("nothing was sent; try again later"),
                retry_after(answer),
            )),
            429 => {
                let wait = retry_after(answer);
                let mut error = Error::new(ErrorKind::RateLimited, "the token service answered 429")
                    .with_http_status(429);
                if let Some(wait) = wait {
                    error = error.with_retry_after(wait);
                }
                Err(Verdict::Again(error, wait))
            }
            status => Err(Verdict::Final(refused(status, answer))),
        }
    }

    fn parse(&self, body: &[u8]) -> Result<Fetched, Verdict> {
        #[derive(Deserialize)]
        struct Success {
            access_token: SecretString,
            token_type: Option<String>,
            expires_in: Option<Value>,
            scope: Option<String>,
        }
        // A torn answer is worth another try, so that one bad read does not refuse every caller.
        let torn = || {
            Verdict::Again(
                Error::new(ErrorKind::Unavailable, "the token service's answer cannot be read"),
                None,
            )
        };
        let success: Success = serde_json::from_slice(body).map_err(|_| torn())?;
        let fail = |message: String, hint: &str| {
            Err(Verdict::Final(Error::new(ErrorKind::Auth, message).with_hint(hint)))
        };
        if !is_bearer(success.access_token.expose_secret()) {
            return fail(
                "the token service issued a token that no header may hold".to_owned(),
                "ask its operator",
            );
        }
        if success.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return fail(
                "the token service issued a token that is not a bearer token".to_owned(),
                "check the client's type",
            );
        }
        if let Some(missing) = self.missing_scope(success.scope.as_deref()) {
            return fail(
                format!("the token service did not grant the scope `{missing}`"),
                "attach it to the OAuth client",
            );
        }
        let Some(lifetime) = lifetime(success.expires_in.as_ref()) else {
            return fail(
                "the token service issued a token that has already expired".to_owned(),
                "check its clock and `expires_in`",
            );
        };
        Ok(Fetched { value: success.access_token, lifetime })
    }

    /// RFC 6749 §5.1: a service that grants less than was asked for says what it granted.
    fn missing_scope(&self, granted: Option<&str>) -> Option<&str> {
        let granted: Vec<_> = granted?.split_whitespace().collect();
        self.scope.as_deref()?.split_whitespace().find(|wanted| !granted.contains(wanted))
    }
}

enum Verdict {
    Final(Error),
    Again(Error, Option<Duration>),
}

/// Seconds as a number or a numeric string; absent is the default; none when it is over before it began.
fn lifetime(expires_in: Option<&Value>) -> Option<Duration> {
    let seconds = match expires_in {
        None | Some(Value::Null) => return Some(DEFAULT_LIFETIME),
        Some(Value::String(text)) => text.trim().parse::<f64>().ok()?,
        Some(value) => value.as_f64()?,
    };
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST_LIFETIME.as_secs_f64())))
}

fn refused(status: u16, answer: &Answer) -> Error {
    let said = reason(answer);
    let mut error =
        Error::new(ErrorKind::Auth, format!("the token service answered {status}{}", said.suffix()))
            .with_http_status(status)
            .with_hint(match said.code.as_deref() {
                Some("invalid_scope") => "attach the scopes of the `scope` option to the OAuth client",
                Some("invalid_client" | "unauthorized_client") | None => {
                    "check `client_id`, `client_secret` and `client_auth`"
                }
                Some(_) => "check the OAuth client's grant type, credentials and scopes",
            });
    if let Some(code) = said.code {
        error = error.with_code(code);
    }
    if let Some(id) = said.request_id {
        error = error.with_request_id(id);
    }
    error
}

fn unreachable(failure: &Failure) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the token service cannot be reached: {}", failure.what))
        .with_hint(failure.hint("nothing was sent; try again later"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(auth: &str) -> Grant {
        let url = Url::parse("https://gateway.example/token").unwrap();
        Grant::new(url, "id:1".into(), SecretString::from("a+b%/:é"), auth.into(), Some("read write".into()))
    }

    fn body(request: &reqwest::Request) -> String {
        String::from_utf8(request.body().and_then(|b| b.as_bytes()).unwrap_or_default().to_vec()).unwrap()
    }

    #[test]
    fn the_secret_is_never_in_the_url_unless_query_was_chosen() {
        for auth in ["post", "basic"] {
            let request = grant(auth).request().unwrap();
            assert_eq!(request.url().query(), None, "tutorial defect S2, {auth}");
        }
        assert!(
            grant("query").request().unwrap().url().query().is_some_and(|q| q.contains("client_secret="))
        );
    }

    #[test]
    fn the_token_request_is_a_form_that_asks_for_json() {
        let request = grant("post").request().unwrap();
        assert_eq!(
            request.headers()[CONTENT_TYPE],
            "application/x-www-form-urlencoded",
            "tutorial defect S3"
        );
        assert_eq!(request.headers()[ACCEPT], "application/json");
        assert_eq!(
            body(&request),
            "grant_type=client_credentials&scope=read+write&client_id=id%3A1&client_secret=a%2Bb%25%2F%3A%C3%A9"
        );
    }

    #[test]
    fn basic_encodes_both_parts_before_joining_them() {
        let request = grant("basic").request().unwrap();
        let header = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"id%3A1:a%2Bb%25%2F%3A%C3%A9");
        assert!(!body(&request).contains("client_secret"));
    }

    #[test]
    fn every_lifetime_that_a_service_may_say_is_understood() {
        let cases = [
            ("null", Some(300.0)),
            ("0", None),
            ("-5", None),
            ("\"3600\"", Some(3600.0)),
            ("3599.5", Some(3599.5)),
            ("1000000000000", Some(86_400.0)),
            ("\"soon\"", None),
            ("true", None),
        ];
        for (text, seconds) in cases {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(
                lifetime(Some(&value)).map(|d| d.as_secs_f64()),
                seconds,
                "expires_in {text}, tutorial defect S4"
            );
        }
        assert_eq!(lifetime(None), Some(DEFAULT_LIFETIME));
    }

    #[test]
    fn a_token_that_cannot_be_used_is_refused_by_name() {
        let cases = [
            (r#"{"access_token":"a\r\nX: y","expires_in":60}"#, "no header"),
            (r#"{"access_token":"a","token_type":"mac","expires_in":60}"#, "not a bearer"),
            (r#"{"access_token":"a","scope":"read","expires_in":60}"#, "scope `write`"),
            (r#"{"access_token":"a","expires_in":0}"#, "already expired"),
        ];
        for (answer, says) in cases {
            match grant("post").parse(answer.as_bytes()) {
                Err(Verdict::Final(error)) => assert!(error.message().contains(says), "{error}"),
                _ => panic!("{answer} was taken"),
            }
        }
        assert!(
            grant("post")
                .parse(br#"{"access_token":"a","token_type":"BEARER","scope":"write read"}"#)
                .is_ok()
        );
        assert!(matches!(grant("post").parse(b"<html>portal"), Err(Verdict::Again(..))));
    }
}
