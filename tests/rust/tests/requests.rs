//! `tests/vectors/requests.json` against the contract itself: the exact bytes that are sent, or every violation.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test that panics is a test that fails")]

mod border;

use border::{Border, repeated, tag};
use cxone_actions::contract::{
    ActionRequest, Contract, ContractRules, Finding, FindingCode, InputValue, Prepared, Refused, Violation,
};
use proptest::prelude::*;
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

#[test]
fn a_correlation_id_is_made_once_for_each_request_that_has_none() {
    let contract = Contract::new(ContractRules::default()).unwrap();
    let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890");
    let first = contract.prepare(request.clone()).unwrap();
    let second = contract.prepare(request).unwrap();
    assert_ne!(first.correlation_id, second.correlation_id);
    // A UUID of version 4, and the one that is in the body.
    assert_eq!((first.correlation_id.len(), &first.correlation_id[14..15]), (36, "4"));
    assert!(String::from_utf8_lossy(&first.body).contains(&first.correlation_id));
}

#[test]
fn the_names_of_inputs_are_shown_and_their_values_never() {
    let contract = Contract::new(ContractRules::default()).unwrap();
    let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890")
        .input("name", "CANARY")
        .input("age", 987_654_321);
    let mut shown = format!("{request:?} {:?}", InputValue::from("CANARY"));
    let prepared = contract.prepare(request.clone()).unwrap();
    assert_eq!(prepared.input_keys, ["name", "age"]);
    shown += &format!("{prepared:?}");
    let refused = contract.prepare(request.input("bad", f64::NAN)).unwrap_err();
    assert_eq!(
        refused.inputs.as_deref(),
        Some(br#"{"name":"CANARY","age":987654321,"bad":null}"#.as_slice())
    );
    shown += &format!("{refused:?}");
    assert!(shown.contains("name") && !shown.contains("CANARY") && !shown.contains("987654321"), "{shown}");
}

#[test]
fn every_mistake_in_the_listed_callback_hosts_is_named() {
    let wrong = [
        "https://hooks.example.com",
        "hooks.example.com/path",
        "user@hooks.example.com",
        "*.example.com",
        "hooks.example.com.",
        "hooks example.com",
        "bücher.example",
        "hooks.example.com:",
        "hooks.example.com:0",
        "hooks.example.com:65536",
        "hooks.example.com:+80",
        "::1",
        "[::1",
        "1.2.3.4.5",
        "0x7f000001",
        "127.1",
        "127.0.0.1.",
        "hooks..example.com",
        "hooks.example.com;",
        "",
    ];
    let hosts = wrong.map(str::to_owned).to_vec();
    let rules = ContractRules { callback_hosts: hosts, ..ContractRules::default() };
    let violations = Contract::new(rules).unwrap_err();
    assert_eq!(violations.len(), wrong.len(), "{violations:#?}");
    for (position, violation) in violations.iter().enumerate() {
        assert_eq!((violation.path.as_str(), violation.code.as_str()), ("callback_hosts", "callback_host"));
        assert!(violation.message.starts_with(&format!("`callback_hosts[{position}]` must")), "{violation}");
    }
}

#[test]
fn what_a_border_finds_is_said_even_where_the_text_has_no_such_place() {
    let finding = |path: &str, code, got: &str| Finding { path: path.to_owned(), code, got: got.to_owned() };
    let findings = [
        finding("/inputs/deep/0/0", FindingCode::TooDeep, ""),
        finding("/elsewhere", FindingCode::UnsupportedType, "a`b\nc"),
        finding("/inputs/b", FindingCode::NonFinite, "NaN"),
    ];
    let text = br#"{"actionId":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","inputs":{"a":1,"b":null}}"#;
    let contract = Contract::new(ContractRules::default()).unwrap();
    let refused = contract.prepare(ActionRequest::from_border(text, &findings)).unwrap_err();
    let said: Vec<_> = refused.violations.iter().map(|v| (v.path.as_str(), v.code.as_str())).collect();
    assert_eq!(
        said,
        [("/inputs/b", "non_finite"), ("/elsewhere", "unsupported_type"), ("/inputs/deep/0/0", "too_deep")]
    );
    assert!(refused.violations[1].message.ends_with("got abc"), "{}", refused.violations[1]);
}

/// An input that the contract takes, as Rust says it and as JSON says it.
fn primitive() -> impl Strategy<Value = (InputValue, String)> {
    prop_oneof![
        Just((InputValue::from(()), "null".to_owned())),
        any::<bool>().prop_map(|value| (value.into(), value.to_string())),
        any::<i128>().prop_map(|value| (value.into(), value.to_string())),
        any::<u64>().prop_map(|value| (value.into(), value.to_string())),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| (value.into(), Value::from(value).to_string())),
        "[^\\x00]{0,40}".prop_map(|value| (value.as_str().into(), Value::from(value.as_str()).to_string())),
    ]
}

/// The digits of a number as some writer of JSON may have put them.
fn digits() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,60})(\\.[0-9]{1,60})?([eE][-+]?[0-9]{1,6})?"
}

proptest! {
    #[test]
    fn what_is_asked_is_what_is_sent(
        inputs in proptest::collection::btree_map("[^\\x00]{1,20}", primitive(), 0..12),
        id in "[A-Za-z0-9._:-]{1,128}",
    ) {
        let mut request = ActionRequest::new("A1B2C3D4-E5F6-7890-ABCD-EF1234567890").correlation_id(id.as_str());
        let mut members = Vec::new();
        for (key, (value, text)) in inputs {
            members.push(format!("{}:{text}", Value::from(key.as_str())));
            request = request.input(key, value);
        }
        let expected = format!("{{{}}}", members.join(","));
        let prepared = Contract::new(ContractRules::default()).unwrap().prepare(request).unwrap();
        prop_assert_eq!(std::str::from_utf8(&prepared.inputs).unwrap(), expected.as_str());
        let body = format!(
            "{{\"actionId\":\"a1b2c3d4-e5f6-7890-abcd-ef1234567890\",\"inputs\":{expected},\"correlationId\":\"{id}\"}}"
        );
        prop_assert_eq!(std::str::from_utf8(&prepared.body).unwrap(), body.as_str());
        // Said once more as text, it is the same request.
        let again = ActionRequest::from_json(&prepared.body);
        let again = Contract::new(ContractRules::default()).unwrap().prepare(again).unwrap();
        prop_assert_eq!(again.body, prepared.body);
    }

    #[test]
    fn no_digit_of_a_number_is_ever_changed(number in digits()) {
        let text = format!(
            "{{\"actionId\":\"a1b2c3d4-e5f6-7890-abcd-ef1234567890\",\"inputs\":{{\"n\":{number}}},\"correlationId\":\"c\"}}"
        );
        let request = ActionRequest::from_json(text.as_bytes());
        let prepared = Contract::new(ContractRules::default()).unwrap().prepare(request).unwrap();
        prop_assert_eq!(std::str::from_utf8(&prepared.body).unwrap(), text.as_str());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Contract::new(ContractRules::default()).unwrap().prepare(ActionRequest::from_json(&bytes));
    }

    #[test]
    fn no_text_that_is_nearly_a_request_makes_it_panic(
        text in "[{}\\[\\]\",:\\\\ud8-9a0-1eE.+tfn]{0,60}",
        place in 0usize..5,
    ) {
        let text = match place {
            0 => format!("{{\"actionId\":{text}}}"),
            1 => format!("{{\"inputs\":{{{text}}}}}"),
            2 => format!("{{\"inputs\":{{\"a\":{text}}}}}"),
            3 => format!("{{\"callbackUrl\":\"https://{}\"}}", text.replace(['"', '\\'], "")),
            _ => text,
        };
        let refused = Contract::new(ContractRules::default()).unwrap().prepare(ActionRequest::from_json(text.as_bytes()));
        prop_assert!(refused.is_err());
    }

    #[test]
    fn a_url_that_is_taken_names_a_public_host(host in "[a-z0-9.:@\\[\\]%-]{1,24}", port in "(:[0-9]{1,5})?") {
        let url = format!("https://{host}{port}/x");
        let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890").callback_url(url.as_str());
        if let Ok(prepared) = Contract::new(ContractRules::default()).unwrap().prepare(request) {
            prop_assert_eq!(prepared.callback_url.as_deref(), Some(url.as_str()));
            prop_assert!(host.contains('.') && !host.contains(['@', '[', ']', '%']), "{}", url);
            let last = host.split(':').next().unwrap().rsplit('.').next().unwrap();
            prop_assert!(!last.is_empty() && !last.bytes().all(|byte| byte.is_ascii_digit()), "{}", url);
        }
    }
}
