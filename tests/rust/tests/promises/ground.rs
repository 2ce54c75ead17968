//! A gateway, a client of it, and the check that holds after everything.

use std::time::Duration;

use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, Client, ClientBuilder};
use cxone_actions_sandbox::{Action, Sandbox, SandboxOptions};
use serde_json::Value;

pub(crate) const CREATE_CASE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::start(SandboxOptions::default()).unwrap()
}

/// A gateway whose action takes this long.
pub(crate) fn sandbox_taking(time: Duration) -> (Sandbox, &'static str) {
    const SLOW: &str = "5106a000-0000-4000-8000-000000000001";
    let actions = vec![Action::new(SLOW).complete_after(time)];
    (Sandbox::start(SandboxOptions { actions, ..SandboxOptions::default() }).unwrap(), SLOW)
}

pub(crate) fn builder(sandbox: &Sandbox) -> ClientBuilder {
    Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .poll_interval(Duration::from_millis(10))
}

pub(crate) fn client(sandbox: &Sandbox) -> Client {
    builder(sandbox).build().unwrap()
}

pub(crate) fn request(correlation_id: &str) -> ActionRequest {
    ActionRequest::new(CREATE_CASE)
        .input("customerId", "CUST-998877")
        .input("orderReference", "ORD-2023-1122")
        .input("priority", 1)
        .correlation_id(correlation_id)
}

/// The events of the trail, of one invocation or of all.
pub(crate) fn events(client: &Client, correlation_id: Option<&str>) -> Vec<String> {
    let records = client.audit().records(&Filter::default()).unwrap();
    let records = records.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    records
        .filter(|record| correlation_id.is_none_or(|id| record["correlation_id"] == id))
        .map(|record| record["event"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for something that happens in the background, at most half a minute.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..15_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it did not come to this: {what}");
}

/// The quickest of up to thirty tries, the first that keeps `limit` being quick enough: a busy machine can only make
/// them longer.
pub(crate) async fn quickest(limit: Duration, mut measure: impl AsyncFnMut() -> Duration) -> Duration {
    let mut quickest = Duration::MAX;
    for _ in 0..30 {
        quickest = quickest.min(measure().await);
        if quickest < limit {
            break;
        }
    }
    quickest
}

/// What holds after everything: executed at most once, nothing lost from the counts, a trail that verifies and that
/// holds no secret and no input value.
pub(crate) fn invariants(sandbox: &Sandbox, client: &Client) {
    assert!(sandbox.totals().most_executions <= 1, "an action was executed twice");
    let counts = client.metrics().counts;
    assert!(counts.conserved(), "{counts:?}");
    let verification = client.audit().verify();
    assert!(verification.ok, "{verification:?}");
    for line in client.audit().records(&Filter::default()).unwrap() {
        let line = line.unwrap();
        for secret in [sandbox.client_secret(), "Bearer ", "CUST-998877", "ORD-2023-1122"] {
            assert!(!line.contains(secret), "`{secret}` stands in the trail: {line}");
        }
    }
}
