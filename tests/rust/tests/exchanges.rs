//! `tests/vectors/exchanges.json` from Rust: what a gateway answers, and what becomes of the call.
//!
//! The file makes the promises, `tests/vectors/README.md` says how it is read. Here is only how Rust calls and compares.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, CallOptions, Client, Dialect, Error, OnResult, Options, PollTarget};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

/// Cases at once: each has a gateway of its own, so they do not see one another.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_exchange_gives_what_its_case_promises() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/exchanges.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= 100, "the file holds {} cases", cases.len());
    let broken: Vec<String> = stream::iter(cases)
        .map(|case| run_case(&file["defaults"], case))
        .buffer_unordered(AT_ONCE)
        .filter_map(async |complaints| complaints)
        .collect()
        .await;
    assert!(broken.is_empty(), "{} of {} cases:\n\n{}", broken.len(), cases.len(), broken.join("\n\n"));
}

/// What the call gave, whichever it was.
enum Given {
    Result(Value),
    Invocation(Value),
    Error(Box<Error>),
}

/// The complaints about one case, or nothing.
async fn run_case(defaults: &Value, case: &Value) -> Option<String> {
    let sandbox_options = merged(defaults, case, "sandbox").to_string();
    let sandbox = Sandbox::start(SandboxOptions::from_json(&sandbox_options).unwrap()).unwrap();
    for order in list(&case["inject"]) {
        let times = order["times"].as_u64().map_or(1, |times| u32::try_from(times).unwrap());
        sandbox.inject(order["point"].as_str().unwrap(), order["fault"].clone(), times).unwrap();
    }
    let options = placed(merged(defaults, case, "options"), &sandbox);
    let request = exact(&merged(defaults, case, "request"));
    let deliveries = Arc::new(AtomicU64::new(0));
    let calls = Calls { case, request: &request, deliveries: &deliveries };

    let began = Instant::now();
    let client = Options::from_json(&options.to_string(), Dialect::Rust).and_then(Client::open);
    let given = match &client {
        Ok(client) => calls.make(client).await,
        Err(error) => Given::Error(Box::new(error.clone())),
    };
    let took = began.elapsed();

    let mut said = Complaints(Vec::new());
    let expect = &case["expect"];
    compare_given(&mut said, expect, &given);
    compare_gateway(&mut said, expect, &sandbox, &request);
    let delivered = expect["deliveries"].as_u64().unwrap_or(u64::from(matches!(given, Given::Result(_))));
    said.same("deliveries", &json!(delivered), &json!(deliveries.load(Ordering::SeqCst)));
    if let Some(limit) = expect["at_most_seconds"].as_f64() {
        said.unless(took <= Duration::from_secs_f64(limit), || format!("took {took:?}, at most {limit} s"));
    }
    let mut shown = Vec::new();
    if let Given::Error(error) = &given {
        shown.extend([error.to_string(), format!("{error:?}"), error.to_json().to_string()]);
    }
    if let Ok(client) = &client {
        shown.extend(compare_client(&mut said, expect, client));
        client.shutdown(Duration::from_secs(2)).await;
    }
    compare_secrets(&mut said, &shown, &sandbox, &request);
    sandbox.close();
    said.about(case["name"].as_str().unwrap())
}

/// How the case's call is made.
struct Calls<'a> {
    case: &'a Value,
    request: &'a Value,
    deliveries: &'a Arc<AtomicU64>,
}

impl Calls<'_> {
    async fn make(&self, client: &Client) -> Given {
        let given = match self.case["call"].as_str().unwrap_or("run") {
            "run" => self.run(client, "").await,
            "run_twice" => {
                let first = self.run(client, "").await;
                self.deliveries.store(0, Ordering::SeqCst);
                match first {
                    Ok(_) => self.run(client, "-2").await,
                    Err(error) => Err(error),
                }
            }
            "run_then_poll_token" => match self.run(client, "").await {
                Ok(early) => Ok(early),
                Err(error) => self.poll(client, error.resume_token().unwrap_or_default()).await,
            },
            "poll" => self.poll(client, self.case["target"].as_str().unwrap()).await,
            call => match (call, client.invoke(self.action_request("")).await) {
                (_, Err(error)) => Err(error),
                ("invoke", Ok(invocation)) => return Given::Invocation(value(&invocation)),
                ("invoke_then_poll", Ok(invocation)) => {
                    let target = PollTarget::Invocation(Box::new(invocation));
                    client.poll(target, self.options(PATIENCE)).await.map(|result| value(&result))
                }
                ("invoke_then_poll_token", Ok(invocation)) => {
                    self.poll(client, &invocation.resume_token.unwrap_or_default()).await
                }
                (other, _) => panic!("no such call: {other}"),
            },
        };
        match given {
            Ok(result) => Given::Result(result),
            Err(error) => Given::Error(Box::new(error)),
        }
    }

    async fn run(&self, client: &Client, suffix: &str) -> Result<Value, Error> {
        let options = CallOptions { timeout: None, ..self.options(PATIENCE) };
        client.run_with(self.action_request(suffix), options).await.map(|result| value(&result))
    }

    async fn poll(&self, client: &Client, target: &str) -> Result<Value, Error> {
        let target = PollTarget::Id(target.to_owned());
        client.poll(target, self.options(PATIENCE)).await.map(|result| value(&result))
    }

    fn action_request(&self, suffix: &str) -> ActionRequest {
        let mut request = ActionRequest::new(self.request["action_id"].as_str().unwrap());
        if let Value::Object(inputs) = &self.request["inputs"] {
            request = request.inputs(inputs.clone());
        }
        if let Some(id) = self.request["correlation_id"].as_str() {
            request = request.correlation_id(format!("{id}{suffix}"));
        }
        if let Some(url) = self.request["callback_url"].as_str() {
            request = request.callback_url(url);
        }
        request
    }

    fn options(&self, timeout: Duration) -> CallOptions {
        let deliveries = Arc::clone(self.deliveries);
        let raises = self.case["callback"] == "raises";
        let on_result: OnResult = Box::new(move |_| {
            Box::pin(async move {
                deliveries.fetch_add(1, Ordering::SeqCst);
                if raises { Err("HandlerError".to_owned()) } else { Ok(()) }
            })
        });
        CallOptions { timeout: Some(timeout), on_result: Some(on_result) }
    }
}

fn compare_given(said: &mut Complaints, expect: &Value, given: &Given) {
    let (kind, seen) = match given {
        Given::Result(seen) => ("result", seen.clone()),
        Given::Invocation(seen) => ("invocation", seen.clone()),
        Given::Error(error) => ("error", error.to_json()),
    };
    let Some(wanted) = expect[kind].as_object() else {
        said.say(format!("gave a {kind}: {seen}"));
        return;
    };
    for (field, wanted) in wanted {
        match field.as_str() {
            "resume_token" => said.unless(seen["resume_token"].is_string() == (wanted == true), || {
                format!("resume_token is {}", seen["resume_token"])
            }),
            "message_has" => said.unless(
                seen["message"].as_str().unwrap_or_default().contains(wanted.as_str().unwrap()),
                || format!("the message is {}", seen["message"]),
            ),
            "paths" => {
                let mut paths: Vec<Value> =
                    list(&seen["violations"]).iter().map(|violation| violation["path"].clone()).collect();
                let mut wanted = list(wanted).to_vec();
                paths.sort_by_key(Value::to_string);
                wanted.sort_by_key(Value::to_string);
                said.same("paths", &json!(wanted), &json!(paths));
            }
            _ => said.same(&format!("{kind}.{field}"), &exact(wanted), &seen[field]),
        }
    }
}

fn compare_gateway(said: &mut Complaints, expect: &Value, sandbox: &Sandbox, request: &Value) {
    let seen: Vec<Value> = sandbox.requests().iter().map(value).collect();
    for (field, point) in [("sends", "invoke"), ("token_posts", "token"), ("polls_seen", "poll")] {
        if let Some(wanted) = expect.get(field) {
            said.same(field, wanted, &json!(seen.iter().filter(|seen| seen["point"] == point).count()));
        }
    }
    let id = request["correlation_id"].as_str().unwrap_or_default();
    if let Some(wanted) = expect.get("executions") {
        said.same("executions", wanted, &json!(sandbox.executions(id)));
    }
    for id in [id.to_owned(), format!("{id}-2")] {
        let times = sandbox.executions(&id);
        said.unless(times <= 1, || format!("`{id}` was executed {times} times"));
    }
}

/// Metrics and trail; returns the records, which have to be searched for secrets.
fn compare_client(said: &mut Complaints, expect: &Value, client: &Client) -> Vec<String> {
    let metrics = value(&client.metrics());
    for (field, wanted) in expect["metrics"].as_object().into_iter().flatten() {
        said.same(&format!("metrics.{field}"), wanted, &metrics[field]);
    }
    let number = |field: &str| metrics[field].as_u64().unwrap_or_else(|| panic!("metrics.{field}"));
    let ends =
        ["completed", "failed", "cancelled", "rejected", "aborted", "unknown", "in_flight", "detached"];
    let sum: u64 = ends.into_iter().map(number).sum();
    said.unless(number("started") == sum, || format!("started is not the sum of its ends: {metrics}"));
    said.unless(number("in_flight") == 0, || format!("in_flight is not 0: {metrics}"));

    let records: Vec<String> =
        client.audit().records(&Filter::default()).unwrap().map(|line| line.unwrap()).collect();
    if let Some(wanted) = expect.get("audit_events") {
        let event = |line: &String| serde_json::from_str::<Value>(line).unwrap()["event"].clone();
        said.same("audit_events", wanted, &records.iter().map(event).collect());
    }
    let verification = client.audit().verify();
    said.unless(verification.ok, || format!("the trail does not verify: {verification:?}"));
    records
}

fn compare_secrets(said: &mut Complaints, shown: &[String], sandbox: &Sandbox, request: &Value) {
    let secret = sandbox.client_secret();
    for seen in sandbox.requests() {
        let seen = value(&seen);
        said.unless(!seen["path"].to_string().contains("secret"), || {
            format!("a secret is in the URL of {seen}")
        });
    }
    let values = request["inputs"].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let values: Vec<&str> = values.filter(|text| text.len() >= 6).collect();
    for text in shown {
        said.unless(!text.contains(secret) && !text.contains("Bearer "), || {
            format!("a secret is in: {text}")
        });
        said.unless(!values.iter().any(|value| text.contains(value)), || {
            format!("an input value is in: {text}")
        });
    }
}

/// The options with what the client needs to reach this sandbox.
fn placed(mut options: Value, sandbox: &Sandbox) -> Value {
    let port = sandbox.base_url().rsplit(':').next().unwrap().to_owned();
    let ours = [
        ("base_url", sandbox.base_url().to_owned()),
        ("client_id", sandbox.client_id().to_owned()),
        ("client_secret", sandbox.client_secret().to_owned()),
    ];
    for (name, ours) in ours {
        let value = options[name].as_str().map_or(ours, |own| own.replace("{port}", &port));
        options[name] = Value::String(value);
    }
    options
}

/// The case's own values over the defaults.
fn merged(defaults: &Value, case: &Value, key: &str) -> Value {
    let mut all: Map<String, Value> = defaults[key].as_object().cloned().unwrap_or_default();
    all.extend(case[key].as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// `{"$integer": "…"}` as the number that it stands for, everywhere in a value.
fn exact(value: &Value) -> Value {
    match value {
        Value::Object(object) => match object.get("$integer").and_then(Value::as_str) {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => object.iter().map(|(key, value)| (key.clone(), exact(value))).collect(),
        },
        Value::Array(items) => items.iter().map(exact).collect(),
        other => other.clone(),
    }
}

fn value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a case did not keep. Each is heard to its end, so that one run names everything.
struct Complaints(Vec<String>);

impl Complaints {
    fn say(&mut self, what: String) {
        self.0.push(what);
    }

    fn unless(&mut self, kept: bool, what: impl FnOnce() -> String) {
        if !kept {
            self.say(what());
        }
    }

    /// Compares numbers by their value: 1 and 1.0 are the same here, as they are in JavaScript.
    fn same(&mut self, what: &str, wanted: &Value, seen: &Value) {
        let equal = match (wanted.as_f64(), seen.as_f64()) {
            (Some(a), Some(b)) if wanted.is_f64() || seen.is_f64() => (a - b).abs() < f64::EPSILON,
            _ => wanted == seen,
        };
        self.unless(equal, || format!("{what}: wanted {wanted}, saw {seen}"));
    }

    fn about(self, name: &str) -> Option<String> {
        (!self.0.is_empty()).then(|| format!("{name}\n  {}", self.0.join("\n  ")))
    }
}
