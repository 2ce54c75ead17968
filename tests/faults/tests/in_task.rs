//! Who does the sending: a task of its own, or the task that the call is (`run_in_task`, which Python, Node and `run_many`
//! use). Neither sends twice, loses an answer or keeps anybody from sending, whatever becomes of the call.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::pin::pin;
use std::time::Duration;

use cxone_actions::{ActionRequest, CallOptions};
use cxone_actions_faults::{ACTION, Caller, GatewayOptions, Ground, Point, Step, proof, request};
use futures_util::poll;
use tokio::task::JoinHandle;

/// Nobody can join it, so that a call that is a task sends by itself.
fn anonymous() -> ActionRequest {
    ActionRequest::new(ACTION).input("customerId", "CANARY-customer")
}

fn start(client: &Caller) -> JoinHandle<()> {
    let call = client.run_in_task(anonymous(), CallOptions::default());
    tokio::spawn(async move { drop(call.await) })
}

/// The correlation id of the invocation that began last.
fn newest(client: &Caller) -> String {
    let started = client.records(None).into_iter().rfind(|record| record["event"] == "started").unwrap();
    started.get("correlation_id").unwrap().as_str().unwrap().to_owned()
}

/// Fault 44.
#[test]
fn a_call_that_sends_by_itself_and_is_cancelled_is_finished_and_its_end_recorded() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder(&gateway).request_timeout(Duration::from_secs(2)));
        client.run(request("warm")).await.unwrap();
        let slowly = Duration::from_millis(500);
        let cases = [
            (Step::normal().after(slowly), 1, "detached"),
            (Step::fin().executing().after(slowly), 1, "unknown"),
            (Step::silence().executing(), 1, "unknown"),
            (Step::status(422).after(slowly), 0, "rejected"),
            (Step::status(500).executing().after(slowly), 1, "unknown"),
            (Step::status(429).header("retry-after", "0").after(slowly), 0, "aborted"),
        ];
        for (step, executions, last) in cases {
            gateway.script(Point::Invoke, [step]);
            let sends = gateway.count(Point::Invoke);
            let call = start(&client);
            ground.until("the POST is there", || gateway.count(Point::Invoke) == sends + 1).await;
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
            ground.until("it is settled", || client.metrics().counts.in_flight == 0).await;
            let id = newest(&client);
            assert_eq!(client.events(Some(&id)).last().unwrap(), last);
            assert_eq!((gateway.executions(&id), gateway.count(Point::Invoke)), (executions, sends + 1));
        }
    });
}

/// Fault 44: at every moment of a call, a millisecond and less apart.
#[test]
fn a_call_that_sends_by_itself_and_is_cancelled_at_any_moment_is_executed_at_most_once_and_is_somewhere() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 1, ..GatewayOptions::default() });
        let client = ground.open(ground.builder(&gateway).poll_interval(Duration::from_millis(1)));
        client.run(request("warm")).await.unwrap();
        for n in 0..400_u64 {
            let call = start(&client);
            tokio::time::sleep(Duration::from_micros(n * 15)).await;
            call.abort();
            let _ = call.await;
        }
        ground.until("all is settled", || client.metrics().counts.in_flight == 0).await;
        let counts = client.metrics().counts;
        assert!(counts.completed > 1 && counts.detached > 0, "all moments were met: {counts:?}");
        let started = client.records(None).into_iter().filter(|record| record["event"] == "started");
        for record in started {
            let id = record["correlation_id"].as_str().unwrap();
            let executed = gateway.executions(id);
            match client.events(Some(id)).last().unwrap().as_str() {
                "aborted" => assert_eq!(executed, 0, "{id}"),
                "terminal" | "detached" => assert_eq!(executed, 1, "{id}"),
                other => assert_eq!(other, "unknown", "{id}"),
            }
        }
    });
}

#[test]
fn a_call_that_is_kept_and_not_polled_keeps_nobody_from_sending_and_its_answer_is_recorded() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder(&gateway).max_in_flight(1));
        client.run(request("warm")).await.unwrap();
        gateway.script(Point::Invoke, [Step::normal().after(Duration::from_millis(300))]);
        let mut kept = pin!(client.run(anonymous()));
        assert!(poll!(&mut kept).is_pending());
        ground.until("the POST is there", || gateway.count(Point::Invoke) == 2).await;
        let id = newest(&client);
        // There is one place, and the one who has it is not polled.
        assert!(client.run(request("another")).await.unwrap().ok);
        assert_eq!(client.events(Some(&id)), ["started", "sending", "accepted"]);
        assert!(kept.await.unwrap().ok);
    });
}
