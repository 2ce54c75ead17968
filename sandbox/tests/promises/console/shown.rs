//! What the console shows and does.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use cxone_actions_sandbox::{Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use super::{get, host, order, row, with_console};
use crate::wire::{Wire, basic, invocation};

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
