//! One token for everybody.

use std::time::Duration;

use cxone_actions::{ErrorKind, Executed};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::future::join_all;
use serde_json::json;

use crate::ground::{builder, client, invariants, request, sandbox, until};

#[tokio::test]
async fn a_thousand_cold_callers_cost_one_token() {
    let sandbox = sandbox();
    sandbox.inject("token", json!({"delay": 0.05}), 1).unwrap();
    let client = builder(&sandbox).max_queued(2_000).build().unwrap();
    let runs = (0..1_000).map(|n| client.run(request(&format!("cold-{n}"))));
    for result in join_all(runs).await {
        assert!(result.unwrap().ok);
    }
    assert_eq!(sandbox.totals().token, 1, "tutorial defect S5");
    assert_eq!(client.metrics().token_refreshes, 1);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn fifty_parallel_401s_cost_one_refresh_and_each_is_replayed_once() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    client.run(request("warm")).await.unwrap();
    sandbox.expire_tokens();
    for result in join_all((0..50).map(|n| client.run(request(&format!("late-{n}"))))).await {
        let result = result.unwrap();
        assert!(result.attempts <= 2, "{} attempts", result.attempts);
    }
    assert_eq!(sandbox.totals().token, 2, "tutorial defects S6, S7");
    assert_eq!(sandbox.totals().executions, 51);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_token_that_runs_out_under_load_fails_nobody() {
    let sandbox = Sandbox::start(SandboxOptions {
        token_lifetime: Duration::from_secs(1),
        ..SandboxOptions::default()
    });
    let sandbox = sandbox.unwrap();
    let client = client(&sandbox);
    for round in 0..6 {
        let runs = (0..20).map(|n| client.run(request(&format!("run-{round}-{n}"))));
        for result in join_all(runs).await {
            assert!(result.unwrap().ok);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let fetched = sandbox.totals().token;
    assert!((2..=6).contains(&fetched), "{fetched} tokens in two seconds of a lifetime of one");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn the_others_get_the_token_when_the_caller_that_asked_for_it_goes_away() {
    let sandbox = sandbox();
    sandbox.inject("token", json!({"delay": 0.2}), 1).unwrap();
    let client = client(&sandbox);
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.run(request("goes-away")).await }
    });
    until("the token is asked for", || sandbox.totals().token == 1).await;
    let second = tokio::spawn({
        let client = client.clone();
        async move { client.run(request("stays")).await }
    });
    tokio::task::yield_now().await;
    first.abort();
    assert!(second.await.unwrap().unwrap().ok);
    assert_eq!(sandbox.totals().token, 1);
    until("the first is settled", || client.metrics().counts.aborted == 1).await;
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn refused_credentials_are_not_asked_about_in_a_hot_loop() {
    for status in [400, 401] {
        let sandbox = sandbox();
        sandbox
            .inject("token", json!({"status": status, "body": {"error": "invalid_client"}}), 1_000)
            .unwrap();
        let client = client(&sandbox);
        for n in 0..200 {
            let error = client.run(request(&format!("refused-{n}"))).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.executed()),
                (ErrorKind::Auth, Executed::No),
                "tutorial defect S9"
            );
            assert!(error.hint().is_some_and(|hint| hint.contains("client_id")), "{error}");
        }
        assert!(sandbox.totals().token <= 2, "{} token requests", sandbox.totals().token);
        assert_eq!(client.metrics().counts.rejected, 200);
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn a_token_service_that_was_down_is_found_again_within_five_seconds() {
    let sandbox = sandbox();
    sandbox.inject("token", json!({"status": 503}), 3).unwrap();
    let client = client(&sandbox);
    let error = client.run(request("down")).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Unavailable, Executed::No));
    let began = std::time::Instant::now();
    let mut n = 0;
    while client.run(request(&format!("up-{n}"))).await.is_err() {
        n += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_token_that_is_always_refused_ends_after_one_refresh() {
    let sandbox = sandbox();
    sandbox.inject("invoke", json!({"status": 401}), 100).unwrap();
    let client = client(&sandbox);
    let error = client.run(request("refused")).await.unwrap_err();
    assert_eq!((error.kind(), error.executed(), error.attempts()), (ErrorKind::Auth, Executed::No, Some(2)));
    assert_eq!((sandbox.totals().token, sandbox.totals().invoke), (2, 2), "tutorial defects S6, S68");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn every_client_authentication_is_decoded_exactly_by_the_service() {
    for auth in ["post", "basic", "query"] {
        let secret = "a+b%/:é".to_owned();
        let options = SandboxOptions { client_secret: Some(secret), ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let client = builder(&sandbox).client_auth(auth).build().unwrap();
        assert!(client.run(request("run")).await.unwrap().ok, "{auth}");
        invariants(&sandbox, &client);
    }
}
