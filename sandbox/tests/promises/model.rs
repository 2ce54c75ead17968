//! A tenant modelled in a file: what its actions take, how long they are at work, how they end and what they put out.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use cxone_actions_sandbox::{Action, Sandbox, SandboxOptions, Time};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wire::{INVOCATIONS, Wire, invocation};

const QUOTE: &str = "6f9619ff-8b86-4d01-b42d-00c04fc964ff";

const TOML: &str = r#"
[[actions]]
id = "6F9619FF-8B86-4D01-B42D-00C04FC964FF"
name = "quote"
time = { median = 0.005, p99 = 0.02 }
failure_rate = 0.2
cancel_rate = 0.1
errors = [{ message = "no such customer", weight = 3 }, { message = "the CRM does not answer" }]

[actions.input_schema]
type = "object"
required = ["customerId"]
additionalProperties = false
[actions.input_schema.properties]
customerId = { type = "string", pattern = "^CUST-" }
amount = { type = "number", maximum = 1000 }

[actions.outputs]
reference = "Q-{{ random 1000 9999 }}"
id = "{{ uuid }}"
customer = "{{ inputs.customerId }}"
amount = "{{ inputs.amount }}"
said = "{{ inputs.amount }} EUR for {{ inputs.customerId }}"
at = "{{ now }}"
lines = [1.50, true]
"#;

fn written(name: &str, text: &str) -> (TempDir, SandboxOptions) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, SandboxOptions { actions_file: Some(path), ..SandboxOptions::default() })
}

/// The same description as JSON.
fn as_json() -> String {
    let table: toml::Table = TOML.parse().unwrap();
    serde_json::to_string_pretty(&table).unwrap()
}

/// How each of so many invocations ended: status, outputs and reason.
fn ends(options: SandboxOptions, times: usize) -> Vec<(String, Value, Value)> {
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let inputs = json!({"customerId": "CUST-1", "amount": 12.5});
    (0..times)
        .map(|_| {
            let id = wire.invoke(QUOTE, inputs.clone(), "c");
            let (_, answer) = wire.poll_to_the_end(&id);
            let body = answer.json();
            (answer.text("status"), body["outputs"].clone(), body["errorMessage"].clone())
        })
        .collect()
}

#[test]
fn a_file_in_toml_or_json_models_a_tenants_actions() {
    for (name, text) in [("tenant.toml", TOML.to_owned()), ("tenant.json", as_json())] {
        let (_folder, options) = written(name, &text);
        let ends = ends(SandboxOptions { seed: 3, ..options }, 60);
        let (mut by_status, mut reasons) = (BTreeMap::new(), BTreeMap::new());
        for (status, outputs, reason) in &ends {
            *by_status.entry(status.as_str()).or_insert(0) += 1;
            if status != "COMPLETED" {
                assert_eq!(outputs, &Value::Null, "{status}");
                *reasons.entry(reason.to_string()).or_insert(0) += 1;
                continue;
            }
            assert_eq!(reason, &Value::Null);
            assert_eq!(outputs["customer"], "CUST-1");
            assert_eq!(outputs["amount"], 12.5);
            assert_eq!(outputs["said"], "12.5 EUR for CUST-1");
            assert_eq!(outputs["lines"], json!([1.5, true]));
            let number: u32 =
                outputs["reference"].as_str().unwrap().strip_prefix("Q-").unwrap().parse().unwrap();
            assert!((1000..=9999).contains(&number));
            assert!(outputs["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        }
        // Drawn from the seed: the same every time this test runs.
        assert!(
            by_status["COMPLETED"] > 30 && by_status["FAILED"] > 4 && by_status["CANCELLED"] > 1,
            "{by_status:?}"
        );
        assert!(reasons["\"no such customer\""] > reasons["\"the CRM does not answer\""], "{reasons:?}");
    }
}

#[test]
fn the_same_seed_draws_the_same_ends_and_another_one_others() {
    let drawn = |seed| {
        let (_folder, options) = written("tenant.toml", TOML);
        let mut ends = ends(SandboxOptions { seed, ..options }, 12);
        for (_, outputs, _) in &mut ends {
            if let Some(members) = outputs.as_object_mut() {
                members.remove("at");
            }
        }
        ends
    };
    assert_eq!(drawn(5), drawn(5));
    assert_ne!(drawn(5), drawn(6));
}

#[test]
fn inputs_that_break_their_schema_are_refused_all_at_once_and_no_value_is_repeated() {
    let (_folder, options) = written("tenant.toml", TOML);
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    for (inputs, told) in [
        (json!({}), &["\"customerId\" is a required property"][..]),
        (
            json!({"customerId": "secret", "amount": 5_551_234}),
            &["the input `customerId`", "the input `amount`"],
        ),
        (json!({"customerId": "CUST-1", "amuont": 1}), &["'amuont' was unexpected"]),
    ] {
        let answer = wire.invoke_text(&invocation(QUOTE, inputs, "c")).unwrap();
        let message = answer.text("message");
        assert_eq!((answer.status, answer.text("code").as_str()), (400, "invalid_input"), "{message}");
        assert!(told.iter().all(|part| message.contains(part)), "{message}");
        assert!(!message.contains("secret") && !message.contains("5551234"), "{message}");
    }
    assert_eq!(sandbox.executions("c"), 0);
    // What has no schema takes what it took before.
    let extra = json!({"customerId": 1, "more": true});
    assert_eq!(
        wire.invoke_text(&invocation(cxone_actions_sandbox::actions::CREATE_CASE, extra, "d"))
            .unwrap()
            .status,
        202
    );
}

#[test]
fn every_mistake_of_a_file_is_named_by_line_and_key_at_once() {
    let text = r#"
colour = "blue"
[[actions]]
id = "quote"
tiem = 1
time = { min = 3, max = 2 }
errors = [{ message = "x" }, 7]
[[actions]]
id = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
failure_rate = 1.5
errors = [{ message = "x" }]
outputs = { a = "{{ uid }}" }
[[actions]]
id = "6f9619ff-8b86-4d01-b42d-00c04fc964fe"
failure_rate = 0.7
cancel_rate = 0.7
errors = [{ weight = 1 }]
[[actions]]
id = "6f9619ff-8b86-4d01-b42d-00c04fc964fd"
input_schema = { type = "strin" }
outputs = { a = "{{ uid }}" }
[[actions]]
id = "6f9619ff-8b86-4d01-b42d-00c04fc964fc"
time = { median = 1, max = 2 }
[[actions]]
id = "6F9619FF-8B86-4D01-B42D-00C04FC964FB"
[[actions]]
name = 5
id = "6f9619ff-8b86-4d01-b42d-00c04fc964fb"
[[actions]]
echo = 1
"#;
    let (_folder, options) = written("tenant.toml", text);
    let error = Sandbox::start(options).unwrap_err().to_string();
    let expected = [
        ("`colour` is no member of a file of actions", 2),
        ("`actions[0].id` must be a UUID, got `quote`", 4),
        ("`actions[0].tiem` is no member of an action", 5),
        ("`actions[0].time` must have a `min` no longer than its `max`", 6),
        ("`actions[0].errors[1]`, an error of an action, must be a JSON object, got a number", 7),
        ("`actions[0].errors` needs a `failure_rate` above 0", 7),
        ("`actions[1].failure_rate` must be a number from 0 to 1, got 1.5", 10),
        ("`actions[1].outputs` has the placeholder `{{ uid }}`", 12),
        ("`actions[2].cancel_rate` and its `failure_rate` must not be more than 1 together", 16),
        ("`actions[2].errors[0].message` is missing", 17),
        ("`actions[3].input_schema` must be a JSON Schema", 20),
        ("`actions[3].outputs` has the placeholder `{{ uid }}`", 21),
        ("`actions[4].time` must have `min` and `max`, or `median` and `p99`", 24),
        ("`actions[6].name` must be a string, got a number", 28),
        ("`actions[6]` is called `6f9619ff-8b86-4d01-b42d-00c04fc964fb`, as `actions[5]` is", 29),
        ("`actions[7].echo` must be true or false, got a number", 31),
        ("`actions[7].id` is missing", 30),
    ];
    // Nothing is told that only follows from what could not be read.
    assert_eq!(error.split("; ").count(), expected.len(), "{error}");
    for (what, line) in expected {
        let told = error.split("; ").find(|told| told.contains(what));
        assert!(
            told.is_some_and(|told| told.ends_with(&format!("tenant.toml, line {line})"))),
            "{what}: {error}"
        );
    }

    for (name, text, what) in [
        ("a.toml", "[[actions]\nid = 1", "this is not TOML"),
        ("a.json", "{\"actions\": [\n{\"id\": }]}", "this is not JSON: expected value at column 8 ("),
        ("a.json", "{\n\"actions\": 7}", "`actions` must be a list of actions"),
        ("a.toml", "", "`actions` is missing"),
        (
            "a.json",
            "{\"actions\": [{\"id\": \"a\",\n \"id\": \"b\"}]}",
            "`actions[0].id` is given more than once (",
        ),
        ("a.toml", "[[actions]]\nid = 2026-11-23", "`actions[0].id` must be put in quotes"),
        (
            "a.toml",
            "actions = [7]",
            "`actions[0]`, an action of the sandbox, must be a JSON object, got a number (",
        ),
        ("a.json", "[{\"id\": \"a\"}]", "`actions` is missing: a list of actions: "),
    ] {
        let (_folder, options) = written(name, text);
        let error = Sandbox::start(options).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains(", line "), "{text}: {error}");
    }
    let absent = r#"{"actions": [{"id": "6f9619ff-8b86-4d01-b42d-00c04fc964ff", "input_schema": null, "time": null}]}"#;
    let (_folder, options) = written("a.json", absent);
    assert!(Sandbox::start(options).is_ok(), "what is null is absent");
    let none = SandboxOptions { actions_file: Some("none.toml".into()), ..SandboxOptions::default() };
    let error = Sandbox::start(none).unwrap_err().to_string();
    assert!(error.starts_with("`actions_file` `none.toml` cannot be read: "), "{error}");
}

#[test]
fn what_cannot_work_together_is_refused() {
    let fine = || Action::new(QUOTE);
    let second = Duration::from_secs(1);
    for (action, what) in [
        (fine().time(Time::Between { min: second * 2, max: second }), "`min` no longer than its `max`"),
        (fine().time(Time::Spread { median: second * 2, p99: second }), "`median` longer than 0"),
        (fine().time(Time::Always(second)).complete_after(second), "`time` and `complete_after` exclude"),
        (fine().time(Time::Always(second)).at_once(), "`time` and `at_once` exclude"),
        (fine().failure_rate(f64::NAN), "`actions[0].failure_rate` must be a number from 0 to 1"),
        (fine().failure_rate(0.6).cancel_rate(0.6), "must not be more than 1 together"),
        (fine().failure_rate(0.5).outcome(cxone_actions_sandbox::Outcome::Never), "exclude each other"),
        (fine().errors([("x", 1.0)]), "`actions[0].errors` needs a `failure_rate` above 0"),
        (fine().failure_rate(0.5).errors([("x", 0.0)]), "must have weights above 0"),
        (fine().failure_rate(0.5).errors([("x", 1.0)]).error_message("y"), "`errors` and `error_message`"),
        (fine().outputs(json!({"{{ uuid }}": 1})), "only a value may have one"),
        (fine().output_schema(json!([1])), "`actions[0].output_schema` must be a JSON Schema: an object"),
        (fine().input_schema(json!({"$ref": "http://127.0.0.1:9/schema"})), "must be a JSON Schema that can"),
    ] {
        let options = SandboxOptions { actions: vec![action], ..SandboxOptions::default() };
        let error = Sandbox::start(options).unwrap_err().to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn outputs_keep_every_digit_of_the_description_and_of_the_inputs() {
    let outputs = r#"{"mine": 1.50, "yours": "{{ inputs.n }}"}"#;
    let action = Action::new(QUOTE).outputs_json(outputs).unwrap().at_once();
    let options = SandboxOptions { actions: vec![action], ..SandboxOptions::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let mut wire = Wire::authorized(&sandbox);
    let body = format!(r#"{{"actionId":"{QUOTE}","inputs":{{"n":12345678901234567890123.10}}}}"#);
    let answer = wire.invoke_text(&body).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer.body.contains(r#"{"mine": 1.50, "yours": 12345678901234567890123.10}"#),
        "{}",
        answer.body
    );
    assert!(answer.header("location").unwrap().starts_with(INVOCATIONS));
}
