//! Each profile in the shapes of its vendor, from one table of what is sent and what comes back.

use std::time::{Duration, Instant};

use cxone_actions_sandbox::{Action, Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use crate::wire::{Answer, Wire, basic, encoded};

/// So long an invocation takes.
const AT_WORK: Duration = Duration::from_millis(5);
const PLAIN: &[(&str, &str)] = &[("accept", "application/json"), ("content-type", "application/json")];

pub(crate) fn sandbox(profile: &str) -> Sandbox {
    open(SandboxOptions { profile: profile.into(), rate_limit: Some("none".into()), ..usual() })
}

fn usual() -> SandboxOptions {
    SandboxOptions { complete_after: AT_WORK, ..SandboxOptions::default() }
}

fn open(options: SandboxOptions) -> Sandbox {
    Sandbox::start(options).unwrap()
}

/// A connection with a token, however the profile issues one.
pub(crate) fn authorized(sandbox: &Sandbox, profile: &str) -> Wire {
    let mut wire = Wire::open(sandbox);
    let client = basic(sandbox.client_id(), sandbox.client_secret());
    let form = if profile == "cxone-extraction" { password(sandbox) } else { CLIENT.into() };
    let path = if profile == "cxone-extraction" { "/auth/token" } else { "/oauth/token" };
    let answer = token(&mut wire, path, &[("authorization", &client)], &form);
    assert_eq!(answer.status, 200, "{answer:?}");
    wire.token = Some(answer.text("access_token"));
    wire
}

const CLIENT: &str = "grant_type=client_credentials";

fn password(sandbox: &Sandbox) -> String {
    let (id, secret) = (encoded(sandbox.access_key_id()), encoded(sandbox.access_key_secret()));
    format!("grant_type=password&username={id}&password={secret}")
}

fn token(wire: &mut Wire, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    wire.send("POST", path, &all, body.as_bytes()).unwrap()
}

pub(crate) fn send(wire: &mut Wire, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
    let authorization = format!("Bearer {}", wire.token.clone().unwrap_or_default());
    let mut headers = vec![("authorization", authorization.as_str())];
    headers.extend_from_slice(if more.is_empty() { PLAIN } else { more });
    wire.send(method, path, &headers, body.as_bytes()).unwrap()
}

/// What is wrong with `actual`, where `expected` says what has to be in it; `"*"` is any text that is not empty.
fn unlike(expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::String(any), Value::String(text)) if any == "*" && !text.is_empty() => None,
        (Value::Object(expected), Value::Object(actual)) => expected
            .iter()
            .find_map(|(name, value)| {
                unlike(value, actual.get(name).unwrap_or(&Value::Null)).map(|what| format!("{name}: {what}"))
            })
            .or_else(|| {
                let more: Vec<_> = actual.keys().filter(|name| !expected.contains_key(*name)).collect();
                (!more.is_empty()).then(|| format!("also has {more:?}"))
            }),
        _ if expected == actual => None,
        _ => Some(format!("expected {expected}, got {actual}")),
    }
}

#[track_caller]
fn assert_like(answer: &Answer, status: u16, expected: &Value) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(unlike(expected, &answer.json()), None, "{answer:?}");
}

/// One exchange: profile, method, path, body, then the status and the whole body of the answer.
type Exchange = (&'static str, &'static str, String, Value, u16, Value);

const DATA: &str = "genesys-data-action";
const FLOW: &str = "genesys-flow";
const CXONE: &str = "cxone-extraction";

fn execute(action: &str) -> String {
    format!("/api/v2/integrations/actions/{action}/execute")
}

fn platform(status: u16, code: &str) -> Value {
    json!({"message": "*", "code": code, "status": status, "messageParams": {}, "contextId": "*", "details": [], "errors": []})
}

fn action_error(code: &str, message: &str) -> Value {
    json!({"errorCode": code, "status": 400, "correlationId": "*", "userMessage": message, "userParamsMessage": message,
        "userParams": [], "details": []})
}

fn deep(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[test]
fn each_profile_answers_a_post_in_its_vendors_own_shape() {
    let launch = |id: &str, data: Value| json!({"flowId": id, "inputData": data, "name": "corr-1"});
    let flows = String::from("/api/v2/flows/executions");
    let jobs = String::from("/data-extraction/v1/jobs");
    let version = json!({"id": "1.0", "name": "1.0", "selfUri": "*"});
    let launched = json!({"id": "*", "name": "corr-1", "flowVersion": version, "selfUri": "*"});
    let extract =
        |entity: &str| json!({"entityName": entity, "version": "7", "startDate": "a", "endDate": "b"});
    let unknown_flow = "99999999-0000-4000-8000-000000000001";
    let mut cases: Vec<Exchange> = vec![
        (DATA, "POST", execute("custom_-_echo"), json!({"a": {"b": [1]}}), 200, json!({"a": {"b": [1]}})),
        (DATA, "POST", execute(&format!("custom_-_{}", actions::ECHO)), json!({}), 200, json!({})),
        (DATA, "POST", execute("custom_-_at-once"), json!({"n": 0}), 200, json!({"n": 0})),
        (DATA, "POST", execute("custom_-_echo"), deep(50), 200, deep(50)),
        (DATA, "POST", execute("custom_-_echo"), deep(51), 400, platform(400, "bad.request")),
        (
            DATA,
            "POST",
            execute("custom_-_fails"),
            json!({}),
            400,
            action_error("action.failed", "the upstream system refused the request"),
        ),
        (
            DATA,
            "POST",
            execute("custom_-_is-cancelled"),
            json!({}),
            400,
            action_error("action.cancelled", "cancelled by an operator"),
        ),
        (DATA, "POST", execute("custom_-_create-case"), json!({}), 400, platform(400, "bad.request")),
        (DATA, "POST", execute("custom_-_nothing"), json!({}), 404, platform(404, "not.found")),
        (DATA, "POST", execute("custom_-_echo"), json!([]), 400, platform(400, "bad.request")),
        (DATA, "GET", execute("custom_-_echo"), Value::Null, 405, platform(405, "method.not.allowed")),
        (FLOW, "POST", flows.clone(), launch(actions::ECHO, json!({"a": [1]})), 200, launched.clone()),
        (FLOW, "POST", flows.clone(), launch(actions::AT_ONCE, json!({})), 200, launched),
        (FLOW, "POST", flows.clone(), launch("create-case", json!({})), 400, platform(400, "bad.request")),
        (
            FLOW,
            "POST",
            flows.clone(),
            launch(actions::CREATE_CASE, json!({})),
            400,
            platform(400, "bad.request"),
        ),
        (FLOW, "POST", flows.clone(), launch(unknown_flow, json!({})), 404, platform(404, "not.found")),
        (FLOW, "GET", format!("{flows}/{unknown_flow}"), Value::Null, 404, platform(404, "not.found")),
        (CXONE, "POST", jobs.clone(), extract("echo"), 202, json!("*")),
        (CXONE, "POST", jobs.clone(), extract("recording-interaction-metadata"), 202, json!("*")),
        (
            CXONE,
            "POST",
            jobs.clone(),
            json!({"version": "7"}),
            400,
            json!({"errorMessage": "*", "correlationId": "*"}),
        ),
        (
            CXONE,
            "POST",
            jobs,
            json!({"entityName": "qm-workflows"}),
            400,
            json!({"errorMessage": "*", "correlationId": "*"}),
        ),
    ];
    for profile in [DATA, FLOW] {
        cases.push((profile, "GET", "/elsewhere".into(), Value::Null, 404, platform(404, "not.found")));
    }
    for (profile, method, path, body, status, expected) in cases {
        let sandbox = sandbox(profile);
        let mut wire = authorized(&sandbox, profile);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = send(&mut wire, method, &path, &[], &body);
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        assert_eq!(unlike(&expected, &answer.json()), None, "{method} {path} {body}: {answer:?}");
        assert_eq!(sandbox.totals().executions, u64::from(status < 300 || answer.body.contains("errorCode")));
    }
}

#[test]
fn a_look_is_in_the_vendors_own_shape_and_words() {
    let version = json!({"id": "1.0", "name": "1.0", "selfUri": "*"});
    let flow = |status: &str, more: Value| {
        let mut body = json!({"id": "*", "name": "corr-1", "flowVersion": version, "dateLaunched": "*", "selfUri": "*", "status": status});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let job = |status: &str, result: Value| {
        let mut body = json!({"id": "*", "status": status});
        body.as_object_mut().unwrap().extend(result.as_object().unwrap().clone());
        json!({"jobStatus": body})
    };
    let refused = "the upstream system refused the request";
    let failed = json!({"message": refused, "code": "flow.execution.failed", "status": 500, "messageParams": {},
        "contextId": "*", "details": [], "errors": []});
    let query = json!({"entityName": "echo", "version": "7"});
    let cases = [
        (FLOW, actions::ECHO, flow("COMPLETED", json!({"outputData": {"a": [1]}}))),
        (FLOW, actions::FAILS, flow("FAILED", json!({"flowErrorInfo": failed}))),
        (
            FLOW,
            actions::IS_CANCELLED,
            flow("TERMINATED", json!({"completionReason": "cancelled by an operator"})),
        ),
        (FLOW, actions::NEVER_ENDS, flow("RUNNING", json!({}))),
        (CXONE, "echo", job("SUCCEEDED", json!({"result": query}))),
        (CXONE, "fails", job("FAILED", json!({"result": {"errorMessage": refused}}))),
        (
            CXONE,
            "is-cancelled",
            job("CANCELLED", json!({"result": {"errorMessage": "cancelled by an operator"}})),
        ),
        (CXONE, "never-ends", job("RUNNING", json!({}))),
    ];
    for (profile, action, expected) in cases {
        let sandbox = sandbox(profile);
        let mut wire = authorized(&sandbox, profile);
        let (path, body) = match profile {
            FLOW => {
                let body = json!({"flowId": action, "inputData": {"a": [1]}, "name": "corr-1"});
                ("/api/v2/flows/executions", body)
            }
            _ => ("/data-extraction/v1/jobs", json!({"entityName": action, "version": "7"})),
        };
        let posted = Instant::now();
        let accepted = send(&mut wire, "POST", path, &[], &body.to_string()).json();
        let id = accepted.as_str().or(accepted["id"].as_str()).unwrap().to_owned();
        let first = send(&mut wire, "GET", &format!("{path}/{id}"), &[], "");
        let too_late = posted.elapsed() >= AT_WORK;
        assert!(too_late || first.body.contains("RUNNING"), "there is no word for one that waits: {first:?}");
        let started = Instant::now();
        let last = loop {
            let answer = send(&mut wire, "GET", &format!("{path}/{id}"), &[], "");
            // What never ends is looked at well beyond the time that the others take.
            let goes_on = answer.body.contains("RUNNING");
            if !goes_on || expected.to_string().contains("RUNNING") && started.elapsed().as_millis() > 20 {
                break answer;
            }
        };
        assert_like(&last, 200, &expected);
    }
}

#[test]
fn tokens_are_issued_as_each_vendor_issues_them() {
    let genesys = json!({"access_token": "*", "token_type": "bearer", "expires_in": 3600});
    let cxone = json!({"access_token": "*", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "*", "scope": "openid"});
    let no_client = json!({"error": "invalid_client", "description": "*", "error_description": "*"});
    let cxone_error = |error: &str| json!({"error": error, "errorDescription": "*"});
    let key = |id: &str, secret: &str| json!({"accessKeyId": id, "accessKeySecret": secret}).to_string();
    for profile in [DATA, FLOW] {
        let sandbox = sandbox(profile);
        let mut wire = Wire::open(&sandbox);
        let (id, secret) = (sandbox.client_id().to_owned(), sandbox.client_secret().to_owned());
        assert!(uuid::Uuid::parse_str(&id).is_ok() && secret.len() == 43, "{id}");
        let in_form = format!("{CLIENT}&client_id={id}&client_secret={secret}");
        let right = basic(&id, &secret);
        let wrong = basic(&id, "wrong");
        let right = [("authorization", right.as_str())];
        assert_like(&token(&mut wire, "/oauth/token", &right, CLIENT), 200, &genesys);
        assert_like(&token(&mut wire, "/oauth/token", &[], &in_form), 200, &genesys);
        assert_like(&token(&mut wire, "/oauth/token", &[("authorization", &wrong)], CLIENT), 401, &no_client);
        let in_query = format!("/oauth/token?{in_form}");
        assert_like(&token(&mut wire, &in_query, &[], CLIENT), 400, &no_client);
    }

    let sandbox = sandbox(CXONE);
    let mut wire = Wire::open(&sandbox);
    let (id, secret) = (sandbox.access_key_id(), sandbox.access_key_secret());
    assert!(id.ends_with("====") && secret.ends_with("====") && id != secret);
    let found = wire.send("GET", "/.well-known/openid-configuration", &[], b"").unwrap();
    let endpoint = found.text("token_endpoint");
    assert_eq!(endpoint, "http://sandbox/auth/token", "the host that was asked");
    let right = basic(sandbox.client_id(), sandbox.client_secret());
    let right = [("authorization", right.as_str())];
    let form = password(&sandbox);
    let posted = format!(
        "{form}&client_id={}&client_secret={}",
        encoded(sandbox.client_id()),
        encoded(sandbox.client_secret())
    );
    let raw = format!("grant_type=password&username={id}&password={secret}");
    let json = [("content-type", "application/json")];
    let access_key = "/authentication/v1/token/access-key";
    type Asked<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, u16, Value);
    let cases: [Asked<'_>; 8] = [
        ("/auth/token", &right, &form, 200, cxone.clone()),
        ("/auth/token", &[], &posted, 200, cxone.clone()),
        ("/auth/token", &[], &form, 400, cxone_error("invalid_client")),
        ("/auth/token", &right, &raw, 400, cxone_error("invalid_request")),
        ("/auth/token", &right, &form.replace("username=", "username=A"), 400, cxone_error("invalid_grant")),
        ("/auth/token", &right, CLIENT, 400, cxone_error("unsupported_grant_type")),
        (access_key, &json, &key(id, secret), 200, cxone),
        (access_key, &json, &key(id, "wrong===="), 401, cxone_error("invalid_grant")),
    ];
    for (path, headers, body, status, expected) in cases {
        let answer = if headers == json {
            wire.send("POST", path, headers, body.as_bytes()).unwrap()
        } else {
            token(&mut wire, path, headers, body)
        };
        assert_like(&answer, status, &expected);
    }
    let seen = format!("{:?}", sandbox.requests());
    for secret in [secret, sandbox.client_secret(), &encoded(secret), "wrong====", &raw] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[test]
fn a_vendors_own_client_may_send_basic_credentials_as_they_are() {
    use base64::Engine;
    for profile in [DATA, CXONE] {
        let secret = "a+b%2F====";
        let options = SandboxOptions {
            profile: profile.into(),
            client_id: Some("app".into()),
            client_secret: Some(secret.into()),
            ..usual()
        };
        let sandbox = open(options);
        let raw = base64::engine::general_purpose::STANDARD.encode(format!("app:{secret}"));
        let form = if profile == CXONE { password(&sandbox) } else { CLIENT.into() };
        let path = if profile == CXONE { "/auth/token" } else { "/oauth/token" };
        for header in [format!("Basic {raw}"), basic("app", secret)] {
            let answer = token(&mut Wire::open(&sandbox), path, &[("authorization", &header)], &form);
            assert_eq!(answer.status, 200, "{profile}: {answer:?}");
        }
    }
}

#[test]
fn an_action_is_described_with_its_schemas_where_they_are_asked_for() {
    let own = Action::new("custom_-_quote")
        .name("quote")
        .required(["amount"])
        .output_schema(json!({"type": "object", "required": ["price"]}));
    let options = SandboxOptions { profile: DATA.into(), actions: vec![own], ..usual() };
    let sandbox = open(options);
    let mut wire = authorized(&sandbox, DATA);
    let path = "/api/v2/integrations/actions/custom_-_create-case";
    let mut body = json!({"id": "custom_-_create-case", "name": "create-case", "integrationId": "*", "category": "*",
        "version": 1, "secure": false, "selfUri": path});
    assert_like(&send(&mut wire, "GET", path, &[], ""), 200, &body);
    let described = send(&mut wire, "GET", &format!("{path}?expand=contract"), &[], "").json();
    let inputs = described.pointer("/contract/input/inputSchema").unwrap();
    assert_eq!(inputs["required"], json!(["customerId"]));
    assert_eq!(inputs.pointer("/properties/priority/maximum"), Some(&json!(5)));
    assert!(described.pointer("/contract/output/successSchema/properties/caseId").is_some());
    body["contract"] = described["contract"].clone();
    assert_eq!(unlike(&body, &described), None);

    let quote = "/api/v2/integrations/actions/custom_-_quote?expand=metadata,contract";
    let quote = send(&mut wire, "GET", quote, &[], "").json();
    assert_eq!(quote.pointer("/contract/input/inputSchema/required"), Some(&json!(["amount"])));
    assert_eq!(quote.pointer("/contract/output/successSchema/required"), Some(&json!(["price"])));
    let nothing = send(&mut wire, "GET", "/api/v2/integrations/actions/custom_-_nothing", &[], "");
    assert_like(&nothing, 404, &platform(404, "not.found"));
}

#[test]
fn an_action_that_takes_longer_than_the_gateway_waits_is_given_up() {
    let slow = Action::new("custom_-_slow").complete_after(Duration::from_secs(3600));
    let options = SandboxOptions {
        profile: DATA.into(),
        actions: vec![slow],
        action_timeout: Duration::from_millis(40),
        ..SandboxOptions::default()
    };
    let sandbox = open(SandboxOptions { complete_after: Duration::from_millis(20), ..options });
    let mut wire = authorized(&sandbox, DATA);
    for (action, least, status) in [("echo", 20, 200), ("never-ends", 40, 504), ("slow", 40, 504)] {
        let started = Instant::now();
        let answer = send(&mut wire, "POST", &execute(&format!("custom_-_{action}")), &[], "{}");
        assert_eq!(answer.status, status, "{action}: {answer:?}");
        assert!(started.elapsed() >= Duration::from_millis(least), "{action}");
        if status == 504 {
            assert_like(&answer, 504, &platform(504, "request.timeout"));
        }
    }
    assert_eq!(sandbox.totals().executions, 3, "who is not waited for was executed all the same");
}
