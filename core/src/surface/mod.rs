//! The public surface as one table: each thing that a caller can see, with its name in Rust, Python and Node.
//!
//! Two readers hold it to the truth. The parity tests of the three languages fail where a name, a parameter, an option, a
//! default, a field, a word or an error is not what the table says; and `scripts/api_page.py` writes `docs/api.md`,
//! `docs/errors.md` and the tables of the README from it. The names of fields are read off the types themselves.

mod alone;
mod errors;
mod fields;
mod methods;
mod names;
mod sandbox;
mod words;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cause::CAUSE_CODES;
use crate::config::OPTIONS;
use crate::describe::ActionDescription;
use crate::error::{ERROR_FIELDS, ErrorKind};
use crate::invocation::{ActionResult, Invocation, Status};
use crate::metrics::{ActionMetrics, Board};
use crate::policy::{Policy, Verdict};
use crate::trail::{Event, Unfinished, UnfinishedState, Verification};
use errors::meaning;
use fields::Field;

/// The table, as JSON.
pub fn surface() -> Value {
    let errors: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            let meaning = meaning(*kind);
            json!({
                "class": kind.class_name(),
                "kind": kind.as_str(),
                "code": kind.code(),
                "executed": kind.executed().as_str(),
                "exit_code": kind.exit_code(),
                "when": meaning.when,
                "remedy": meaning.remedy,
                "python_base": meaning.python_base,
            })
        })
        .collect();
    let names: Map<String, Value> =
        types().into_iter().map(|(name, of)| (name.to_owned(), json!(of))).collect();
    let described: Map<String, Value> =
        DESCRIBED.iter().map(|(name, of)| ((*name).to_owned(), json!(of))).collect();
    json!({
        "version": crate::VERSION,
        "options": OPTIONS,
        "errors": errors,
        "error_fields": ERROR_FIELDS,
        "cause_codes": CAUSE_CODES,
        "methods": methods::CLIENT,
        "trail_methods": methods::TRAIL,
        "listener_methods": methods::LISTENER,
        "types": names,
        "fields": described,
        "result_methods": RESULT_METHODS,
        "trail_events": Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
        "words": words::words(),
        "sandbox": {
            "options": sandbox::OPTIONS,
            "action": sandbox::ACTION,
            "fault": sandbox::FAULT,
            "members": sandbox::MEMBERS,
        },
        "alone": alone::ALONE,
    })
}

/// What is said of each field of each type, in the order of the documentation.
const DESCRIBED: &[(&str, &[Field])] = &[
    ("ActionRequest", fields::ACTION_REQUEST),
    ("Invocation", fields::INVOCATION),
    ("ActionResult", fields::ACTION_RESULT),
    ("Outcome", fields::OUTCOME),
    ("Unfinished", fields::UNFINISHED),
    ("ActionDescription", fields::ACTION_DESCRIPTION),
    ("Verdict", fields::VERDICT),
    ("Violation", fields::VIOLATION),
    ("Metrics", fields::METRICS),
    ("Distribution", fields::DISTRIBUTION),
    ("Verification", fields::VERIFICATION),
    ("Problem", fields::PROBLEM),
    ("Checkpoint", fields::CHECKPOINT),
    ("CxoneError", fields::ERROR),
    ("SeenRequest", sandbox::SEEN),
];

/// What values that come back can do: the type, and the name in Rust, Python and Node. In Node plain objects do without
/// `toJSON`, which `JSON.stringify` would ask for.
const RESULT_METHODS: &[[&str; 4]] = &[
    ["ActionResult", "error_for_status", "raise_for_status", "throwIfFailed"],
    ["every value", "serde::Serialize", "to_dict", "toJSON"],
    ["Outcome", "result?", "unwrap", "unwrap"],
    ["Metrics", "prometheus", "prometheus", "prometheus"],
    ["CxoneError", "to_json", "to_dict", "toJSON"],
];

/// The fields of the types, as the types themselves say them.
fn types() -> Vec<(&'static str, Vec<String>)> {
    let metrics = Board::default().snapshot();
    let action = ActionMetrics {
        counts: metrics.counts,
        success_rate: None,
        invoke_latency: metrics.invoke_latency,
        duration: metrics.duration,
    };
    vec![
        ("Invocation", fields(&invocation())),
        ("ActionResult", fields(&result())),
        ("ActionDescription", fields(&description())),
        ("Metrics", fields(&metrics)),
        ("ActionMetrics", fields(&action)),
        ("Distribution", fields(&metrics.duration)),
        ("Unfinished", fields(&unfinished())),
        ("Verification", fields(&Verification::default())),
        ("Verdict", fields(&verdict())),
        ("Outcome", ["index", "request", "result", "error"].map(str::to_owned).to_vec()),
    ]
}

fn fields(of: &impl Serialize) -> Vec<String> {
    let value = serde_json::to_value(of).unwrap_or_default();
    value.as_object().map(|object| object.keys().cloned().collect()).unwrap_or_default()
}

fn invocation() -> Invocation {
    Invocation {
        invocation_id: None,
        action_id: String::new(),
        correlation_id: String::new(),
        status: String::new(),
        invoke_latency_ms: 0.0,
        attempts: 0,
        resume_token: None,
        raw: None,
    }
}

fn result() -> ActionResult {
    ActionResult {
        invocation_id: None,
        action_id: None,
        correlation_id: None,
        status: Status::Completed,
        ok: true,
        outputs: None,
        error_message: None,
        invoke_latency_ms: None,
        duration_ms: 0.0,
        attempts: 0,
        polls: 0,
        raw: None,
    }
}

fn description() -> ActionDescription {
    ActionDescription {
        action_id: String::new(),
        name: None,
        input_schema: None,
        output_schema: None,
        raw: None,
    }
}

fn unfinished() -> Unfinished {
    Unfinished {
        action_id: None,
        correlation_id: String::new(),
        invocation_id: None,
        state: UnfinishedState::Unsent,
        resume_token: None,
    }
}

fn verdict() -> Verdict {
    Policy::open().check("", b"", jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_holds_what_the_documentation_promises() {
        let surface = surface();
        let has = |name: &str, field: &str| {
            surface["types"][name].as_array().is_some_and(|fields| fields.iter().any(|f| f == field))
        };
        for (name, field) in [
            ("Invocation", "resume_token"),
            ("ActionResult", "duration_ms"),
            ("Metrics", "success_rate"),
            ("Metrics", "detached"),
            ("Metrics", "by_action"),
            ("Distribution", "p99_ms"),
            ("Unfinished", "state"),
            ("Verification", "anchored"),
            ("Verification", "unchecked"),
            ("Verification", "removed"),
            ("Verdict", "opens_at"),
        ] {
            assert!(has(name, field), "{name}.{field}");
        }
        assert_eq!(surface["errors"].as_array().map(Vec::len), Some(16));
    }

    #[test]
    fn every_field_of_a_type_is_described_and_nothing_else() {
        for (name, names) in types().into_iter().filter(|(name, _)| *name != "ActionMetrics") {
            let described =
                DESCRIBED.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, fields)| *fields);
            let described: BTreeSet<_> = described.iter().map(|field| field.name).collect();
            assert_eq!(described, names.iter().map(String::as_str).collect(), "{name}");
        }
        let error: Vec<_> = fields::ERROR.iter().map(|field| field.name).collect();
        assert_eq!(error, ERROR_FIELDS);
    }
}
