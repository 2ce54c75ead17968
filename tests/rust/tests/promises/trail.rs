//! The trail on disk, while the work is going on.

use std::time::Duration;

use cxone_actions::{ErrorKind, Executed};
use serde_json::{Value, json};

use crate::ground::{builder, events, invariants, request, sandbox, until};

#[tokio::test]
async fn sending_is_on_disk_before_the_gateway_has_the_request() {
    let sandbox = sandbox();
    let directory = tempfile::tempdir().unwrap();
    let client = builder(&sandbox).audit(directory.path()).build().unwrap();
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"delay": 0.2}), 1).unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.run(request("watched")).await }
    });
    until("the request has arrived", || sandbox.executions("watched") == 1).await;
    let on_disk: String = std::fs::read_dir(directory.path())
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    let seen: Vec<Value> = on_disk.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> =
        seen.iter().filter(|r| r["correlation_id"] == "watched").map(|r| r["event"].clone()).collect();
    assert_eq!(events, ["started", "sending"]);
    assert!(call.await.unwrap().unwrap().ok);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn the_trail_tells_the_whole_way_of_an_invocation() {
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request("told")).await.unwrap();
    assert_eq!(
        events(&client, Some("told")),
        ["started", "sending", "accepted", "terminal"],
        "tutorial defect S63"
    );
    assert_eq!(events(&client, None)[..2], ["config", "started"]);
    client.shutdown(Duration::from_secs(1)).await;
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_record_says_who_did_what_and_when_and_proves_its_place() {
    let sandbox = sandbox();
    let client = builder(&sandbox).actor("billing").build().unwrap();
    client.run(request("proof")).await.unwrap();
    let records = client.audit().records(&cxone_actions::trail::Filter::default()).unwrap();
    let sending = records
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|record| record["event"] == "sending")
        .unwrap();
    assert_eq!(
        (&sending["actor"], &sending["attempt"]),
        (&json!("billing"), &json!(1)),
        "tutorial defect S62"
    );
    assert_eq!(sending["action_id"], crate::ground::CREATE_CASE);
    for field in ["ts", "host", "pid", "run", "prev", "hash"] {
        assert!(!sending[field].is_null(), "{field}: {sending}");
    }
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn refused_requests_are_on_record_and_send_nothing() {
    let sandbox = sandbox();
    let policy =
        json!({"action": [{"id": crate::ground::CREATE_CASE, "inputs": {"customerId": {"type": "string"}}}]});
    let source = cxone_actions::config::PolicySource::Json(policy.to_string());
    let client = builder(&sandbox).policy(source).build().unwrap();
    let denied = client.run(request("denied")).await.unwrap_err();
    assert_eq!((denied.kind(), denied.executed()), (ErrorKind::Denied, Executed::No));
    assert_eq!(denied.violations().len(), 2, "{denied}");
    let invalid = client.run(request("bad id!")).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Validation);
    assert_eq!(events(&client, None), ["config", "denied", "invalid"], "tutorial defect S33");
    let metrics = client.metrics();
    assert_eq!((metrics.denied, metrics.invalid, metrics.counts.started), (1, 1, 0));
    assert_eq!(sandbox.totals().token + sandbox.totals().invoke, 0, "not even a token was asked for");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_request_with_thousands_of_mistakes_is_told_of_the_first_hundred() {
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    let inputs = (0..5_000).map(|n| (format!("key-{n}"), json!([]))).collect();
    let error = client
        .run(cxone_actions::ActionRequest::new(crate::ground::CREATE_CASE).inputs(inputs))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(error.violations().len(), 101);
    assert!(error.message().ends_with("and 4900 more mistakes of the request"), "{}", error.message().len());
    invariants(&sandbox, &client);
}
