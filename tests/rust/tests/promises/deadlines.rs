//! The deadline of one call, whichever way it is made: what it ends with says whether anything was sent.

use std::time::{Duration, Instant};

use cxone_actions::{ActionRequest, CallOptions, Client, Error, ErrorKind, Executed, Validate};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::poll;
use serde_json::json;

use crate::ground::{builder, client, events, invariants, quickest, request, sandbox, until};

const WAYS: [&str; 2] = ["run", "invoke"];
const SOON: Duration = Duration::from_millis(200);

/// What a call ends with that has a deadline of its own.
async fn ended(client: &Client, way: &str, request: ActionRequest, timeout: Duration) -> Error {
    let (options, invokes) =
        (CallOptions { timeout: Some(timeout), ..CallOptions::default() }, way == "invoke");
    let (invoked, ran) =
        (client.invoke_within(request.clone(), Some(timeout)), client.run_with(request, options));
    if invokes { invoked.await.map(drop) } else { ran.await.map(drop) }.unwrap_err()
}

#[tokio::test]
async fn the_deadline_holds_while_the_post_is_on_the_wire() {
    for way in WAYS {
        let sandbox = sandbox();
        let client = client(&sandbox);
        client.run(request("warm")).await.unwrap();
        let (limit, mut n) = (Duration::from_millis(300), 0);
        let took = quickest(limit, async || {
            n += 1;
            sandbox.inject("invoke", json!({"delay": 0.8}), 1).unwrap();
            let began = Instant::now();
            let error = ended(&client, way, request(&format!("slow-{n}")), SOON).await;
            let took = began.elapsed();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::OutcomeUnknown, Executed::Unknown));
            assert_eq!(error.attempts(), Some(1));
            took
        });
        let took = took.await;
        assert!(took < limit, "{way} took {took:?}");
        until("the answers are on record all the same", || client.metrics().counts.detached == n).await;
        assert_eq!(events(&client, Some("slow-1")), ["started", "sending", "accepted", "detached"], "{way}");
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn a_deadline_that_passes_before_the_send_says_that_nothing_was_sent() {
    let cases = [
        ("a place", ErrorKind::Overloaded, SOON),
        ("a token", ErrorKind::Unavailable, SOON),
        ("the gateway", ErrorKind::RateLimited, SOON),
        ("nothing", ErrorKind::Unavailable, Duration::from_nanos(1)),
    ];
    for way in WAYS {
        for (waits_for, kind, timeout) in cases {
            let sandbox = sandbox();
            let client = builder(&sandbox).max_in_flight(1).build().unwrap();
            match waits_for {
                "a token" => sandbox.inject("token", json!({"delay": 20}), 9).unwrap(),
                _ => assert!(client.run(request("warm")).await.unwrap().ok),
            }
            if waits_for == "the gateway" {
                sandbox.inject("invoke", json!({"status": 429, "retry_after": 20}), 9).unwrap();
            }
            if waits_for == "a place" {
                sandbox.inject("invoke", json!({"delay": 20}), 1).unwrap();
                let before = sandbox.totals().invoke;
                tokio::spawn(client.invoke(request("ahead")));
                until("the only place is taken", || sandbox.totals().invoke > before).await;
            }
            let began = Instant::now();
            let error = ended(&client, way, request("late"), timeout).await;
            let case = format!("{way} waits for {waits_for}: {error}");
            assert!(began.elapsed() < Duration::from_secs(10), "{case}");
            assert_eq!((error.kind(), error.executed()), (kind, Executed::No), "{case}");
            assert_eq!(sandbox.executions("late"), 0, "{case}");
            let events = events(&client, Some("late"));
            assert_eq!(events.last().map(String::as_str), Some("rejected"), "{case}: {events:?}");
            assert_eq!(client.metrics().counts.rejected, 1, "{case}");
            invariants(&sandbox, &client);
        }
    }
}

#[tokio::test]
async fn what_is_unsent_is_not_called_unknown_where_the_machine_is_late_too() {
    for way in WAYS {
        let sandbox = sandbox();
        let client = builder(&sandbox).max_in_flight(1).build().unwrap();
        client.run(request("warm")).await.unwrap();
        sandbox.inject("invoke", json!({"delay": 20}), 1).unwrap();
        let before = sandbox.totals().invoke;
        tokio::spawn(client.invoke(request("ahead")));
        until("the only place is taken", || sandbox.totals().invoke > before).await;
        let mut call = Box::pin(ended(&client, way, request("late"), SOON));
        assert!(poll!(&mut call).is_pending());
        tokio::task::yield_now().await;
        // Nothing runs until all that was to happen one after the other is due.
        std::thread::sleep(SOON * 2);
        let error = call.await;
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Overloaded, Executed::No), "{way}: {error}");
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn a_call_that_joined_one_with_more_time_says_what_is_true_of_that_one() {
    for way in WAYS {
        let sandbox = sandbox();
        let client = builder(&sandbox).max_in_flight(1).build().unwrap();
        client.run(request("warm")).await.unwrap();
        sandbox.inject("invoke", json!({"delay": 1.0}), 1).unwrap();
        let before = sandbox.totals().invoke;
        tokio::spawn(client.invoke(request("ahead")));
        until("the only place is taken", || sandbox.totals().invoke > before).await;
        let first = tokio::spawn(client.run(request("shared")));
        until("it stands in line", || !events(&client, Some("shared")).is_empty()).await;
        let error = ended(&client, way, request("shared"), SOON).await;
        assert_eq!((error.kind(), error.executed()), (ErrorKind::OutcomeUnknown, Executed::Unknown));
        assert_eq!(
            (error.attempts(), error.message().contains("waited to be sent")),
            (Some(0), true),
            "{error}"
        );
        assert!(first.await.unwrap().unwrap().ok);
        assert_eq!(sandbox.executions("shared"), 1);
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn a_deadline_that_no_clock_reaches_is_none() {
    let sandbox = sandbox();
    let client = client(&sandbox);
    let invocation = client.invoke_within(request("patient"), Some(Duration::MAX)).await.unwrap();
    let options = || CallOptions { timeout: Some(Duration::MAX), ..CallOptions::default() };
    assert!(client.poll(invocation.into(), options()).await.unwrap().ok);
    assert!(client.run_with(request("again"), options()).await.unwrap().ok);
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_call_that_needs_a_schema_which_another_one_asks_for_keeps_its_own_deadline() {
    const ACTION: &str = "custom_-_create-case";
    for way in WAYS {
        let options = SandboxOptions { profile: "genesys-data-action".into(), ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let client =
            builder(&sandbox).profile("genesys-data-action").validate(Validate::Schema).build().unwrap();
        sandbox.inject("describe", json!({"delay": 20}), 1).unwrap();
        tokio::spawn(client.run(ActionRequest::new(ACTION)));
        until("the schema is asked for", || sandbox.totals().describe == 1).await;
        let began = Instant::now();
        let error = ended(&client, way, ActionRequest::new(ACTION), SOON).await;
        assert_eq!(
            (error.kind(), error.executed()),
            (ErrorKind::Unavailable, Executed::No),
            "{way}: {error}"
        );
        assert!(began.elapsed() < Duration::from_secs(10), "{way}: {error}");
    }
}
