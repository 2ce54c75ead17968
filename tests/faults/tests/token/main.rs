//! Rows 1 to 13: one token for everybody, whatever the token service does.

mod refused;

use std::time::{Duration, Instant};

use cxone_actions::{CallOptions, Cause, Error, ErrorKind, Executed};
use cxone_actions_faults::{
    CLIENT_ID, CLIENT_SECRET, Caller, Gateway, GatewayOptions, Ground, Point, Step, proof, request,
};
use futures_util::future::{join_all, select_all};

fn lasting(seconds: f64) -> GatewayOptions {
    GatewayOptions { token_lifetime: seconds, ..GatewayOptions::default() }
}

fn token_posts(gateway: &Gateway) -> usize {
    gateway.count(Point::Token)
}

fn is_unsent(error: &Error, kind: ErrorKind, what: &str) {
    assert_eq!((error.kind(), error.executed()), (kind, Executed::No), "{what}: {error}");
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{what}: {error}");
}

/// Calls one after another until the time is up; how long each took, and its errors.
async fn calling(client: &Caller, name: &str, time: Duration) -> (Vec<Duration>, Vec<Error>) {
    let (until, mut took, mut errors) = (Instant::now() + time, Vec::new(), Vec::new());
    let mut n = 0;
    while Instant::now() < until {
        let began = Instant::now();
        let options = CallOptions { timeout: Some(Duration::from_secs(1)), ..CallOptions::default() };
        match client.run_with(request(&format!("{name}-{n}")), options).await {
            Ok(result) => assert!(result.ok),
            Err(error) => errors.push(error),
        }
        took.push(began.elapsed());
        n += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (took, errors)
}

/// Fault 1.
#[test]
fn a_thousand_cold_callers_cost_one_token() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.script(Point::Token, [Step::normal().after(Duration::from_millis(50))]);
        let client = ground.open(ground.builder(&gateway).max_queued(2_000));
        let calls = (0..1_000).map(|n| client.run(request(&format!("cold-{n}"))));
        for result in join_all(calls.collect::<Vec<_>>()).await {
            assert!(result.unwrap().ok);
        }
        assert_eq!((token_posts(&gateway), client.metrics().token_refreshes), (1, 1));
    });
}

/// Fault 2.
#[test]
fn a_token_that_runs_out_under_a_thousand_calls_is_refreshed_once_and_fails_nobody() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(lasting(1.0));
        gateway.always(Point::Token, Step::normal().after(Duration::from_millis(30)));
        let client = ground.open(ground.builder(&gateway).max_queued(2_000));
        client.run(request("warm")).await.unwrap();
        let began = Instant::now();
        // Each call begins at its own time, all over the second in which the token runs out.
        let calls = (0..1_000).map(|n| {
            let client = client.clone();
            async move {
                tokio::time::sleep(Duration::from_micros(1_300 * n)).await;
                client.run(request(&format!("call-{n}"))).await
            }
        });
        for result in join_all(calls.map(tokio::spawn).collect::<Vec<_>>()).await {
            assert!(result.unwrap().unwrap().ok);
        }
        let most = 2 + usize::try_from(began.elapsed().as_secs()).unwrap();
        assert!((2..=most).contains(&token_posts(&gateway)), "{} tokens", token_posts(&gateway));
    });
}

/// Fault 3.
#[test]
fn nobody_waits_for_a_refresh_that_hangs_while_the_old_token_serves() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(lasting(8.0));
        let client = ground.client(&gateway);
        client.run(request("warm")).await.unwrap();
        gateway.always(Point::Token, Step::normal().after(Duration::from_secs(20)));
        let (before, errors) = calling(&client, "before", Duration::from_millis(500)).await;
        assert!(errors.is_empty() && token_posts(&gateway) == 1, "{errors:?}");
        tokio::time::sleep(Duration::from_millis(5_400)).await;
        let (within, errors) = calling(&client, "within", Duration::from_millis(600)).await;
        assert!(errors.is_empty(), "the old token serves: {errors:?}");
        assert_eq!(token_posts(&gateway), 2, "one refresh is under way");
        let middle = |mut times: Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let (before, within) = (middle(before), middle(within));
        assert!(within < before * 5 + Duration::from_millis(100), "{before:?} before, {within:?} within");
    });
}

/// Fault 4.
#[test]
fn a_token_service_that_was_down_past_the_expiry_is_found_again_within_five_seconds() {
    let ways = [
        ("503", Step::status(503)),
        ("reset", Step::reset()),
        ("fin", Step::fin_unread()),
        ("torn", Step::half_body()),
        ("silence", Step::silence()),
    ];
    proof(async |ground: &Ground| {
        let down = ways.map(async |(way, step)| {
            let gateway = ground.gateway_with(lasting(1.0));
            let client = ground.client(&gateway);
            client.run(request("warm")).await.unwrap();
            gateway.always(Point::Token, step);
            // A token that came early, in a warming that took long, has run out by then too.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let (_, errors) = calling(&client, way, Duration::from_secs(4)).await;
            assert!(errors.len() > 2, "{way}: callers are told meanwhile");
            for error in &errors {
                is_unsent(error, ErrorKind::Unavailable, way);
                let cause = error.cause().map(Cause::code);
                assert!(way != "silence" || cause == Some("ETIMEDOUT"), "{way}: {cause:?}");
            }
            gateway.clear();
            let back = Instant::now();
            let mut n = 0;
            while client.run(request(&format!("{way}-back-{n}"))).await.is_err() {
                n += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // The five seconds to the tick are a test of the cache with a clock of its own.
            assert!(back.elapsed() < Duration::from_secs(15), "{way}: {:?}", back.elapsed());
            assert!(token_posts(&gateway) < 40, "{way}: {} requests", token_posts(&gateway));
        });
        join_all(down).await;
    });
}

/// Fault 5; a whole minute of it is a test of the cache with a clock of its own.
#[test]
fn refused_credentials_are_asked_about_ever_more_seldom() {
    proof(async |ground: &Ground| {
        let refused = [400, 401].map(async |status| {
            let gateway = ground.gateway();
            let answer = r#"{"error":"invalid_client","error_description":"no $SECRET and $AUTH"}"#;
            gateway.always(Point::Token, Step::answer(status, answer));
            let client = ground.client(&gateway);
            let (_, errors) = calling(&client, &format!("no-{status}"), Duration::from_secs(4)).await;
            assert!(errors.len() > 20, "{} calls", errors.len());
            for error in &errors {
                is_unsent(error, ErrorKind::Auth, "refused");
                assert_eq!(
                    (error.http_status(), error.gateway_code()),
                    (Some(status), Some("invalid_client"))
                );
                assert!(error.hint().is_some_and(|hint| hint.contains("client_id")), "{error}");
            }
            assert_eq!(token_posts(&gateway), 3, "at 0, 1 and 3 seconds");
            assert_eq!(gateway.count(Point::Invoke), 0);
        });
        join_all(refused).await;
    });
}

/// Fault 6.
#[test]
fn a_torn_token_answer_is_asked_again_and_refreshing_goes_on_for_good() {
    proof(async |ground: &Ground| {
        let torn = [
            ("half_body", Step::half_body()),
            ("half_head", Step::half_head()),
            ("garbage", Step::garbage()),
            ("fin", Step::fin()),
            ("reset", Step::reset()),
            ("empty", Step::answer(200, "")),
            ("half_json", Step::answer(200, r#"{"access_token":"CANARY-torn","expires_"#)),
            ("bomb", Step::gzip_bomb(64 * 1024 * 1024)),
            ("oversize", Step::oversize(17 * 1024 * 1024)),
        ];
        for (name, step) in torn {
            let gateway = ground.gateway();
            let client = ground.client(&gateway);
            for round in 0..4 {
                gateway.script(Point::Token, [step.clone()]);
                let result = client.run(request(&format!("{name}-{round}"))).await.unwrap();
                assert!(result.ok, "{name}");
                assert_eq!(token_posts(&gateway), 2 * (round + 1), "{name}");
                gateway.revoke_tokens();
            }
        }
    });
}

/// Fault 10.
#[test]
fn every_expires_in_is_taken_for_what_it_says() {
    proof(async |ground: &Ground| {
        let taken =
            ["", r#","expires_in":"3600""#, r#","expires_in":3599.5"#, r#","expires_in":1000000000000"#];
        let refused = [r#","expires_in":0"#, r#","expires_in":-5"#, r#","expires_in":1e400"#];
        let answer = |lifetime: &str| {
            Step::answer(200, format!(r#"{{"access_token":"$TOKEN","token_type":"Bearer"{lifetime}}}"#))
                .executing()
        };
        for lifetime in taken {
            let gateway = ground.gateway();
            gateway.always(Point::Token, answer(lifetime));
            let client = ground.client(&gateway);
            for n in 0..3 {
                assert!(client.run(request(&format!("ok-{n}"))).await.unwrap().ok, "{lifetime}");
            }
            assert_eq!(token_posts(&gateway), 1, "{lifetime}");
        }
        for lifetime in refused {
            let gateway = ground.gateway();
            gateway.always(Point::Token, answer(lifetime));
            let client = ground.client(&gateway);
            for n in 0..3 {
                let error = client.run(request(&format!("no-{n}"))).await.unwrap_err();
                is_unsent(&error, ErrorKind::Auth, lifetime);
            }
            assert_eq!(token_posts(&gateway), 1, "{lifetime}");
        }
    });
}

/// Fault 10, `always 1`.
#[test]
fn tokens_that_serve_for_a_second_cost_one_request_a_second() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(lasting(1.0));
        let client = ground.client(&gateway);
        let (_, errors) = calling(&client, "second", Duration::from_millis(3_500)).await;
        assert!(errors.is_empty(), "{errors:?}");
        let seen = gateway.seen(Point::Token);
        let gaps = seen.windows(2).map(|pair| pair[1].at - pair[0].at);
        // The gateway's thread may be a little late to see one, and in time to see the next.
        assert!(gaps.min() > Some(Duration::from_millis(900)), "{} requests", seen.len());
        assert!((2..=4).contains(&seen.len()), "{} requests", seen.len());
    });
}

/// Fault 11; `query` is unsafe by its nature and has a test of the request that is made.
#[test]
fn a_secret_of_special_characters_arrives_exactly() {
    proof(async |ground: &Ground| {
        for auth in ["post", "basic"] {
            let gateway = ground.gateway();
            let client = ground.open(ground.builder(&gateway).client_auth(auth));
            assert!(client.run(request(auth)).await.unwrap().ok);
            let seen = gateway.seen(Point::Token);
            let credentials = (CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned());
            assert_eq!(seen[0].credentials(), Some(credentials), "{auth}");
            assert_eq!(seen[0].form("client_secret").is_some(), auth == "post");
            assert_eq!(seen[0].header("authorization").is_some(), auth == "basic");
        }
    });
}

/// Fault 12.
#[test]
fn the_others_get_the_token_when_the_caller_that_asked_for_it_goes_away() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.script(Point::Token, [Step::normal().after(Duration::from_millis(200))]);
        let client = ground.client(&gateway);
        let first = tokio::spawn({
            let client = client.clone();
            async move { client.run(request("goes-away")).await }
        });
        ground.until("the token is asked for", || token_posts(&gateway) == 1).await;
        let others: Vec<_> = (0..10)
            .map(|n| {
                let client = client.clone();
                tokio::spawn(async move { client.run(request(&format!("stays-{n}"))).await })
            })
            .collect();
        tokio::task::yield_now().await;
        first.abort();
        for other in join_all(others).await {
            assert!(other.unwrap().unwrap().ok);
        }
        assert_eq!((token_posts(&gateway), gateway.executions("goes-away")), (1, 0));
    });
}

/// Fault 13.
#[test]
fn a_redirect_or_a_portal_in_place_of_the_token_service_gets_no_secret_anywhere() {
    proof(async |ground: &Ground| {
        for status in [301, 302, 303, 307, 308] {
            let gateway = ground.gateway();
            gateway.always(Point::Token, Step::redirect(status));
            let client = ground.client(&gateway);
            let error = client.run(request("redirected")).await.unwrap_err();
            is_unsent(&error, ErrorKind::Auth, "a redirect");
            assert_eq!(error.http_status(), Some(status));
            assert_eq!((token_posts(&gateway), gateway.seen_elsewhere()), (1, 0), "{status}");
        }
        let portal = r#"<html><form action="$OTHER">$SECRET $AUTH</form></html>"#;
        let gateway = ground.gateway();
        gateway.always(Point::Token, Step::answer(200, portal).header("content-type", "text/html"));
        let client = ground.client(&gateway);
        let error = client.run(request("portal")).await.unwrap_err();
        is_unsent(&error, ErrorKind::Unavailable, "a portal");
        assert!(error.hint().is_some_and(|hint| hint.contains("token URL")), "{error}");
        assert_eq!((token_posts(&gateway), gateway.seen_elsewhere()), (3, 0));
    });
}

#[test]
fn a_service_that_echoes_what_it_was_sent_puts_no_secret_into_an_error() {
    proof(async |ground: &Ground| {
        for auth in ["post", "basic"] {
            let gateway = ground.gateway();
            let echo = r#"{"error":"invalid_request","error_description":"$ECHO, $AUTH, $SECRET"}"#;
            gateway.always(Point::Token, Step::answer(400, echo));
            let client = ground.open(ground.builder(&gateway).client_auth(auth));
            // What must not be in it is looked for in every error that a client here gives.
            is_unsent(&client.run(request(auth)).await.unwrap_err(), ErrorKind::Auth, auth);
        }
    });
}

#[test]
fn closing_does_not_wait_for_a_token_service_that_hangs() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.always(Point::Token, Step::silence());
        let client = ground.client(&gateway);
        let calls: Vec<_> = (0..5)
            .map(|n| {
                let client = client.clone();
                tokio::spawn(async move { client.run(request(&format!("hangs-{n}"))).await })
            })
            .collect();
        ground.until("the token is asked for", || token_posts(&gateway) == 1).await;
        let began = Instant::now();
        client.shutdown(Duration::from_millis(100)).await;
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        let (first, _, rest) = select_all(calls).await;
        for ended in std::iter::once(first).chain(join_all(rest).await) {
            is_unsent(&ended.unwrap().unwrap_err(), ErrorKind::Closed, "closed");
        }
    });
}
