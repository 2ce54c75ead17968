//! `tests/vectors/alterations.json` from Rust: what is altered in a trail, and where `verify` sees it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper of a test that panics is a test that fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cxone_actions::config::AuditSettings;
use cxone_actions::trail::Trail;
use cxone_actions::{ActionRequest, Client};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Vectors {
    key: String,
    other_key: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    faults: Vec<u8>,
    #[serde(default)]
    keys: Option<[Value; 2]>,
    checkpoints: Option<bool>,
    #[serde(default)]
    alter: Map<String, Value>,
    #[serde(default)]
    problems: Vec<Promised>,
    #[serde(default)]
    anchored: bool,
    #[serde(default)]
    unchecked: bool,
}

#[derive(Deserialize)]
struct Promised {
    line: i64,
    what: String,
}

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

fn edited(line: &str) -> String {
    line.replace("svc-billing", "svc-milling")
}

fn alter(segment: &Path, how: &str, number: &Value) {
    let whole = fs::read_to_string(segment).unwrap();
    let mut lines: Vec<String> = whole.split_inclusive('\n').map(str::to_owned).collect();
    let number = isize::try_from(number.as_i64().unwrap_or_default()).unwrap();
    let (many, at) = match usize::try_from(number) {
        Ok(many) if many > 0 => (many, many - 1),
        _ => (0, lines.len().checked_add_signed(number).unwrap()),
    };
    match how {
        "edit" => lines[at] = edited(&lines[at]),
        "delete" => drop(lines.remove(at)),
        "insert" => lines.insert(at, lines[at].clone()),
        "swap" => lines.swap(at, at + 1),
        "truncate" => lines.truncate(lines.len() - many),
        "cut" => lines = vec![whole[..whole.len() - many].to_owned()],
        "forge" => {
            let tail = forged(&lines.split_off(at));
            lines.extend(tail);
        }
        "remove" => return fs::remove_file(segment).unwrap(),
        _ => panic!("`{how}` is no alteration"),
    }
    fs::write(segment, lines.concat()).unwrap();
}

/// As whoever knows the rule of the chain, and not the key, would write them.
fn forged(lines: &[String]) -> Vec<String> {
    let mut prev: Option<String> = None;
    let seal = |line: &String| {
        let (content, _) = line.split_once(",\"hash\":\"").unwrap();
        let content = match content.split_once("\"key\":\"") {
            Some((before, key)) => format!("{before}{}", &key[10..]),
            None => content.to_owned(),
        };
        let content = match &prev {
            Some(prev) => format!("{}\"prev\":\"{prev}\"", content.split_once("\"prev\":").unwrap().0),
            None => edited(&content),
        };
        let hash = sha256(&content);
        prev = Some(hash.clone());
        format!("{content},\"hash\":\"{hash}\"}}\n")
    };
    lines.iter().map(seal).collect()
}

fn sha256(content: &str) -> String {
    Sha256::digest(content.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The writer's trail of two invocations, closed: its segment.
async fn written(directory: &Path, checkpoints: &Path, key: Option<&str>) -> PathBuf {
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    let builder = Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .poll_interval(Duration::from_millis(10))
        .actor("svc-billing")
        .audit(directory)
        .audit_checkpoints(checkpoints);
    let builder = match key {
        Some(key) => builder.audit_key(key),
        None => builder,
    };
    let client = builder.build().unwrap();
    for correlation_id in ["corr-001", "corr-002"] {
        let request = ActionRequest::new(ACTION)
            .input("customerId", "CUST-998877")
            .input("orderReference", "ORD-2023-1122")
            .input("priority", 1)
            .correlation_id(correlation_id);
        client.run(request).await.unwrap();
    }
    let segment = client.audit().segment().unwrap();
    client.shutdown(Duration::from_secs(5)).await;
    directory.join(segment)
}

#[tokio::test]
async fn every_alteration_is_named_with_its_place() {
    let vectors: Vectors = serde_json::from_str(include_str!("../../vectors/alterations.json")).unwrap();
    assert!(vectors.cases.len() > 15);
    for case in vectors.cases {
        assert_eq!(case.faults, [42], "{}", case.name);
        let (trail, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let checkpoints = elsewhere.path().join("checkpoints");
        let [writes, reads] = case.keys.unwrap_or_default().map(|key| match key {
            Value::Bool(true) => Some(vectors.key.as_str()),
            Value::String(_) => Some(vectors.other_key.as_str()),
            _ => None,
        });
        let segment = written(trail.path(), &checkpoints, writes).await;
        let lines = || fs::read_to_string(&segment).map_or(0, |text| text.lines().count() as u64);
        let many = lines();
        for (how, number) in &case.alter {
            alter(&segment, how, number);
        }
        let left = lines();

        let told = case.checkpoints.unwrap_or(true);
        let settings = AuditSettings {
            key: reads.map(|key| key.to_owned().into()),
            checkpoints: told.then_some(checkpoints),
            ..AuditSettings::default()
        };
        // By one who only reads, and by a client that adds a segment of its own.
        let readers = [
            Trail::read_only_with(trail.path(), &settings).unwrap(),
            Trail::open_with(trail.path(), "svc-audit".to_owned(), &settings).unwrap(),
        ];
        for reader in readers {
            let found = reader.verify();
            let places: Vec<_> = found.problems.iter().map(|problem| problem.line).collect();
            let line = |line: i64| {
                u64::try_from(line).unwrap_or_else(|_| (many + 1).checked_add_signed(line).unwrap())
            };
            let promised: Vec<_> = case.problems.iter().map(|problem| line(problem.line)).collect();
            assert_eq!(places, promised, "{}: {found:?}", case.name);
            for (problem, promised) in found.problems.iter().zip(&case.problems) {
                assert!(problem.what.starts_with(&promised.what), "{}: {}", case.name, problem.what);
                assert_eq!(problem.segment, segment.file_name().unwrap().to_str().unwrap());
            }
            assert_eq!(found.ok, promised.is_empty());
            assert_eq!(found.unchecked, if case.unchecked { left } else { 0 }, "{}", case.name);
            if case.anchored {
                assert_eq!(found.anchored, many, "{}", case.name);
            }
            if !told {
                assert_eq!(found.anchored, 0, "{}", case.name);
            }
        }
    }
}
