use cxone_actions_sandbox::{Point, Sandbox, SandboxOptions, Totals, actions};
use serde_json::json;

use crate::wire::{INVOCATIONS, TOKEN, Wire, basic, invocation, post_form, sandbox};

#[test]
fn a_request_is_remembered_with_what_it_was_about() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let body = invocation(actions::ECHO, json!({"a": 1}), "corr-1");
    let id = wire.invoke_text(&body).unwrap().text("invocationId");
    wire.poll(&id).unwrap();
    wire.send("GET", "/elsewhere?x=1", &[], b"").unwrap();

    let seen = sandbox.requests();
    let points: Vec<_> = seen.iter().map(|request| request.point).collect();
    assert_eq!(points, [Point::Token, Point::Invoke, Point::Poll, Point::Other]);
    assert_eq!(seen[1].body, body);
    assert_eq!(seen[1].path, INVOCATIONS);
    assert_eq!(seen[3].path, "/elsewhere?x=1");
    assert_eq!(seen.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 202, 200, 404].map(Some));
    let correlations: Vec<_> = seen.iter().map(|request| request.correlation_id.as_deref()).collect();
    assert_eq!(correlations, [None, Some("corr-1"), Some("corr-1"), None]);
    assert_eq!(seen[1].headers["authorization"], "Bearer ***");
    assert_eq!(seen[1].headers["content-type"], "application/json");
    assert!(seen.is_sorted_by(|one, next| one.at <= next.at));
    assert!(seen.iter().all(|request| request.connection == 0));
    let json = serde_json::to_value(&seen[2]).unwrap();
    assert_eq!((json["point"].as_str(), json["method"].as_str()), (Some("poll"), Some("GET")));
}

#[test]
fn no_secret_and_no_token_is_remembered_whichever_way_it_came() {
    let secret = "c4nary+/=:é secret";
    let options = SandboxOptions {
        client_secret: Some(secret.into()),
        client_id: Some("id".into()),
        ..SandboxOptions::default()
    };
    assert!(!format!("{options:?}").contains("c4nary"));
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let form = post_form("id", secret);
    wire.token(
        &[("authorization", &basic("id", secret)), ("cookie", "c4nary")],
        "grant_type=client_credentials",
    )
    .unwrap();
    wire.send("POST", &format!("{TOKEN}?{form}"), &[], b"").unwrap();
    wire.token(&[], "client_secret=wr0ng-c4nary").unwrap();
    wire.send(
        "POST",
        TOKEN,
        &[("content-type", "application/json")],
        format!("{{\"s\":\"{secret}\"}}").as_bytes(),
    )
    .unwrap();
    wire.send("GET", &format!("/other/{}", "c4nary%2B%2F%3D%3A%C3%A9%20secret"), &[], b"").unwrap();
    let token = wire.token.clone().unwrap();
    wire.invoke_text(&invocation(actions::ECHO, json!({"text": secret}), "c")).unwrap();

    assert_eq!(sandbox.requests().len(), 7);
    let text = format!(
        "{} {:?} {sandbox:?}",
        serde_json::to_string(&sandbox.requests()).unwrap(),
        sandbox.requests()
    );
    for hidden in ["c4nary", token.as_str(), &basic("id", secret)[6..]] {
        assert!(!text.contains(hidden), "`{hidden}` in {text}");
    }
    assert!(text.contains("grant_type=client_credentials&client_id=id&client_secret=***"), "{text}");
}

#[test]
fn only_the_last_requests_are_kept_while_the_totals_stay_exact() {
    let sandbox = Sandbox::start(SandboxOptions { requests_kept: 3, ..SandboxOptions::default() }).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    for number in 0..5 {
        wire.invoke(actions::ECHO, json!({}), &format!("c{number}"));
    }
    let kept: Vec<_> = sandbox.requests().into_iter().filter_map(|request| request.correlation_id).collect();
    assert_eq!(kept, ["c2", "c3", "c4"]);
    let totals = sandbox.totals();
    assert_eq!((totals.token, totals.invoke, totals.poll, totals.executions), (1, 5, 0, 5));

    let nothing = Sandbox::start(SandboxOptions { requests_kept: 0, ..SandboxOptions::default() }).unwrap();
    Wire::authorized(&nothing);
    assert!(nothing.requests().is_empty());
    assert_eq!(nothing.totals().token, 1);
}

#[test]
fn large_bodies_do_not_fill_the_memory() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let body = invocation(actions::ECHO, json!({"text": "x".repeat(500_000)}), "c");
    for _ in 0..80 {
        assert_eq!(wire.invoke_text(&body).unwrap().status, 202);
    }
    let kept = sandbox.requests();
    let bytes: usize = kept.iter().map(|request| request.body.len()).sum();
    assert!(bytes <= 32 * 1024 * 1024 && bytes > 31 * 1024 * 1024, "{bytes}");
    assert_eq!(kept.last().unwrap().body, body);
}

#[test]
fn a_correlation_id_that_is_sent_twice_is_executed_twice_and_it_shows() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    for (correlation_id, most) in [("a", 1), ("b", 1), ("a", 2)] {
        wire.invoke(actions::ECHO, json!({}), correlation_id);
        assert_eq!(sandbox.totals().most_executions, most);
    }
    assert_eq!(["a", "b", "c"].map(|id| sandbox.executions(id)), [2, 1, 0]);
    assert_eq!(sandbox.totals().executions, 3);
}

#[test]
fn clearing_forgets_counts_and_orders_but_not_tokens_and_invocations() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let id = wire.invoke(actions::ECHO, json!({}), "c");
    sandbox.inject("poll", json!({"status": 500}), 9).unwrap();
    sandbox.clear();
    assert!(sandbox.requests().is_empty());
    assert_eq!(sandbox.totals(), Totals::default());
    assert_eq!(sandbox.executions("c"), 0);
    assert_eq!(wire.poll(&id).unwrap().status, 200);
}
