//! The public surface as one table, which the parity tests of Python and Node hold their packages against.
//!
//! Field names are read off the types themselves, so that the table cannot say something else than the code does.

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::OPTIONS;
use crate::describe::ActionDescription;
use crate::error::{ERROR_FIELDS, ErrorKind};
use crate::invocation::{ActionResult, Invocation, Status};
use crate::metrics::{ActionMetrics, Board};
use crate::policy::{Policy, Verdict};
use crate::trail::{Event, Unfinished, UnfinishedState, Verification};

/// What a client can do: its name in Rust, Python and Node.
const METHODS: [[&str; 3]; 12] = [
    ["invoke", "invoke", "invoke"],
    ["poll", "poll", "poll"],
    ["run", "run", "run"],
    ["run_many", "run_many", "runMany"],
    ["describe", "describe", "describe"],
    ["check", "check", "check"],
    ["reload_policy", "reload_policy", "reloadPolicy"],
    ["recover", "recover", "recover"],
    ["metrics", "metrics", "metrics"],
    ["audit", "audit", "audit"],
    ["shutdown", "aclose", "close"],
    ["builder", "AsyncClient", "Client"],
];

/// What the audit trail can do: its name in Rust, Python and Node.
const TRAIL_METHODS: [[&str; 3]; 4] = [
    ["records", "records", "records"],
    ["export", "export", "export"],
    ["verify", "verify", "verify"],
    ["flush", "flush", "flush"],
];

/// Options, errors, fields, methods and trail events, as JSON.
pub fn surface() -> Value {
    let errors: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            json!({
                "class": kind.class_name(),
                "kind": kind.as_str(),
                "code": kind.code(),
                "executed": kind.executed().as_str(),
                "exit_code": kind.exit_code(),
            })
        })
        .collect();
    let metrics = Board::default().snapshot();
    let action = ActionMetrics {
        counts: metrics.counts,
        success_rate: None,
        invoke_latency: metrics.invoke_latency,
        duration: metrics.duration,
    };
    json!({
        "version": crate::VERSION,
        "options": OPTIONS,
        "errors": errors,
        "error_fields": ERROR_FIELDS,
        "methods": METHODS,
        "trail_methods": TRAIL_METHODS,
        "types": {
            "Invocation": fields(&invocation()),
            "ActionResult": fields(&result()),
            "ActionDescription": fields(&description()),
            "Metrics": fields(&metrics),
            "ActionMetrics": fields(&action),
            "Distribution": fields(&metrics.duration),
            "Unfinished": fields(&unfinished()),
            "Verification": fields(&Verification::default()),
            "Verdict": fields(&verdict()),
            "Outcome": ["index", "request", "result", "error"],
        },
        "trail_events": Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
    })
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
}
