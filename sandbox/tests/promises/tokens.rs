use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cxone_actions_sandbox::{SCOPE_READ, SCOPE_WRITE, Sandbox, SandboxOptions, actions};
use serde_json::json;

use crate::wire::{TOKEN, Wire, basic, encoded, invocation, post_form, sandbox};

const GRANT: &str = "grant_type=client_credentials";

fn with_secret(secret: &str) -> Sandbox {
    let options = SandboxOptions {
        client_id: Some("app:1".into()),
        client_secret: Some(secret.into()),
        ..SandboxOptions::default()
    };
    Sandbox::start(options).unwrap()
}

#[test]
fn every_client_authentication_decodes_a_difficult_secret_exactly() {
    for secret in ["a+b%/:é", "====", "plain", " leading and trailing ", "%41", "a&b=c"] {
        let sandbox = with_secret(secret);
        let mut wire = Wire::open(&sandbox);
        let header = basic("app:1", secret);
        let query = format!("{TOKEN}?{}", post_form("app:1", secret));
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let answers = [
            ("post", wire.token(&[], &post_form("app:1", secret))),
            ("basic", wire.token(&[("authorization", &header)], GRANT)),
            ("query", wire.send("POST", &query, &[], b"")),
            ("query, as axios has it", {
                wire.send("POST", &query, &[("content-type", "application/json")], b"null")
            }),
            ("query, grant in the form", {
                let path = format!("{TOKEN}?client_id=app%3A1&client_secret={}", encoded(secret));
                wire.send("POST", &path, &form, GRANT.as_bytes())
            }),
        ];
        for (way, answer) in answers {
            let answer = answer.unwrap();
            assert_eq!(answer.status, 200, "{way} with `{secret}`: {answer:?}");
        }
    }
}

#[test]
fn a_basic_header_that_was_not_form_encoded_is_a_wrong_secret() {
    let sandbox = with_secret("a+b%2F");
    let raw = format!("Basic {}", STANDARD.encode("app:1:a+b%2F"));
    let answer = Wire::open(&sandbox).token(&[("authorization", &raw)], GRANT).unwrap();
    assert_eq!((answer.status, answer.text("error").as_str()), (401, "invalid_client"));
}

#[test]
fn token_refusals_are_those_of_rfc_6749() {
    let sandbox = with_secret("right");
    let form = |grant: &str| format!("{grant}&client_id=app%3A1&client_secret=right");
    let right = basic("app:1", "right");
    let wrong = basic("app:1", "wrong");
    let cases: &[(&str, Option<&str>, &str, u16, &str)] = &[
        ("wrong secret in the form", None, &post_form("app:1", "wrong"), 400, "invalid_client"),
        ("wrong client in the form", None, &post_form("app:2", "right"), 400, "invalid_client"),
        ("wrong secret in the header", Some(&wrong), GRANT, 401, "invalid_client"),
        ("a header that is not Basic", Some("Digest x"), GRANT, 401, "invalid_client"),
        ("nobody", None, GRANT, 400, "invalid_client"),
        ("two ways at once", Some(&right), &form(GRANT), 400, "invalid_request"),
        ("no grant", None, &post_form("app:1", "right").replace(GRANT, "x=y"), 400, "invalid_request"),
        ("grant twice", None, &form(&format!("{GRANT}&{GRANT}")), 400, "invalid_request"),
        ("another grant", None, &form("grant_type=password"), 400, "unsupported_grant_type"),
        ("unknown scope", None, &form(&format!("{GRANT}&scope=admin")), 400, "invalid_scope"),
    ];
    let mut wire = Wire::open(&sandbox);
    for (case, authorization, form, status, error) in cases {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", *value)).collect();
        let answer = wire.token(&headers, form).unwrap();
        assert_eq!((answer.status, answer.text("error").as_str()), (*status, *error), "{case}");
        assert_eq!(answer.header("www-authenticate").is_some(), *status == 401, "{case}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    }
    let json = wire.send("POST", TOKEN, &[("content-type", "application/json")], b"{}").unwrap();
    assert_eq!((json.status, json.text("error").as_str()), (400, "invalid_request"));
}

#[test]
fn a_token_answer_says_what_was_granted_and_for_how_long() {
    let options =
        SandboxOptions { token_lifetime: Duration::from_millis(3_599_500), ..SandboxOptions::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let form = post_form(sandbox.client_id(), sandbox.client_secret());
    let both = format!("{SCOPE_WRITE} {SCOPE_READ}");
    for (wish, granted) in [("", both.as_str()), (&both, &both), (SCOPE_READ, SCOPE_READ)] {
        let form = if wish.is_empty() { form.clone() } else { format!("{form}&scope={}", encoded(wish)) };
        let body = Wire::open(&sandbox).token(&[], &form).unwrap().json();
        assert_eq!(body["scope"], granted);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3599.5);
    }
    let whole = Wire::open(&self::sandbox()).token(&[], &form).unwrap();
    assert!(whole.body.contains("\"expires_in\":3600,"), "{whole:?}");
}

#[test]
fn a_token_without_the_scope_is_forbidden_and_told_which_one() {
    for (scope, invoke, poll) in [(SCOPE_READ, 403, 404), (SCOPE_WRITE, 202, 403)] {
        let options = SandboxOptions { scopes: vec![scope.into()], ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let mut wire = Wire::authorized(&sandbox);
        let answer = wire.invoke_text(&invocation(actions::ECHO, json!({}), "c")).unwrap();
        assert_eq!(answer.status, invoke);
        let looked = wire.poll("00000000-0000-4000-8000-00000000ffff").unwrap();
        assert_eq!(looked.status, poll);
        let refused = if invoke == 403 { answer } else { looked };
        assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
        assert_eq!(refused.text("code"), "insufficient_scope");
    }
}

#[test]
fn a_token_is_refused_once_its_lifetime_is_over() {
    let options = SandboxOptions { token_lifetime: Duration::ZERO, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let answer = wire.invoke_text(&invocation(actions::ECHO, json!({}), "c")).unwrap();
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
    assert_eq!(sandbox.executions("c"), 0);
}

#[test]
fn expiring_all_tokens_spares_those_issued_afterwards() {
    let sandbox = sandbox();
    let mut old = Wire::authorized(&sandbox);
    let mut other = Wire::authorized(&sandbox);
    sandbox.expire_tokens();
    let mut new = Wire::authorized(&sandbox);
    let body = invocation(actions::ECHO, json!({}), "c");
    let statuses = [&mut old, &mut other, &mut new].map(|wire| wire.invoke_text(&body).unwrap().status);
    assert_eq!(statuses, [401, 401, 202]);
}
