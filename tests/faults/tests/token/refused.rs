//! Rows 7 to 9: a gateway that answers 401, early, late and for ever.

use std::time::Duration;

use cxone_actions::ErrorKind;
use cxone_actions_faults::{Ground, Point, Step, proof, request};
use futures_util::future::join_all;

use super::{calling, is_unsent, token_posts};

/// Fault 7.
#[test]
fn fifty_parallel_401s_cost_one_refresh_and_each_is_replayed_once() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        client.run(request("warm")).await.unwrap();
        gateway.revoke_tokens();
        let calls = (0..50).map(|n| client.run(request(&format!("late-{n}"))));
        for result in join_all(calls.collect::<Vec<_>>()).await {
            assert!(result.unwrap().attempts <= 2);
        }
        assert_eq!(token_posts(&gateway), 2);
        assert_eq!(gateway.all_executions().len(), 51);
    });
}

/// Fault 8.
#[test]
fn a_late_401_does_not_evict_a_fresh_token() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = ground.client(&gateway);
        client.run(request("warm")).await.unwrap();
        gateway
            .script(Point::Invoke, [Step::status(401).after(Duration::from_millis(300)), Step::status(401)]);
        let late = tokio::spawn({
            let client = client.clone();
            async move { client.run(request("late")).await }
        });
        ground.until("the first is sent", || gateway.count(Point::Invoke) == 2).await;
        assert_eq!(client.run(request("early")).await.unwrap().attempts, 2);
        assert_eq!(token_posts(&gateway), 2, "one refresh, for the early one");
        assert_eq!(late.await.unwrap().unwrap().attempts, 2);
        assert_eq!(token_posts(&gateway), 2, "and none for the late one");
    });
}

/// Fault 9.
#[test]
fn a_service_that_gives_the_refused_token_again_does_not_make_a_loop() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway
            .always(Point::Token, Step::answer(200, r#"{"access_token":"CANARY-stale","expires_in":3600}"#));
        let client = ground.client(&gateway);
        let error = client.run(request("stale")).await.unwrap_err();
        is_unsent(&error, ErrorKind::Auth, "the same token again");
        assert_eq!((error.http_status(), error.attempts()), (Some(401), Some(2)));
        assert_eq!((token_posts(&gateway), gateway.count(Point::Invoke)), (2, 2), "one forced refresh");

        let (_, errors) = calling(&client, "again", Duration::from_secs(2)).await;
        assert!(errors.len() > 10, "{} calls", errors.len());
        for error in &errors {
            is_unsent(error, ErrorKind::Auth, "again");
        }
        assert!(token_posts(&gateway) <= 8, "{} token requests in two seconds", token_posts(&gateway));
        assert!(gateway.count(Point::Invoke) <= 16, "{} sends", gateway.count(Point::Invoke));
        assert!(gateway.all_executions().is_empty());
    });
}

/// Fault 9, the other way round: tokens that work are renewed as often as one is refused.
#[test]
fn a_gateway_that_refuses_every_third_request_costs_refreshes_and_no_failure() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.choose(|point, nth| (point == Point::Invoke && nth % 3 == 2).then(|| Step::status(401)));
        let client = ground.client(&gateway);
        for n in 0..60 {
            assert!(client.run(request(&format!("third-{n}"))).await.unwrap().attempts <= 2);
        }
    });
}
