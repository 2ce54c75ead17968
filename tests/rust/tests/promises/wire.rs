//! What is sent, and what of an answer is taken.

use std::time::{Duration, Instant};

use cxone_actions::trail::Filter;
use cxone_actions::{CallOptions, Delivery, ErrorKind, Executed};
use cxone_actions_sandbox::Point;
use serde_json::{Value, json};

use crate::ground::{builder, client, invariants, request, sandbox};

#[tokio::test]
async fn what_is_sent_again_is_the_same_bytes_with_the_same_correlation_id() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 0}), 2).unwrap();
    let client = client(&sandbox);
    let request = cxone_actions::ActionRequest::new(crate::ground::CREATE_CASE).input("customerId", "C-1");
    let result = client.run(request).await.unwrap();
    let bodies: Vec<_> =
        sandbox.requests().into_iter().filter(|r| r.point == Point::Invoke).map(|r| r.body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "tutorial defects S18, S25");
    assert!(bodies[0].contains(result.correlation_id.as_deref().unwrap()));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn an_answer_without_end_is_cut_and_the_outcome_is_unknown() {
    let sandbox = sandbox();
    sandbox
        .inject("invoke", json!({"executed": true, "status": 200, "body": "x".repeat(17 << 20)}), 1)
        .unwrap();
    let client = client(&sandbox);
    let error = client.run(request("huge")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.executed()),
        (ErrorKind::OutcomeUnknown, Executed::Unknown),
        "tutorial defect S42"
    );
    assert!(error.message().contains("longer than"), "{error}");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn waiting_sending_and_the_whole_are_timed_apart() {
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request("timed")).await.unwrap();
    let records = client.audit().records(&Filter::default()).unwrap();
    let timings: Vec<(String, Value)> = records
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .map(|record| (record["event"].as_str().unwrap().to_owned(), record["timings"].clone()))
        .collect();
    let of = |event: &str, name: &str| {
        let found = timings.iter().find(|(e, _)| e == event).map(|(_, t)| t[name].clone());
        found.and_then(|value| value.as_f64()).unwrap_or_else(|| panic!("{event} has no {name}"))
    };
    let (queue, attempt) = (of("sending", "queue_ms"), of("accepted", "attempt_ms"));
    let (invoke, duration) = (of("accepted", "invoke_ms"), of("terminal", "duration_ms"));
    assert!(queue + attempt <= invoke + 1.0 && invoke <= duration, "tutorial defects S38, S55");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn no_secret_and_no_token_stands_in_any_url() {
    for auth in ["post", "basic"] {
        let sandbox = sandbox();
        let client = builder(&sandbox).client_auth(auth).build().unwrap();
        client.run(request("seen")).await.unwrap();
        for seen in sandbox.requests() {
            assert!(!seen.path.contains('?'), "tutorial defect S2: {}", seen.path);
        }
    }
}

#[tokio::test]
async fn what_the_gateway_echoes_stands_in_no_error_and_no_record() {
    let echo = json!({"message": "no CUST-998877 with ORD-2023-1122 here"});
    let sandbox = sandbox();
    let client = client(&sandbox);
    for (point, status) in [("invoke", 400), ("invoke", 500), ("poll", 503), ("invoke", 429)] {
        sandbox.inject(point, json!({"status": status, "body": echo, "retry_after": 0}), 1).unwrap();
        let shown = match client.run(request(&format!("echo-{point}-{status}"))).await {
            Ok(_) => continue,
            Err(error) => format!("{error} {error:?} {}", error.to_json()),
        };
        assert!(
            shown.contains("no … with … here") && !shown.contains("CUST-998877"),
            "tutorial defect S27: {shown}"
        );
    }
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_token_service_that_echoes_the_secret_gives_it_to_nobody() {
    let sandbox = sandbox();
    let echo =
        json!({"error": "invalid_client", "error_description": format!("bad {}", sandbox.client_secret())});
    sandbox.inject("token", json!({"status": 401, "body": echo}), 1).unwrap();
    let client = client(&sandbox);
    let error = client.run(request("echo")).await.unwrap_err();
    assert!(error.message().ends_with("bad …"), "{error}");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn only_a_caller_who_says_so_has_an_ambiguous_post_sent_again() {
    let cases = [(Delivery::AtMostOnce, 1), (Delivery::Idempotent, 2), (Delivery::AtLeastOnce, 2)];
    for (delivery, sends) in cases {
        let sandbox = sandbox();
        let client = builder(&sandbox).delivery(delivery).build().unwrap();
        sandbox.inject("invoke", json!({"status": 502}), 1).unwrap();
        let outcome = client.run(request("ambiguous")).await;
        assert_eq!(sandbox.totals().invoke, sends, "{delivery:?}");
        assert_eq!(outcome.is_ok(), sends == 2, "{delivery:?}: {outcome:?}");
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn after_an_ambiguous_send_no_refusal_proves_that_nothing_was_executed() {
    let sandbox = sandbox();
    let client = builder(&sandbox).delivery(Delivery::Idempotent).build().unwrap();
    sandbox.inject("invoke", json!({"status": 500, "executed": true}), 1).unwrap();
    sandbox.inject("invoke", json!({"status": 409}), 1).unwrap();
    let error = client.run(request("ambiguous")).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::OutcomeUnknown, Executed::Unknown), "{error}");
    assert_eq!(error.attempts(), Some(2));
    assert_eq!(client.metrics().counts.unknown, 1);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_rate_limit_of_ones_own_spreads_the_sends() {
    let sandbox = sandbox();
    let client = builder(&sandbox).rate_limit("10/500ms").build().unwrap();
    let began = Instant::now();
    let runs = (0..20).map(|n| client.run(request(&format!("paced-{n}"))));
    for result in futures_util::future::join_all(runs).await {
        assert!(result.unwrap().ok);
    }
    assert!(
        began.elapsed() >= Duration::from_millis(450),
        "20 sends at 10 in 500 ms took {:?}",
        began.elapsed()
    );
    let options = CallOptions { timeout: Some(Duration::from_millis(1)), ..CallOptions::default() };
    let limited = builder(&sandbox).rate_limit("1/h").build().unwrap();
    limited.run(request("first")).await.unwrap();
    let error = limited.run_with(request("second"), options).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::RateLimited, Executed::No));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_proxy_that_was_named_is_used() {
    let sandbox = sandbox();
    // Nobody listens there: only through the proxy, which is the gateway itself, does anything arrive.
    let client = builder(&sandbox).base_url("http://127.0.0.1:1").proxy(sandbox.base_url()).build().unwrap();
    assert!(client.run(request("proxied")).await.unwrap().ok);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_status_word_that_nobody_knows_is_the_callers_and_not_the_trails() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"merge": {"status": "CUST-998877"}}), 1).unwrap();
    let client = client(&sandbox);
    let invocation = client.invoke(request("odd-word")).await.unwrap();
    assert_eq!(invocation.status, "CUST-998877");
    invariants(&sandbox, &client);
}
