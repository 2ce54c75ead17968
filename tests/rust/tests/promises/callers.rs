//! Callers who go away, callers who are too many, and callers who come too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::{ActionRequest, CallOptions, ErrorKind, Executed, OnResult, PollTarget};
use cxone_actions_sandbox::actions::{AT_ONCE, NEVER_ENDS};
use futures_util::future::join_all;
use futures_util::{StreamExt, poll};
use serde_json::json;

use crate::ground::{builder, client, events, invariants, request, sandbox, sandbox_taking, until};

#[tokio::test]
async fn a_caller_who_goes_away_during_the_post_leaves_it_executed_once_and_recorded() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"delay": 0.1}), 1).unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.run(request("left")).await }
    });
    until("the POST has arrived", || sandbox.executions("left") == 1).await;
    call.abort();
    until("the answer is on record", || client.metrics().counts.detached == 1).await;
    assert_eq!(events(&client, Some("left")), ["started", "sending", "accepted", "detached"]);
    assert_eq!(sandbox.executions("left"), 1);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_caller_who_goes_away_before_the_send_leaves_nothing_sent() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(10));
    let client = builder(&sandbox).max_in_flight(1).build().unwrap();
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"delay": 0.2}), 1).unwrap();
    let held = tokio::spawn({
        let client = client.clone();
        async move { client.run(ActionRequest::new(slow)).await }
    });
    until("the only permit is taken", || sandbox.totals().invoke == 2).await;
    let mut queued = Box::pin(client.run(request("queued")));
    assert!(poll!(&mut queued).is_pending());
    drop(queued);
    until("it is settled", || client.metrics().counts.aborted == 1).await;
    assert!(held.await.unwrap().unwrap().ok);
    assert_eq!(events(&client, Some("queued")), ["started", "aborted"]);
    assert_eq!(sandbox.executions("queued"), 0);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_caller_who_goes_away_in_a_backoff_leaves_nothing_executed() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 5}), 1).unwrap();
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.run(request("throttled")).await }
    });
    until("the 429 is seen", || client.metrics().rate_limited == 1).await;
    call.abort();
    until("it is settled", || client.metrics().counts.aborted == 1).await;
    assert_eq!(sandbox.executions("throttled"), 0);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_caller_who_goes_away_in_a_poll_can_come_back() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(200));
    let client = client(&sandbox);
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.run(ActionRequest::new(slow).correlation_id("left")).await }
    });
    until("it is polled", || sandbox.totals().poll > 0).await;
    call.abort();
    until("nobody waits", || client.metrics().counts.detached == 1).await;
    let seen = sandbox.requests();
    let id = seen
        .iter()
        .rev()
        .find(|r| r.path.contains("/invocations/"))
        .unwrap()
        .path
        .rsplit('/')
        .next()
        .unwrap();
    let result = client.poll(PollTarget::Id(id.to_owned()), CallOptions::default()).await.unwrap();
    assert!(result.ok);
    assert_eq!(result.correlation_id.as_deref(), Some("left"));
    let counts = client.metrics().counts;
    assert_eq!((counts.completed, counts.detached), (1, 0));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn what_is_beyond_the_queue_is_refused_at_once_and_unsent() {
    let sandbox = sandbox();
    let client = builder(&sandbox).max_in_flight(2).max_queued(8).build().unwrap();
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"delay": 0.1}), 100).unwrap();
    let outcomes = join_all((0..50).map(|n| client.run(request(&format!("many-{n}"))))).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(refused.len() >= 30, "{} of 50 were refused: tutorial defect S44", refused.len());
    for error in refused {
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Overloaded, Executed::No));
    }
    assert_eq!(outcomes.len(), 50);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_batch_is_never_refused_because_of_its_own_length_and_each_clock_starts_with_a_place_in_line() {
    let sandbox = sandbox();
    let limit = Duration::from_secs(2);
    let client = builder(&sandbox).max_in_flight(2).max_queued(4).timeout(limit).build().unwrap();
    client.run(request("warm")).await.unwrap();
    sandbox.inject("invoke", json!({"delay": 0.1}), 1000).unwrap();
    // They end with the answer to the POST: looks would stand in line too, and their waits are not what this is about.
    let requests: Vec<_> =
        (0..50).map(|n| ActionRequest::new(AT_ONCE).correlation_id(format!("many-{n}"))).collect();
    let began = Instant::now();
    let outcomes: Vec<_> = client.run_many(requests, 50).collect().await;
    assert!(began.elapsed() > limit, "the last would have had no time left");
    let errors: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(outcomes.len(), 50);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn run_many_gives_one_outcome_for_each_request_and_reads_no_further_ahead() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let read = Arc::new(AtomicU64::new(0));
    let counter = read.clone();
    let requests = (0..100).map(move |n| {
        counter.fetch_add(1, Ordering::SeqCst);
        request(&format!("many-{n}"))
    });
    let mut outcomes = Box::pin(client.run_many(requests, 8));
    let mut indexes = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        assert!(outcome.result.unwrap().ok);
        indexes.push(outcome.index);
        assert!(read.load(Ordering::SeqCst) <= indexes.len() as u64 + 8);
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (0..100).collect::<Vec<_>>());
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_closed_client_refuses_and_lets_its_waiters_go_with_a_token() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.run(ActionRequest::new(NEVER_ENDS)).await }
    });
    until("it is polled", || sandbox.totals().poll > 0).await;
    client.shutdown(Duration::from_millis(50)).await;
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Closed, Executed::Yes));
    assert!(error.resume_token().is_some());
    let error = client.run(request("late")).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Closed, Executed::No));
    assert_eq!(sandbox.executions("late"), 0);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn closing_waits_for_what_is_under_way() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(150));
    let client = client(&sandbox);
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.run(ActionRequest::new(slow)).await }
    });
    until("it is accepted", || sandbox.totals().poll > 0).await;
    client.shutdown(Duration::from_secs(5)).await;
    assert!(call.await.unwrap().unwrap().ok);
    assert_eq!(events(&client, None).last().unwrap(), "closed");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_handler_that_calls_the_client_again_does_not_deadlock() {
    let sandbox = sandbox();
    let client = builder(&sandbox).max_in_flight(1).build().unwrap();
    let again = client.clone();
    let on_result: OnResult = Box::new(move |result| {
        Box::pin(async move {
            assert!(result.ok);
            again.run(request("inner")).await.map(drop).map_err(|e| e.kind().as_str().to_owned())
        })
    });
    let options = CallOptions { on_result: Some(on_result), ..CallOptions::default() };
    assert!(client.run_with(request("outer"), options).await.unwrap().ok);
    assert_eq!((sandbox.executions("outer"), sandbox.executions("inner")), (1, 1));
    assert_eq!(client.metrics().callback_failures, 0);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn leaving_waits_for_answers_on_their_way_and_for_nothing_else() {
    let sandbox = sandbox();
    let client = builder(&sandbox).max_in_flight(2).build().unwrap();
    client.run(request("warm")).await.unwrap();
    let start = |request: ActionRequest| {
        let client = client.clone();
        tokio::spawn(async move { client.run(request).await })
    };
    let polled = start(ActionRequest::new(NEVER_ENDS).correlation_id("polled"));
    until("it is accepted", || {
        events(&client, Some("polled")).last().is_some_and(|event| event == "accepted")
    })
    .await;
    sandbox.inject("invoke", json!({"delay": 1.0}), 2).unwrap();
    let (first, second) = (start(request("first")), start(request("second")));
    until("both are on the wire", || sandbox.executions("first") + sandbox.executions("second") == 2).await;
    sandbox.inject("poll", json!({"delay": 30}), 10).unwrap();
    let queued = start(request("queued"));
    until("it is started", || client.metrics().counts.started == 5).await;
    let began = Instant::now();
    client.leave(Duration::from_secs(5)).await;
    assert!(began.elapsed() < Duration::from_millis(4_500), "took {:?}", began.elapsed());
    for (call, executed) in
        [(polled, Executed::Yes), (first, Executed::Yes), (second, Executed::Yes), (queued, Executed::No)]
    {
        let error = call.await.unwrap().unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Closed, executed), "{error}");
    }
    assert_eq!(sandbox.executions("queued"), 0);
    assert_eq!(events(&client, Some("first")), ["started", "sending", "accepted", "detached"]);
    invariants(&sandbox, &client);
}
