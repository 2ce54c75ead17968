//! The actions that a sandbox knows: six out of the box, and whatever a test describes.
//!
//! An [`Action`] says what the gateway would do with an invocation: how long it takes, how it ends, and what it
//! puts out. The same inputs end the same way every time.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use crate::error::SandboxError;
use crate::parse;

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

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
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

impl Outcome {
    /// The status word on the wire, once the action has ended.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Outcome::Completed => "COMPLETED",
            Outcome::Failed => "FAILED",
            Outcome::Cancelled => "CANCELLED",
            Outcome::Never => "RUNNING",
        }
    }
}

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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) required: Vec<String>,
    #[serde(default)]
    pub(crate) outcome: Outcome,
    #[serde(default, deserialize_with = "parse::present")]
    pub(crate) outputs: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) echo: bool,
    #[serde(default)]
    pub(crate) error_message: Option<String>,
    #[serde(default, deserialize_with = "parse::optional_seconds")]
    pub(crate) complete_after: Option<Duration>,
    #[serde(default)]
    pub(crate) complete_after_polls: u32,
    #[serde(default)]
    pub(crate) at_once: bool,
    #[serde(skip)]
    creates_case: bool,
}

impl Action {
    /// An action that completes, without outputs, after the sandbox's usual time. `id` must be a UUID; that of an
    /// action known out of the box replaces it.
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
            creates_case: false,
        }
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

    /// The actions of a fresh sandbox.
    pub(crate) fn built_in() -> Vec<Action> {
        let mut create_case = Action::new(CREATE_CASE).name("create-case").required(["customerId"]);
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

    /// The canonical form of the id, or what is wrong with the description.
    pub(crate) fn check(&self, place: usize) -> Result<Uuid, SandboxError> {
        let mistake = |what: &str| Err(SandboxError::Options(format!("`actions[{place}]`: {what}")));
        let Ok(id) = Uuid::parse_str(&self.id) else {
            return mistake(&format!("`id` must be a UUID, got `{}`", self.id));
        };
        if self.echo && self.outputs.is_some() {
            return mistake("`echo` and `outputs` exclude each other");
        }
        if self.at_once && self.outcome == Outcome::Never {
            return mistake("`at_once` and the outcome `NEVER` exclude each other");
        }
        Ok(id)
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
