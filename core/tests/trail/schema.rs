//! The public JSON Schema of a record says what records are. Whatever the faults' tests write is held against it, too.

use super::*;

fn schema() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trail.schema.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// A record of every event, and one with every field at its longest.
fn written() -> Vec<Value> {
    let directory = tempfile::tempdir().unwrap();
    let settings = AuditSettings {
        key: Some("an auditor's key".to_owned().into()),
        checkpoints: Some(directory.path().join("checkpoints")),
        ..AuditSettings::default()
    };
    let actor = "svc \u{1F426}".repeat(2000);
    let trail = Trail::open_with(&directory.path().join("trail"), actor, &settings).unwrap();
    for event in Event::ALL {
        let refused = matches!(event, Event::Denied | Event::Invalid);
        let bare = Entry {
            correlation_id: Some("c"),
            attempt: (*event == Event::Sending).then_some(1),
            kind: refused.then_some("denied"),
            ..Entry::new(*event)
        };
        trail.append(&bare).unwrap();
    }
    let long = "\u{1}…".repeat(100_000);
    let keys: Vec<String> = (0..1000).map(|n| format!("{n}\u{0}")).collect();
    let digest = trail.digest(b"{}");
    let full = Entry {
        action_id: Some(&long),
        action_name: Some(&long),
        correlation_id: Some(&long),
        invocation_id: Some(&long),
        attempt: Some(u32::MAX),
        http_status: Some(999),
        status: Some(&long),
        kind: Some("action_failed"),
        executed: Some(Executed::Yes),
        input_keys: Some(&keys),
        input_digest: Some(&digest),
        bytes: Some(u64::MAX),
        timings: Some(Timings {
            queue_ms: Some(0.0),
            attempt_ms: Some(1e12),
            invoke_ms: Some(0.001),
            duration_ms: Some(12.5),
        }),
        due: true,
        note: Some(&long),
        ..Entry::new(Event::Terminal)
    };
    trail.append(&full).unwrap();
    trail.close();
    // The first record of the next segment has a link behind its note.
    let next = Trail::open_with(&directory.path().join("trail"), "svc".into(), &settings).unwrap();
    next.append(&Entry { note: Some(&long), ..Entry::new(Event::Config) }).unwrap();
    records(&next, "{}")
}

#[test]
fn every_record_follows_the_public_schema_and_has_no_field_that_it_does_not_name() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let fields: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let timings: Vec<_> = schema["properties"]["timings"]["properties"].as_object().unwrap().keys().collect();
    let written = written();
    assert_eq!(written.len(), Event::ALL.len() + 3, "with `closed` and the next segment's `config`");
    for record in &written {
        let mistakes: Vec<_> = validator.iter_errors(record).map(|error| error.to_string()).collect();
        assert_eq!(mistakes, Vec::<String>::new(), "{record}");
        // In the order of the schema, too.
        let mut named = fields.iter();
        for field in record.as_object().unwrap().keys() {
            assert!(named.any(|name| name == field), "`{field}` is not in the schema, or not in this place");
        }
    }
    let full = &written[Event::ALL.len()];
    assert_eq!(full.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>(), fields);
    assert_eq!(full["timings"].as_object().unwrap().keys().collect::<Vec<_>>(), timings);
}

#[test]
fn the_schema_lists_every_event_and_every_kind_of_error() {
    let schema = schema();
    let listed = |property: &str| schema["properties"][property]["enum"].clone();
    let events: Vec<_> = Event::ALL.iter().map(|event| event.as_str()).collect();
    assert_eq!(listed("event"), serde_json::json!(events));
    let kinds: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(listed("kind"), serde_json::json!(kinds));
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let whole = written().swap_remove(0);
    assert!(validator.is_valid(&whole));
    for (field, value) in [
        ("v", serde_json::json!(2)),
        ("seq", serde_json::json!(0)),
        ("ts", serde_json::json!("2026-11-22T15:12:22Z")),
        ("event", serde_json::json!("begun")),
        ("run", serde_json::json!("9F86D081884C")),
        ("hash", serde_json::json!("")),
        ("prev", serde_json::json!("0".repeat(63))),
        ("executed", serde_json::json!("perhaps")),
        ("kind", serde_json::json!("odd")),
        ("due", serde_json::json!(true)),
        ("due", serde_json::json!(false)),
        ("timings", serde_json::json!({})),
        ("timings", serde_json::json!({ "queue_ms": -1 })),
        ("key", serde_json::json!("secret")),
        ("input_keys", serde_json::json!([1])),
        ("note", serde_json::json!("x".repeat(5000))),
    ] {
        let mut broken = whole.clone();
        broken[field] = value;
        assert!(!validator.is_valid(&broken), "{broken}");
    }
    for field in ["v", "seq", "ts", "host", "pid", "run", "event", "actor", "prev", "hash"] {
        let mut broken = whole.clone();
        broken.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&broken), "without `{field}`");
    }
}
