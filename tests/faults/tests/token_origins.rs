//! Where tokens come from: each grant, an endpoint that a configuration names, and code of the caller's own.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::{BearerToken, CallOptions, ClientBuilder, Error, ErrorKind, Executed};
use cxone_actions_faults::{
    CLIENT_ID, CLIENT_SECRET, Caller, FIXED_TOKEN, Gateway, GatewayOptions, Ground, Point, Step, proof,
    request,
};
use futures_util::future::join_all;
use tempfile::TempDir;

const KEY_ID: &str = "KEY2PDJJAHNM====";
const KEY_SECRET: &str = "CANARY-key+/secret====";

/// The gateway's profile with another way to tokens.
fn profile(token: &str) -> (TempDir, String) {
    let text = include_str!("../../../core/src/profile/gateway.toml");
    let (before, rest) = text.split_once("[token]").unwrap();
    let after = &rest[rest.find("\n[").unwrap()..];
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("elsewhere.toml");
    std::fs::write(&path, format!("{before}[token]\n{token}\n{after}")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

/// A client whose profile has another way to tokens.
fn client(
    ground: &Ground,
    gateway: &Gateway,
    token: &str,
    with: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> Caller {
    let (_directory, path) = profile(token);
    let plain = cxone_actions::Client::builder().base_url(gateway.base_url());
    ground.open(with(plain.poll_interval(Duration::from_millis(10)).profile(path)))
}

fn with_client(builder: ClientBuilder) -> ClientBuilder {
    builder.client_id(CLIENT_ID).client_secret(CLIENT_SECRET)
}

fn with_key(builder: ClientBuilder) -> ClientBuilder {
    builder.access_key_id(KEY_ID).access_key_secret(KEY_SECRET)
}

fn is_unsent(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!((error.kind(), error.executed()), (kind, Executed::No), "{error}");
    assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
}

fn any_credentials() -> GatewayOptions {
    GatewayOptions { any_credentials: true, ..GatewayOptions::default() }
}

#[test]
fn an_access_key_is_the_user_of_the_password_grant_and_the_client_authenticates_too() {
    proof(async |ground: &Ground| {
        for auth in ["post", "basic"] {
            let gateway = ground.gateway_with(any_credentials());
            let token = format!(
                "url = \"{{base}}/api/v2/oauth/token\"\ngrant = \"password\"\nclient_auth = \"{auth}\""
            );
            let client = client(ground, &gateway, &token, |builder| with_key(with_client(builder)));
            assert!(client.run(request(auth)).await.unwrap().ok);
            let seen = &gateway.seen(Point::Token)[0];
            let said = |name: &str| seen.form(name).unwrap_or_default();
            assert_eq!(
                (said("grant_type"), said("username"), said("password")),
                ("password".into(), KEY_ID.into(), KEY_SECRET.into())
            );
            assert_eq!(seen.credentials(), Some((CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())), "{auth}");
            assert_eq!(seen.form("scope"), None, "the profile asks for none");
        }
    });
}

#[test]
fn an_access_key_is_exchanged_as_json_without_any_client() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(any_credentials());
        let token = "url = \"{base}/api/v2/oauth/token\"\ngrant = \"access_key\"";
        let client = client(ground, &gateway, token, with_key);
        assert!(client.run(request("key")).await.unwrap().ok);
        let seen = &gateway.seen(Point::Token)[0];
        assert_eq!(seen.header("content-type").as_deref(), Some("application/json"));
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.json(), serde_json::json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET}));
        gateway.revoke_tokens();
        let echo = r#"{"error":"invalid_grant","errorDescription":"no: $ECHO"}"#;
        gateway.always(Point::Token, Step::answer(400, echo));
        let error = client.run(request("refused")).await.unwrap_err();
        is_unsent(&error, ErrorKind::Auth, "check `access_key_id` and `access_key_secret`");
    });
}

const DISCOVERED: &str = "discover = \"{base}/.well-known/openid-configuration\"\n\
    grant = \"client_credentials\"\nclient_auth = \"post\"";

fn names(endpoint: &str) -> Step {
    Step::answer(200, format!(r#"{{"issuer":"$OTHER","token_endpoint":"{endpoint}"}}"#))
}

fn own(gateway: &Gateway) -> String {
    format!("{}/api/v2/oauth/token", gateway.base_url())
}

#[test]
fn a_token_endpoint_is_found_once_for_each_client() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.always(Point::Other, names(&own(&gateway)));
        let client = client(ground, &gateway, DISCOVERED, with_client);
        for n in 0..3 {
            assert!(client.run(request(&format!("found-{n}"))).await.unwrap().ok);
            gateway.revoke_tokens();
        }
        let looked = gateway.seen(Point::Other);
        assert_eq!((looked.len(), gateway.count(Point::Token)), (1, 3));
        assert_eq!(
            (looked[0].method().as_str(), looked[0].target().as_str()),
            ("GET", "/.well-known/openid-configuration")
        );
        assert!(looked[0].header("authorization").is_none());
    });
}

#[test]
fn a_token_endpoint_that_moved_is_looked_for_again() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let elsewhere = ground.gateway_with(GatewayOptions { any_token: true, ..GatewayOptions::default() });
        gateway.script(Point::Other, [names(&own(&elsewhere))]);
        gateway.always(Point::Other, names(&own(&gateway)));
        let client = client(ground, &gateway, DISCOVERED, with_client);
        // What another gateway issues is no token here; the one after is asked for where the endpoint is by then.
        elsewhere.always(Point::Token, Step::status(404));
        is_unsent(&client.run(request("moved")).await.unwrap_err(), ErrorKind::Auth, "404");
        let began = Instant::now();
        let mut n = 0;
        while client.run(request(&format!("again-{n}"))).await.is_err() {
            n += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(15));
        assert_eq!((gateway.count(Point::Other), gateway.count(Point::Token)), (2, 1));
    });
}

#[test]
fn what_keeps_a_configuration_from_being_read_passes_or_is_named_and_no_credentials_leave() {
    proof(async |ground: &Ground| {
        for step in [Step::status(503), Step::half_body(), Step::reset(), Step::answer(200, "<html>")] {
            let gateway = ground.gateway();
            gateway.script(Point::Other, [step]);
            gateway.always(Point::Other, names(&own(&gateway)));
            let client = client(ground, &gateway, DISCOVERED, with_client);
            assert!(client.run(request("passes")).await.unwrap().ok);
            assert_eq!((gateway.count(Point::Other), gateway.count(Point::Token)), (2, 1));
        }
        let named = [
            (Step::redirect(302), ErrorKind::Auth, "redirects are not followed"),
            (Step::status(404), ErrorKind::Auth, "answered 404"),
            (Step::answer(200, "{}"), ErrorKind::Unavailable, "names no `token_endpoint`"),
            (Step::oversize(17 * 1024 * 1024), ErrorKind::Unavailable, "cannot be reached"),
            (
                names("https://evil.example/token"),
                ErrorKind::Auth,
                "`evil.example`, a host that the profile does not trust",
            ),
            (names("http://api.example.com/token"), ErrorKind::Auth, "is not https"),
            (names("nowhere"), ErrorKind::Auth, "is no URL"),
        ];
        for (step, kind, says) in named {
            let gateway = ground.gateway();
            gateway.always(Point::Other, step);
            let client = client(ground, &gateway, DISCOVERED, with_client);
            is_unsent(&client.run(request("named")).await.unwrap_err(), kind, says);
            assert_eq!((gateway.count(Point::Token), gateway.seen_elsewhere()), (0, 0), "{says}");
        }
    });
}

/// A function for tokens that counts.
fn counting(calls: &Arc<AtomicUsize>, answer: fn(usize) -> Result<BearerToken, VaultError>) -> impl FnSource {
    let calls = calls.clone();
    move || {
        let nth = calls.fetch_add(1, Ordering::SeqCst);
        async move { answer(nth) }
    }
}

trait FnSource: cxone_actions::TokenSource {}
impl<T: cxone_actions::TokenSource> FnSource for T {}

#[derive(Debug)]
struct VaultError;

#[expect(clippy::unnecessary_wraps, reason = "it is given where one that fails could be")]
fn lasting(nth: usize) -> Result<BearerToken, VaultError> {
    Ok(BearerToken::new(format!("CANARY-own-{nth}")).expires_in(Duration::from_secs(3600)))
}

fn sourced(ground: &Ground, gateway: &Gateway, source: impl cxone_actions::TokenSource) -> Caller {
    let builder = cxone_actions::Client::builder().base_url(gateway.base_url());
    ground.open(builder.poll_interval(Duration::from_millis(10)).token_source(source))
}

fn any_token() -> GatewayOptions {
    GatewayOptions { any_token: true, ..GatewayOptions::default() }
}

#[test]
fn a_function_is_asked_once_for_a_thousand_callers_and_again_after_a_401() {
    proof(async |ground: &Ground| {
        let (gateway, calls) = (ground.gateway_with(any_token()), Arc::default());
        let builder = cxone_actions::Client::builder().base_url(gateway.base_url()).max_queued(2_000);
        let client = ground
            .open(builder.poll_interval(Duration::from_millis(10)).token_source(counting(&calls, lasting)));
        let runs: Vec<_> = (0..1_000).map(|n| client.run(request(&format!("cold-{n}")))).collect();
        for result in join_all(runs).await {
            assert!(result.unwrap().ok);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        gateway.script(Point::Invoke, [Step::status(401)]);
        assert_eq!(client.run(request("refused")).await.unwrap().attempts, 2);
        let last = gateway.seen(Point::Invoke).pop().unwrap();
        assert_eq!(last.header("authorization").as_deref(), Some("Bearer CANARY-own-1"));
        assert_eq!((calls.load(Ordering::SeqCst), gateway.count(Point::Token)), (2, 0));
    });
}

#[test]
fn a_function_that_hangs_holds_up_nobody_while_its_last_token_serves() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(any_token());
        let calls = Arc::new(AtomicUsize::new(0));
        let source = {
            let calls = calls.clone();
            move || {
                let nth = calls.fetch_add(1, Ordering::SeqCst);
                async move {
                    if nth > 0 {
                        std::future::pending::<()>().await;
                    }
                    Ok::<_, VaultError>((FIXED_TOKEN.to_owned(), Duration::from_secs(6)))
                }
            }
        };
        let client = sourced(ground, &gateway, source);
        client.run(request("first")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(4_550)).await;
        for n in 0..5 {
            // One that is held up does not end in this time.
            let options = CallOptions { timeout: Some(Duration::from_secs(1)), ..CallOptions::default() };
            assert!(client.run_with(request(&format!("within-{n}")), options).await.unwrap().ok);
        }
        assert_eq!(calls.load(Ordering::SeqCst), 2, "it is asked early, and once");
    });
}

#[test]
fn a_function_that_fails_is_named_by_its_class_asked_again_soon_and_never_in_a_loop() {
    fn at_first(nth: usize) -> Result<BearerToken, VaultError> {
        if nth < 3 { Err(VaultError) } else { lasting(nth) }
    }
    proof(async |ground: &Ground| {
        let (gateway, calls) = (ground.gateway_with(any_token()), Arc::default());
        let client = sourced(ground, &gateway, counting(&calls, at_first));
        let began = Instant::now();
        let mut failed = 0;
        while let Err(error) = client.run(request(&format!("fails-{failed}"))).await {
            is_unsent(&error, ErrorKind::Auth, "`token` raised `VaultError`");
            failed += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(failed > 3 && began.elapsed() < Duration::from_secs(30), "{failed} in {:?}", began.elapsed());
        assert_eq!(calls.load(Ordering::SeqCst), 4);
    });
}

#[test]
fn a_function_that_panics_fails_its_callers_and_nobody_else() {
    proof(async |ground: &Ground| {
        let (gateway, calls) = (ground.gateway_with(any_token()), Arc::new(AtomicUsize::new(0)));
        let source = {
            let calls = calls.clone();
            move || {
                let nth = calls.fetch_add(1, Ordering::SeqCst);
                async move {
                    assert!(nth > 0, "CANARY-panic");
                    Ok::<_, VaultError>(FIXED_TOKEN)
                }
            }
        };
        let client = sourced(ground, &gateway, source);
        is_unsent(&client.run(request("panics")).await.unwrap_err(), ErrorKind::Auth, "panicked");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(client.run(request("goes-on")).await.unwrap().ok);
    });
}
