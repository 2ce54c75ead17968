//! What holds of every answer of a token service, whatever it says.
//!
//! A token that is taken fits into a header and has a life that ends; a refusal says why without the token; credentials go
//! nowhere that the profile does not trust. Each law takes bytes, as cargo-fuzz makes them up, and asserts.

use std::time::Duration;

use secrecy::ExposeSecret;
use url::Url;

use super::answer::{LONGEST_LIFETIME, Verdict, is_transient};
use super::{answer, endpoint};
use crate::config::is_bearer;
use crate::error::{Error, ErrorKind, Executed};
use crate::profile::is_loopback;
use crate::wire::laws;

/// A token lives longer than nothing and at most a day, and only an answer that may pass is worth asking for again.
pub fn token_of_an_answer(data: &[u8]) {
    let said = laws::answer(data);
    let fine = matches!(said.status, 200 | 201);
    match answer::read(&said, Some("read write"), "check them") {
        Ok(fetched) => {
            assert!(fine && is_bearer(fetched.value.expose_secret()));
            assert!(fetched.lifetime > Duration::ZERO && fetched.lifetime <= LONGEST_LIFETIME);
        }
        Err(Verdict::Again(error, wait)) => {
            assert!(fine || is_transient(said.status));
            assert!(wait.is_none_or(|wait| wait <= laws::LONGEST_WAIT));
            is_told(&error);
        }
        Err(Verdict::Final(error)) => {
            assert!(!is_transient(said.status));
            assert_eq!(error.kind(), ErrorKind::Auth);
            is_told(&error);
        }
    }
}

/// The host that credentials go to is the configuration's own or one that is trusted, and the way there is encrypted.
pub fn endpoint_of_a_configuration(data: &[u8]) {
    let Ok(from) = Url::parse("https://login.example.com/.well-known/openid-configuration") else { return };
    let trusted = ["*.example.org".to_owned(), "token.example.net".to_owned()];
    match endpoint::read(&laws::answer(data), &from, &trusted) {
        Ok(url) => {
            let host = url.host_str().unwrap_or_default().trim_end_matches('.');
            let below = host.strip_suffix(".example.org").is_some_and(|below| !below.is_empty());
            assert!(below || matches!(host, "login.example.com" | "token.example.net"), "{url}");
            assert!(url.scheme() == "https" || is_loopback(&url), "{url}");
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        }
        Err(Verdict::Again(error, _) | Verdict::Final(error)) => is_told(&error),
    }
}

fn is_told(error: &Error) {
    assert_eq!(error.executed(), Executed::No, "nothing was sent");
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()));
    assert!(error.message().len() <= laws::LONGEST_MESSAGE);
    assert!(!error.message().chars().any(char::is_control), "{:?}", error.message());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<Duration, Verdict> {
        let data = format!("200\n\n{body}");
        token_of_an_answer(data.as_bytes());
        answer::read(&laws::answer(data.as_bytes()), None, "").map(|fetched| fetched.lifetime)
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_laws(data: Vec<u8>) {
            token_of_an_answer(&data);
            endpoint_of_a_configuration(&data);
        }

        #[test]
        fn a_lifetime_is_the_seconds_that_were_said_in_any_spelling(seconds in 1u32..86_400, digits in 0usize..4) {
            let fraction = format!("{seconds}.{}", "0".repeat(digits + 1));
            let spelt = [seconds.to_string(), fraction.clone(), format!("\"{seconds}\""), format!("\"{fraction}\""),
                format!("\" {seconds} \""), format!("{seconds}e0")];
            for text in spelt {
                let lifetime = read(&format!(r#"{{"access_token":"a","expires_in":{text}}}"#));
                prop_assert_eq!(lifetime.ok(), Some(Duration::from_secs(seconds.into())), "{}", text);
            }
        }

        #[test]
        fn a_lifetime_is_never_none_and_never_longer_than_a_day(
            number in any::<f64>(), exponent in -500i32..500, mantissa in any::<u64>(),
        ) {
            for text in [format!("{number}"), format!("{number:e}"), format!("{mantissa}e{exponent}"), format!("\"{number}\"")] {
                let _ = read(&format!(r#"{{"access_token":"a","expires_in":{text}}}"#));
            }
        }

        #[test]
        fn a_token_is_taken_as_it_was_issued_or_not_at_all(token in ".{0,60}") {
            let body = serde_json::json!({ "access_token": token, "expires_in": 60 }).to_string();
            let data = format!("200\n\n{body}");
            token_of_an_answer(data.as_bytes());
            match answer::read(&laws::answer(data.as_bytes()), None, "") {
                Ok(fetched) => prop_assert_eq!(fetched.value.expose_secret(), &token),
                Err(Verdict::Final(error) | Verdict::Again(error, _)) => {
                    prop_assert!(!is_bearer(&token));
                    let told = format!("{error:?} {error}");
                    prop_assert!(token.len() < 8 || !told.contains(&token), "{}", told);
                }
            }
        }

        #[test]
        fn what_stands_before_or_behind_a_trusted_host_is_no_trusted_host(
            before in "[a-z0-9@/:.#?-]{0,12}", behind in "[a-z0-9@/:.#?-]{0,12}",
            host in prop::sample::select(vec!["login.example.com", "token.example.net", "a.example.org", "example.org"]),
            scheme in prop::sample::select(vec!["https", "http", "HTTPS", "ftp", "https:"]),
        ) {
            let body = serde_json::json!({ "token_endpoint": format!("{scheme}://{before}{host}{behind}") });
            endpoint_of_a_configuration(format!("200\n\n{body}").as_bytes());
        }
    }
}
