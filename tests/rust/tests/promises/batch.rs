//! Batches of several actions, where the policy limits one of them.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use cxone_actions::{ActionRequest, ErrorKind, Executed};
use futures_util::StreamExt;
use serde_json::json;

use crate::ground::{CREATE_CASE, builder, invariants, request, sandbox, sandbox_taking, until};
use crate::policy::{most_at_once, named, source};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_action_that_its_own_limit_keeps_does_not_keep_the_others() {
    let (sandbox, slow) = sandbox_taking(LONG);
    let policy = json!({"action": [
        {"id": slow, "concurrency": 1, "inputs": "*"},
        {"id": CREATE_CASE, "inputs": "*"},
    ]});
    let client = builder(&sandbox).policy(source(policy)).build().unwrap();
    let read = Cell::new(0);
    let requests = (0..100).map(|n| {
        read.set(read.get() + 1);
        if n < 5 { ActionRequest::new(slow) } else { request(&format!("other-{n}")) }
    });
    let mut taken = 0;
    {
        let outcomes = client.run_many(requests, 4);
        let mut outcomes = pin!(outcomes.take(80));
        while let Some(outcome) =
            tokio::time::timeout(LONG / 2, outcomes.next()).await.expect("they are kept")
        {
            assert!(outcome.index >= 5 && outcome.result.is_ok(), "{outcome:?}");
            assert!(read.get() <= taken + 8, "{} read, {taken} taken", read.get());
            taken += 1;
        }
    }
    assert_eq!(taken, 80);
    assert!(most_at_once(&client) <= 4);
    let counts = || client.metrics().counts;
    until("nobody waits", || counts().in_flight == 0).await;
    // Beside the one that is under way, one alone waits on record; the others have not begun.
    assert!(counts().started - counts().completed <= 2 + 4, "{:?}", counts());
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_batch_is_not_refused_because_its_rate_takes_longer_than_a_deadline() {
    let sandbox = sandbox();
    let policy = source(named(CREATE_CASE, json!({"rate": "10/s"})));
    let client = builder(&sandbox).policy(policy).timeout(Duration::from_millis(1_500)).build().unwrap();
    // By name and by id: the limit is the action's.
    let requests = (0..40).map(|n| {
        let action = if n % 2 == 0 { CREATE_CASE } else { "the-action" };
        ActionRequest::new(action).input("customerId", "CUST-998877").correlation_id(format!("paced-{n}"))
    });
    let outcomes: Vec<_> = client.run_many(requests, 40).collect().await;
    let errors: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).collect();
    assert!(outcomes.len() == 40 && errors.is_empty(), "{errors:?}");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn what_stands_aside_is_told_when_the_client_closes_and_has_sent_nothing() {
    let (sandbox, slow) = sandbox_taking(LONG);
    let client = builder(&sandbox).policy(source(named(slow, json!({"concurrency": 1})))).build().unwrap();
    let running = {
        let client = client.clone();
        let requests = (0..9).map(move |n| ActionRequest::new(slow).correlation_id(format!("closed-{n}")));
        tokio::spawn(async move { client.run_many(requests, 8).collect::<Vec<_>>().await })
    };
    let begun = || client.metrics().counts.started == 2 && sandbox.executions("closed-0") == 1;
    until("one is under way and one is next", begun).await;
    client.shutdown(Duration::ZERO).await;
    let outcomes = tokio::time::timeout(LONG / 2, running).await.expect("it ends").unwrap();
    let indices: BTreeSet<usize> = outcomes.iter().map(|outcome| outcome.index).collect();
    assert_eq!(indices, (0..9).collect());
    let unsent = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err());
    let unsent = unsent.filter(|error| (error.kind(), error.executed()) == (ErrorKind::Closed, Executed::No));
    assert_eq!(unsent.count(), 8);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_batch_whose_outcomes_nobody_takes_for_a_while_keeps_no_other_batch() {
    let sandbox = sandbox();
    let policy = source(named(CREATE_CASE, json!({"rate": "2/s"})));
    let client = builder(&sandbox).policy(policy).build().unwrap();
    let mut first = pin!(client.run_many((0..6).map(|n| request(&format!("first-{n}"))), 6));
    assert!(first.next().await.unwrap().result.is_ok());
    let second = client.run_many([request("second")], 1).collect::<Vec<_>>();
    let outcomes = tokio::time::timeout(LONG / 2, second).await.expect("it is kept");
    assert!(outcomes[0].result.is_ok(), "{outcomes:?}");
    assert_eq!(first.filter(|outcome| std::future::ready(outcome.result.is_ok())).count().await, 5);
    invariants(&sandbox, &client);
}
