//! Row 30: the same correlation id twice.

use std::time::Duration;

use cxone_actions::{ActionRequest, CallOptions, ErrorKind, Executed};
use cxone_actions_faults::{ACTION, Caller, Gateway, Ground, Point, Step, proof, request};
use futures_util::future::{join, join_all};

const SOON: Duration = Duration::from_millis(300);

/// A gateway that takes its time, and a client of it.
fn slow(ground: &Ground) -> (Gateway, Caller) {
    let gateway = ground.gateway();
    let client = ground.open(ground.builder_with_token(&gateway));
    gateway.always(Point::Invoke, Step::normal().after(SOON));
    (gateway, client)
}

/// The same id with another payload.
fn other(correlation_id: &str) -> ActionRequest {
    request(correlation_id).input("more", true)
}

/// Fault 30.
#[test]
fn the_same_request_twice_at_once_is_one_execution_and_one_result() {
    proof(async |ground: &Ground| {
        let (gateway, client) = slow(ground);
        let (first, second) = join(client.run(request("twice")), client.run(request("twice"))).await;
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.ok && first.invocation_id == second.invocation_id && first.attempts == second.attempts);
        assert_eq!((gateway.executions("twice"), gateway.count(Point::Invoke)), (1, 1));
        let counts = client.metrics().counts;
        assert_eq!((counts.started, counts.completed, counts.detached), (1, 1, 0));
        assert!(client.events(Some("twice")).contains(&"joined".to_owned()));
    });
}

/// Fault 30.
#[test]
fn the_same_id_with_another_payload_is_refused_and_nothing_is_sent() {
    proof(async |ground: &Ground| {
        let (gateway, client) = slow(ground);
        let elsewhere = ActionRequest::new(ACTION.replace("a1b2", "a1b3")).correlation_id("id");
        let called_back = request("id").callback_url("https://hooks.example.com/done");
        let (first, others) = join(
            client.run(request("id")),
            join_all([other("id"), elsewhere, called_back].map(|request| client.run(request))),
        )
        .await;
        assert!(first.unwrap().ok);
        for refused in others {
            let error = refused.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Validation, Executed::No), "{error}");
            let violation = &error.violations()[0];
            assert_eq!(
                (violation.path.as_str(), violation.code.as_str()),
                ("/correlationId", "correlation_id_in_use")
            );
        }
        assert_eq!(gateway.count(Point::Invoke), 1);
        let metrics = client.metrics();
        assert_eq!((metrics.counts.started, metrics.invalid), (1, 3));
        // Under way no more: the id is free.
        ground.may_execute("id", 2);
        ground.may_alter();
        assert!(client.run(other("id")).await.unwrap().ok);
    });
}

#[test]
fn the_order_in_which_inputs_are_written_makes_no_other_payload() {
    proof(async |ground: &Ground| {
        let (gateway, client) = slow(ground);
        let ordered = |keys: [&str; 2]| {
            let request = ActionRequest::new(ACTION).correlation_id("ordered");
            keys.into_iter().fold(request, |request, key| request.input(key, "CANARY-value"))
        };
        let (first, second) = join(client.run(ordered(["a", "b"])), client.run(ordered(["b", "a"]))).await;
        assert_eq!(first.unwrap().invocation_id, second.unwrap().invocation_id);
        assert_eq!(gateway.executions("ordered"), 1);
    });
}

#[test]
fn invoke_and_run_share_a_handle_whoever_comes_first() {
    proof(async |ground: &Ground| {
        let (gateway, client) = slow(ground);
        let (first, second) = join(client.invoke(request("both")), client.invoke(request("both"))).await;
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.invocation_id, second.invocation_id);
        assert!(first.resume_token.is_some() && first.resume_token == second.resume_token);
        assert_eq!(client.metrics().counts.detached, 1);
        // Accepted and not polled yet: it is under way still, and a run takes it up.
        assert!(client.run(request("both")).await.unwrap().ok);
        let (invoked, ran) = join(client.invoke(request("mixed")), client.run(request("mixed"))).await;
        assert_eq!(invoked.unwrap().invocation_id, ran.unwrap().invocation_id);
        for id in ["both", "mixed"] {
            assert_eq!(gateway.executions(id), 1, "{id}");
        }
        let counts = client.metrics().counts;
        assert_eq!((counts.started, counts.completed, counts.detached), (2, 2, 0));
    });
}

#[test]
fn a_deadline_leaves_the_id_in_use_and_a_second_run_goes_on_with_it() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        gateway.always(Point::Poll, Step::state("RUNNING"));
        let options = CallOptions { timeout: Some(SOON), ..CallOptions::default() };
        let error = client.run_with(request("long"), options).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::PollTimeout, Executed::Yes));
        let error = client.run(other("long")).await.unwrap_err();
        assert_eq!(error.violations()[0].code, "correlation_id_in_use");
        gateway.clear();
        assert!(client.run(request("long")).await.unwrap().ok);
        assert_eq!(gateway.count(Point::Invoke), 1);
    });
}

#[test]
fn cancelling_one_of_two_cancels_nothing_for_the_other() {
    proof(async |ground: &Ground| {
        for first_goes in [true, false] {
            for moment in ["queued", "sending", "polling"] {
                let (gateway, _) = slow(ground);
                let client = ground.open(ground.builder_with_token(&gateway).max_in_flight(1));
                if moment == "polling" {
                    gateway.clear();
                    gateway.always(Point::Poll, Step::state("RUNNING"));
                }
                let ahead = (moment == "queued").then(|| {
                    let client = client.clone();
                    tokio::spawn(async move { client.invoke(request("ahead")).await })
                });
                let begin = || {
                    let client = client.clone();
                    tokio::spawn(async move { client.run(request("shared")).await })
                };
                tokio::task::yield_now().await;
                let (first, second) = (begin(), begin());
                let joined = || client.events(Some("shared")).iter().any(|event| event == "joined");
                ground.until("the second one joined", joined).await;
                match moment {
                    "queued" => assert_eq!(gateway.executions("shared"), 0),
                    "sending" => ground.until("it is sent", || gateway.count(Point::Invoke) == 1).await,
                    _ => ground.until("it is polled", || gateway.count(Point::Poll) > 1).await,
                }
                let (goes, stays) = if first_goes { (first, second) } else { (second, first) };
                goes.abort();
                assert!(goes.await.unwrap_err().is_cancelled());
                gateway.clear();
                assert!(stays.await.unwrap().unwrap().ok, "{moment}, the first goes: {first_goes}");
                assert_eq!(gateway.executions("shared"), 1);
                if let Some(ahead) = ahead {
                    ahead.await.unwrap().unwrap();
                }
                let counts = client.metrics().counts;
                assert_eq!(counts.completed, 1, "{moment}, the first goes: {first_goes}: {counts:?}");
            }
        }
    });
}

#[test]
fn when_both_go_away_in_the_queue_nothing_is_sent_and_the_id_is_free() {
    proof(async |ground: &Ground| {
        let (gateway, _) = slow(ground);
        let client = ground.open(ground.builder_with_token(&gateway).max_in_flight(1));
        let begin = |id: &'static str| {
            let client = client.clone();
            tokio::spawn(async move { client.run(request(id)).await })
        };
        let ahead = begin("ahead");
        ground.until("the only permit is taken", || gateway.count(Point::Invoke) == 1).await;
        let both = [begin("given-up"), begin("given-up")];
        let joined = || client.events(Some("given-up")).iter().any(|event| event == "joined");
        ground.until("the second one joined", joined).await;
        both.iter().for_each(tokio::task::JoinHandle::abort);
        ground.until("it is settled", || client.metrics().counts.aborted == 1).await;
        assert_eq!(gateway.executions("given-up"), 0);
        assert!(client.run(other("given-up")).await.unwrap().ok);
        assert!(ahead.await.unwrap().unwrap().ok);
    });
}

#[test]
fn an_error_is_shared_and_the_id_is_free_after_it() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        for (step, kind, executed) in [
            (Step::status(400), ErrorKind::Rejected, Executed::No),
            (Step::reset().executing(), ErrorKind::OutcomeUnknown, Executed::Unknown),
        ] {
            let id = kind.as_str();
            gateway.script(Point::Invoke, [step.after(SOON)]);
            for outcome in join_all([client.run(request(id)), client.run(request(id))]).await {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.executed(), error.attempts()), (kind, executed, Some(1)));
                assert_eq!(error.correlation_id(), Some(id));
            }
        }
        assert_eq!(gateway.count(Point::Invoke), 2);
        assert!(client.run(other("rejected")).await.unwrap().ok);
    });
}
