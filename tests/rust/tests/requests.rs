//! `tests/vectors/requests.json` against the contract itself: the exact bytes that are sent, or every violation.

mod border;

use border::{Border, repeated, tag};
use cxone_actions::contract::{
    ActionRequest, Contract, ContractRules, InputValue, Prepared, Refused, Violation,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Which row of the fault list, which defect of the tutorial it stands for.
    #[serde(default)]
    faults: Vec<u8>,
    #[serde(default)]
    defects: Vec<String>,
    /// The languages that can say it; what only others can say is run here as their border reports it.
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    callback_hosts: Vec<String>,
    request: Option<Value>,
    request_text: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Body(String),
    Bytes(usize),
    Violations(Vec<Violation>),
}

fn vectors() -> Vec<Case> {
    let text = include_str!("../../vectors/requests.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    assert!(!vectors.cases.is_empty(), "there are no cases");
    vectors.cases
}

fn prepare(case: &Case, request: ActionRequest) -> Result<Prepared, Box<Refused>> {
    let rules = ContractRules { callback_hosts: case.callback_hosts.clone(), ..ContractRules::default() };
    Contract::new(rules).unwrap().prepare(request)
}

/// The same request made with the methods that a Rust program calls; none where it could not say it.
fn built_with_methods(request: &Value) -> Option<ActionRequest> {
    let fields = request.as_object()?;
    if !fields
        .keys()
        .all(|key| ["actionId", "inputs", "correlationId", "callbackUrl"].contains(&key.as_str()))
    {
        return None;
    }
    let mut made = ActionRequest::new(fields.get("actionId")?.as_str()?);
    if let Some(inputs) = fields.get("inputs") {
        let entries: Vec<(String, Value)> = match inputs.get("$entries") {
            Some(entries) => serde_json::from_value(entries.clone()).ok()?,
            None => inputs.as_object()?.clone().into_iter().collect(),
        };
        for (key, value) in entries {
            made = made.input(key, built_value(&value)?);
        }
    }
    if let Some(id) = fields.get("correlationId") {
        made = made.correlation_id(id.as_str()?);
    }
    if let Some(url) = fields.get("callbackUrl") {
        made = made.callback_url(url.as_str()?);
    }
    Some(made)
}

fn built_value(value: &Value) -> Option<InputValue> {
    if let Some(text) = repeated(value) {
        return Some(text.into());
    }
    let Some(tag) = tag(value) else {
        return (!value.to_string().contains("\"$value\"")).then(|| value.clone().into());
    };
    let (sort, rest) = tag.split_once(':').unwrap_or((tag, ""));
    match sort {
        "NaN" => Some(f64::NAN.into()),
        "Infinity" => Some(f64::INFINITY.into()),
        "-Infinity" => Some(f64::NEG_INFINITY.into()),
        "float" => rest.parse::<f64>().ok().map(Into::into),
        "bigint" => rest.parse::<i128>().ok().map(Into::into),
        _ => None,
    }
}

/// What is wrong with the outcome of a case; none where it is what the vector promises.
fn compare(case: &Case, outcome: Result<Prepared, Box<Refused>>) -> Option<String> {
    match (&case.expect, outcome) {
        (Expect::Body(body), Ok(prepared)) => {
            let sent = String::from_utf8(prepared.body.to_vec()).unwrap();
            let inputs = std::str::from_utf8(&prepared.inputs).unwrap();
            assert!(sent.contains(&format!("\"inputs\":{inputs}")), "{}: {inputs}", case.name);
            (sent != *body).then(|| format!("sent {sent}, not {body}"))
        }
        (Expect::Bytes(bytes), Ok(prepared)) => (prepared.body.len() != *bytes)
            .then(|| format!("sent {} bytes, not {bytes}", prepared.body.len())),
        (Expect::Violations(expected), Err(refused)) => {
            let shown = format!("{:?} {}", refused, serde_json::to_string(&refused.violations).unwrap());
            assert!(!shown.contains("CANARY"), "{}: a value is in {shown}", case.name);
            let got = refused.violations;
            (got != *expected).then(|| format!("got {}", serde_json::to_string_pretty(&got).unwrap()))
        }
        (Expect::Violations(_), Ok(prepared)) => Some(format!("was taken: {} bytes", prepared.body.len())),
        (_, Err(refused)) => Some(format!("was refused: {:?}", refused.violations)),
    }
}

#[test]
fn every_request_gives_the_bytes_or_the_violations_that_the_vectors_promise() {
    let mut failures = Vec::new();
    for case in &vectors() {
        let request = match (&case.request, &case.request_text) {
            (Some(request), None) => Border::of(request).request(),
            (None, Some(text)) => ActionRequest::from_json(text.as_bytes()),
            _ => panic!("{}: either `request` or `request_text`", case.name),
        };
        if let Some(failure) = compare(case, prepare(case, request)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_request_that_is_built_gives_what_the_same_request_as_text_gives() {
    let mut failures = Vec::new();
    let mut built = 0;
    for case in vectors()
        .iter()
        .filter(|case| case.languages.is_empty() || case.languages.iter().any(|l| l == "rust"))
    {
        let Some(request) = case.request.as_ref().and_then(built_with_methods) else { continue };
        built += 1;
        if let Some(failure) = compare(case, prepare(case, request)) {
            failures.push(format!("{}: {failure}", case.name));
        }
    }
    assert!(built > 60, "only {built} cases could be built");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_vectors_stand_for_every_row_and_defect_of_requests() {
    let cases = vectors();
    for row in [14, 15, 16, 17, 18, 19] {
        assert!(cases.iter().any(|case| case.faults.contains(&row)), "no case for row {row}");
    }
    for defect in ["S17", "S19", "S20", "S21", "S22", "S23", "S24", "S25", "S26", "S27", "S28", "S31"] {
        assert!(cases.iter().any(|case| case.defects.iter().any(|d| d == defect)), "no case for {defect}");
    }
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
}
