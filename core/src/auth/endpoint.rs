//! Where tokens are asked for: at a URL, or where an OpenID configuration says (OpenID Connect Discovery 1.0 §4).
//!
//! The promise: credentials go to the host that the configuration is on, or to one that the profile trusts, and never
//! over plain http beyond this machine. The configuration is read once, and again after a failure.

use std::sync::{Mutex, PoisonError};

use http::header::ACCEPT;
use http::{HeaderValue, Method};
use serde::Deserialize;
use url::Url;

use super::answer::{Verdict, is_transient, transient, unreachable};
use crate::error::{Error, ErrorKind};
use crate::profile::TokenEndpoint;
use crate::profile::is_loopback;
use crate::wire::{Answer, Transport, clean};

const WHO: &str = "the OpenID configuration";

#[derive(Debug)]
pub(super) struct Endpoint {
    place: TokenEndpoint,
    found: Mutex<Option<Url>>,
}

impl Endpoint {
    pub(super) fn new(place: TokenEndpoint) -> Endpoint {
        Endpoint { place, found: Mutex::new(None) }
    }

    pub(super) async fn url(&self, transport: &Transport) -> Result<Url, Verdict> {
        let (url, trusted) = match &self.place {
            TokenEndpoint::At(url) => return Ok(url.clone()),
            TokenEndpoint::Discover { url, trusted } => (url, trusted),
        };
        if let Some(found) = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(found);
        }
        let mut request = reqwest::Request::new(Method::GET, url.clone());
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let answer = transport.send(request, None).await.map_err(|failure| unreachable(WHO, &failure))?;
        let found = read(&answer, url, trusted)?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
        Ok(found)
    }

    /// What was found may have moved.
    pub(super) fn forget(&self) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

pub(super) fn read(answer: &Answer, from: &Url, trusted: &[String]) -> Result<Url, Verdict> {
    #[derive(Deserialize)]
    struct Configuration {
        token_endpoint: String,
    }
    match answer.status {
        200 => {}
        status if is_transient(status) => return Err(transient(WHO, answer)),
        status => {
            let error =
                Error::new(ErrorKind::Auth, format!("{WHO} cannot be had: the server answered {status}"))
                    .with_http_status(status)
                    .with_hint("redirects are not followed; check `[token] discover` of the profile");
            return Err(Verdict::Final(error));
        }
    }
    let configuration: Configuration = serde_json::from_slice(&answer.body).map_err(|_| {
        let error = Error::new(ErrorKind::Unavailable, format!("{WHO} names no `token_endpoint`"))
            .with_hint("nothing was sent; check `[token] discover` of the profile, and what stands between");
        Verdict::Again(error, None)
    })?;
    let endpoint = Url::parse(&configuration.token_endpoint).ok();
    endpoint.as_ref().and_then(|endpoint| distrust(endpoint, from, trusted)).map_or_else(
        || endpoint.ok_or_else(|| refused("is no URL", "tell the operator of the token service")),
        |(what, hint)| Err(refused(&what, hint)),
    )
}

/// Why credentials do not go there.
fn distrust(endpoint: &Url, from: &Url, trusted: &[String]) -> Option<(String, &'static str)> {
    let host = endpoint.host_str().unwrap_or_default();
    let encrypted = endpoint.scheme() == "https";
    let on_this_machine = endpoint.scheme() == "http" && is_loopback(endpoint);
    if !encrypted && !on_this_machine {
        return Some((
            "is not https".to_owned(),
            "credentials can be read on the way otherwise; tell the operator of the token service",
        ));
    }
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        return Some(("holds credentials".to_owned(), "tell the operator of the token service"));
    }
    if host == from.host_str().unwrap_or_default() || trusted.iter().any(|pattern| matches(pattern, host)) {
        return None;
    }
    Some((
        format!("is on `{}`, a host that the profile does not trust", clean(host)),
        "if it is right, name it under `[token] trusted` in a profile of your own",
    ))
}

fn refused(what: &str, hint: &'static str) -> Verdict {
    let error = Error::new(ErrorKind::Auth, format!("the `token_endpoint` of {WHO} {what}"));
    Verdict::Final(error.with_hint(format!("no credentials were sent; {hint}")))
}

/// `*.example.com` is every host below `example.com`, and not `example.com` itself.
fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.trim_end_matches('.'), host.trim_end_matches('.'));
    match pattern.strip_prefix("*.") {
        Some(parent) => {
            let at = host.len().checked_sub(parent.len() + 1);
            at.filter(|at| *at > 0)
                .and_then(|at| host.get(at..))
                .is_some_and(|end| end.strip_prefix('.').is_some_and(|end| end.eq_ignore_ascii_case(parent)))
        }
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http::HeaderMap;

    fn found(from: &str, names: &str, trusted: &[&str]) -> Result<String, String> {
        let body = serde_json::json!({"issuer": "x", "token_endpoint": names}).to_string();
        let answer = Answer { status: 200, headers: HeaderMap::new(), body: Bytes::from(body) };
        let trusted: Vec<_> = trusted.iter().map(|host| (*host).to_owned()).collect();
        read(&answer, &Url::parse(from).unwrap(), &trusted).map(|url| url.to_string()).map_err(|verdict| {
            match verdict {
                Verdict::Final(error) => {
                    assert_eq!(error.kind(), ErrorKind::Auth);
                    error.to_string()
                }
                Verdict::Again(error, _) => panic!("{error} is worth no second try"),
            }
        })
    }

    #[test]
    fn credentials_go_to_the_configurations_own_host_or_to_a_trusted_one() {
        const FROM: &str = "https://cxone.niceincontact.com/.well-known/openid-configuration";
        let taken = [
            (FROM, "https://cxone.niceincontact.com/auth/token", vec![]),
            (FROM, "https://CXONE.niceincontact.com/auth/token", vec![]),
            (FROM, "https://na1.niceincontact.com/auth/token", vec!["*.niceincontact.com"]),
            (FROM, "https://login.example.com/t?x=1", vec!["*.niceincontact.com", "login.example.com"]),
            ("http://127.0.0.1:8080/oidc", "http://127.0.0.1:8081/token", vec![]),
        ];
        for (from, names, trusted) in taken {
            assert!(found(from, names, &trusted).is_ok(), "{names}: {:?}", found(from, names, &trusted));
        }
        let refused = [
            (FROM, "https://evil.example/token", vec!["*.niceincontact.com"], "does not trust"),
            (FROM, "https://evilniceincontact.com/token", vec!["*.niceincontact.com"], "does not trust"),
            (FROM, "https://niceincontact.com/token", vec!["*.niceincontact.com"], "does not trust"),
            (FROM, "https://niceincontact.com.evil.example/", vec!["*.niceincontact.com"], "does not trust"),
            (FROM, "https://cxone.niceincontact.com@evil.example/", vec![], "holds credentials"),
            (FROM, "http://cxone.niceincontact.com/auth/token", vec![], "is not https"),
            (FROM, "http://127.0.0.1/token", vec![], "does not trust"),
            (FROM, "file:///etc/passwd", vec![], "is not https"),
            (FROM, "/auth/token", vec![], "is no URL"),
        ];
        for (from, names, trusted, says) in refused {
            let error = found(from, names, &trusted).unwrap_err();
            assert!(error.contains(says) && error.contains("no credentials were sent"), "{names}: {error}");
        }
    }
}
