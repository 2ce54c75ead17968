//! What a vendor's gateway does to every answer, and how it counts.

use std::time::Duration;

use cxone_actions_sandbox::{Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use crate::profiles::{authorized, sandbox, send};
use crate::wire::{INVOCATIONS, Wire, invocation};

const JSON: (&str, &str) = ("content-type", "application/json");
const DATA: &str = "genesys-data-action";
const FLOW: &str = "genesys-flow";
const CXONE: &str = "cxone-extraction";
const ECHO: &str = "/api/v2/integrations/actions/custom_-_echo/execute";
const FLOWS: &str = "/api/v2/flows/executions";
const JOBS: &str = "/data-extraction/v1/jobs";

fn with_rate(profile: &str, rate_limit: Option<&str>) -> Sandbox {
    let rate_limit = rate_limit.map(str::to_owned);
    Sandbox::start(SandboxOptions { profile: profile.into(), rate_limit, ..SandboxOptions::default() })
        .unwrap()
}

#[test]
fn genesys_names_every_exchange_as_it_was_asked_to_or_by_itself() {
    let sandbox = sandbox(DATA);
    let mut wire = authorized(&sandbox, DATA);
    let mine = [JSON, ("inin-correlation-id", "my-own-1")];
    let refused =
        send(&mut wire, "POST", "/api/v2/integrations/actions/custom_-_nothing/execute", &mine, "{}");
    assert_eq!(refused.header("inin-correlation-id"), Some("my-own-1"));
    assert_eq!(refused.json()["contextId"], "my-own-1");
    let failed = send(&mut wire, "POST", "/api/v2/integrations/actions/custom_-_fails/execute", &mine, "{}");
    assert_eq!(failed.json()["correlationId"], "my-own-1");
    let mut seen = Vec::new();
    for (method, path) in [("POST", ECHO), ("GET", "/nowhere"), ("POST", "/oauth/token")] {
        let answer = send(&mut wire, method, path, &[JSON], "{}");
        seen.push(answer.header("inin-correlation-id").unwrap().to_owned());
    }
    assert!(seen.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()), "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn genesys_counts_every_request_of_a_token_and_refuses_those_beyond_its_allowance() {
    let sandbox = with_rate(DATA, Some("3/60s"));
    let mut wire = authorized(&sandbox, DATA);
    let describe = "/api/v2/integrations/actions/custom_-_echo";
    let quota = |answer: &crate::wire::Answer| {
        ["count", "allowed"].map(|what| answer.header(&format!("inin-ratelimit-{what}")).map(str::to_owned))
    };
    for (count, (method, path)) in [("POST", ECHO), ("GET", describe), ("POST", ECHO)].into_iter().enumerate()
    {
        let answer = send(&mut wire, method, path, &[], "{}");
        assert_eq!(answer.status, 200);
        assert_eq!(quota(&answer), [Some((count + 1).to_string()), Some("3".into())]);
        assert_eq!(answer.header("retry-after"), None);
    }
    let refused = send(&mut wire, "POST", ECHO, &[], "{}");
    assert_eq!((refused.status, refused.text("code").as_str()), (429, "too.many.requests"));
    let reset: u64 = refused.header("inin-ratelimit-reset").unwrap().parse().unwrap();
    assert!((1..=60).contains(&reset), "{reset}");
    assert_eq!(refused.header("retry-after"), Some(reset.to_string().as_str()));
    assert_eq!(sandbox.totals().executions, 2);
    let mut other = authorized(&sandbox, DATA);
    assert_eq!(send(&mut other, "POST", ECHO, &[], "{}").status, 200, "another token has its own allowance");
    assert_eq!(quota(&send(&mut Wire::open(&sandbox), "GET", describe, &[], "")), [None, None], "nobody's");

    let usual = with_rate(FLOW, None);
    let mut wire = authorized(&usual, FLOW);
    let answer = send(&mut wire, "GET", &format!("{FLOWS}/{}", actions::ECHO), &[], "");
    assert_eq!(quota(&answer), [Some("1".into()), Some("300".into())]);
}

#[test]
fn cxone_takes_one_submission_in_its_time_and_does_not_say_when_to_come_again() {
    let sandbox = with_rate(CXONE, None);
    let query = json!({"entityName": "echo"}).to_string();
    let mut wire = authorized(&sandbox, CXONE);
    let id: String = serde_json::from_str(&send(&mut wire, "POST", JOBS, &[], &query).body).unwrap();
    let mut other = authorized(&sandbox, CXONE);
    let refused = send(&mut other, "POST", JOBS, &[], &query);
    assert_eq!((refused.status, refused.body.as_str()), (429, ""), "whoever of the tenant asks");
    assert!(refused.header("icstatusdescription").unwrap().contains("1 requests are allowed"));
    assert_eq!(refused.header("retry-after"), None);
    for _ in 0..3 {
        assert_eq!(
            send(&mut wire, "GET", &format!("{JOBS}/{id}"), &[], "").status,
            200,
            "looks are not counted"
        );
    }
    assert_eq!(sandbox.totals().executions, 1);
}

#[test]
fn cxone_renders_nothing_for_who_does_not_ask_for_json_and_names_its_exchanges() {
    let sandbox = sandbox(CXONE);
    let mut wire = authorized(&sandbox, CXONE);
    let query = json!({"entityName": "echo"}).to_string();
    for accept in [None, Some(("accept", "*/*")), Some(("accept", "text/html"))] {
        let headers: Vec<_> = [JSON, ("correlationid", "mine-1")].into_iter().chain(accept).collect();
        let answer = send(&mut wire, "POST", JOBS, &headers, &query);
        assert_eq!((answer.status, answer.body.as_str()), (202, "No known way to render data"));
        assert_eq!(answer.header("content-type"), Some("application/html"));
        assert_eq!(answer.header("correlationid"), Some("mine-1"));
    }
    assert_eq!(sandbox.executions("mine-1"), 3, "it was executed all the same");
    let answer = send(&mut wire, "POST", JOBS, &[], &query);
    assert!(
        answer.body.starts_with('"')
            && uuid::Uuid::parse_str(answer.header("correlationid").unwrap()).is_ok()
    );
    for (path, body, status) in [(JOBS, "{}", 400), (&format!("{JOBS}/x") as &str, "", 404)] {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let refused = send(&mut wire, method, path, &[], body);
        assert_eq!(refused.status, status);
        assert!(refused.header("icstatusdescription").is_some_and(|why| !why.is_empty()));
        assert_eq!(refused.body.is_empty(), status != 400);
    }
}

/// The POST that echoes, for each profile.
fn echo(profile: &str, correlation_id: &str) -> (&'static str, String) {
    match profile {
        "gateway" => (INVOCATIONS, invocation(actions::ECHO, json!({}), correlation_id)),
        DATA => (ECHO, "{}".into()),
        FLOW => (FLOWS, json!({"flowId": actions::ECHO, "name": correlation_id}).to_string()),
        _ => (JOBS, json!({"entityName": "echo"}).to_string()),
    }
}

fn opened(profile: &str, deduplicate: bool) -> (Sandbox, Wire) {
    let options = SandboxOptions {
        profile: profile.into(),
        rate_limit: Some("none".into()),
        complete_after: Duration::ZERO,
        deduplicate,
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options).unwrap();
    let wire = if profile == "gateway" { Wire::authorized(&sandbox) } else { authorized(&sandbox, profile) };
    (sandbox, wire)
}

#[test]
fn executions_are_counted_by_what_each_profile_sends() {
    let headers = ["idempotency-key", "x-correlation-id", "inin-correlation-id", "correlationid"];
    for profile in ["gateway", DATA, FLOW, CXONE] {
        for header in headers {
            let (sandbox, mut wire) = opened(profile, false);
            let (path, body) = echo(profile, "in-the-body");
            let answer = send(&mut wire, "POST", path, &[JSON, (header, "in-a-header")], &body);
            assert!(answer.status < 300, "{answer:?}");
            let in_body = matches!(profile, "gateway" | FLOW);
            let counted = if in_body { "in-the-body" } else { "in-a-header" };
            assert_eq!(sandbox.executions(counted), 1, "{profile} with {header}");
            let requests = sandbox.requests();
            assert_eq!(requests.last().unwrap().correlation_id.as_deref(), Some(counted));
        }
    }
}

#[test]
fn a_gateway_that_deduplicates_executes_once_and_answers_alike() {
    for profile in ["gateway", DATA, FLOW, CXONE] {
        for (deduplicate, executions) in [(false, 2), (true, 1)] {
            let (sandbox, mut wire) = opened(profile, deduplicate);
            let (path, body) = echo(profile, "once");
            let headers = [JSON, ("accept", "application/json"), ("idempotency-key", "once")];
            sandbox.inject("invoke", json!({"close": "after_request"}), 1).unwrap();
            let authorization = format!("Bearer {}", wire.token.clone().unwrap());
            let mut lost = Wire::open(&sandbox);
            let sent: Vec<_> =
                headers.iter().copied().chain([("authorization", authorization.as_str())]).collect();
            assert!(lost.send("POST", path, &sent, body.as_bytes()).is_err(), "the answer is lost");
            let again = send(&mut wire, "POST", path, &headers, &body);
            assert!(again.status < 300, "{again:?}");
            assert_eq!(sandbox.executions("once"), executions, "{profile}");
            if deduplicate {
                let third = send(&mut wire, "POST", path, &headers, &body);
                let id = |answer: &crate::wire::Answer| match profile {
                    "gateway" => Value::from(answer.text("invocationId")),
                    FLOW => Value::from(answer.text("id")),
                    _ => answer.json(),
                };
                assert_eq!(id(&third), id(&again), "{profile}");
            }
        }
    }
}

#[test]
fn a_fault_answers_in_the_profiles_own_envelope_with_its_headers() {
    for (profile, point, code) in [
        (DATA, "describe", "service.unavailable"),
        (DATA, "invoke", "service.unavailable"),
        (FLOW, "poll", "service.unavailable"),
    ] {
        let sandbox = sandbox(profile);
        let mut wire = authorized(&sandbox, profile);
        sandbox.inject(point, json!({"status": 503}), 1).unwrap();
        let (method, path) = match point {
            "describe" => ("GET", "/api/v2/integrations/actions/custom_-_echo"),
            "invoke" => ("POST", ECHO),
            _ => ("GET", "/api/v2/flows/executions/x"),
        };
        let answer = send(&mut wire, method, path, &[], "{}");
        assert_eq!((answer.status, answer.text("code").as_str()), (503, code), "{profile} {point}");
        assert!(answer.header("inin-correlation-id").is_some());
    }
    let sandbox = sandbox(CXONE);
    sandbox
        .inject("discovery", json!({"merge": {"token_endpoint": "http://elsewhere.invalid/"}}), 1)
        .unwrap();
    let mut wire = Wire::open(&sandbox);
    let mut discover = || wire.send("GET", "/.well-known/openid-configuration", &[], b"").unwrap();
    assert_eq!(discover().text("token_endpoint"), "http://elsewhere.invalid/");
    assert_eq!(discover().text("token_endpoint"), "http://sandbox/auth/token");
    sandbox.inject("invoke", json!({"status": 500}), 1).unwrap();
    let mut wire = authorized(&sandbox, CXONE);
    let answer = send(&mut wire, "POST", JOBS, &[], "{}");
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert!(answer.header("icstatusdescription").is_some());
}

#[test]
fn each_profile_takes_its_own_size_and_no_more() {
    for (profile, limit, code) in [(DATA, 512_000, 413), (FLOW, 512_000, 413), (CXONE, 16 * 1024 * 1024, 413)]
    {
        let sandbox = sandbox(profile);
        let mut wire = authorized(&sandbox, profile);
        let body = |bytes: usize| {
            let around = match profile {
                DATA => (String::from(r#"{"text":""#), r#""}"#),
                FLOW => (format!(r#"{{"flowId":"{}","inputData":{{"text":""#, actions::ECHO), r#""}}"#),
                _ => (String::from(r#"{"entityName":"at-once","text":""#), r#""}"#),
            };
            let padding = bytes - around.0.len() - around.1.len();
            format!("{}{}{}", around.0, "x".repeat(padding), around.1)
        };
        let path = echo(profile, "").0;
        assert!(send(&mut wire, "POST", path, &[], &body(limit)).status < 300, "{profile}");
        assert_eq!(send(&mut wire, "POST", path, &[], &body(limit + 1)).status, code, "{profile}");
    }
}
