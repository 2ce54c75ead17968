use std::time::Duration;

use cxone_actions_sandbox::{Action, Outcome, Sandbox, SandboxOptions, actions};
use serde_json::{Value, json};

use crate::wire::{INVOCATIONS, Wire, invocation, sandbox};

const MINE: &str = "11111111-2222-4333-8444-555555555555";

fn with_action(action: Action) -> Sandbox {
    Sandbox::start(SandboxOptions { actions: vec![action], ..SandboxOptions::default() }).unwrap()
}

#[test]
fn the_known_actions_end_as_documented() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let tutorial = json!({"customerId": "CUST-998877", "orderReference": "ORD-2023-1122", "priority": 1});
    let cases: &[(&str, Value, &str)] = &[
        (actions::CREATE_CASE, tutorial, "COMPLETED"),
        (actions::FAILS, json!({}), "FAILED"),
        (actions::IS_CANCELLED, json!({}), "CANCELLED"),
        (actions::ECHO, json!({"a": 1}), "COMPLETED"),
    ];
    for (action_id, inputs, status) in cases {
        let id = wire.invoke(action_id, inputs.clone(), "c");
        let (_, answer) = wire.poll_to_the_end(&id);
        assert_eq!(answer.text("status"), *status, "{action_id}");
        assert_eq!(answer.text("invocationId"), id);
        let body = answer.json();
        assert_eq!(body.get("outputs").is_some(), *status == "COMPLETED", "{action_id}");
        assert_eq!(body.get("errorMessage").is_some(), *status != "COMPLETED", "{action_id}");
    }
}

#[test]
fn the_tutorials_action_creates_a_case_in_the_queue_that_the_priority_asks_for() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    for (inputs, queue) in [
        (json!({"customerId": "CUST-1", "orderReference": "ORD-2", "priority": 1}), "priority-support"),
        (json!({"customerId": "CUST-1", "priority": 3}), "support"),
        (json!({"customerId": "CUST-1"}), "support"),
    ] {
        let id = wire.invoke(actions::CREATE_CASE, inputs.clone(), "c");
        let outputs = wire.poll_to_the_end(&id).1.json()["outputs"].clone();
        assert_eq!(outputs["queue"], queue);
        assert_eq!(outputs["caseId"], format!("CASE-{}", id[..8].to_uppercase()));
        for (name, value) in inputs.as_object().unwrap() {
            assert_eq!(&outputs[name], value);
        }
        assert_eq!(outputs.get("orderReference").is_some(), inputs.get("orderReference").is_some());
    }
}

#[test]
fn an_action_that_never_ends_keeps_running() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let id = wire.invoke(actions::NEVER_ENDS, json!({}), "c");
    let statuses: Vec<_> = (0..50).map(|_| wire.poll(&id).unwrap().text("status")).collect();
    assert!(statuses.iter().all(|status| status == "PENDING" || status == "RUNNING"), "{statuses:?}");
}

#[test]
fn an_action_that_ends_at_once_says_so_in_the_answer_to_the_post() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let answer = wire.invoke_text(&invocation(actions::AT_ONCE, json!({"n": 0}), "c")).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["status"], "COMPLETED");
    assert_eq!(answer.json()["outputs"], json!({"n": 0}));
    let id = answer.text("invocationId");
    assert_eq!(wire.poll(&id).unwrap().json(), answer.json());
}

#[test]
fn acceptance_is_a_202_with_an_id_a_status_and_where_to_look() {
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let answer = wire.invoke_text(&invocation(actions::ECHO, json!({}), "c")).unwrap();
    assert_eq!(answer.status, 202);
    let id = answer.text("invocationId");
    assert_eq!(answer.json(), json!({"invocationId": id, "status": "PENDING"}));
    assert_eq!(answer.header("location"), Some(format!("{INVOCATIONS}/{id}").as_str()));
}

#[test]
fn an_echo_returns_the_very_text_of_its_inputs() {
    let inputs = r#"{ "big":9007199254740993,"huge":1E400, "zero":-0.0,"text":"\u00e9\/é","nothing":null }"#;
    let sandbox = sandbox();
    let mut wire = Wire::authorized(&sandbox);
    let body = format!(r#"{{"actionId":"{}","inputs":{inputs},"correlationId":"c"}}"#, actions::ECHO);
    let id = wire.invoke_text(&body).unwrap().text("invocationId");
    let (_, answer) = wire.poll_to_the_end(&id);
    assert!(answer.body.contains(inputs), "{}", answer.body);
}

#[test]
fn an_action_is_pending_then_running_then_ended() {
    let by_clock = Action::new(MINE).complete_after(Duration::from_millis(150));
    let sandbox = with_action(by_clock);
    let mut wire = Wire::authorized(&sandbox);
    let id = wire.invoke(MINE, json!({}), "c");
    assert_eq!(wire.poll_to_the_end(&id).0, ["PENDING", "RUNNING", "COMPLETED"]);

    let by_looks = Action::new(MINE).complete_after(Duration::ZERO).complete_after_polls(3);
    let sandbox = with_action(by_looks);
    let mut wire = Wire::authorized(&sandbox);
    let id = wire.invoke(MINE, json!({}), "c");
    let statuses: Vec<_> = (0..5).map(|_| wire.poll(&id).unwrap().text("status")).collect();
    assert_eq!(statuses, ["RUNNING", "RUNNING", "RUNNING", "COMPLETED", "COMPLETED"]);
}

#[test]
fn outputs_are_sent_as_they_were_described_down_to_null_and_absence() {
    for text in
        ["0", "\"\"", "false", "null", "[]", "1e23", "9007199254740993", "1e400", r#"{"a":{"b":[1]}}"#]
    {
        let json = format!(r#"{{"actions": [{{"id": "{MINE}", "outputs": {text}, "complete_after": 0}}]}}"#);
        let sandbox = Sandbox::start(SandboxOptions::from_json(&json).unwrap()).unwrap();
        let mut wire = Wire::authorized(&sandbox);
        let id = wire.invoke(MINE, json!({}), "c");
        let answer = wire.poll(&id).unwrap();
        assert!(answer.body.ends_with(&format!(r#""outputs":{text}}}"#)), "{}", answer.body);
    }
    let absent = with_action(Action::new(MINE).complete_after(Duration::ZERO));
    let mut wire = Wire::authorized(&absent);
    let id = wire.invoke(MINE, json!({}), "c");
    assert!(wire.poll(&id).unwrap().json().get("outputs").is_none());
}

#[test]
fn a_described_action_replaces_the_known_one_of_the_same_id() {
    let action = Action::new(actions::CREATE_CASE.to_uppercase())
        .name("create-case")
        .required(["customerId", "channel"])
        .outcome(Outcome::Failed)
        .error_message("no such channel")
        .at_once();
    let sandbox = with_action(action);
    let mut wire = Wire::authorized(&sandbox);
    let refused = wire.invoke_text(&invocation(actions::CREATE_CASE, json!({"customerId": 1}), "c")).unwrap();
    assert_eq!((refused.status, refused.text("code").as_str()), (400, "missing_input"));
    assert!(refused.text("message").contains("`channel`"), "{refused:?}");
    let inputs = json!({"customerId": 1, "channel": null});
    let failed = wire.invoke_text(&invocation(actions::CREATE_CASE, inputs, "c")).unwrap();
    assert_eq!(failed.json()["status"], "FAILED");
    assert_eq!(failed.json()["errorMessage"], "no such channel");
}

#[test]
fn the_same_seed_gives_the_same_credentials_and_ids() {
    let ids = |seed, tokens| {
        let sandbox = Sandbox::start(SandboxOptions { seed, ..SandboxOptions::default() }).unwrap();
        for _ in 0..tokens {
            Wire::authorized(&sandbox);
        }
        let mut wire = Wire::authorized(&sandbox);
        let first = wire.invoke(actions::ECHO, json!({}), "a");
        let second = wire.invoke(actions::ECHO, json!({}), "b");
        assert_ne!(first, second);
        (sandbox.client_id().to_owned(), sandbox.client_secret().to_owned(), first, second)
    };
    assert_eq!(ids(7, 0), ids(7, 3), "however many tokens were fetched before");
    assert_ne!(ids(7, 0), ids(8, 0));
}
