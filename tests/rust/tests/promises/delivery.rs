//! Handlers that are owed a result: the trail says so before they are called, and no longer afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, ActionResult, CallOptions, Client, OnResult};
use cxone_actions_sandbox::actions::AT_ONCE;
use serde_json::Value;

use crate::ground::{client, invariants, request, sandbox, sandbox_taking, until};

/// The last record of an invocation: its event, and whether a handler is owed the result.
fn last(client: &Client, correlation_id: &str) -> (String, bool) {
    let records = client.audit().records(&Filter::default()).unwrap();
    let records = records.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let last = records.filter(|record| record["correlation_id"] == correlation_id).last().unwrap();
    (last["event"].as_str().unwrap().to_owned(), last["due"] == true)
}

/// The event that a handler saw last in the trail, and whether it said that the handler was due.
type Seen = Arc<Mutex<Option<(String, bool)>>>;

/// A handler that notes what the trail says while it runs, and then ends like this.
fn handler(client: &Client, ends: Result<(), String>) -> (OnResult, Seen) {
    let seen = Arc::new(Mutex::new(None));
    let (client, noted) = (client.clone(), seen.clone());
    let on_result: OnResult = Box::new(move |result: ActionResult| {
        Box::pin(async move {
            *noted.lock().unwrap() = Some(last(&client, &result.correlation_id.unwrap()));
            ends
        })
    });
    (on_result, seen)
}

fn with(on_result: OnResult) -> CallOptions {
    CallOptions { on_result: Some(on_result), ..CallOptions::default() }
}

fn at_once(correlation_id: &str) -> ActionRequest {
    ActionRequest::new(AT_ONCE).correlation_id(correlation_id)
}

#[tokio::test]
async fn the_trail_says_before_a_handler_is_called_that_it_is_due_and_afterwards_that_it_took_the_result() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    for way in ["run", "run.at_once", "poll", "poll.known", "poll.token"] {
        let (on_result, seen) = handler(&client, Ok(()));
        let options = with(on_result);
        let result = match way {
            "run" => client.run_with(request(way), options).await,
            "run.at_once" => client.run_with(at_once(way), options).await,
            "poll" => client.poll(client.invoke(request(way)).await.unwrap().into(), options).await,
            "poll.known" => client.poll(client.invoke(at_once(way)).await.unwrap().into(), options).await,
            _ => {
                let token = client.invoke(request(way)).await.unwrap().resume_token.unwrap();
                client.poll(token.into(), options).await
            }
        };
        assert!(result.unwrap().ok);
        assert_eq!(*seen.lock().unwrap(), Some(("terminal".to_owned(), true)), "{way}");
        assert_eq!(last(&client, way), ("delivered".to_owned(), false), "{way}");
    }
    client.run(request("without")).await.unwrap();
    assert_eq!(last(&client, "without"), ("terminal".to_owned(), false));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_handler_that_raises_is_not_due_any_more() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let (on_result, seen) = handler(&client, Err("ValueError".to_owned()));
    client.run_with(request("raises"), with(on_result)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(("terminal".to_owned(), true)));
    assert_eq!(last(&client, "raises"), ("callback_failed".to_owned(), false));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_call_that_joined_has_its_handler_on_record_too() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(50));
    let client = client(&sandbox);
    for action in [slow, AT_ONCE] {
        let request = || ActionRequest::new(action).correlation_id(action);
        sandbox.inject("invoke", serde_json::json!({"delay": 0.1}), 1).unwrap();
        let first = tokio::spawn({
            let (client, request) = (client.clone(), request());
            async move { client.run(request).await }
        });
        until("it has arrived", || sandbox.executions(action) == 1).await;
        let (on_result, seen) = handler(&client, Ok(()));
        assert!(client.run_with(request(), with(on_result)).await.unwrap().ok);
        assert!(first.await.unwrap().unwrap().ok);
        assert!(seen.lock().unwrap().is_some());
        let records = client.audit().records(&Filter::default()).unwrap();
        let of_it = records
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .filter(|record| record["correlation_id"] == action)
            .map(|record| (record["event"].as_str().unwrap().to_owned(), record["due"] == true));
        let of_it: Vec<_> = of_it.collect();
        assert!(of_it.contains(&("terminal".to_owned(), true)), "{of_it:?}");
        assert_eq!(of_it.iter().filter(|(event, _)| event == "delivered").count(), 1, "{of_it:?}");
    }
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn closing_waits_for_a_handler_that_runs_and_not_for_one_that_closes() {
    let sandbox = sandbox();
    for closes in [false, true] {
        let client = client(&sandbox);
        let (inner, begun) = (client.clone(), Arc::new(tokio::sync::Notify::new()));
        let noted = begun.clone();
        let on_result: OnResult = Box::new(move |_| {
            Box::pin(async move {
                noted.notify_one();
                if closes {
                    inner.shutdown(Duration::from_secs(30)).await;
                } else {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                }
                Ok(())
            })
        });
        let running = tokio::spawn({
            let client = client.clone();
            async move { client.run_with(at_once("c"), with(on_result)).await }
        });
        begun.notified().await;
        let began = std::time::Instant::now();
        client.shutdown(Duration::from_secs(30)).await;
        assert!(running.await.unwrap().unwrap().ok);
        assert!(began.elapsed() < Duration::from_secs(10), "{closes}");
        if !closes {
            let events = client.audit().records(&Filter::default()).unwrap();
            let events: Vec<Value> =
                events.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
            let ends: Vec<_> = events.iter().rev().take(2).map(|record| record["event"].clone()).collect();
            assert_eq!(ends, ["closed", "delivered"]);
        }
        sandbox.clear();
    }
}
