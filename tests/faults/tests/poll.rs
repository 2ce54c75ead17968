//! Rows 31 to 36 and 38: a poll dies of no bad answer, ends at its deadline, and hands back what is needed to go on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::{CallOptions, ErrorKind, Executed, OnResult, Status};
use cxone_actions_faults::{GatewayOptions, Ground, Point, Step, proof, request};

const LONG: Duration = Duration::from_secs(20);

fn within(timeout: Duration) -> CallOptions {
    CallOptions { timeout: Some(timeout), ..CallOptions::default() }
}

/// Options whose handler counts.
fn counting(deliveries: &Arc<AtomicU64>) -> CallOptions {
    let deliveries = Arc::clone(deliveries);
    let on_result: OnResult = Box::new(move |_| {
        deliveries.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    });
    CallOptions { timeout: Some(LONG), on_result: Some(on_result) }
}

/// Fault 31.
#[test]
fn a_poll_survives_everything_that_a_gateway_can_say_and_delivers_once() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let hurried = ground.builder(&gateway).request_timeout(Duration::from_millis(100));
        let client = ground.open(hurried);
        let bad: Vec<Step> = (0..20)
            .map(|_| Step::status(503))
            .chain([
                Step::reset(),
                Step::reset_unread(),
                Step::fin(),
                Step::fin_unread(),
                Step::never_read(),
                Step::silence(),
                Step::half_head(),
                Step::half_body(),
                Step::garbage(),
                Step::drip(Duration::from_millis(20)),
                Step::oversize(20 * 1024 * 1024),
                Step::gzip_bomb(1024 * 1024),
                Step::status(408),
                Step::status(425),
                Step::status(500),
                Step::status(502),
                Step::status(504),
                Step::answer(200, "<html>CANARY</html>"),
                Step::answer(200, ""),
                Step::answer(200, "{}"),
                Step::answer(200, "[]"),
                Step::answer(200, "null"),
                Step::answer(200, r#"{"invocationId":"$INVOCATION"}"#),
                Step::answer(200, r#"{"invocationId":"$INVOCATION","status":7}"#),
                Step::answer(200, r#"{"invocationId":"$INVOCATION","status":"COMPLETED""#),
                Step::answer(204, ""),
                Step::status(429).header("retry-after", "0"),
            ])
            .collect();
        let looks = u32::try_from(bad.len()).unwrap();
        gateway.script(Point::Poll, bad);
        let deliveries = Arc::default();
        let result = client.run_with(request("patient"), counting(&deliveries)).await.unwrap();
        assert_eq!((result.status, deliveries.load(Ordering::SeqCst)), (Status::Completed, 1));
        assert!(result.polls > looks, "{} looks, {looks} of them bad", result.polls);
        assert_eq!((gateway.executions("patient"), gateway.count(Point::Invoke)), (1, 1));
        let events = client.events(Some("patient"));
        let failed = events.iter().filter(|event| *event == "poll_failed").count();
        assert_eq!(failed, looks as usize);
        assert!(events.ends_with(&["terminal".to_owned(), "delivered".to_owned()]), "{events:?}");
    });
}

/// Fault 32.
#[test]
fn what_is_not_visible_yet_is_waited_for() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let began = Instant::now();
        gateway.choose(move |point, _| {
            let early = point == Point::Poll && began.elapsed() < Duration::from_secs(3);
            early.then(|| Step::status(404))
        });
        let result = client.run_with(request("late"), within(LONG)).await.unwrap();
        assert!(result.ok && began.elapsed() >= Duration::from_secs(3));
    });
}

/// Fault 32, for ever: in a profile that believes in a delay of a second.
#[test]
fn what_never_becomes_visible_is_rejected_with_its_handle() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let profile = Believing::in_a_delay_of(1.0);
        let client = ground.open(ground.builder(&gateway).profile(profile.path()));
        gateway.always(Point::Poll, Step::status(404));
        let began = Instant::now();
        let error = client.run_with(request("never"), within(LONG)).await.unwrap_err();
        let took = began.elapsed();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Rejected, Executed::Yes), "{error}");
        assert!(took >= Duration::from_secs(1) && took < LONG / 2, "took {took:?}");
        // The gateway finds it after all: the handle is still good.
        gateway.clear();
        let result = client.poll(error.resume_token().unwrap(), LONG).await.unwrap();
        assert_eq!((result.ok, result.correlation_id.as_deref()), (true, Some("never")));
    });
}

/// Fault 32: what came before the acceptance is no time in which it could have become visible.
#[test]
fn a_404_is_a_delay_however_long_the_acceptance_took() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let profile = Believing::in_a_delay_of(0.5);
        let client = ground.open(ground.builder(&gateway).profile(profile.path()));
        let slowly = Step::normal().after(Duration::from_millis(700));
        gateway.script(Point::Invoke, [slowly.clone()]);
        gateway.script(Point::Poll, [Step::status(404), Step::status(404)]);
        assert!(client.run(request("slowly-accepted")).await.unwrap().ok);
        gateway.script(Point::Invoke, [slowly]);
        gateway.script(Point::Poll, [Step::status(404), Step::status(404)]);
        let invocation = client.invoke(request("polled-later")).await.unwrap();
        assert!(client.poll(invocation, LONG).await.unwrap().ok);
    });
}

/// The `gateway` profile with another idea of how long an accepted invocation may be invisible.
struct Believing(tempfile::TempDir);

impl Believing {
    fn in_a_delay_of(seconds: f64) -> Believing {
        let text = include_str!("../../../core/src/profile/gateway.toml");
        let folder = tempfile::tempdir().unwrap();
        let text = text.replace("[poll]\n", &format!("[poll]\nvisible_within = {seconds:?}\n"));
        std::fs::write(folder.path().join("gateway.toml"), text).unwrap();
        Believing(folder)
    }

    fn path(&self) -> String {
        self.0.path().join("gateway.toml").to_str().unwrap().to_owned()
    }
}

/// Fault 32, where the deadline comes first.
#[test]
fn what_is_still_invisible_at_the_deadline_is_rejected_with_its_handle() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        gateway.always(Point::Poll, Step::status(404));
        let error = client.run_with(request("c"), within(Duration::from_secs(1))).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Rejected, Executed::Yes), "{error}");
        gateway.clear();
        assert!(client.poll(error.resume_token().unwrap(), LONG).await.unwrap().ok);
    });
}

/// Fault 33.
#[test]
fn status_words_are_mapped_and_an_unknown_one_is_visible_and_keeps_the_poll_going() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let words = [
            ("completed", Status::Completed),
            ("Succeeded", Status::Completed),
            ("Canceled", Status::Cancelled),
            ("cancelled", Status::Cancelled),
            ("TIMED_OUT", Status::Failed),
            ("timed-out", Status::Failed),
            ("Timed Out", Status::Failed),
            ("ERROR", Status::Failed),
        ];
        for (n, (word, status)) in words.into_iter().enumerate() {
            gateway
                .script(Point::Poll, [Step::state("WEIRD"), Step::state("in progress"), Step::state(word)]);
            let result = client.run(request(&format!("word-{n}"))).await.unwrap();
            assert_eq!((result.status, result.polls), (status, 3), "{word}");
        }
        assert_eq!(client.metrics().unknown_statuses, words.len() as u64);
        gateway.always(Point::Poll, Step::state("WEIRD"));
        let error = client.run_with(request("weird"), within(Duration::from_secs(1))).await.unwrap_err();
        assert_eq!((error.kind(), error.last_status()), (ErrorKind::PollTimeout, Some("WEIRD")));
        gateway.always(Point::Poll, Step::state("for CANARY-customer, $AUTH"));
        let error = client.run_with(request("echo"), within(Duration::from_secs(1))).await.unwrap_err();
        assert_eq!(error.last_status(), Some("for …, Bearer …"));
    });
}

/// Fault 34.
#[test]
fn what_ends_a_moment_before_the_deadline_is_seen_by_the_last_look() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        // Looks a second apart: nothing but the last one, just before the deadline, can see it.
        let client = ground.open(ground.builder(&gateway).poll_interval(Duration::from_secs(1)));
        client.run(request("warm")).await.unwrap();
        // A machine that stands still for a moment may miss it: five of thirty count.
        let mut seen = 0;
        for n in 0..30 {
            let invocation = client.invoke(request(&format!("moment-{n}"))).await.unwrap();
            let began = Instant::now();
            gateway.choose(move |point, _| {
                let running = point == Point::Poll && began.elapsed() < Duration::from_millis(300);
                running.then(|| Step::state("RUNNING"))
            });
            match client.poll(invocation, Duration::from_millis(400)).await {
                Ok(result) => {
                    assert!(result.ok);
                    seen += usize::from(began.elapsed() < Duration::from_millis(450));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::PollTimeout, "{error}");
                    gateway.clear();
                    assert!(client.poll(error.resume_token().unwrap(), LONG).await.unwrap().ok);
                }
            }
            if seen == 5 {
                break;
            }
        }
        assert_eq!(seen, 5);
    });
}

/// Fault 34, never.
#[test]
fn what_does_not_end_is_a_poll_timeout_within_50_ms_of_the_deadline_and_can_be_resumed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let hanging = [Step::state("RUNNING"), Step::silence(), Step::status(503), Step::never_read()];
        for (n, step) in hanging.into_iter().enumerate() {
            let deadline = Duration::from_millis(250);
            // Where looks are slow the last one begins the earlier, and on a busy machine they may be: the best of thirty
            // counts whose first look had its answer.
            let mut off = Duration::MAX;
            for again in 0..30 {
                gateway.script(Point::Poll, [Step::state("RUNNING")]);
                gateway.always(Point::Poll, step.clone());
                let invocation = client.invoke(request(&format!("never-{n}-{again}"))).await.unwrap();
                let began = Instant::now();
                let error = client.poll(invocation, deadline).await.unwrap_err();
                let took = began.elapsed();
                assert_eq!((error.kind(), error.executed()), (ErrorKind::PollTimeout, Executed::Yes));
                if error.last_status() == Some("RUNNING") {
                    off = off.min(took.abs_diff(deadline));
                }
                gateway.clear();
                let result = client.poll(error.resume_token().unwrap(), LONG).await.unwrap();
                assert!(result.ok);
                if off < Duration::from_millis(50) {
                    break;
                }
            }
            assert!(off < Duration::from_millis(50), "{n}: {off:?} off the deadline");
        }
        assert_eq!(client.metrics().counts.detached, 0, "each was taken up again");
    });
}

/// Fault 35.
#[test]
fn outputs_are_the_gateways_own_text() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        let outputs = [
            "0",
            r#""""#,
            "false",
            "1e23",
            "100000000000000000000000",
            "9007199254740993",
            "-0.0",
            "[]",
            "{}",
            r#"{"a":0,"b":"","c":false,"d":null,"n":9007199254740993}"#,
            r#"{"b":1,"a":2,"__proto__":{"x":1}}"#,
        ];
        for (n, text) in outputs.into_iter().enumerate() {
            gateway.script(Point::Poll, [Step::completed(text)]);
            let result = client.run(request(&format!("outputs-{n}"))).await.unwrap();
            assert_eq!(result.outputs.unwrap().get(), text);
        }
        for (n, step) in [Step::completed("null"), Step::state("COMPLETED")].into_iter().enumerate() {
            gateway.script(Point::Poll, [step]);
            assert!(client.run(request(&format!("none-{n}"))).await.unwrap().outputs.is_none());
        }
    });
}

/// Fault 36.
#[test]
fn an_answer_about_another_invocation_is_a_protocol_error_and_never_delivered() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        gateway.script(Point::Poll, [Step::state("RUNNING"), Step::stranger()]);
        let deliveries = Arc::default();
        let error = client.run_with(request("mine"), counting(&deliveries)).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Protocol, Executed::Yes));
        assert_eq!(deliveries.load(Ordering::SeqCst), 0);
        let result = client.poll(error.resume_token().unwrap(), LONG).await.unwrap();
        assert!(result.outputs.unwrap().get().contains("mine"));
    });
}

/// Fault 38.
#[test]
fn a_resume_token_of_another_gateway_a_damaged_one_and_a_huge_one_make_no_request() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let other = ground.gateway_with(GatewayOptions { pending_looks: 1, ..GatewayOptions::default() });
        let (client, elsewhere) = (ground.client(&gateway), ground.client(&other));
        let token = elsewhere.invoke(request("elsewhere")).await.unwrap().resume_token.unwrap();
        let own = client.invoke(request("own")).await.unwrap().resume_token.unwrap();
        let (polls, connections) = (gateway.count(Point::Poll), gateway.connections());
        let mut refused = vec![
            token,
            String::new(),
            "..".to_owned(),
            "a/../b".to_owned(),
            "https://evil.example/x".to_owned(),
            "x?y=1".to_owned(),
            "\u{202e}".to_owned(),
            format!("cxr1.{}", "A".repeat(1 << 20)),
            "A".repeat(1 << 20),
        ];
        // Each character of it, changed, and the token cut anywhere.
        for at in 0..own.len() {
            let other = if own.as_bytes().get(at) == Some(&b'Q') { "R" } else { "Q" };
            let mut changed = own.clone();
            changed.replace_range(at..=at, other);
            refused.push(changed);
            refused.push(own.split_at(at).0.to_owned());
        }
        let mut bare = 0;
        for text in refused {
            // What has lost its beginning may be a bare id: it is looked up, and nothing else.
            if !text.starts_with("cxr1.")
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~:-".contains(&b))
                && (1..=256).contains(&text.len())
                && text != ".."
            {
                bare += 1;
                continue;
            }
            let error = client.poll(text.as_str(), LONG).await.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Validation, Executed::No), "{text}");
            assert!(error.to_string().len() < 500, "the token is repeated in its error");
        }
        assert!(bare <= 10, "{bare} were taken for ids");
        assert_eq!((gateway.count(Point::Poll), gateway.connections()), (polls, connections));
        assert!(client.poll(own, LONG).await.unwrap().ok);
    });
}
