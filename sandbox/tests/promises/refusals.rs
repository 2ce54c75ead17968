use cxone_actions_sandbox::{MAX_BODY_BYTES, actions};
use serde_json::json;

use crate::wire::{INVOCATIONS, TOKEN, Wire, invocation, sandbox};

#[test]
fn a_body_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let empty = invocation(actions::ECHO, json!({"text": ""}), "c").len();
    // A character of two bytes at the edge: bytes are what is counted.
    let text = |bytes: usize| format!("{}é", "x".repeat(bytes - empty - 2));
    let full = invocation(actions::ECHO, json!({"text": text(MAX_BODY_BYTES)}), "c");
    assert_eq!(full.len(), MAX_BODY_BYTES);
    assert_eq!(wire.invoke_text(&full).unwrap().status, 202);
    let more = invocation(actions::ECHO, json!({"text": text(MAX_BODY_BYTES + 1)}), "more");
    let refused = wire.invoke_text(&more).unwrap();
    assert_eq!((refused.status, refused.text("code").as_str()), (413, "payload_too_large"));
    let much_more = invocation(actions::ECHO, json!({"text": text(8 * MAX_BODY_BYTES)}), "more");
    assert_eq!(wire.invoke_text(&much_more).unwrap().status, 413, "on the same connection");
    assert_eq!(sandbox.executions("more"), 0);
}

#[test]
fn what_is_no_invocation_is_refused_and_not_executed() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let echo = actions::ECHO;
    let cases: &[(&str, String, u16)] = &[
        ("not JSON", "{".into(), 400),
        ("not an object", "[]".into(), 400),
        ("empty", String::new(), 400),
        ("no inputs", format!(r#"{{"actionId":"{echo}","correlationId":"c"}}"#), 400),
        ("no action", r#"{"inputs":{},"correlationId":"c"}"#.into(), 400),
        ("an id that is no UUID", invocation("create-case", json!({}), "c"), 400),
        ("inputs that are no object", invocation(echo, json!("x"), "c"), 400),
        ("an input that is an object", invocation(echo, json!({"a": {}}), "c"), 400),
        ("an input that is a list", invocation(echo, json!({"a": [1]}), "c"), 400),
        (
            "an input twice",
            format!(r#"{{"actionId":"{echo}","inputs":{{"a":1,"a":2}},"correlationId":"c"}}"#),
            400,
        ),
        (
            "an unknown field",
            format!(r#"{{"actionId":"{echo}","inputs":{{}},"callbackURL":"https://x"}}"#),
            400,
        ),
        ("a field twice", format!(r#"{{"actionId":"{echo}","inputs":{{}},"inputs":{{}}}}"#), 400),
        ("a correlation id with a space", invocation(echo, json!({}), "c d"), 400),
        ("an empty correlation id", invocation(echo, json!({}), ""), 400),
        ("a correlation id of 129", invocation(echo, json!({}), &"c".repeat(129)), 400),
        (
            "a callback that is no URL",
            format!(r#"{{"actionId":"{echo}","inputs":{{}},"callbackUrl":"x"}}"#),
            400,
        ),
        ("a missing input", invocation(actions::CREATE_CASE, json!({"priority": 1}), "c"), 400),
        ("an unknown action", invocation("99999999-0000-4000-8000-000000000001", json!({}), "c"), 404),
    ];
    for (case, body, status) in cases {
        let answer = wire.invoke_text(body).unwrap();
        assert_eq!(answer.status, *status, "{case}: {answer:?}");
        let envelope = answer.json();
        for member in ["code", "message", "contextId"] {
            assert!(envelope[member].is_string(), "{case}: {envelope}");
        }
        assert_eq!(envelope["status"], *status, "{case}");
    }
    assert_eq!(sandbox.totals().executions, 0);
}

#[test]
fn an_action_id_is_known_in_either_case() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    wire.invoke(&actions::CREATE_CASE.to_uppercase(), json!({"customerId": "x"}), "c");
}

#[test]
fn who_may_not_ask_learns_nothing_about_what_was_asked() {
    let sandbox = sandbox();
    let mut wire = Wire::open(&sandbox);
    let json = ("content-type", "application/json");
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: &[(&str, &str, Headers<'_>, u16)] = &[
        ("POST", INVOCATIONS, &[json], 401),
        ("POST", INVOCATIONS, &[json, ("authorization", "Bearer guessed")], 401),
        ("POST", INVOCATIONS, &[json, ("authorization", "Basic eDp5")], 401),
        ("GET", "/api/v2/integrations/actions/invocations/x", &[], 401),
        ("GET", INVOCATIONS, &[], 405),
        ("GET", TOKEN, &[], 405),
        ("DELETE", "/api/v2/integrations/actions/invocations/x", &[], 405),
        ("GET", "/", &[], 404),
        ("GET", "/api/v2/integrations/actions/invocations/x/y", &[], 404),
        ("GET", "/api/v2/integrations/actions/invocations/", &[], 404),
    ];
    for (method, path, headers, status) in cases {
        let answer = wire.send(method, path, headers, b"").unwrap();
        assert_eq!(answer.status, *status, "{method} {path}");
        assert_eq!(answer.header("www-authenticate").is_some(), *status == 401, "{method} {path}");
        assert_eq!(answer.header("allow").is_some(), *status == 405, "{method} {path}");
    }
}

#[test]
fn another_content_type_is_refused_and_a_charset_is_not() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let authorization = format!("bearer {}", wire.token.clone().unwrap());
    let body = invocation(actions::ECHO, json!({}), "c");
    for (content_type, status) in [("application/json; charset=utf-8", 202), ("text/plain", 415), ("", 415)] {
        let headers = [("authorization", authorization.as_str()), ("content-type", content_type)];
        let answer = wire.send("POST", INVOCATIONS, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{content_type}");
    }
}

#[test]
fn a_poll_for_what_was_never_accepted_is_a_404() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    for id in ["undefined", "00000000-0000-4000-8000-00000000ffff", "..", "%2e%2e"] {
        assert_eq!(wire.poll(id).unwrap().status, 404, "{id}");
    }
}
