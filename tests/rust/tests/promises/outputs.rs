//! `tests/vectors/outputs.json`: a number in the outputs of an action is the text that the gateway sent.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ground::{client, request, sandbox};

#[tokio::test]
async fn every_number_is_the_literal_that_was_sent() {
    let vectors: Value = serde_json::from_str(include_str!("../../../vectors/outputs.json")).unwrap();
    let cases: Vec<(&str, &str)> = vectors["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["name"].as_str().unwrap(), case["literal"].as_str().unwrap()))
        .collect();
    let members: Vec<String> = cases.iter().map(|(name, literal)| format!(r#""{name}":{literal}"#)).collect();
    let body = format!(r#"{{"status":"COMPLETED","outputs":{{{}}}}}"#, members.join(","));

    let sandbox = sandbox();
    sandbox.inject("poll", json!({"status": 200, "body": body}), 1).unwrap();
    let client = client(&sandbox);
    let outputs = client.run(request("numbers")).await.unwrap().outputs.unwrap();
    let seen: BTreeMap<&str, &RawValue> = serde_json::from_str(outputs.get()).unwrap();
    assert_eq!(seen.len(), cases.len());
    for (name, literal) in cases {
        assert_eq!(seen[name].get(), literal, "{name}");
    }
}
