//! Row 44: cancelling stops the waiting, whatever the wire is doing, and never makes anything happen twice or get lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::time::Duration;

use cxone_actions_faults::{Caller, Gateway, GatewayOptions, Ground, Point, Step, proof, request};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(20);

fn start(client: &Caller, correlation_id: &str) -> JoinHandle<()> {
    let (client, request) = (client.clone(), request(correlation_id));
    tokio::spawn(async move { drop(client.run(request).await) })
}

/// Cancels a call and waits until it is settled.
async fn cancel(ground: &Ground, client: &Caller, call: JoinHandle<()>) {
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    ground.until("it is settled", || client.metrics().counts.in_flight == 0).await;
}

/// Fault 44.
#[test]
fn cancelled_before_the_send_nothing_is_sent() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        gateway.script(Point::Token, [Step::normal().after(Duration::from_secs(1))]);
        let call = start(&client, "waits-for-a-token");
        ground.until("the token is asked for", || gateway.count(Point::Token) == 1).await;
        cancel(ground, &client, call).await;
        assert_eq!(client.events(Some("waits-for-a-token")), ["started", "aborted"]);
        assert_eq!(client.metrics().counts.aborted, 1);
        assert!(client.run(request("next")).await.unwrap().ok);
        assert_eq!((gateway.count(Point::Token), gateway.count(Point::Invoke)), (1, 1));
    });
}

/// Fault 44: the POST is on the wire, and this is what becomes of it.
#[test]
fn cancelled_during_the_post_it_is_finished_and_its_end_recorded() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder(&gateway).request_timeout(Duration::from_secs(2)));
        client.run(request("warm")).await.unwrap();
        let slowly = Duration::from_millis(500);
        let cases = [
            ("accepted", Step::normal().after(slowly), 1, "detached"),
            ("lost", Step::fin().executing().after(slowly), 1, "unknown"),
            ("silent", Step::silence().executing(), 1, "unknown"),
            ("refused", Step::status(422).after(slowly), 0, "rejected"),
            ("server_error", Step::status(500).executing().after(slowly), 1, "unknown"),
        ];
        for (name, step, executions, last) in cases {
            gateway.script(Point::Invoke, [step]);
            let sends = gateway.count(Point::Invoke);
            let call = start(&client, name);
            ground.until("the POST is there", || gateway.count(Point::Invoke) == sends + 1).await;
            cancel(ground, &client, call).await;
            assert_eq!(client.events(Some(name)).last().unwrap(), last, "{name}");
            assert_eq!((gateway.executions(name), gateway.count(Point::Invoke)), (executions, sends + 1));
        }
        let records = client.records(Some("accepted"));
        let id = records.iter().find_map(|record| record["invocation_id"].as_str()).unwrap();
        let result = client.poll(id, LONG).await.unwrap();
        assert_eq!((result.ok, result.correlation_id.as_deref()), (true, Some("accepted")));
    });
}

/// Fault 44: an answer that would be sent again is the last one where nobody waits any more.
#[test]
fn cancelled_during_a_post_that_is_throttled_it_is_not_sent_again() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        client.run(request("warm")).await.unwrap();
        let slowly = Duration::from_millis(500);
        gateway.script(Point::Invoke, [Step::status(429).header("retry-after", "0").after(slowly)]);
        let call = start(&client, "throttled");
        ground.until("the POST is there", || gateway.count(Point::Invoke) == 2).await;
        cancel(ground, &client, call).await;
        assert_eq!((gateway.executions("throttled"), gateway.count(Point::Invoke)), (0, 2));
        assert_eq!(client.events(Some("throttled")).last().unwrap(), "aborted");
    });
}

/// Fault 44.
#[test]
fn cancelled_in_a_backoff_nothing_more_is_sent() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        client.run(request("warm")).await.unwrap();
        gateway.always(Point::Invoke, Step::status(429).header("retry-after", "5"));
        let call = start(&client, "backing-off");
        ground.until("the 429 is seen", || client.metrics().rate_limited == 1).await;
        cancel(ground, &client, call).await;
        assert_eq!((gateway.executions("backing-off"), gateway.count(Point::Invoke)), (0, 2));
        assert_eq!(client.events(Some("backing-off")), ["started", "sending", "aborted"]);

        gateway.close_port(true);
        let unreachable = ground.open(ground.builder_with_token(&gateway).max_attempts(1_000));
        let call = start(&unreachable, "unreachable");
        ground.until("it is tried again", || unreachable.metrics().retries == 2).await;
        cancel(ground, &unreachable, call).await;
        assert_eq!(unreachable.metrics().counts.aborted, 1);
        assert_eq!(gateway.executions("unreachable"), 0);
    });
}

/// Fault 44.
#[test]
fn cancelled_in_a_poll_it_goes_on_and_can_be_resumed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 3, ..GatewayOptions::default() });
        let client = ground.client(&gateway);
        for (n, step) in [Step::normal(), Step::silence(), Step::never_read()].into_iter().enumerate() {
            let correlation_id = format!("polled-{n}");
            gateway.always(Point::Poll, step);
            let looks = gateway.count(Point::Poll);
            let call = start(&client, &correlation_id);
            ground.until("it is looked at", || gateway.count(Point::Poll) > looks).await;
            cancel(ground, &client, call).await;
            gateway.clear();
            assert_eq!(client.events(Some(&correlation_id)).last().unwrap(), "detached");
            let id = id_of(&client, &correlation_id);
            let result = client.poll(id, LONG).await.unwrap();
            assert_eq!((result.ok, result.correlation_id.as_deref()), (true, Some(correlation_id.as_str())));
        }
        assert_eq!(client.metrics().counts.detached, 0);
    });
}

fn id_of(client: &Caller, correlation_id: &str) -> String {
    let records = client.records(Some(correlation_id));
    records.iter().find_map(|record| record["invocation_id"].as_str()).unwrap().to_owned()
}

/// Fault 44: at every moment of a call, a millisecond and less apart.
#[test]
fn cancelled_at_any_moment_it_is_executed_at_most_once_and_is_somewhere() {
    proof(async |ground: &Ground| {
        const TIMES: u32 = 400;
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 1, ..GatewayOptions::default() });
        let client = ground.open(ground.builder(&gateway).poll_interval(Duration::from_millis(1)));
        client.run(request("warm")).await.unwrap();
        for n in 0..TIMES {
            let call = start(&client, &format!("moment-{n}"));
            tokio::time::sleep(Duration::from_micros(u64::from(n) * 15)).await;
            call.abort();
            let _ = call.await;
        }
        ground.until("all is settled", || client.metrics().counts.in_flight == 0).await;
        check_moments(&gateway, &client, TIMES);
    });
}

fn check_moments(gateway: &Gateway, client: &Caller, times: u32) {
    let counts = client.metrics().counts;
    assert!(counts.completed > 1 && counts.detached > 0, "all moments were met: {counts:?}");
    for n in 0..times {
        let correlation_id = format!("moment-{n}");
        let events = client.events(Some(&correlation_id));
        // Cancelled before it was even started, it is nowhere.
        let Some(last) = events.last() else { continue };
        let executed = gateway.executions(&correlation_id);
        match last.as_str() {
            "aborted" => assert_eq!(executed, 0, "{correlation_id}"),
            "terminal" | "detached" => assert_eq!(executed, 1, "{correlation_id}"),
            other => assert_eq!(other, "unknown", "{correlation_id}"),
        }
    }
}
