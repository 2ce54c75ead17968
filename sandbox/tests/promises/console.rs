use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use cxone_actions_sandbox::{Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use crate::wire::{Answer, INVOCATIONS, Wire, basic, invocation, sandbox};

fn with_console() -> Sandbox {
    Sandbox::start(SandboxOptions { console: true, ..SandboxOptions::default() }).unwrap()
}

/// One request with exactly these headers, and its answer.
fn ask(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

fn host(sandbox: &Sandbox) -> String {
    format!("127.0.0.1:{}", sandbox.port())
}

fn get(sandbox: &Sandbox, path: &str) -> Answer {
    ask(sandbox, "GET", path, &[("host", &host(sandbox))], "")
}

/// The token that stands in the page.
fn token(sandbox: &Sandbox) -> String {
    let page = get(sandbox, "/").body;
    let (_, rest) = page.split_once("name=\"console-token\" content=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn order(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    let (host, token) = (host(sandbox), token(sandbox));
    let headers =
        [("host", host.as_str()), ("content-type", "application/json"), ("x-console-token", token.as_str())];
    ask(sandbox, "POST", path, &headers, &body.to_string())
}

fn row(sandbox: &Sandbox, query: &str) -> Value {
    get(sandbox, &format!("/-/state{query}")).json()["rows"][0].clone()
}

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

#[test]
fn an_invocation_is_shown_with_every_exchange_that_was_about_it() {
    let at_once =
        SandboxOptions { complete_after: Duration::ZERO, console: true, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(at_once).unwrap();
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 1}), 1).unwrap();
    sandbox.inject("poll", json!({"close": "after_request"}), 1).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let body = invocation(actions::ECHO, json!({"amount": 12.50}), "whole-1");
    assert_eq!(wire.invoke_text(&body).unwrap().status, 429);
    let id = wire.invoke_text(&body).unwrap().text("invocationId");
    assert!(wire.poll(&id).is_err(), "its answer is lost");
    let mut wire = Wire::authorized(&sandbox);
    wire.poll_to_the_end(&id);

    let shown = get(&sandbox, &format!("/-/invocations/{id}")).json();
    assert_eq!(
        (shown["id"].as_str(), shown["correlation_id"].as_str()),
        (Some(id.as_str()), Some("whole-1"))
    );
    assert_eq!((shown["state"].as_str(), shown["action"].as_str()), (Some("completed"), Some("echo")));
    let exchanges = shown["exchanges"].as_array().unwrap();
    assert_eq!(exchanges[0]["status"], 429);
    assert_eq!(exchanges[0]["fault"], "answers 429, with `Retry-After: 1`");
    assert_eq!(exchanges[1]["status"], 202);
    assert_eq!(exchanges[1]["request"]["body"], body, "in exactly the text that was sent");
    assert_eq!(
        (&exchanges[2]["status"], &exchanges[2]["cut"]),
        (&Value::Null, &json!("acts and loses the answer"))
    );
    assert_eq!(exchanges[2]["answer"], json!({"headers": [], "body": "", "left_out": 0}), "it was lost");
    let last = exchanges.last().unwrap();
    assert!(last["answer"]["body"].as_str().unwrap().contains("\"COMPLETED\""), "{last}");
    assert_eq!(shown["calls"], exchanges.len() - 1, "the refused POST was about no invocation yet");
    assert_eq!((shown["open"].as_bool(), shown["missing"].as_u64()), (Some(false), Some(0)));
    assert!(shown["took"].as_f64().unwrap() > 0.0);
    assert_eq!(get(&sandbox, "/-/invocations/00000000-0000-4000-8000-00000000dead").status, 404);
}

#[test]
fn a_list_is_filtered_by_state_and_by_what_it_shows() {
    let sandbox = with_console();
    let mut wire = Wire::authorized(&sandbox);
    let fails = wire.invoke(actions::FAILS, json!({}), "list-fails");
    wire.poll_to_the_end(&fails);
    let open = wire.invoke(actions::NEVER_ENDS, json!({"customer": "Ärger"}), "list-open");
    let found = |query: &str| {
        let state = get(&sandbox, &format!("/-/state{query}")).json();
        let rows = state["rows"].as_array().unwrap().clone();
        assert_eq!(state["counts"]["matching"], rows.len());
        rows.iter().map(|row| row["correlation_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("", &["list-open", "list-fails"][..]),
        ("?state=open", &["list-open"]),
        ("?state=failed", &["list-fails"]),
        ("?state=completed", &[]),
        ("?text=FAILS", &["list-fails"]),
        ("?text=%C3%A4rger", &["list-open"]),
        (&format!("?text={open}"), &["list-open"]),
        ("?text=nothing", &[]),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

#[test]
fn an_invocation_ends_by_hand_as_it_was_told_and_once() {
    let sandbox = with_console();
    let mut wire = Wire::authorized(&sandbox);
    for (body, status, state) in [
        (json!({"outcome": "COMPLETED", "outputs": {"n": 1.0}}), "COMPLETED", "completed"),
        (json!({"outcome": "COMPLETED", "outputs": null}), "COMPLETED", "completed"),
        (json!({"outcome": "FAILED", "error_message": "no such customer"}), "FAILED", "failed"),
        (json!({"outcome": "CANCELLED"}), "CANCELLED", "cancelled"),
    ] {
        let id = wire.invoke(actions::NEVER_ENDS, json!({}), status);
        assert!(matches!(wire.poll(&id).unwrap().text("status").as_str(), "PENDING" | "RUNNING"));
        let path = format!("/-/invocations/{id}/end");
        let answer = order(&sandbox, &path, body.clone());
        assert_eq!(answer.status, 200, "{answer:?}");
        let end = wire.poll(&id).unwrap();
        assert_eq!(end.text("status"), status);
        match status {
            "COMPLETED" => {
                assert!(end.body.contains(&format!(r#""outputs":{}"#, body["outputs"])), "{end:?}");
            }
            "FAILED" => assert_eq!(end.text("errorMessage"), "no such customer"),
            _ => assert_eq!(end.text("errorMessage"), "cancelled by hand in the console"),
        }
        let row = row(&sandbox, &format!("?text={id}"));
        assert_eq!((row["state"].as_str(), row["by_hand"].as_bool()), (Some(state), Some(true)));
        assert_eq!(order(&sandbox, &path, body).status, 409, "it has ended");
    }
    let nobody = "/-/invocations/00000000-0000-4000-8000-00000000dead/end";
    assert_eq!(order(&sandbox, nobody, json!({"outcome": "FAILED"})).status, 404);
    for wrong in
        [json!({}), json!({"outcome": "NEVER"}), json!({"outcome": "FAILED", "x": 1}), json!("FAILED")]
    {
        let id = wire.invoke(actions::NEVER_ENDS, json!({}), "wrong");
        assert_eq!(order(&sandbox, &format!("/-/invocations/{id}/end"), wrong).status, 400);
    }
}

#[test]
fn what_fails_by_hand_puts_out_nothing() {
    let long = Duration::from_secs(600);
    let options = SandboxOptions { complete_after: long, console: true, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let id = wire.invoke(actions::ECHO, json!({"said": 1}), "fails");
    assert_eq!(
        order(&sandbox, &format!("/-/invocations/{id}/end"), json!({"outcome": "FAILED"})).status,
        200
    );
    let end = wire.poll(&id).unwrap();
    assert!(end.text("status") == "FAILED" && !end.body.contains("said"), "{end:?}");
}

#[test]
fn faults_are_ordered_counted_down_and_withdrawn_and_tokens_expire() {
    let sandbox = with_console();
    let mut wire = Wire::authorized(&sandbox);
    let body = invocation(actions::ECHO, json!({}), "faults");
    let ordered = || get(&sandbox, "/-/state").json()["faults"].clone();
    let fault = json!({"point": "invoke", "fault": {"status": 429, "retry_after": 2}, "times": 2});
    let said = order(&sandbox, "/-/faults", fault).json();
    assert_eq!(said["message"], "the next 2 at `invoke`: answers 429, with `Retry-After: 2`");
    let fault = json!({"point": "invoke", "fault": {"status": 500}, "times": u32::MAX});
    let said = order(&sandbox, "/-/faults", fault).json();
    let told = "after what was ordered there before, each request at `invoke`: answers 500";
    assert_eq!(said["message"], told);
    let answer = wire.invoke_text(&body).unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
    let says = "answers 429, with `Retry-After: 2`";
    assert_eq!(ordered()[0], json!({"point": "invoke", "says": says, "left": 1}));
    assert_eq!(order(&sandbox, "/-/faults/withdraw", json!({})).status, 200);
    assert_eq!(ordered(), json!([]));
    assert_eq!(wire.invoke_text(&body).unwrap().status, 202);
    assert_eq!(order(&sandbox, "/-/tokens/expire", json!({})).status, 200);
    assert_eq!(wire.invoke_text(&body).unwrap().status, 401);
    for wrong in [
        json!({"point": "nowhere", "fault": {"status": 500}, "times": 1}),
        json!({"point": "invoke", "fault": {"status": 1}, "times": 1}),
        json!({"point": "invoke", "fault": {}, "times": 1}),
        json!({"point": "invoke", "fault": {"status": 500}, "times": 0}),
        json!({"point": "invoke"}),
    ] {
        let answer = order(&sandbox, "/-/faults", wrong.clone());
        assert_eq!(answer.status, 400, "{wrong}");
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(order(&sandbox, "/-/faults", json!("x".repeat(100_000))).status, 413);
}

#[test]
fn events_tell_everything_first_and_then_what_changes() {
    let sandbox = with_console();
    let mut wire = Wire::authorized(&sandbox);
    wire.invoke(actions::ECHO, json!({}), "before");
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let host = host(&sandbox);
    stream.write_all(format!("GET /-/events HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut events = std::iter::from_fn(|| {
        let data = lines.find_map(|line| line.strip_prefix("data: ").map(str::to_owned))?;
        serde_json::from_str::<Value>(&data).ok()
    });
    let first = events.next().unwrap();
    assert_eq!(first["rows"][0]["correlation_id"], "before");
    assert_eq!((&first["profile"], &first["accepted"]), (&json!("gateway"), &json!(1)));
    let seconds = first["seconds"].as_array().unwrap();
    assert!(seconds.iter().any(|second| second["invoke"].as_u64() > Some(0)), "{first}");
    let id = wire.invoke(actions::NEVER_ENDS, json!({}), "after");
    // It may be told as pending and as running before.
    let is_told = |state: Option<&str>, event: &Value| {
        let mut rows = event["rows"].as_array().unwrap().iter();
        rows.any(|row| row["id"] == id.as_str() && state.is_none_or(|state| row["state"] == state))
    };
    assert!(events.any(|event| is_told(None, &event)));
    order(&sandbox, &format!("/-/invocations/{id}/end"), json!({"outcome": "FAILED"}));
    assert!(events.any(|event| is_told(Some("failed"), &event)));
}

#[test]
fn where_the_answer_is_the_result_its_end_is_shown_and_not_chosen() {
    let options =
        SandboxOptions { profile: "genesys-data-action".into(), console: true, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::open(&sandbox);
    let form = "grant_type=client_credentials";
    let authorization = basic(sandbox.client_id(), sandbox.client_secret());
    let headers =
        [("authorization", authorization.as_str()), ("content-type", "application/x-www-form-urlencoded")];
    let token = wire.send("POST", "/oauth/token", &headers, form.as_bytes()).unwrap().text("access_token");
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let path = "/api/v2/integrations/actions/custom_-_create-case/execute";
    let answer = wire.send("POST", path, &headers, br#"{"customerId":"C"}"#).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let row = row(&sandbox, "");
    assert_eq!((row["state"].as_str(), row["calls"].as_u64()), (Some("completed"), Some(1)));
    assert!(row["took"].as_f64().unwrap() >= 0.05, "{row}");
    let path = format!("/-/invocations/{}/end", row["id"].as_str().unwrap());
    assert_eq!(order(&sandbox, &path, json!({"outcome": "FAILED"})).status, 409);
}

#[test]
fn a_callback_is_shown_with_its_answer_and_not_its_way() {
    let sandbox = with_console();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/c4nary", listener.local_addr().unwrap());
    let mut wire = Wire::authorized(&sandbox);
    let body = json!({"actionId": actions::NEVER_ENDS, "inputs": {}, "callbackUrl": url});
    let id = wire.invoke_text(&body.to_string()).unwrap().text("invocationId");
    let path = format!("/-/invocations/{id}");
    assert_eq!(get(&sandbox, &path).json()["callbacks"], json!([]));
    let ended = order(&sandbox, &format!("{path}/end"), json!({"outcome": "CANCELLED"}));
    assert_eq!(ended.status, 200);
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
    assert_eq!(request.next().unwrap(), "POST /c4nary HTTP/1.1");
    request.find(String::is_empty).unwrap();
    stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
    let shown = (0..1000)
        .find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            let shown = get(&sandbox, &path);
            (shown.json()["callbacks"] != json!([])).then_some(shown)
        })
        .unwrap();
    assert_eq!(shown.json()["callbacks"][0]["status"], 204);
    assert!(!shown.body.contains("c4nary"), "{shown:?}");
}
