//! The actions that a sandbox knows: six out of the box, and whatever a test describes. How they are called in a
//! profile whose ids are no UUIDs is said at [`PROFILES`](crate::PROFILES).
//!
//! An [`Action`] says what the gateway would do with an invocation: how long it takes, how it ends, and what it
//! puts out. The same inputs end the same way every time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::SandboxError;
use crate::parse::Members;

/// Creates a case for a customer: needs `customerId`, takes `orderReference` and `priority`, and completes with
/// `caseId`, `queue`, `estimatedWaitSeconds` and the inputs it used.
pub const CREATE_CASE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/// Ends as `FAILED`, with an `errorMessage`.
pub const FAILS: &str = "00000000-0000-4000-8000-000000000001";
/// Ends as `CANCELLED`, with an `errorMessage`.
pub const IS_CANCELLED: &str = "00000000-0000-4000-8000-000000000002";
/// Completes with its `inputs` as outputs, in exactly the JSON text that was sent.
pub const ECHO: &str = "00000000-0000-4000-8000-000000000003";
/// Completes in the answer to the POST, with its `inputs` as outputs: there is nothing to poll.
pub const AT_ONCE: &str = "00000000-0000-4000-8000-000000000004";
/// Stays `RUNNING` for ever.
pub const NEVER_ENDS: &str = "00000000-0000-4000-8000-000000000005";

/// The draft of JSON Schema that contact centres speak.
const DRAFT: &str = "http://json-schema.org/draft-04/schema#";

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// It did its work.
    #[default]
    Completed,
    /// It could not do its work.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// It does not: it stays `RUNNING`.
    Never,
}

const OUTCOMES: &[(&str, Outcome)] = &[
    ("COMPLETED", Outcome::Completed),
    ("FAILED", Outcome::Failed),
    ("CANCELLED", Outcome::Cancelled),
    ("NEVER", Outcome::Never),
];

/// What a gateway has configured under one id.
///
/// ```
/// use std::time::Duration;
/// use cxone_actions_sandbox::{Action, Outcome};
/// use serde_json::json;
///
/// let quote = Action::new("6f9619ff-8b86-4d01-b42d-00c04fc964ff")
///     .name("quote")
///     .required(["customerId"])
///     .outputs(json!({"amount": 12.5}))
///     .complete_after(Duration::from_millis(200));
/// let refuses = Action::new("6f9619ff-8b86-4d01-b42d-00c04fc964fe")
///     .outcome(Outcome::Failed)
///     .error_message("no such customer");
/// # let _ = (quote, refuses);
/// ```
#[derive(Debug, Clone)]
pub struct Action {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) required: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) outputs: Option<Box<RawValue>>,
    pub(crate) echo: bool,
    pub(crate) error_message: Option<String>,
    pub(crate) complete_after: Option<Duration>,
    pub(crate) complete_after_polls: u32,
    pub(crate) at_once: bool,
    input_schema: Option<Box<RawValue>>,
    output_schema: Option<Box<RawValue>>,
    creates_case: bool,
}

impl Action {
    /// An action that completes, without outputs, after the sandbox's usual time. `id` must be what the profile's
    /// ids are: a UUID where it is silent. One that an action out of the box has replaces that action.
    pub fn new(id: impl Into<String>) -> Self {
        Action {
            id: id.into(),
            name: None,
            required: Vec::new(),
            outcome: Outcome::Completed,
            outputs: None,
            echo: false,
            error_message: None,
            complete_after: None,
            complete_after_polls: 0,
            at_once: false,
            input_schema: None,
            output_schema: None,
            creates_case: false,
        }
    }

    /// An action as its JSON text, the one at `place` of a list.
    pub(crate) fn read(place: usize, text: &str) -> Result<Self, String> {
        let mut members = Members::read("an action of the sandbox", format!("actions[{place}]."), text)?;
        let Some(id) = members.text("id")? else {
            return Err(format!("`actions[{place}].id` is missing"));
        };
        let action = Action {
            name: members.text("name")?,
            required: members.texts("required")?.unwrap_or_default(),
            outcome: members.word("outcome", OUTCOMES)?.unwrap_or_default(),
            outputs: members.json("outputs"),
            echo: members.truth("echo")?,
            error_message: members.text("error_message")?,
            complete_after: members.seconds("complete_after")?,
            complete_after_polls: members
                .whole("complete_after_polls", 0, u32::MAX.into())?
                .and_then(|polls| polls.try_into().ok())
                .unwrap_or_default(),
            at_once: members.truth("at_once")?,
            input_schema: members.json("input_schema"),
            output_schema: members.json("output_schema"),
            ..Action::new(id)
        };
        members.end()?;
        Ok(action)
    }

    /// What the gateway calls it in its error messages.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Inputs without which an invocation is refused (400).
    #[must_use]
    pub fn required<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.required = keys.into_iter().map(Into::into).collect();
        self
    }

    /// How it ends.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// What it puts out: any JSON, `null` included. Without this there is no `outputs` in the answer.
    #[must_use]
    pub fn outputs(mut self, outputs: Value) -> Self {
        // Writing a `Value` as text cannot fail.
        self.outputs = to_raw_value(&outputs).ok();
        self
    }

    /// What it puts out, as JSON text that is sent verbatim: for numbers that no Rust type holds.
    ///
    /// # Errors
    /// Where the text is not JSON.
    pub fn outputs_json(mut self, text: impl Into<String>) -> Result<Self, SandboxError> {
        let outputs = RawValue::from_string(text.into())
            .map_err(|error| SandboxError::Options(format!("`outputs` must be JSON: {error}")))?;
        self.outputs = Some(outputs);
        Ok(self)
    }

    /// Puts out the exact JSON text of its inputs.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// The `errorMessage` of the terminal status.
    #[must_use]
    pub fn error_message(mut self, message: impl Into<String>) -> Self {
        self.error_message = Some(message.into());
        self
    }

    /// How long it takes from acceptance: `PENDING` for the first third, then `RUNNING`, then its end.
    #[must_use]
    pub fn complete_after(mut self, time: Duration) -> Self {
        self.complete_after = Some(time);
        self
    }

    /// How many polls it answers with `RUNNING` before it ends, so that a test need not wait for a clock.
    #[must_use]
    pub fn complete_after_polls(mut self, polls: u32) -> Self {
        self.complete_after_polls = polls;
        self
    }

    /// Ends in the answer to the POST (200 with a terminal status).
    #[must_use]
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// The JSON Schema of its inputs, for a profile that tells it. Only [`required`](Action::required) is checked.
    #[must_use]
    pub fn input_schema(mut self, schema: Value) -> Self {
        self.input_schema = to_raw_value(&schema).ok();
        self
    }

    /// The JSON Schema of its outputs, for a profile that tells it.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output_schema = to_raw_value(&schema).ok();
        self
    }

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

    /// What is wrong with the description, apart from the id, which the profile knows.
    pub(crate) fn check(&self, place: usize) -> Result<(), SandboxError> {
        let mistake = |what: &str| Err(SandboxError::Options(format!("`actions[{place}]`: {what}")));
        if self.echo && self.outputs.is_some() {
            return mistake("`echo` and `outputs` exclude each other");
        }
        if self.at_once && self.outcome == Outcome::Never {
            return mistake("`at_once` and the outcome `NEVER` exclude each other");
        }
        Ok(())
    }

    /// The JSON Schemas of its inputs and its outputs.
    pub(crate) fn schemas(&self) -> (Value, Value) {
        let told = |schema: &Option<Box<RawValue>>| {
            schema.as_ref().and_then(|schema| serde_json::from_str(schema.get()).ok())
        };
        let inputs = told(&self.input_schema).unwrap_or_else(|| {
            let properties: serde_json::Map<_, _> =
                self.required.iter().map(|name| (name.clone(), json!({}))).collect();
            let required = &self.required;
            json!({"$schema": DRAFT, "type": "object", "required": required, "properties": properties})
        });
        let outputs = told(&self.output_schema)
            .unwrap_or_else(|| json!({"$schema": DRAFT, "type": "object", "properties": {}}));
        (inputs, outputs)
    }

    /// The outputs of one invocation, as JSON text.
    pub(crate) fn put_out(&self, invocation_id: Uuid, inputs: &RawValue) -> Option<Box<str>> {
        if self.echo {
            return Some(inputs.get().into());
        }
        if self.creates_case {
            return Case::of(invocation_id, inputs)
                .and_then(|case| serde_json::to_string(&case).ok())
                .map(Into::into);
        }
        self.outputs.as_ref().map(|outputs| outputs.get().into())
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
struct Case<'a> {
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
    fn of(invocation_id: Uuid, inputs: &'a RawValue) -> Option<Self> {
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
