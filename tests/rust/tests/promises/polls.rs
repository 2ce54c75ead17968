//! Deadlines, last looks, and handles that go on.

use std::time::{Duration, Instant};

use cxone_actions::{ActionRequest, CallOptions, ErrorKind, Executed, PollTarget};
use cxone_actions_sandbox::actions::NEVER_ENDS;
use serde_json::json;

use crate::ground::{builder, client, invariants, quickest, request, sandbox, sandbox_taking};

fn within(ms: u64) -> CallOptions {
    CallOptions { timeout: Some(Duration::from_millis(ms)), ..CallOptions::default() }
}

#[tokio::test]
async fn a_deadline_is_kept_and_hands_back_a_token_that_goes_on() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(2_400));
    let client = client(&sandbox);
    let error = client.run_with(ActionRequest::new(slow), within(1_200)).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::PollTimeout, Executed::Yes));
    assert_eq!((error.last_status(), error.attempts()), (Some("RUNNING"), Some(1)));
    assert_eq!(client.metrics().counts.detached, 1);
    let token = error.resume_token().unwrap().to_owned();
    let result = client.poll(PollTarget::Id(token), within(20_000)).await.unwrap();
    assert!(result.ok, "tutorial defect S52");
    assert!(
        result.duration_ms >= 2_400.0,
        "the clock starts at the caller's call: {} ms",
        result.duration_ms
    );
    let counts = client.metrics().counts;
    assert_eq!((counts.started, counts.completed, counts.detached), (1, 1, 0));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn what_completes_just_before_the_deadline_is_seen_by_the_last_look() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(500));
    let client = builder(&sandbox).poll_interval(Duration::from_secs(60)).build().unwrap();
    let result = client.run_with(ActionRequest::new(slow), within(1_500)).await.unwrap();
    assert!(result.ok);
    assert_eq!(result.polls, 1, "only the last look was taken");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_poll_ends_within_fifty_milliseconds_of_its_deadline() {
    for fault in [None, Some(json!({"delay": 5}))] {
        let sandbox = sandbox();
        let client = client(&sandbox);
        let (deadline, limit) = (Duration::from_millis(300), Duration::from_millis(50));
        let off = quickest(limit, async || {
            let invocation = client.invoke(ActionRequest::new(NEVER_ENDS)).await.unwrap();
            if let Some(fault) = &fault {
                sandbox.inject("poll", fault.clone(), 10).unwrap();
            }
            let began = Instant::now();
            let error = client.poll(invocation.into(), within(300)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PollTimeout);
            began.elapsed().abs_diff(deadline)
        });
        let off = off.await;
        assert!(off < limit, "{off:?} off the deadline, {fault:?}, tutorial defect S51");
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn an_invocation_that_is_polled_twice_is_counted_once() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let invocation = client.invoke(request("once")).await.unwrap();
    for _ in 0..2 {
        let result = client.poll(invocation.clone().into(), CallOptions::default()).await.unwrap();
        assert!(result.ok);
    }
    let metrics = client.metrics();
    assert_eq!((metrics.counts.started, metrics.counts.completed, metrics.duration.count), (1, 1, 1));
    assert_eq!(metrics.success_rate, Some(1.0));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_result_is_found_by_another_client_with_the_token_alone() {
    let sandbox = sandbox();
    let (first, second) = (client(&sandbox), client(&sandbox));
    let token = first.invoke(request("handed-over")).await.unwrap().resume_token.unwrap();
    first.shutdown(Duration::from_secs(1)).await;
    let result = second.poll(PollTarget::Id(token), CallOptions::default()).await.unwrap();
    assert!(result.ok);
    assert_eq!(result.correlation_id.as_deref(), Some("handed-over"));
    assert_eq!(second.metrics().counts.started, 0, "the other client has counted it");
    invariants(&sandbox, &first);
    invariants(&sandbox, &second);
}

#[tokio::test]
async fn a_hundred_bad_looks_do_not_end_a_poll() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(100));
    let client = client(&sandbox);
    for fault in
        [json!({"status": 503}), json!({"status": 500}), json!({"close": "reset"}), json!({"body": "<html>"})]
    {
        sandbox.inject("poll", fault, 25).unwrap();
    }
    let result = client.run(ActionRequest::new(slow)).await.unwrap();
    assert!(result.ok && result.polls > 100, "tutorial defect S46: {} polls", result.polls);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn an_invocation_that_was_never_found_is_rejected_and_not_said_to_run() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let error = client.poll("no-such-invocation".into(), within(100)).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Rejected, Some(404)), "{error}");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_gateway_that_says_at_once_or_in_ages_neither_hurries_a_poll_nor_breaks_it() {
    for (retry_after, most) in [("0", 12), ("Sun, 06 Nov 1994 08:49:37 GMT", 12), ("10000000000000000000", 2)]
    {
        let sandbox = sandbox();
        let client = builder(&sandbox).poll_interval(Duration::from_millis(100)).build().unwrap();
        sandbox.inject("poll", json!({"status": 503, "retry_after": retry_after}), 10_000).unwrap();
        let error = client.run_with(ActionRequest::new(NEVER_ENDS), within(1_000)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PollTimeout, "`{retry_after}`: {error}");
        let looks = client.metrics().polls;
        assert!((1..=most).contains(&looks), "`{retry_after}`: {looks} looks in a second");
        invariants(&sandbox, &client);
    }
}
