//! Who may look at the console and order something of it, and what nobody sees there.

use cxone_actions_sandbox::{Sandbox, SandboxOptions, actions};
use serde_json::json;

use super::{ask, get, host, token, with_console};
use crate::wire::{INVOCATIONS, Wire, basic, sandbox};

#[test]
fn without_being_asked_for_there_is_no_console() {
    let sandbox = sandbox();
    for path in ["/", "/-/state", "/-/events", "/-/console.js"] {
        assert_eq!(get(&sandbox, path).status, 404, "{path}");
    }
    assert_eq!(sandbox.totals().other, 4, "they are requests to the gateway like any other");
}

#[test]
fn every_answer_of_the_console_keeps_strangers_out_of_the_page() {
    let sandbox = with_console();
    for (path, media_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/-/console.css", "text/css; charset=utf-8"),
        ("/-/console.js", "text/javascript; charset=utf-8"),
        ("/-/icon.svg", "image/svg+xml"),
        ("/-/state", "application/json"),
        ("/-/nowhere", "application/json"),
    ] {
        let answer = get(&sandbox, path);
        assert_eq!(answer.status, if path == "/-/nowhere" { 404 } else { 200 }, "{path}");
        assert_eq!(answer.header("content-type"), Some(media_type));
        let policy = answer.header("content-security-policy").unwrap();
        for directive in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let page = get(&sandbox, "/").body;
    assert!(
        !page.contains("style=") && !page.contains("<style") && !page.contains(" onclick"),
        "nothing inline"
    );
    assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/-/console.js\"").count());
    assert!(sandbox.requests().is_empty() && sandbox.totals().other == 0, "it is no part of the gateway");
    assert_ne!(token(&sandbox), token(&with_console()), "the seed does not tell the token");
}

#[test]
fn a_name_that_was_bound_to_this_machine_by_a_stranger_is_refused() {
    let sandbox = with_console();
    let port = sandbox.port();
    for (name, allowed) in [
        (format!("127.0.0.1:{port}"), true),
        (format!("localhost:{port}"), true),
        (format!("LocalHost:{port}"), true),
        (String::from("localhost:9000"), true),
        (String::from("[::1]:8080"), true),
        (format!("rebound.example:{port}"), false),
        (format!("127.0.0.1.rebound.example:{port}"), false),
        (format!("localhost.rebound.example:{port}"), false),
        (format!("localhost@rebound.example:{port}"), false),
        (format!("0.0.0.0:{port}"), false),
        (format!("192.168.0.1:{port}"), false),
        (String::new(), false),
    ] {
        for path in ["/", "/-/state", "/-/events", "/-/console.js"] {
            if path == "/-/events" && allowed {
                continue;
            }
            let answer = ask(&sandbox, "GET", path, &[("host", &name)], "");
            assert_eq!(answer.status, if allowed { 200 } else { 403 }, "`{name}` {path}");
            assert!(allowed || !answer.body.contains(&token(&sandbox)));
        }
    }
    // The gateway itself is reached by whatever name a test gives it.
    assert_eq!(ask(&sandbox, "POST", "/api/v2/oauth/token", &[("host", "gateway.example")], "").status, 400);
}

#[test]
fn an_order_needs_the_token_the_own_origin_and_json() {
    let sandbox = with_console();
    let (host, token) = (host(&sandbox), token(&sandbox));
    let own = format!("http://{host}");
    let json = ("content-type", "application/json");
    let right = ("x-console-token", token.as_str());
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u16);
    let cases: &[Case<'_>] = &[
        ("everything", &[json, right, ("origin", &own), ("sec-fetch-site", "same-origin")], 200),
        ("a program", &[json, right], 200),
        ("no token", &[json, ("origin", &own)], 403),
        ("a wrong token", &[json, ("x-console-token", "0"), ("origin", &own)], 403),
        ("two tokens", &[json, right, right], 403),
        ("a foreign origin", &[json, right, ("origin", "https://evil.example")], 403),
        ("another port's origin", &[json, right, ("origin", "http://127.0.0.1:1")], 403),
        ("no origin at all, says a browser", &[json, right, ("origin", "null")], 403),
        ("https of this host", &[json, right, ("origin", &own.replace("http:", "https:"))], 403),
        ("another site", &[json, right, ("sec-fetch-site", "cross-site")], 403),
        ("the same site, another port", &[json, right, ("sec-fetch-site", "same-site")], 403),
        ("a form", &[right, ("content-type", "text/plain")], 403),
    ];
    for path in ["/-/tokens/expire", "/-/faults/withdraw"] {
        for (name, headers, status) in cases {
            let mut all = vec![("host", host.as_str())];
            all.extend_from_slice(headers);
            assert_eq!(ask(&sandbox, "POST", path, &all, "{}").status, *status, "{path} with {name}");
        }
    }
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
        let headers = [("host", host.as_str()), ("sec-fetch-site", site)];
        assert_eq!(ask(&sandbox, "GET", "/-/state", &headers, "").status, status, "{site}");
        assert_eq!(ask(&sandbox, "GET", "/", &headers, "").status, 200, "a link from {site} is followed");
    }
    let answer = ask(&sandbox, "GET", "/-/tokens/expire", &[("host", &host)], "");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[test]
fn nothing_that_the_console_says_holds_a_secret() {
    let secret = "c4nary+/=:\" secret\"";
    let options = SandboxOptions {
        client_secret: Some(secret.into()),
        client_id: Some("id".into()),
        console: true,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).unwrap();
    sandbox.inject("invoke", json!({"headers": {"set-cookie": "c4nary", "x-echo": secret}}), 1).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let token = wire.token.clone().unwrap();
    wire.token(&[("authorization", &basic("id", secret))], "grant_type=client_credentials").unwrap();
    let inputs = json!({"cut": format!("{}{secret}", "x".repeat(585)), "text": secret, "said": format!("Bearer {token}"), "password": "c4nary"});
    let body = json!({
        "actionId": actions::ECHO,
        "inputs": inputs,
        "correlationId": "masked",
        "callbackUrl": "http://127.0.0.1:9/c4nary",
    });
    wire.write_invoke(&body.to_string()).unwrap();
    let id = wire.read().unwrap().text("invocationId");
    wire.poll_to_the_end(&id);
    // Secrets where nobody should have put them: in the name of an invocation, and at a wrong path.
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
        ("idempotency-key", secret),
    ];
    let body = json!({"actionId": actions::ECHO, "inputs": {}}).to_string();
    assert_eq!(wire.send("POST", INVOCATIONS, &headers, body.as_bytes()).unwrap().status, 202);
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let form = "grant_type=client_credentials&client_secret=c4nary-of-another";
    assert_eq!(wire.send("POST", "/oauth/token", &headers, form.as_bytes()).unwrap().status, 404);
    let elsewhere = sandbox.requests().pop().unwrap();
    assert!(elsewhere.body.contains("client_secret=***"), "{elsewhere:?}");

    let detail = get(&sandbox, &format!("/-/invocations/{id}")).body;
    let list = get(&sandbox, "/-/state").body;
    for (name, text) in [("detail", &detail), ("list", &list)] {
        assert!(text.contains("masked") && text.contains("***"), "{name}: {text}");
        for hidden in ["c4nary", token.as_str(), &basic("id", secret)[6..]] {
            assert!(!text.contains(hidden), "`{hidden}` in {name}: {text}");
        }
    }
    assert!(detail.contains("Bearer ***"), "{detail}");
}
