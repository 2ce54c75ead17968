//! How a case of the vectors is called and compared: what `exchanges.json` and `faults.json` have in common.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, CallOptions, Client, Dialect, Error, OnResult, Options, PollTarget};
use futures_util::stream::{self, StreamExt};
use serde_json::{Map, Value, json};

/// Cases at once: each has a gateway of its own, so they do not see one another.
const AT_ONCE: usize = 8;
const PATIENCE: Duration = Duration::from_secs(10);

/// What a case needs of the gateway that was made for it.
pub(crate) trait Gateway {
    fn base_url(&self) -> String;
    fn client_id(&self) -> String;
    fn client_secret(&self) -> String;
    /// Id and secret; empty where it has none.
    fn access_key(&self) -> (String, String) {
        Default::default()
    }
    /// The authority to trust, where it speaks TLS.
    fn ca_file(&self) -> Option<PathBuf>;
    /// Each with its `point` and its `path`.
    fn requests(&self) -> Vec<Value>;
    fn executions(&self, correlation_id: &str) -> u64;
    /// What only this sort of gateway counts.
    fn counters(&self) -> Value;
    fn stop(&self);
}

/// Runs every case of a file, each against the gateway that `open` makes of it.
///
/// # Panics
/// When a case is not kept, with everything that is wrong in any of them.
pub(crate) async fn run_cases<G: Gateway>(file: &str, at_least: usize, open: impl Fn(&Value, &Value) -> G) {
    let file: Value = serde_json::from_str(file).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert!(cases.len() >= at_least, "the file holds {} cases", cases.len());
    let broken: Vec<String> = stream::iter(cases)
        .map(|case| run_case(&file["defaults"], case, &open))
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
    Description(Value),
    Error(Box<Error>),
}

/// The complaints about one case, or nothing.
async fn run_case<G: Gateway>(
    defaults: &Value,
    case: &Value,
    open: &impl Fn(&Value, &Value) -> G,
) -> Option<String> {
    let gateway = open(defaults, case);
    let options = placed(merged(defaults, case, "options"), &gateway);
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
    compare_gateway(&mut said, expect, &gateway, &request);
    let delivered = expect["deliveries"].as_u64().unwrap_or(u64::from(matches!(given, Given::Result(_))));
    said.same("deliveries", &json!(delivered), &json!(deliveries.load(Ordering::SeqCst)));
    if let Some(limit) = expect["at_most_seconds"].as_f64() {
        said.unless(took <= Duration::from_secs_f64(limit), || format!("took {took:?}, at most {limit} s"));
    }
    let mut shown = Vec::new();
    if let Given::Error(error) = &given {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        shown.extend([error.to_string(), format!("{error:?}"), error.to_json().to_string()]);
        shown.extend(cause);
    }
    if let Ok(client) = &client {
        shown.extend(compare_client(&mut said, expect, client));
        client.shutdown(Duration::from_secs(2)).await;
    }
    compare_secrets(&mut said, &shown, &gateway, &request);
    gateway.stop();
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
            "describe" => match client.describe(self.request["action_id"].as_str().unwrap()).await {
                Ok(description) => return Given::Description(value(&description)),
                Err(error) => Err(error),
            },
            "poll" => self.poll(client, self.case["target"].as_str().unwrap()).await,
            call => match (call, client.invoke_within(self.action_request(""), self.timeout()).await) {
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
        let options = CallOptions { timeout: self.timeout(), ..self.options(PATIENCE) };
        client.run_with(self.action_request(suffix), options).await.map(|result| value(&result))
    }

    async fn poll(&self, client: &Client, target: &str) -> Result<Value, Error> {
        let target = PollTarget::Id(target.to_owned());
        client.poll(target, self.options(PATIENCE)).await.map(|result| value(&result))
    }

    fn timeout(&self) -> Option<Duration> {
        self.case["timeout"].as_f64().map(Duration::from_secs_f64)
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
        Given::Description(seen) => ("description", seen.clone()),
        Given::Error(error) => {
            let mut seen = error.to_json();
            seen["cause"] = json!(error.cause().map(cxone_actions::Cause::code));
            ("error", seen)
        }
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

fn compare_gateway(said: &mut Complaints, expect: &Value, gateway: &impl Gateway, request: &Value) {
    let seen = gateway.requests();
    for (field, point) in [("sends", "invoke"), ("token_posts", "token"), ("polls_seen", "poll")] {
        if let Some(wanted) = expect.get(field) {
            said.same(field, wanted, &json!(seen.iter().filter(|seen| seen["point"] == point).count()));
        }
    }
    let counters = gateway.counters();
    for (field, count) in counters.as_object().into_iter().flatten() {
        if let Some(wanted) = expect.get(field) {
            said.same(field, wanted, count);
        }
        if let (Some(most), Some(count)) = (expect[format!("{field}_at_most")].as_u64(), count.as_u64()) {
            said.unless(count <= most, || format!("{field}: at most {most}, saw {count}"));
        }
    }
    said.unless(counters["altered"].as_u64().unwrap_or(0) == 0, || "it was sent again altered".to_owned());
    let id = request["correlation_id"].as_str().unwrap_or_default();
    if let Some(wanted) = expect.get("executions") {
        said.same("executions", wanted, &json!(gateway.executions(id)));
    }
    for id in [id.to_owned(), format!("{id}-2")] {
        let times = gateway.executions(&id);
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

fn compare_secrets(said: &mut Complaints, shown: &[String], gateway: &impl Gateway, request: &Value) {
    let secret = gateway.client_secret();
    for seen in gateway.requests() {
        said.unless(!seen["path"].to_string().contains("secret"), || {
            format!("a secret is in the URL of {seen}")
        });
    }
    let values = request["inputs"].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let values: Vec<&str> = values.filter(|text| text.len() >= 6).collect();
    for text in shown {
        let text = text.replace("Bearer …", "…");
        said.unless(!["Bearer ", "CANARY", &secret].iter().any(|word| text.contains(word)), || {
            format!("a secret is in: {text}")
        });
        said.unless(!values.iter().any(|value| text.contains(value)), || {
            format!("an input value is in: {text}")
        });
    }
}

/// The options with what the client needs to reach this gateway; what the case says itself stays, null too.
fn placed(options: Value, gateway: &impl Gateway) -> Value {
    let Value::Object(mut options) = options else { panic!("the options of a case are an object") };
    let (base_url, access_key) = (gateway.base_url(), gateway.access_key());
    let port = base_url.rsplit(':').next().unwrap().to_owned();
    let ours = [
        ("base_url", base_url),
        ("client_id", gateway.client_id()),
        ("client_secret", gateway.client_secret()),
    ];
    for (name, ours) in ours {
        options.entry(name).or_insert(ours.into());
    }
    if let Some(ca_file) = gateway.ca_file() {
        options.insert("ca_file".to_owned(), json!(ca_file));
    }
    let holes = [("{port}", port), ("{access_key_id}", access_key.0), ("{access_key_secret}", access_key.1)];
    for value in options.values_mut() {
        if let Value::String(text) = value {
            *text = holes.iter().fold(text.clone(), |text, (hole, ours)| text.replace(hole, ours));
        }
    }
    Value::Object(options)
}

/// The case's own values over the defaults.
pub(crate) fn merged(defaults: &Value, case: &Value, key: &str) -> Value {
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

pub(crate) fn value(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
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
