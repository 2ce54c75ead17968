//! Callbacks against the sandbox, which sends them as a gateway does: what they spare, how soon they are heard, and what is
//! left when they are lost, late or doubled.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use cxone_actions::{
    ActionRequest, ActionResult, CallOptions, CallbackOptions, Client, ClientBuilder, ErrorKind,
};
use cxone_actions_sandbox::actions::ECHO;
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::StreamExt;
use serde_json::json;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOUR: Duration = Duration::from_secs(3600);

fn sandbox(takes: Duration, secret: Option<&str>) -> Sandbox {
    let callback_secret = secret.map(str::to_owned);
    Sandbox::start(SandboxOptions { complete_after: takes, callback_secret, ..SandboxOptions::default() })
        .unwrap()
}

fn builder(sandbox: &Sandbox) -> ClientBuilder {
    Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
}

fn request(correlation_id: &str) -> ActionRequest {
    ActionRequest::new(ECHO).input("n", 1).correlation_id(correlation_id)
}

fn within(timeout: Duration) -> CallOptions {
    CallOptions { timeout: Some(timeout), ..CallOptions::default() }
}

/// The result of an invocation of which no callback tells: by the look that is taken just before the deadline. Where the
/// machine was so busy that its answer came too late, by going on.
async fn by_the_last_look(client: &Client, correlation_id: &str, timeout: Duration) -> ActionResult {
    let (before, began) = (client.metrics().polls, Instant::now());
    let outcome = client.run_with(request(correlation_id), within(timeout)).await;
    assert!(began.elapsed() + Duration::from_millis(200) >= timeout, "it looked too soon");
    assert_eq!(client.metrics().polls - before, 1, "it looks once, before the deadline");
    match outcome {
        Ok(result) => result,
        Err(late) => {
            assert_eq!(late.kind(), ErrorKind::PollTimeout, "{late}");
            client.poll(late.resume_token().unwrap().into(), within(HOUR)).await.unwrap()
        }
    }
}

/// The time at this share of the sorted times.
fn at(times: &[Duration], share: usize) -> Duration {
    times.get((times.len() * share / 1000).min(times.len() - 1)).copied().unwrap()
}

#[tokio::test]
async fn a_thousand_actions_of_ten_seconds_cost_a_look_each_and_are_seen_at_once() {
    const MANY: usize = 1_000;
    let sandbox = sandbox(Duration::from_secs(10), Some(SECRET));
    // They begin over five seconds, and so they end: 200 callbacks a second.
    let client = builder(&sandbox).callback_secret(SECRET).rate_limit("10/50ms").build().unwrap();
    client.listen_callbacks(CallbackOptions::default()).await.unwrap();
    let requests = (0..MANY).map(|n| request(&format!("many-{n}")));
    let mut outcomes = std::pin::pin!(client.run_many(requests, MANY));
    let mut seen: HashMap<String, Instant> = HashMap::new();
    while let Some(outcome) = outcomes.next().await {
        let result = outcome.result.unwrap();
        assert!(result.ok);
        seen.insert(result.correlation_id.unwrap(), Instant::now());
    }
    // The result may be here before the sandbox has the answer to its callback.
    let mut sent: HashMap<String, Instant> = HashMap::new();
    while sent.len() < MANY {
        tokio::time::sleep(Duration::from_millis(5)).await;
        // A callback that was answered late was sent again: the first one counts.
        for called in sandbox.callbacks() {
            sent.entry(called.correlation_id.unwrap()).or_insert(called.at);
        }
    }
    let mut times: Vec<_> =
        seen.iter().filter_map(|(id, seen)| Some(seen.saturating_duration_since(*sent.get(id)?))).collect();
    times.sort_unstable();
    let looks = sandbox.totals().poll;
    println!(
        "{MANY} actions of 10 s: {looks} looks; from a callback to its result {:?} in the median, {:?} at p99",
        at(&times, 500),
        at(&times, 990)
    );
    println!("callbacks: {:?}", client.metrics().callbacks);
    assert_eq!((seen.len(), times.len()), (MANY, MANY));
    assert!(looks <= 1_100, "{looks} looks at {MANY} invocations");
    assert!(at(&times, 500) <= Duration::from_millis(50), "{:?} in the median", at(&times, 500));
    assert_eq!(sandbox.totals().most_executions, 1);
    client.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_callback_that_is_lost_late_or_doubled_changes_no_result() {
    let sandbox = sandbox(Duration::from_millis(100), Some(SECRET));
    let client = builder(&sandbox).callback_secret(SECRET).poll_interval(HOUR).build().unwrap();
    client.listen_callbacks(CallbackOptions::default()).await.unwrap();
    let usual = client.run(request("usual")).await.unwrap();
    assert!(usual.ok && usual.polls == 1);

    sandbox.inject("callback", json!({"close": "before_request"}), 1).unwrap();
    assert!(by_the_last_look(&client, "lost", Duration::from_millis(2_500)).await.ok);

    sandbox.inject("callback", json!({"delay": 0.5}), 1).unwrap();
    let began = Instant::now();
    let late = client.run(request("late")).await.unwrap();
    assert!(late.ok && late.polls == 1 && began.elapsed() >= Duration::from_millis(600));

    let before = sandbox.totals().poll;
    sandbox.inject("callback", json!({"copies": 9}), 1).unwrap();
    let doubled = client.run(request("doubled")).await.unwrap();
    assert!(doubled.ok && doubled.polls == 1);
    let calls = || {
        let calls =
            sandbox.callbacks().into_iter().filter(|call| call.correlation_id.as_deref() == Some("doubled"));
        calls.count()
    };
    while calls() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sandbox.totals().poll - before, 1);
    let counts = client.metrics().callbacks;
    assert_eq!((counts.get("woke"), counts.get("forged")), (Some(&3), Some(&0)));
    client.shutdown(Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_sandbox_with_another_secret_is_refused_and_calls_again() {
    let sandbox = sandbox(Duration::from_millis(50), Some("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    let client = builder(&sandbox).callback_secret(SECRET).poll_interval(HOUR).build().unwrap();
    client.listen_callbacks(CallbackOptions::default()).await.unwrap();
    assert!(by_the_last_look(&client, "forged", Duration::from_millis(2_500)).await.ok);
    let calls = sandbox.callbacks();
    // One that comes when its invocation has ended is for nobody.
    assert!(calls.len() >= 2 && calls.iter().all(|call| matches!(call.status, Some(401 | 404))), "{calls:?}");
    assert!(client.metrics().callbacks.get("forged").is_some_and(|forged| *forged >= 2));
    client.shutdown(Duration::from_secs(5)).await;
}

/// Half a minute is the safety net; without a listener nobody waits for it.
#[tokio::test]
async fn who_waits_for_a_callback_looks_as_usual_again_when_the_listener_is_closed() {
    let sandbox = sandbox(Duration::from_secs(2), None);
    let client = builder(&sandbox).build().unwrap();
    let listener = client.listen_callbacks(CallbackOptions::default()).await.unwrap();
    assert_eq!(listener.url(), format!("http://127.0.0.1:{}", listener.port()));
    let invocation = client.invoke(request("left")).await.unwrap();
    listener.close();
    // Who waits for a callback looks after 24 seconds at the earliest.
    let began = Instant::now();
    assert!(client.poll(invocation.into(), within(HOUR)).await.unwrap().ok);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let began = Instant::now();
    assert!(client.run_with(request("plain"), within(HOUR)).await.unwrap().ok);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let bodies = sandbox.requests();
    assert_eq!(bodies.iter().filter(|seen| seen.body.contains("callbackUrl")).count(), 1);
    client.shutdown(Duration::from_secs(5)).await;
}

/// The real time of the promise, once.
#[tokio::test]
async fn a_lost_callback_is_found_by_the_look_that_is_taken_every_half_minute() {
    let sandbox = sandbox(Duration::from_millis(100), None);
    let client = builder(&sandbox).build().unwrap();
    client.listen_callbacks(CallbackOptions::default()).await.unwrap();
    sandbox.inject("callback", json!({"close": "before_request"}), 1).unwrap();
    let began = Instant::now();
    let result = client.run_with(request("lost"), within(Duration::from_secs(110))).await.unwrap();
    let took = began.elapsed();
    println!("found after {took:?}");
    assert!(result.ok && result.polls == 1);
    assert!((Duration::from_secs(24)..Duration::from_secs(60)).contains(&took), "{took:?}");
    client.shutdown(Duration::from_secs(5)).await;
}
