use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cxone_actions_sandbox::{Action, Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use crate::profiles::authorized;
use crate::wire::{Wire, invocation, post_form, sandbox};

fn body(correlation_id: &str) -> String {
    invocation(actions::ECHO, json!({}), correlation_id)
}

#[test]
fn a_fault_is_used_up_as_often_as_it_was_ordered_and_in_order() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"status": 503}), 2).unwrap();
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 2}), 1).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let answers: Vec<_> = (0..4).map(|_| wire.invoke_text(&body("c")).unwrap()).collect();
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [503, 503, 429, 202]);
    assert_eq!(
        answers.iter().map(|answer| answer.header("retry-after")).collect::<Vec<_>>(),
        [None, None, Some("2"), None]
    );
    assert_eq!(sandbox.executions("c"), 1, "an ordered status is not executed");
}

#[test]
fn each_point_has_its_own_faults() {
    let sandbox = sandbox();
    for point in ["token", "invoke", "poll"] {
        sandbox.inject(point, json!({"status": 500}), 1).unwrap();
    }
    let form = post_form(sandbox.client_id(), sandbox.client_secret());
    assert_eq!(Wire::open(&sandbox).token(&[], &form).unwrap().status, 500);
    let mut wire = Wire::authorized(&sandbox);
    assert_eq!(wire.invoke_text(&body("c")).unwrap().status, 500);
    let id = wire.invoke(actions::ECHO, json!({}), "c");
    assert_eq!(wire.poll(&id).unwrap().status, 500);
    assert_eq!(wire.poll(&id).unwrap().status, 200);
}

#[test]
fn a_cut_connection_was_executed_exactly_where_that_is_promised() {
    let cases = [
        (json!({"close": "before_request"}), 0),
        (json!({"close": "before_request", "executed": true}), 1),
        (json!({"close": "after_request"}), 1),
        (json!({"close": "reset"}), 1),
        (json!({"close": "reset", "executed": false}), 0),
        (json!({"close": "mid_head"}), 1),
        (json!({"close": "mid_response"}), 1),
        (json!({"close": "mid_response", "status": 500}), 0),
    ];
    for (fault, executions) in cases {
        let sandbox = sandbox();
        sandbox.inject("invoke", fault.clone(), 1).unwrap();
        let mut wire = Wire::authorized(&sandbox);
        let error = wire.invoke_text(&body("c")).unwrap_err();
        let reset = fault["close"] == "reset";
        let expected = if reset { ErrorKind::ConnectionReset } else { ErrorKind::UnexpectedEof };
        assert_eq!(error.kind(), expected, "{fault}");
        assert_eq!(sandbox.executions("c"), executions, "{fault}");
        assert_eq!(sandbox.requests().last().unwrap().status, None, "{fault}");
    }
}

#[test]
fn half_an_answer_is_half_of_the_real_one() {
    for (close, has_body) in [("mid_head", false), ("mid_response", true)] {
        let sandbox = sandbox();
        sandbox.inject("invoke", json!({"close": close}), 1).unwrap();
        let mut wire = Wire::authorized(&sandbox);
        wire.write_invoke(&body("c")).unwrap();
        let text = wire.rest().unwrap();
        assert!(text.starts_with("HTTP/1.1 202 Accepted\r\n"), "{text}");
        assert_eq!(text.contains("\r\n\r\n{\"invocationId\":"), has_body, "{text}");
        assert!(!text.ends_with('}'), "{text}");
    }
}

#[test]
fn any_answer_can_be_ordered() {
    let cases: &[(Value, u16, &str, &str)] = &[
        (json!({"body": "<html>", "headers": {"Content-Type": "text/html"}}), 200, "text/html", "<html>"),
        (
            json!({"status": 202, "body": "{\"invocationId\":7}"}),
            202,
            "application/json",
            "{\"invocationId\":7}",
        ),
        (json!({"status": 202, "body": {"id": [1]}}), 202, "application/json", "{\"id\":[1]}"),
        (json!({"status": 202, "body": ""}), 202, "application/json", ""),
        (
            json!({"status": 307, "headers": {"location": "http://127.0.0.1:1/"}, "body": ""}),
            307,
            "application/json",
            "",
        ),
    ];
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    for (fault, status, content_type, text) in cases {
        sandbox.inject("invoke", fault.clone(), 1).unwrap();
        let answer = wire.invoke_text(&body("c")).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (*status, *text), "{fault}");
        assert_eq!(answer.header("content-type"), Some(*content_type), "{fault}");
    }
    assert_eq!(sandbox.executions("c"), 0);
    sandbox.inject("invoke", json!({"status": 500, "executed": true}), 1).unwrap();
    assert_eq!(wire.invoke_text(&body("c")).unwrap().status, 500);
    assert_eq!(sandbox.executions("c"), 1);
}

#[test]
fn a_merge_changes_the_real_answer_and_nothing_else() {
    let sandbox = sandbox();
    let form = post_form(sandbox.client_id(), sandbox.client_secret());
    let mut wire = Wire::open(&sandbox);
    sandbox.inject_json("token", r#"{"merge": {"expires_in": 1e400, "scope": null}}"#, 1).unwrap();
    let answer = wire.token(&[], &form).unwrap();
    assert!(answer.body.contains("\"expires_in\":1e400"), "{answer:?}");
    assert!(!answer.body.contains("scope"), "{answer:?}");
    let token = answer.body.split('"').find(|word| word.starts_with("sandbox-")).unwrap();
    wire.token = Some(token.to_owned());

    let no_id = json!({"merge": {"invocationId": null}, "headers": {"x-extra": "1"}});
    sandbox.inject("invoke", no_id, 1).unwrap();
    let accepted = wire.invoke_text(&body("c")).unwrap();
    assert_eq!((accepted.status, accepted.json()), (202, json!({"status": "PENDING"})));
    assert_eq!(accepted.header("x-extra"), Some("1"));
    assert_eq!(sandbox.executions("c"), 1);
    let id = accepted.header("location").unwrap().rsplit('/').next().unwrap().to_owned();

    sandbox
        .inject("poll", json!({"merge": {"status": "WEIRD"}, "headers": {"content-type": null}}), 1)
        .unwrap();
    let looked = wire.poll(&id).unwrap();
    assert_eq!((looked.text("invocationId"), looked.text("status").as_str()), (id, "WEIRD"));
    assert_eq!(looked.header("content-type"), None);
}

#[test]
fn a_delay_holds_the_answer_back_and_not_the_execution() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"delay": 3600}), 1).unwrap();
    sandbox.inject("invoke", json!({"delay": 0.1}), 1).unwrap();
    let mut silent = Wire::authorized(&sandbox);
    let mut slow = Wire::authorized(&sandbox);
    silent.write_invoke(&body("silent")).unwrap();
    while sandbox.totals().invoke == 0 {
        std::thread::yield_now();
    }
    assert_eq!(sandbox.executions("silent"), 1);
    let start = Instant::now();
    assert_eq!(slow.invoke_text(&body("slow")).unwrap().status, 202);
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_drip_sends_the_whole_answer_slowly() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"drip": 0.001}), 1).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    assert_eq!(wire.invoke_text(&body("c")).unwrap().status, 202);
    assert_eq!(wire.rest().unwrap(), "");
}

#[test]
fn an_order_that_cannot_work_is_refused_and_says_why() {
    let sandbox = sandbox();
    let cases = [
        (
            "invoice",
            json!({"status": 500}),
            1,
            "`point` must be `token`, `invoke`, `poll` or `callback`, got `invoice`",
        ),
        ("other", json!({"status": 500}), 1, "got `other`"),
        ("invoke", json!({"status": 500}), 0, "`times` must be 1 or more"),
        ("invoke", json!({"status": 100}), 1, "`status` must be a whole number from 200 to 599, got 100"),
        ("describe", json!({"status": 500}), 1, "got `describe`"),
        (
            "invoke",
            json!({"stauts": 500}),
            1,
            "`stauts` is no member of a fault, which has `status`, `retry_after`",
        ),
        ("invoke", json!({"close": "now"}), 1, "`mid_head` or `mid_response`, got `now`"),
        ("invoke", json!({"delay": -1}), 1, "`delay` must be a number of seconds of 0 or more, got -1"),
        ("invoke", json!({"executed": 1}), 1, "`executed` must be true or false, got a number"),
        ("invoke", json!({"merge": []}), 1, "`merge` must be an object, got a list"),
        ("invoke", json!({"retry_after": []}), 1, "`retry_after` must be a number of seconds or"),
        ("invoke", json!({"headers": {"a b": "c"}}), 1, "`a b`"),
        ("invoke", json!({"headers": {"a": 1}}), 1, "`headers.a` must be a string, or null"),
        ("invoke", json!({"headers": {"a": "b\r\nc: d"}}), 1, "`headers.a`"),
        ("invoke", json!({"drip": 1, "close": "reset"}), 1, "exclude each other"),
        ("invoke", json!({}), 1, "a fault must order something"),
        ("invoke", json!([]), 1, "a fault must be a JSON object, got a list"),
    ];
    for (point, fault, times, text) in cases {
        let error = sandbox.inject(point, fault.clone(), times).unwrap_err().to_string();
        assert!(error.contains(text), "{fault}: {error}");
    }
    for times in ["-1", "1.5", "0", "4294967296", "\"3\"", "null", "true", "NaN", ""] {
        let error = sandbox.inject_text("invoke", r#"{"status": 500}"#, times).unwrap_err().to_string();
        assert!(error.contains("`times` must be a whole number from 1 to 4294967295, got "), "{error}");
    }
    assert_eq!(Wire::authorized(&sandbox).invoke_text(&body("c")).unwrap().status, 202);
}

#[test]
fn a_time_that_no_clock_holds_is_only_very_long() {
    let far = Duration::MAX.as_secs_f64() / 2.0;
    let watched = SandboxOptions { console: true, ..SandboxOptions::default() };
    let sandbox = Sandbox::start(watched.clone()).unwrap();
    sandbox.inject("token", json!({"status": 503, "drip": far}), 1).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(b"POST /api/v2/oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 1, "the first byte of an answer that goes on for ever");

    let profile = "genesys-data-action";
    let id = "custom_-_6f9619ff-8b86-4d01-b42d-00c04fc964ff";
    let sandbox = Sandbox::start(SandboxOptions {
        profile: profile.into(),
        actions: vec![Action::new(id).complete_after(Duration::MAX)],
        action_timeout: Duration::from_millis(5),
        ..watched
    })
    .unwrap();
    let path = format!("/api/v2/integrations/actions/{id}/execute");
    let mut wire = authorized(&sandbox, profile);
    let bearer = format!("Bearer {}", wire.token.clone().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    assert_eq!(wire.send("POST", &path, &headers, b"{}").unwrap().status, 504);
}
