//! The actions of every sandbox, and the case that the tutorial's one creates.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{AT_ONCE, Action, CREATE_CASE, DRAFT, ECHO, FAILS, IS_CANCELLED, NEVER_ENDS, Outcome};

impl Action {
    /// The actions of a fresh sandbox.
    pub(crate) fn built_in() -> Vec<Action> {
        let mut create_case = Action::new(CREATE_CASE)
            .name("create-case")
            .required(["customerId"])
            .input_schema(json!({
                "$schema": DRAFT,
                "title": "a case to create",
                "type": "object",
                "required": ["customerId"],
                "properties": {
                    "customerId": {"type": "string", "minLength": 1},
                    "orderReference": {"type": "string"},
                    "priority": {"type": "integer", "minimum": 1, "maximum": 5},
                },
                "additionalProperties": false,
            }))
            .output_schema(json!({
                "$schema": DRAFT,
                "title": "a case that was created",
                "type": "object",
                "required": ["caseId", "queue", "estimatedWaitSeconds"],
                "properties": {
                    "caseId": {"type": "string"},
                    "queue": {"type": "string"},
                    "estimatedWaitSeconds": {"type": "integer"},
                },
            }));
        create_case.creates_case = true;
        vec![
            create_case,
            Action::new(FAILS)
                .name("fails")
                .outcome(Outcome::Failed)
                .error_message("the upstream system refused the request"),
            Action::new(IS_CANCELLED)
                .name("is-cancelled")
                .outcome(Outcome::Cancelled)
                .error_message("cancelled by an operator"),
            Action::new(ECHO).name("echo").echo(),
            Action::new(AT_ONCE).name("at-once").echo().at_once(),
            Action::new(NEVER_ENDS).name("never-ends").outcome(Outcome::Never),
        ]
    }
}

/// The inputs of [`CREATE_CASE`] that it looks at; others are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CaseInputs<'a> {
    #[serde(borrow)]
    customer_id: &'a RawValue,
    #[serde(borrow)]
    order_reference: Option<&'a RawValue>,
    #[serde(borrow)]
    priority: Option<&'a RawValue>,
}

/// The outputs of [`CREATE_CASE`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Case<'a> {
    case_id: String,
    queue: &'static str,
    estimated_wait_seconds: u32,
    customer_id: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_reference: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'a RawValue>,
}

impl<'a> Case<'a> {
    pub(super) fn of(invocation_id: Uuid, inputs: &'a RawValue) -> Option<Self> {
        let CaseInputs { customer_id, order_reference, priority } =
            serde_json::from_str(inputs.get()).ok()?;
        let urgent = priority.and_then(|raw| raw.get().parse::<f64>().ok()).is_some_and(|level| level <= 2.0);
        let (queue, estimated_wait_seconds) =
            if urgent { ("priority-support", 30) } else { ("support", 300) };
        let number = invocation_id.as_fields().0;
        Some(Case {
            case_id: format!("CASE-{number:08X}"),
            queue,
            estimated_wait_seconds,
            customer_id,
            order_reference,
            priority,
        })
    }
}
