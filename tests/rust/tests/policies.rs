//! `tests/vectors/policies.json` against the policy itself: what each allows, refuses and why, and what is no policy.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test that panics is a test that fails")]

mod border;

use border::Border;
use cxone_actions::contract::Violation;
use cxone_actions::policy::{Policy, Verdict};
use cxone_actions::profile::Profile;
use cxone_actions::{ErrorKind, Executed, Result, Rules};
use jiff::Timestamp;
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
    #[serde(default)]
    faults: Vec<u8>,
    #[serde(default)]
    defects: Vec<String>,
    policy: Option<Value>,
    policy_toml: Option<String>,
    policy_json: Option<String>,
    #[serde(default)]
    requests: Vec<Judged>,
    #[serde(default)]
    errors: Vec<Violation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Judged {
    request: Value,
    allowed: bool,
    action_name: Option<String>,
    /// The kind of the error that a client gives.
    kind: Option<String>,
    #[serde(default)]
    violations: Vec<Violation>,
    /// When it is judged; now where it is not said.
    at: Option<String>,
    opens_at: Option<String>,
    reasons: Option<Vec<String>>,
}

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

fn vectors() -> Vec<Case> {
    let text = include_str!("../../vectors/policies.json");
    let vectors: Vectors = serde_json::from_str(text).unwrap();
    assert!(!vectors.cases.is_empty(), "there are no cases");
    vectors.cases
}

fn load(case: &Case) -> Result<Policy> {
    match (&case.policy, &case.policy_toml, &case.policy_json) {
        (Some(policy), None, None) => Policy::from_json(&policy.to_string()),
        (None, Some(text), None) => Policy::from_toml(text, "policy.toml"),
        (None, None, Some(text)) => Policy::from_json(text),
        _ => panic!("{}: one of `policy`, `policy_toml`, `policy_json`", case.name),
    }
}

/// The policy beside the contract that every client has where nothing else is said.
fn rules(policy: Policy) -> Rules {
    Rules::new(&Profile::load("gateway").unwrap(), Vec::new(), policy).unwrap()
}

/// What the policy says of inputs at whatever time it is.
fn check(policy: &Policy, action_id: &str, inputs: &[u8]) -> Verdict {
    policy.check(action_id, inputs, Timestamp::UNIX_EPOCH)
}

#[test]
fn every_policy_allows_and_refuses_what_the_vectors_promise() {
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in vectors().iter().filter(|case| case.errors.is_empty()) {
        assert!(!case.requests.is_empty(), "{}: there are no requests", case.name);
        let rules = rules(load(case).unwrap_or_else(|error| panic!("{}: {error}", case.name)));
        for (position, expected) in case.requests.iter().enumerate() {
            judged += 1;
            let at = expected.at.as_deref().unwrap_or("2026-11-22T12:00:00Z").parse().unwrap();
            let verdict = rules.check(Border::of(&expected.request).request(), at);
            let shown = format!("{verdict:?}");
            assert!(!shown.contains("CANARY"), "{}: a value is in {shown}", case.name);
            let promised = Verdict {
                allowed: expected.allowed,
                kind: ErrorKind::ALL
                    .iter()
                    .copied()
                    .find(|kind| Some(kind.as_str()) == expected.kind.as_deref()),
                action_name: expected.action_name.clone(),
                violations: expected.violations.clone(),
                opens_at: expected.opens_at.as_deref().map(|at| at.parse().unwrap()),
                reasons: expected.reasons.clone().unwrap_or_else(|| verdict.reasons.clone()),
                ..verdict.clone()
            };
            if verdict != promised || verdict.policy != rules.policy().digest() {
                failures.push(format!("{}, request {position}: {verdict:#?}", case.name));
            }
        }
    }
    assert!(judged > 100, "only {judged} requests");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_mistake_of_a_policy_is_named_at_once_and_nothing_is_loaded() {
    let mut failures = Vec::new();
    let mut broken = 0;
    for case in vectors().iter().filter(|case| !case.errors.is_empty()) {
        broken += 1;
        assert!(case.requests.is_empty(), "{}: a policy that is none judges nothing", case.name);
        let Err(error) = load(case) else {
            failures.push(format!("{}: was loaded", case.name));
            continue;
        };
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Config, Executed::No), "{}", case.name);
        for violation in error.violations() {
            assert!(error.message().contains(&violation.message), "{}: {error}", case.name);
        }
        if error.violations() != case.errors {
            let got = serde_json::to_string_pretty(error.violations()).unwrap();
            failures.push(format!("{}: got {got}", case.name));
        }
    }
    assert!(broken > 20, "only {broken} broken policies");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_vectors_stand_for_every_row_and_defect_of_policies() {
    let cases = vectors();
    for row in [15, 16, 17, 18] {
        assert!(cases.iter().any(|case| case.faults.contains(&row)), "no case for row {row}");
    }
    for defect in ["S20", "S21", "S27", "S29", "S30", "S31", "S32"] {
        assert!(cases.iter().any(|case| case.defects.iter().any(|d| d == defect)), "no case for {defect}");
    }
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
}

#[test]
fn no_policy_allows_every_action_and_has_no_digest() {
    let policy = Policy::open();
    let verdict = check(&policy, ACTION, br#"{"a":1e400}"#);
    assert!(verdict.allowed && verdict.action_name.is_none() && verdict.policy.is_none());
    assert_eq!(verdict.reasons, ["there is no policy: every action is allowed with any inputs"]);
    assert_eq!(policy.digest(), None);
}

#[test]
fn one_policy_has_one_digest_however_it_is_laid_out() {
    let toml = "[[action]]\nname = \"n\"\nid = \"A1B2C3D4-E5F6-7890-ABCD-EF1234567890\"\n[action.inputs]\nx = { maximum = 5, type = \"integer\" }\n[[action]]\nid = \"00000000-0000-4000-8000-0000000000b2\"\n";
    let json = r#"{"action":[{"id":"00000000-0000-4000-8000-0000000000b2"},
        {"inputs":{"x":{"type":"integer","maximum":5}},"id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","name":"n"}]}"#;
    let digest = Policy::from_toml(toml, "policy.toml").unwrap().digest().unwrap();
    assert_eq!(Policy::from_json(json).unwrap().digest().unwrap(), digest);
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let other = json.replace("\"maximum\":5", "\"maximum\":6");
    assert_ne!(Policy::from_json(&other).unwrap().digest().unwrap(), digest);
}

#[test]
fn a_policy_is_read_from_a_file_of_either_format() {
    let folder = tempfile::tempdir().unwrap();
    let id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
    for (name, text) in [
        ("policy.toml", format!("\u{feff}[[action]]\nid = \"{id}\"\ninputs = \"*\"\n")),
        ("policy.json", format!(" {{\"action\": [{{\"id\": \"{id}\", \"inputs\": \"*\"}}]}}")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert!(check(&Policy::from_path(&path).unwrap(), id, br#"{"a":1}"#).allowed);
    }
    let path = folder.path().join("broken.toml");
    std::fs::write(&path, "[[action]]\nid = \"create-case\"\n").unwrap();
    let error = Policy::from_path(&path).unwrap_err();
    assert!(error.message().contains("broken.toml, line 2"), "{error}");
    let error = Policy::from_path(&folder.path().join("absent.toml")).unwrap_err();
    assert!(error.kind() == ErrorKind::Config && error.message().contains("absent.toml"), "{error}");
    std::fs::write(&path, b"\xff\xfe").unwrap();
    assert!(Policy::from_path(&path).unwrap_err().message().contains("UTF-8"));
}

#[test]
fn inputs_that_could_not_be_written_are_judged_by_their_action_alone() {
    let policy = Policy::from_json(
        r#"{"action":[{"id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","inputs":{"x":{"required":true}}}]}"#,
    )
    .unwrap();
    assert!(check(&policy, ACTION, b"").allowed);
    assert!(!check(&policy, "00000000-0000-4000-8000-0000000000b2", b"").allowed);
}

/// Integers around the edges where 64 bits and floats give out, and anywhere.
fn integer() -> impl Strategy<Value = i128> {
    let edges = vec![0, 1 << 53, 1 << 63, 1 << 64, -(1 << 53), -(1 << 63), -(1 << 64)];
    let near = (proptest::sample::select(edges), -5i128..5).prop_map(|(edge, off)| edge + off);
    prop_oneof![near, any::<i128>()]
}

proptest! {
    #[test]
    fn an_integer_passes_exactly_when_it_is_within_its_limits(
        value in integer(),
        low in integer().prop_filter("64 bits", |n| i64::try_from(*n).is_ok()),
        high in integer().prop_filter("64 bits", |n| i64::try_from(*n).is_ok()),
    ) {
        let policy = format!(
            r#"{{"action":[{{"id":"{ACTION}","inputs":{{"n":{{"type":"integer","minimum":{low},"maximum":{high}}}}}}}]}}"#
        );
        let policy = Policy::from_json(&policy).unwrap();
        let verdict = check(&policy, ACTION, format!(r#"{{"n":{value}}}"#).as_bytes());
        prop_assert_eq!(verdict.allowed, low <= value && value <= high);
    }

    #[test]
    fn a_fraction_that_64_bits_would_round_onto_a_limit_does_not_pass_it(limit in -1000i32..1000, zeros in 16usize..400) {
        let policy = format!(r#"{{"action":[{{"id":"{ACTION}","inputs":{{"n":{{"maximum":{limit}}}}}}}]}}"#);
        let policy = Policy::from_json(&policy).unwrap();
        let passes = |number: String| check(&policy, ACTION, format!(r#"{{"n":{number}}}"#).as_bytes()).allowed;
        let tail = "0".repeat(zeros);
        // Further from zero is above a limit that is not negative, and below one that is.
        prop_assert_eq!(passes(format!("{limit}.{tail}1")), limit < 0);
        let on_the_limit = format!("{limit}.{tail}");
        prop_assert!(passes(on_the_limit));
    }

    #[test]
    fn no_text_makes_loading_panic(text in "[\\[\\]{}=\"'., \n#a-e0-9]{0,80}", json in any::<bool>()) {
        let text = if json { format!("{{\"action\":{text}") } else { format!("[[action]]\n{text}") };
        prop_assert!(Policy::from_toml(&text, "policy.toml").is_err());
    }
}
