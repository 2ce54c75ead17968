//! Rows 26, 27, 37, 48 and 49: what a client spares a gateway that asks for it, is slow, or is gone.
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helping functions too"
)]

use std::time::{Duration, Instant};

use cxone_actions::profile::Profile;
use cxone_actions::{ActionResult, CallOptions, Client, ErrorKind, Executed, Result};
use cxone_actions_faults::{
    Caller, FIXED_TOKEN, Gateway, GatewayOptions, Ground, Point, Step, proof, request,
};
use futures_util::StreamExt;
use futures_util::future::join_all;

const SECOND: Duration = Duration::from_secs(1);

fn within(timeout: Duration) -> CallOptions {
    CallOptions { timeout: Some(timeout), ..CallOptions::default() }
}

/// A 429 that says when to come back.
fn throttled(retry_after: &str) -> Step {
    Step::status(429).header("retry-after", retry_after)
}

/// The times of the POSTs, from the first one on.
fn posts(gateway: &Gateway) -> Vec<Duration> {
    let seen = gateway.seen(Point::Invoke);
    seen.iter().map(|post| post.at - seen[0].at).collect()
}

/// What becomes of one call to a gateway that answers so, how long it took, and how often it was sent.
async fn called(ground: &Ground, steps: Vec<Step>) -> (Result<ActionResult>, Duration, usize) {
    let gateway = ground.gateway();
    gateway.script(Point::Invoke, steps);
    let client = ground.open(ground.builder_with_token(&gateway));
    let began = Instant::now();
    let outcome = client.run_with(request("throttled"), within(SECOND * 20)).await;
    (outcome, began.elapsed(), gateway.count(Point::Invoke))
}

/// Fault 26.
#[test]
fn what_a_gateway_says_of_coming_back_is_honoured_in_every_form() {
    proof(async |ground: &Ground| {
        let dated = |date: &str| vec![throttled(date).header("date", "Sun, 06 Nov 1994 08:49:37 GMT")];
        // The gateway's clock is decades behind: only the difference of its own two dates counts.
        let cases = [
            ("no header, twice", vec![Step::status(429), Step::status(429)], 0),
            ("seconds", vec![throttled("3")], 3),
            ("a date", dated("Sun, 06 Nov 1994 08:49:39 GMT"), 2),
            ("an RFC 850 date", dated("Sunday, 06-Nov-94 08:49:39 GMT"), 2),
            ("an asctime date", dated("Sun Nov  6 08:49:39 1994"), 2),
            ("a date that has passed", dated("Sun, 06 Nov 1994 08:49:00 GMT"), 0),
            ("junk", vec![throttled("soon")], 0),
            ("a negative number", vec![throttled("-5")], 0),
            ("nothing", vec![throttled("")], 0),
        ];
        let calls = cases.map(async |(what, steps, least)| {
            let sends = steps.len() + 1;
            let (outcome, took, sent) = called(ground, steps).await;
            assert!(outcome.unwrap().ok && sent == sends, "{what}: sent {sent} times");
            assert!(took >= SECOND * least && took < SECOND * (least + 10), "{what}: took {took:?}");
        });
        join_all(calls).await;
    });
}

/// Fault 26.
#[test]
fn what_nobody_waits_for_is_said_at_once() {
    proof(async |ground: &Ground| {
        let huge = "1000000000000000000000";
        for (retry_after, least) in [("61", 61.0), ("3600", 3600.0), (huge, 1e9), ("30", 30.0)] {
            let (outcome, took, sent) = called(ground, vec![throttled(retry_after)]).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::RateLimited, Executed::No), "{error}");
            assert!(error.retry_after().is_some_and(|wait| wait >= least), "{:?}", error.retry_after());
            assert!(took < SECOND * 10 && sent == 1, "`{retry_after}` took {took:?}, sent {sent} times");
        }
    });
}

/// Fault 26.
#[test]
fn a_gateway_that_always_throttles_ends_it_at_the_attempts() {
    proof(async |ground: &Ground| {
        for steps in [vec![throttled("0"); 9], vec![Step::status(429); 9]] {
            let (outcome, _, sent) = called(ground, steps).await;
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::RateLimited, Executed::No), "{error}");
            assert_eq!((sent, error.attempts(), error.http_status()), (4, Some(4), Some(429)));
        }
    });
}

/// Fault 27.
#[test]
fn after_a_429_one_probe_goes_and_the_others_follow_spread() {
    proof(async |ground: &Ground| {
        // What a machine that stood still lets go of comes back as a herd too: one of four counts.
        for _ in 0..3 {
            if is_spread(&herd(ground).await) {
                return;
            }
        }
        let rest = herd(ground).await;
        assert!(is_spread(&rest), "they came back as a herd: {rest:?}");
    });
}

fn is_spread(rest: &[Duration]) -> bool {
    let spread = rest[98].saturating_sub(rest[0]);
    let window = SECOND / 10;
    let together =
        rest.iter().map(|from| rest.iter().filter(|at| **at >= *from && **at < *from + window).count());
    spread > SECOND / 2 && spread < SECOND * 3 && together.max().unwrap() < 40
}

/// When a hundred POSTs behind a 429 went, from the second one after the probe on.
async fn herd(ground: &Ground) -> Vec<Duration> {
    let gateway = ground.gateway();
    let client = ground.open(ground.builder_with_token(&gateway).max_in_flight(200));
    gateway.script(Point::Invoke, [throttled("2"), Step::normal().after(SECOND / 2)]);
    let call = |n: usize| {
        let client = client.clone();
        tokio::spawn(async move { client.run(request(&format!("herd-{n}"))).await })
    };
    let first = call(0);
    ground.until("the 429 is seen", || client.metrics().rate_limited == 1).await;
    let others: Vec<_> = (1..100).map(call).collect();
    for result in join_all(others.into_iter().chain([first])).await {
        assert!(result.unwrap().unwrap().ok);
    }
    let posts = posts(&gateway);
    assert_eq!(posts.len(), 101);
    assert!(posts[1] >= SECOND * 2, "the probe went after {:?}", posts[1]);
    let (probe, rest) = (posts[1], &posts[2..]);
    assert!(rest[0] >= probe + SECOND / 2, "a second one went before the probe's answer");
    rest.to_vec()
}

#[test]
fn a_probe_whose_caller_goes_away_hands_its_role_on() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        let invocation = client.invoke(request("polled")).await.unwrap();
        gateway.script(Point::Invoke, [throttled("1")]);
        gateway.script(Point::Poll, [Step::silence()]);
        let throttled = tokio::spawn({
            let client = client.clone();
            async move { client.run(request("throttled")).await }
        });
        ground.until("the 429 is seen", || client.metrics().rate_limited == 1).await;
        // Two stand at the front, and either may be the probe: where it is the poll, it is lost with its caller.
        let polling = tokio::spawn({
            let client = client.clone();
            async move { client.poll(invocation, SECOND * 20).await }
        });
        ground.until("the poll is on its way", || gateway.count(Point::Poll) == 1).await;
        polling.abort();
        let began = Instant::now();
        assert!(throttled.await.unwrap().unwrap().ok);
        // For one that is only slow it would wait five seconds.
        assert!(began.elapsed() < SECOND * 4, "it waited {:?} for a probe that was gone", began.elapsed());
    });
}

#[test]
fn the_last_look_is_taken_though_the_gate_is_shut() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        let invocation = client.invoke(request("polled")).await.unwrap();
        gateway.script(Point::Invoke, [throttled("30")]);
        let error = client.run_with(request("throttled"), within(SECOND)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        let began = Instant::now();
        let late = client.run_with(request("late"), within(SECOND * 15)).await.unwrap_err();
        assert_eq!((late.kind(), late.executed()), (ErrorKind::RateLimited, Executed::No));
        assert!(late.retry_after().is_some_and(|wait| wait > 20.0) && began.elapsed() < SECOND * 5, "{late}");
        assert!(client.poll(invocation, SECOND).await.unwrap().ok);
        assert!(began.elapsed() > SECOND / 2, "a look was taken before the last one");
        assert_eq!((gateway.count(Point::Poll), gateway.count(Point::Invoke)), (1, 2));
    });
}

/// The headers in which gateways say that nothing is left for so many seconds.
fn nothing_left(step: Step, form: usize, seconds: u32) -> Step {
    let seconds = &seconds.to_string();
    match form {
        0 => step
            .header("ratelimit-limit", "9")
            .header("ratelimit-remaining", "0")
            .header("ratelimit-reset", seconds),
        1 => step.header("ratelimit", &format!("limit=9, remaining=0, reset={seconds}")),
        2 => step.header("ratelimit", &format!("\"default\";r=0;t={seconds}")),
        3 => step.header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", seconds),
        _ => step
            .header("inin-ratelimit-count", "300")
            .header("inin-ratelimit-allowed", "300")
            .header("inin-ratelimit-reset", seconds),
    }
}

#[test]
fn with_nothing_left_nobody_sends_before_the_reset() {
    proof(async |ground: &Ground| {
        let accepted = r#"{"invocationId":"$INVOCATION","status":"COMPLETED","outputs":{}}"#;
        let running = r#"{"invocationId":"$INVOCATION","status":"RUNNING"}"#;
        let calls = (0..5).flat_map(|form| [Point::Invoke, Point::Poll].map(|point| (form, point)));
        let calls = calls.map(async |(form, point)| {
            let gateway = ground.gateway();
            let client = ground.open(ground.builder_with_token(&gateway));
            match point {
                Point::Invoke => {
                    let step = Step::answer(200, accepted).executing();
                    gateway.script(point, [nothing_left(step, form, 2)]);
                }
                _ => gateway.script(point, [nothing_left(Step::answer(200, running), form, 2)]),
            }
            let began = Instant::now();
            assert!(client.run(request("first")).await.unwrap().ok);
            assert!(client.run(request("second")).await.unwrap().ok);
            let took = began.elapsed();
            assert!(took >= SECOND * 2 && took < SECOND * 15, "form {form}, {point:?}: took {took:?}");
        });
        join_all(calls).await;
    });
}

#[test]
fn a_reset_beyond_the_deadline_is_said_at_once() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        gateway.script(Point::Invoke, [nothing_left(Step::status(429), 4, 17)]);
        for id in ["answered", "kept"] {
            let began = Instant::now();
            let error = client.run_with(request(id), within(SECOND * 8)).await.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::RateLimited, Executed::No), "{error}");
            assert!(error.retry_after().is_some_and(|wait| wait > 9.0), "{id}: {:?}", error.retry_after());
            assert!(began.elapsed() < SECOND * 4, "took {:?}", began.elapsed());
        }
        assert_eq!(gateway.count(Point::Invoke), 1);
    });
}

#[test]
fn the_profiles_rate_counts_what_the_profile_says() {
    proof(async |ground: &Ground| {
        for (counts, least, most) in [("requests", 2, 12), ("invokes", 0, 2)] {
            let limits = format!("\n[limits]\nrate = \"3/3s\"\nrate_counts = \"{counts}\"\n");
            let text = Profile::text("gateway").unwrap().replace("\n[limits]\n", &limits);
            assert!(text.contains(&limits), "the profile has no such table");
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("limited.toml");
            std::fs::write(&path, text).unwrap();
            let gateway =
                ground.gateway_with(GatewayOptions { pending_looks: 3, ..GatewayOptions::default() });
            let builder = ground.builder_with_token(&gateway).profile(path.to_str().unwrap());
            let client = ground.open(builder);
            // One POST and four looks: two more requests than the burst lets through.
            let began = Instant::now();
            assert!(client.run(request("limited")).await.unwrap().ok);
            let took = began.elapsed();
            assert!(took >= SECOND * least && took < SECOND * most, "{counts}: took {took:?}");
        }
    });
}

/// Fault 48.
#[test]
fn a_full_queue_holds_its_bound_and_the_rest_is_unsent() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        // Nobody leaves before all of them have come.
        gateway.script(Point::Invoke, vec![Step::normal().after(SECOND * 5); 64]);
        let calls = (0..5_000).map(|n| client.invoke(request(&format!("many-{n}"))));
        let outcomes = join_all(calls).await;
        let mut sent = 0;
        for (n, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Ok(_) => sent += 1,
                Err(error) => {
                    let expected = (ErrorKind::Overloaded, Executed::No, Some(0));
                    assert_eq!((error.kind(), error.executed(), error.attempts()), expected, "{error}");
                    assert_eq!(gateway.executions(&format!("many-{n}")), 0);
                }
            }
        }
        // 64 on the wire, 1024 in the queue; a few more where permits became free before the last one came.
        assert!((1_088..1_088 + 3 * 64).contains(&sent), "{sent} were let in");
        assert_eq!(gateway.count(Point::Invoke), sent);
    });
}

#[test]
fn new_invocations_do_not_starve_polls_nor_polls_new_invocations() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway).max_in_flight(2));
        let call = |n: usize, client: &Caller| {
            let client = client.clone();
            tokio::spawn(
                async move { client.run_with(request(&format!("many-{n}")), within(SECOND * 120)).await },
            )
        };
        let polled = client.invoke(request("polled")).await.unwrap();
        gateway.always(Point::Invoke, Step::normal().after(SECOND / 50));
        gateway.always(Point::Poll, Step::state("RUNNING").after(SECOND / 50));
        let many: Vec<_> = (0..150).map(|n| call(n, &client)).collect();
        ground.until("they queue", || gateway.count(Point::Invoke) > 4).await;
        // Alone, 150 POSTs keep the two permits for a second and a half.
        let path = polled.invocation_id.clone().unwrap();
        let polling = tokio::spawn({
            let client = client.clone();
            async move { client.poll(polled, SECOND * 120).await }
        });
        ground.until("all of them are polled", || gateway.count(Point::Invoke) > 150).await;
        let first_look = gateway.seen(Point::Poll).into_iter().find(|look| look.target().contains(&path));
        let last_post = gateway.seen(Point::Invoke).into_iter().map(|post| post.at).max();
        assert!(
            first_look.map(|look| look.at).unwrap() < last_post.unwrap(),
            "a look waited behind every new invocation"
        );
        let began = Instant::now();
        client.invoke(request("new")).await.unwrap();
        assert!(began.elapsed() < SECOND * 10, "a new invocation waited {:?} behind looks", began.elapsed());
        gateway.clear();
        for result in join_all(many.into_iter().chain([polling])).await {
            assert!(result.unwrap().unwrap().ok);
        }
    });
}

/// Fault 49.
#[test]
fn in_a_total_outage_next_to_nothing_is_sent_again() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.open(ground.builder_with_token(&gateway));
        gateway.close_port(true);
        let requests = (0..10_000).map(|n| request(&format!("outage-{n}")));
        let outcomes: Vec<_> = client.run_many(requests, 500).collect().await;
        for outcome in outcomes {
            let error = outcome.result.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Unavailable, Executed::No), "{error}");
        }
        let repeated = client.metrics().retries;
        assert!((1..=35).contains(&repeated), "{repeated} sends were repeated");
        gateway.open_port();
        assert!(client.run(request("after")).await.unwrap().ok);
    });
}

/// Fault 37.
#[test]
fn a_thousand_that_began_together_do_not_poll_together() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        // The schedule is the library's own here, not the short one of the other tests.
        let client = ground
            .open(Client::builder().base_url(gateway.base_url()).token(FIXED_TOKEN).max_in_flight(1_000));
        gateway.always(Point::Poll, Step::state("RUNNING"));
        let began = Instant::now();
        let calls =
            (0..1_000).map(|n| client.run_with(request(&format!("together-{n}")), within(SECOND * 27)));
        for outcome in join_all(calls).await {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PollTimeout);
        }
        let mut looks = [0_usize; 6];
        for look in gateway.seen(Point::Poll) {
            // The last look of each belongs to its deadline.
            if let Some(count) = (look.at - began)
                .as_secs()
                .checked_sub(20)
                .and_then(|second| looks.get_mut(usize::try_from(second).ok()?))
            {
                *count += 1;
            }
        }
        let mean = looks.iter().sum::<usize>() / looks.len();
        assert!(
            mean > 100 && looks.iter().all(|count| *count <= 2 * mean),
            "looks in each second: {looks:?}"
        );
    });
}
