//! Rows of every sort: each is named, and each can be given again.

use std::fs;

use serde_json::{Value, json};

use super::night::{Said, lines};
use super::{CREATE_CASE, ECHO, FAILS, NEVER_ENDS, Night};

fn row(action: &str, more: &Value) -> String {
    let mut row = json!({ "actionId": action, "inputs": { "customerId": "CUST-1" } });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("{row}\n")
}

#[test]
fn rows_that_fail_and_rows_that_are_unknown_are_ready_to_be_given_again() {
    let text = [
        row(CREATE_CASE, &json!({ "correlationId": "good" })),
        row(FAILS, &json!({ "correlationId": "bad" })),
        row(CREATE_CASE, &json!({ "correlationId": "lost" })),
        row("no action", &json!({})),
        "{\"actionId\": broken\n".to_owned(),
        row(CREATE_CASE, &json!({ "correlationId": "good" })),
        row(CREATE_CASE, &json!({ "correlationId": "two words" })),
        row(CREATE_CASE, &json!({ "correlationId": 7 })),
    ]
    .concat();
    let night = Night::new("rows.jsonl", text);
    // One after the other, so that it is known which answer is lost.
    assert_eq!(night.run(&["--limit", "2", "--concurrency", "1"]).code, Some(1));
    night.sandbox.inject("invoke", json!({ "close": "after_request" }), 1).unwrap();
    let said = night.run(&["--resume", "--concurrency", "1"]);
    assert_eq!(said.code, Some(8), "{said:?}");
    let results = night.results();
    let summary: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        [&summary["rows"], &summary["completed"], &summary["failed"], &summary["unknown"], &summary["left"]],
        [8, 1, 6, 1, 0]
    );
    let said_of = |row: u64| results[&row]["error"]["violations"].to_string();
    assert_eq!((&results[&1]["status"], &results[&1]["executed"]), (&json!("FAILED"), &json!("yes")));
    assert_eq!((&results[&2]["status"], &results[&2]["executed"]), (&Value::Null, &json!("unknown")));
    for row in 3..8 {
        assert_eq!(results[&row]["executed"], "no", "{}", results[&row]);
        assert_eq!(results[&row]["line"], row + 1);
        assert!(said.stderr.contains(&format!("row {row}, line {}: ", row + 1)), "{said:?}");
    }
    assert!(said_of(3).contains("\"path\":\"/actionId\""), "{}", said_of(3));
    assert!(said_of(4).contains("must be JSON text"), "{}", said_of(4));
    assert!(said_of(5).contains("row 0 of this file has the same correlation id"), "{}", said_of(5));
    assert!(said_of(6).contains("\"path\":\"/correlationId\""), "{}", said_of(6));
    assert!(said_of(7).contains("\"path\":\"/correlationId\""), "{}", said_of(7));
    assert_eq!((night.sandbox.executions("good"), night.sandbox.totals().most_executions), (1, 1));

    let unknown = fs::read_to_string(night.path("out.unknown.jsonl")).unwrap();
    assert_eq!(unknown.lines().count(), 1);
    assert!(unknown.contains("\"correlationId\":\"lost\""), "{unknown}");
    let failed = fs::read_to_string(night.path("out.failed.jsonl")).unwrap();
    assert_eq!(failed.lines().count(), 6);
    assert!(
        !failed.contains("correlationId\":\"bad\"") && failed.contains("{\"actionId\": broken\n"),
        "{failed}"
    );
    let again = night.path("again.jsonl");
    let said: Said = night.command_of(&night.path("out.failed.jsonl"), &again, &[]).output().unwrap().into();
    let results = lines(&again);
    // The failed one is another call; what was no request is none; those whose id was wrong can be sent now.
    let executed: Vec<_> = results.values().map(|line| line["executed"].as_str().unwrap()).collect();
    assert_eq!(
        (said.code, executed.as_slice()),
        (Some(1), ["yes", "no", "no", "no", "yes", "yes"].as_slice())
    );
    assert_ne!(results[&0]["correlationId"], "bad");
    assert_eq!(night.sandbox.executions("good"), 1, "a twin is not sent by the back door");
}

#[test]
fn a_row_that_fails_again_and_again_is_another_call_each_time() {
    let night = Night::new("rows.jsonl", row(FAILS, &json!({})));
    let (mut file, mut ids) = (night.file.clone(), Vec::new());
    for name in ["first", "second", "third"] {
        let out = night.path(&format!("{name}.jsonl"));
        let said: Said = night.command_of(&file, &out, &[]).output().unwrap().into();
        assert_eq!(said.code, Some(1), "{said:?}");
        ids.push(lines(&out)[&0]["correlationId"].as_str().unwrap().to_owned());
        file = night.path(&format!("{name}.failed.jsonl"));
    }
    assert!(ids.iter().all(|id| night.sandbox.executions(id) == 1), "{ids:?}");
}

#[test]
fn a_row_that_has_not_ended_has_no_line_until_it_has() {
    let night =
        Night::new("rows.jsonl", [row(NEVER_ENDS, &json!({})), row(CREATE_CASE, &json!({}))].concat());
    let said = night.run(&["--timeout", "3"]);
    assert_eq!((said.code, night.results().len()), (Some(6), 1), "{said:?}");
    let posts = night.sandbox.totals().invoke;
    let said = night.run(&["--resume", "--timeout", "0.3"]);
    assert_eq!(
        (said.code, night.results().len(), night.sandbox.totals().invoke),
        (Some(6), 1, posts),
        "{said:?}"
    );
}

#[test]
fn a_key_names_rows_and_two_rows_of_one_key_are_sent_once() {
    let text: String = ["a", "b", "a", ""]
        .iter()
        .map(|key| {
            row(CREATE_CASE, &json!({ "inputs": { "customerId": key, "orderReference": "ORD-2023-1122" } }))
        })
        .chain([row(CREATE_CASE, &json!({ "inputs": {} }))])
        .collect();
    let night = Night::new("rows.jsonl", text);
    let said = night.run(&["--key", "customerId"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let results = night.results();
    assert_eq!(results[&0]["correlationId"], results[&2]["correlationId"]);
    assert!(results[&2]["error"]["message"].as_str().unwrap().contains("row 0 of this file"));
    assert!(results[&4]["error"]["message"].as_str().unwrap().contains("has no key"));
}

#[test]
fn a_rehearsal_names_every_mistake_needs_no_gateway_and_writes_nothing() {
    let text = [
        row(ECHO, &json!({})),
        row("no action", &json!({ "callbackURL": "x", "inputs": 3 })),
        "\n[1]\n".to_owned(),
    ]
    .concat();
    let night = Night::new("rows.jsonl", text);
    let mut command = night.command(&["--dry-run"]);
    command.env_remove("CXONE_BASE_URL").env_remove("CXONE_CLIENT_ID").env_remove("CXONE_CLIENT_SECRET");
    let said: Said = command.output().unwrap().into();
    assert_eq!(said.code, Some(3), "{said:?}");
    let refused: Vec<Value> = said.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> = refused.iter().map(|row| (row["index"].as_u64(), row["line"].as_u64())).collect();
    assert_eq!(places, [(Some(1), Some(2)), (Some(2), Some(4))]);
    assert_eq!(refused[0]["error"]["violations"].as_array().unwrap().len(), 3, "{}", refused[0]);
    assert_eq!(fs::read_dir(night.folder.path()).unwrap().count(), 1);
    assert_eq!(night.sandbox.totals().token, 0);
    fs::write(&night.file, row(ECHO, &json!({}))).unwrap();
    assert_eq!(night.run(&["--dry-run"]).code, Some(0));
    fs::write(&night.file, format!("[{}]", row(ECHO, &json!({})))).unwrap();
    assert!(night.run(&["--dry-run"]).stderr.contains("one request on each line"));
}
