//! The numbers, while they move.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cxone_actions::{ActionRequest, CallOptions, Client, Metrics};
use serde_json::json;

use crate::{CREATE_CASE, builder, request, sandbox};

/// Of everything, and of each action: nothing that was started is ever missing.
fn is_whole(metrics: &Metrics) {
    assert!(metrics.counts.conserved(), "{:?}", metrics.counts);
    assert!(metrics.by_action.values().all(|action| action.counts.conserved()), "{:?}", metrics.by_action);
    let started: u64 = metrics.by_action.values().map(|action| action.counts.started).sum();
    assert_eq!(started, metrics.counts.started);
    let terminal = metrics.counts.completed + metrics.counts.failed + metrics.counts.cancelled;
    assert_eq!(metrics.duration.count, terminal, "a time and its place in one step");
}

/// Calls of every sort: run, submitted and left, submitted and polled, given up, refused by the gateway, cut off.
async fn call(client: &Client, n: usize) {
    match n % 5 {
        0 => drop(client.run(request()).await),
        1 => drop(client.invoke(request()).await),
        2 => {
            if let Ok(invocation) = client.invoke(request()).await {
                drop(client.poll(invocation.into(), CallOptions::default()).await);
            }
        }
        3 => drop(
            tokio::time::timeout(Duration::from_micros(n as u64 * 37 % 3_000), client.run(request())).await,
        ),
        _ => drop(client.run(ActionRequest::new("3f2504e0-4f89-41d3-9a0c-0305e82c3301")).await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_missing_from_the_numbers_at_any_instant_of_a_busy_client() {
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    sandbox.inject("invoke", json!({"status": 500}), 20).unwrap();
    sandbox.inject("invoke", json!({"close": "after_request"}), 10).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = 0u32;
            while !done.load(Ordering::SeqCst) {
                is_whole(&client.metrics());
                looks += 1;
            }
            looks
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current()
                .block_on(futures_util::future::join_all((0..600).map(|n| call(&client, n))));
        });
        done.store(true, Ordering::SeqCst);
        assert!(looks.join().unwrap() > 100);
    });
    client.shutdown(Duration::from_secs(30)).await;
    let metrics = client.metrics();
    is_whole(&metrics);
    let counts = metrics.counts;
    assert_eq!((counts.started, counts.in_flight), (600, 0));
    assert!(
        counts.completed > 0 && counts.rejected > 0 && counts.unknown > 0 && counts.detached > 0,
        "{counts:?}"
    );
}

#[tokio::test]
async fn the_clock_starts_at_the_call_and_not_when_somebody_gets_around_to_it() {
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request()).await.unwrap();
    let call = client.run(request());
    tokio::time::sleep(Duration::from_millis(120)).await;
    let result = call.await.unwrap();
    assert!(result.invoke_latency_ms.unwrap() >= 120.0, "{result:?}");
    assert!(result.duration_ms >= result.invoke_latency_ms.unwrap());
    let latency = client.metrics().by_action[CREATE_CASE].invoke_latency;
    assert!(latency.max_ms.unwrap() >= 120.0, "{latency:?}");
}
