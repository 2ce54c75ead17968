//! Rows 20 to 25, 28 and 29: what becomes of a POST whose answer is lost, torn, foreign or never comes.

use std::time::{Duration, Instant};

use cxone_actions::{Delivery, Error, ErrorKind, Executed};
use cxone_actions_faults::{Caller, Gateway, GatewayOptions, Ground, Point, Step, proof, request};

/// How long a client here waits for one answer.
const PATIENCE: Duration = Duration::from_millis(800);

fn impatient(ground: &Ground, gateway: &Gateway) -> Caller {
    ground.open(ground.builder(gateway).request_timeout(PATIENCE))
}

fn is_unknown_after_one_send(gateway: &Gateway, sends: usize, error: &Error, what: &str) {
    assert_eq!(
        (error.kind(), error.executed(), error.attempts()),
        (ErrorKind::OutcomeUnknown, Executed::Unknown, Some(1)),
        "{what}: {error}"
    );
    assert_eq!(gateway.count(Point::Invoke), sends, "{what}: it was sent again");
    assert_eq!(gateway.count(Point::Poll), 0, "{what}: it was polled");
    assert!(error.resume_token().is_none(), "{what}: there is nothing to resume");
}

/// Fault 20.
#[test]
fn a_connection_refused_twice_and_then_accepted_is_one_execution() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway).max_attempts(20));
        gateway.close_port(true);
        let call = tokio::spawn({
            let client = client.clone();
            async move { client.run(request("refused")).await }
        });
        ground.until("the third send", || client.metrics().retries >= 2).await;
        gateway.open_port();
        let result = call.await.unwrap().unwrap();
        assert!(result.ok && result.attempts >= 3, "{} attempts", result.attempts);
        assert_eq!(gateway.executions("refused"), 1);
        let events = client.events(Some("refused"));
        assert_eq!(events.iter().filter(|event| *event == "sending").count(), result.attempts as usize);
    });
}

/// Fault 21.
#[test]
fn a_request_whose_answer_is_lost_is_an_unknown_outcome_and_never_sent_again() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        let faults = [
            ("fin", Step::fin()),
            ("reset", Step::reset()),
            ("fin_unread", Step::fin_unread()),
            ("reset_unread", Step::reset_unread()),
            ("never_read", Step::never_read()),
            ("silence", Step::silence()),
            ("half_head", Step::half_head()),
            ("half_body", Step::half_body()),
            ("garbage", Step::garbage()),
            ("empty", Step::raw("")),
            ("line_alone", Step::raw("HTTP/1.1 202 Accepted\r\n")),
            ("other_protocol", Step::raw("SSH-2.0-OpenSSH_9.6\r\n")),
            ("continue_alone", Step::raw("HTTP/1.1 100 Continue\r\n\r\n")),
            (
                "switching",
                Step::raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
            ),
        ];
        let mut sends = 0;
        for (name, fault) in faults {
            for executed in [0, 1] {
                let step = if executed == 1 { fault.clone().executing() } else { fault.clone() };
                gateway.script(Point::Invoke, [step]);
                sends += 1;
                let correlation_id = format!("{name}-{executed}");
                let error = client.run(request(&correlation_id)).await.unwrap_err();
                is_unknown_after_one_send(&gateway, sends, &error, &correlation_id);
                assert_eq!(
                    client.events(Some(&correlation_id)),
                    ["started", "sending", "unknown"],
                    "{correlation_id}"
                );
            }
        }
    });
}

fn terminal() -> GatewayOptions {
    GatewayOptions { accepted_status: "COMPLETED".to_owned(), ..GatewayOptions::default() }
}

/// Fault 22.
#[test]
fn an_acceptance_without_a_usable_id_is_an_unknown_outcome_and_never_polled() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        let long = format!(r#"{{"invocationId":"{}"}}"#, "i".repeat(10 * 1024));
        let bodies = [
            "<html>welcome CANARY</html>",
            "",
            "{}",
            "null",
            "[]",
            r#""inv-1""#,
            r#"{"invocationId":7}"#,
            r#"{"invocationId":null}"#,
            r#"{"invocationId":""}"#,
            r#"{"invocationId":"../x"}"#,
            r#"{"invocationId":".."}"#,
            r#"{"invocationId":"."}"#,
            r#"{"invocationId":"a/b"}"#,
            r#"{"invocationId":"a%2fb"}"#,
            r#"{"invocationId":"a?x=1"}"#,
            r#"{"invocationId":"a b"}"#,
            r#"{"invocationId":"inv\u0000"}"#,
            r#"{"invocationId":["inv-1"]}"#,
            r#"{"invocationId":"inv-1""#,
            r#"{"invocationId":"inv-1"}{"invocationId":"inv-2"}"#,
            long.as_str(),
        ];
        let mut sends = 0;
        for (n, body) in bodies.into_iter().enumerate() {
            for status in [200, 201, 202] {
                gateway.script(Point::Invoke, [Step::answer(status, body).executing()]);
                sends += 1;
                let error = client.run(request(&format!("bad-{n}-{status}"))).await.unwrap_err();
                is_unknown_after_one_send(&gateway, sends, &error, body);
                assert_eq!(error.http_status(), Some(status), "{body}");
            }
        }
    });
}

/// Fault 22, the other way about: an id that is only in `Location`.
#[test]
fn an_id_is_taken_from_a_location_of_the_same_host_and_from_no_other() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        let located = |location: &str| {
            gateway.script(Point::Invoke, [Step::answer(202, "").header("location", location).executing()]);
        };
        located("/api/v2/integrations/actions/invocations/$INVOCATION");
        assert!(client.run(request("located")).await.unwrap().ok);
        for location in
            ["$OTHER/x/inv-1", "//evil.example/inv-1", "/x/..", "/x/", "https://evil.example/inv-1"]
        {
            let polls = gateway.count(Point::Poll);
            located(location);
            let error = client.run(request(&format!("located-{}", location.len()))).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{location}");
            assert_eq!(gateway.count(Point::Poll), polls, "{location} was polled");
        }
        assert_eq!(gateway.seen_elsewhere(), 0);
    });
}

/// Fault 23.
#[test]
fn a_redirect_is_not_followed_and_the_other_host_sees_nothing() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        for status in [300, 301, 302, 303, 305, 307, 308] {
            gateway.script(Point::Invoke, [Step::redirect(status)]);
            let error = client.run(request(&format!("redirect-{status}"))).await.unwrap_err();
            // 303 is what a gateway says that has done it and shows the way to the result.
            let (kind, executed) = if status == 303 {
                (ErrorKind::OutcomeUnknown, Executed::Unknown)
            } else {
                (ErrorKind::Rejected, Executed::No)
            };
            assert_eq!((error.kind(), error.executed()), (kind, executed), "{status}: {error}");
            assert_eq!((error.http_status(), error.attempts()), (Some(status), Some(1)));
            assert_eq!(gateway.seen_elsewhere(), 0, "{status} was followed");
        }
        gateway.script(Point::Poll, [Step::redirect(302)]);
        let error = client.run(request("poll")).await.unwrap_err();
        assert_eq!((error.executed(), error.resume_token().is_some()), (Executed::Yes, true), "{error}");
        assert_eq!(gateway.seen_elsewhere(), 0);
    });
}

/// Fault 24.
#[test]
fn an_answer_without_end_ends_at_the_timeout_or_at_the_cap() {
    proof(async |ground: &Ground| {
        const MANY: u64 = 200 * 1024 * 1024;
        let gateway = ground.gateway();
        let client = ground.open(ground.builder(&gateway).request_timeout(Duration::from_secs(10)));
        let before = gateway.written();
        gateway.script(Point::Invoke, [Step::oversize(MANY).executing()]);
        let error = client.run(request("oversize")).await.unwrap_err();
        is_unknown_after_one_send(&gateway, 1, &error, "oversize");
        let taken = gateway.written() - before;
        assert!(taken < 32 * 1024 * 1024, "{taken} bytes were taken");

        gateway.script(Point::Invoke, [Step::gzip_bomb(MANY).executing()]);
        let began = Instant::now();
        let error = client.run(request("bomb")).await.unwrap_err();
        is_unknown_after_one_send(&gateway, 2, &error, "bomb");
        assert!(began.elapsed() < Duration::from_secs(9), "it was unpacked");

        let hurried = impatient(ground, &gateway);
        gateway.script(Point::Invoke, [Step::drip(Duration::from_millis(100)).executing()]);
        let began = Instant::now();
        let error = hurried.run(request("drip")).await.unwrap_err();
        let took = began.elapsed();
        is_unknown_after_one_send(&gateway, 3, &error, "drip");
        assert!(took >= PATIENCE && took < PATIENCE * 20, "took {took:?}");
    });
}

/// Fault 25.
#[test]
fn ten_thousand_kept_connections_closed_under_the_next_request_execute_nothing_twice() {
    proof(async |ground: &Ground| {
        const TIMES: usize = 10_000;
        let gateway = ground.gateway_with(terminal());
        let mut random = fastrand::Rng::with_seed(25);
        gateway.choose(move |point, _| {
            let step = Step::normal();
            (point == Point::Invoke).then(|| match random.u8(0..4) {
                0 => step,
                1 => step.closing(),
                2 => step.closing_as_next_arrives(),
                _ => step.closing_after(Duration::from_micros(random.u64(0..400))),
            })
        });
        let client = ground.client(&gateway);
        let mut ends = [0; 2];
        for n in 0..TIMES {
            let correlation_id = format!("kept-{n}");
            match client.run(request(&correlation_id)).await {
                Ok(result) => {
                    ends[0] += 1;
                    assert_eq!((result.ok, gateway.executions(&correlation_id)), (true, 1));
                }
                Err(error) => {
                    ends[1] += 1;
                    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
                }
            }
        }
        let counts = client.metrics().counts;
        assert_eq!((counts.completed, counts.unknown), (ends[0], ends[1]));
        assert!(ends[0] > 0 && ends[1] > 0, "both ends are seen: {ends:?}");
        println!(
            "{TIMES} kept connections: {} completed, {} unknown, {} sent again",
            ends[0],
            ends[1],
            client.metrics().retries
        );
    });
}

/// Fault 28.
#[test]
fn a_server_error_after_executing_is_an_unknown_outcome_and_one_execution() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        for (n, status) in [408, 500, 501, 502, 503, 504, 520, 599].into_iter().enumerate() {
            gateway.script(Point::Invoke, [Step::status(status).executing()]);
            let correlation_id = format!("status-{status}");
            let error = client.run(request(&correlation_id)).await.unwrap_err();
            is_unknown_after_one_send(&gateway, n + 1, &error, &correlation_id);
            assert_eq!((error.http_status(), gateway.executions(&correlation_id)), (Some(status), 1));
        }
    });
}

/// Fault 28, where the caller knows that the gateway deduplicates.
#[test]
fn an_idempotent_delivery_repeats_the_same_bytes_until_it_has_an_answer() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { deduplicates: true, ..GatewayOptions::default() });
        let options = ground.builder(&gateway).request_timeout(PATIENCE).delivery(Delivery::Idempotent);
        let client = ground.open(options.max_attempts(3));
        let faults = [
            Step::status(500),
            Step::status(502),
            Step::status(503),
            Step::status(504),
            Step::fin(),
            Step::reset(),
            Step::half_head(),
            Step::half_body(),
            Step::garbage(),
            Step::answer(200, "{}"),
        ];
        for (n, fault) in faults.into_iter().enumerate() {
            gateway.script(Point::Invoke, [fault.executing()]);
            let correlation_id = format!("again-{n}");
            let result = client.run(request(&correlation_id)).await.unwrap();
            assert_eq!((result.ok, result.attempts, gateway.executions(&correlation_id)), (true, 2, 1));
            let seen = gateway.seen(Point::Invoke);
            let sent: Vec<_> =
                seen.iter().filter(|seen| seen.correlation_id().as_ref() == Some(&correlation_id)).collect();
            assert_eq!((sent.len(), &sent[0].body), (2, &sent[1].body));
        }
    });
}

/// Fault 29.
#[test]
fn a_401_refreshes_once_and_replays_once_and_other_refusals_are_final() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        gateway.script(Point::Invoke, [Step::status(401)]);
        let result = client.run(request("once")).await.unwrap();
        assert_eq!((result.ok, result.attempts), (true, 2));
        assert_eq!((gateway.executions("once"), gateway.count(Point::Token)), (1, 2));

        let mut sends = gateway.count(Point::Invoke);
        let refusals = [
            (400, ErrorKind::Rejected),
            (402, ErrorKind::Rejected),
            (403, ErrorKind::Forbidden),
            (404, ErrorKind::Rejected),
            (405, ErrorKind::Rejected),
            (406, ErrorKind::Rejected),
            (409, ErrorKind::Rejected),
            (410, ErrorKind::Rejected),
            (413, ErrorKind::Rejected),
            (415, ErrorKind::Rejected),
            (418, ErrorKind::Rejected),
            (422, ErrorKind::Rejected),
            (451, ErrorKind::Rejected),
        ];
        for (status, kind) in refusals {
            let echo = format!(r#"{{"message":"no: $ECHO $AUTH","code":"{status}"}}"#);
            gateway.script(Point::Invoke, [Step::answer(status, echo)]);
            sends += 1;
            let correlation_id = format!("refused-{status}");
            let error = client.run(request(&correlation_id)).await.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (kind, Executed::No), "{status}");
            assert_eq!((error.http_status(), error.attempts()), (Some(status), Some(1)));
            assert_eq!(gateway.count(Point::Invoke), sends, "{status} was sent again");
            assert_eq!(client.events(Some(&correlation_id)), ["started", "sending", "rejected"]);
        }
    });
}

/// Interim answers are HTTP, and no answer: RFC 9110 §15.2.
#[test]
fn interim_answers_are_waited_out_and_a_second_answer_is_nobodys() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = impatient(ground, &gateway);
        for (n, interim) in [vec![100], vec![102, 103], vec![100; 40]].into_iter().enumerate() {
            gateway.script(Point::Invoke, [Step::normal().with_interim(&interim)]);
            gateway.script(Point::Poll, [Step::normal().with_interim(&interim)]);
            let result = client.run(request(&format!("interim-{n}"))).await.unwrap();
            assert_eq!((result.ok, result.attempts), (true, 1), "{interim:?}");
        }
        for n in 0..20 {
            gateway.script(Point::Invoke, [Step::twice().executing()]);
            let result = client.run(request(&format!("twice-{n}"))).await.unwrap();
            assert!(result.ok, "the second answer was taken for that of a look");
            let about = format!(r#""about":"twice-{n}""#);
            assert!(result.outputs.unwrap().get().contains(&about));
        }
    });
}
