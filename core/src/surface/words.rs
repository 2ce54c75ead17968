//! Words that are written as text in Python and Node: closed lists, which Rust has as enums where it takes them.

use serde::Serialize;

use crate::config::{AuditFailure, Delivery, Durability, Validate};
use crate::error::{ErrorKind, Executed};
use crate::invocation::Status;
use crate::trail::{Event, UnfinishedState};

/// A closed list of words.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    /// What says one of them: an option, a field or a parameter, after its type or method.
    pub(super) of: &'static str,
    /// Its type in Rust, where it is not text there.
    pub(super) rust: &'static str,
    /// The words.
    pub(super) words: Vec<&'static str>,
    /// What they are about.
    pub(super) doc: &'static str,
}

/// Every list.
pub(super) fn words() -> Vec<Words> {
    let words = |of, rust, words: &[&'static str], doc| Words { of, rust, words: words.to_vec(), doc };
    vec![
        words(
            "ActionResult.status",
            "Status",
            &[Status::Completed, Status::Failed, Status::Cancelled].map(Status::as_str),
            "how an invocation ended: the last two are results, not errors",
        ),
        words(
            "CxoneError.executed",
            "Executed",
            &[Executed::No, Executed::Unknown, Executed::Yes].map(Executed::as_str),
            "whether the gateway executed the action",
        ),
        words(
            "Unfinished.state",
            "UnfinishedState",
            &[UnfinishedState::Unsent, UnfinishedState::Unknown, UnfinishedState::Accepted]
                .map(UnfinishedState::as_str),
            "safe to call again; perhaps executed; to be polled",
        ),
        words(
            "Verdict.kind",
            "ErrorKind",
            &[ErrorKind::Validation, ErrorKind::Denied].map(ErrorKind::as_str),
            "of the error that a call would end as",
        ),
        words(
            "AuditTrail.records.event",
            "Event",
            &Event::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>(),
            "what a record says",
        ),
        words(
            "AuditTrail.export.format",
            "ExportFormat",
            &["jsonl", "json", "csv"],
            "how an export is written",
        ),
        words(
            "option.client_auth",
            "",
            &["post", "basic", "query"],
            "how the client authenticates at the token service; the last puts the secret into a URL and is unsafe",
        ),
        words(
            "option.durability",
            "Durability",
            &[Durability::Process, Durability::Power].map(Durability::as_str),
            "what a record survives: the death of the process, or the loss of power",
        ),
        words(
            "option.audit_failure",
            "AuditFailure",
            &[AuditFailure::FailClosed, AuditFailure::ContinueWithGap].map(AuditFailure::as_str),
            "while the trail cannot be written: nothing is sent; or it goes on, and says how many records are missing",
        ),
        words(
            "option.delivery",
            "Delivery",
            &[Delivery::AtMostOnce, Delivery::Idempotent, Delivery::AtLeastOnce].map(Delivery::as_str),
            "of a POST whose outcome is unknown: never sent again; sent again because the gateway deduplicates; sent again \
             although it may be executed twice",
        ),
        words(
            "option.validate",
            "Validate",
            &[Validate::Contract, Validate::Schema].map(Validate::as_str),
            "what inputs are checked against: contract and policy; or the gateway's JSON Schema besides",
        ),
        words(
            "Sandbox.inject.point",
            "",
            &["token", "invoke", "poll", "discovery", "describe", "callback"],
            "where a fault waits; a profile has the points that it has requests for",
        ),
        words(
            "Fault.close",
            "",
            &["before_request", "after_request", "reset", "mid_head", "mid_response"],
            "does nothing and closes; acts and closes without an answer; acts and resets; acts and closes half-way through \
             the head, or the body",
        ),
        words(
            "SandboxAction.outcome",
            "Outcome",
            &["COMPLETED", "FAILED", "CANCELLED", "NEVER"],
            "how an action of the sandbox ends; the last stays `RUNNING`",
        ),
    ]
}
