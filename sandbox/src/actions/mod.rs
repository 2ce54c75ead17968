//! The actions that a sandbox knows: six out of the box, and whatever a test describes. How they are called in a
//! profile whose ids are no UUIDs is said at [`PROFILES`](crate::PROFILES).
//!
//! An [`Action`] says what the gateway would do with an invocation: which inputs it takes, how long it is at work, how
//! it ends, and what it puts out. What is drawn follows from the seed and the id of the invocation, and from nothing
//! else: the same run again ends in the same way.

mod file;
mod known;
mod read;
mod run;
mod template;
mod time;

use std::sync::Arc;
use std::time::Duration;

use jsonschema::Validator;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::error::SandboxError;
pub(crate) use file::ActionFile;
pub(crate) use run::Run;
use template::Template;
pub use time::Time;

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
/// use cxone_actions_sandbox::{Action, Outcome, Time};
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
/// let moody = Action::new("6f9619ff-8b86-4d01-b42d-00c04fc964fd")
///     .outputs(json!({"reference": "{{ uuid }}", "customer": "{{ inputs.customerId }}"}))
///     .time(Time::Spread { median: Duration::from_millis(300), p99: Duration::from_secs(4) })
///     .failure_rate(0.1)
///     .errors([("no such customer", 3.0), ("the CRM does not answer", 1.0)]);
/// # let _ = (quote, refuses, moody);
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
    time: Option<Time>,
    failure_rate: f64,
    errors: Vec<(String, f64)>,
    cancel_rate: f64,
    input_schema: Option<Box<RawValue>>,
    output_schema: Option<Box<RawValue>>,
    creates_case: bool,
    /// What [`Action::prepared`] makes of the outputs and of the schema.
    template: Option<Template>,
    rule: Option<Arc<Validator>>,
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
            time: None,
            failure_rate: 0.0,
            errors: Vec::new(),
            cancel_rate: 0.0,
            input_schema: None,
            output_schema: None,
            creates_case: false,
            template: None,
            rule: None,
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
    ///
    /// A string in it may hold placeholders: `{{ inputs.NAME }}` is an input that was sent, `{{ uuid }}` a fresh UUID,
    /// `{{ now }}` when the invocation was accepted (RFC 3339), `{{ random 1 100 }}` a whole number from the first to
    /// the second, and `{{ "text" }}` that text, for one that looks like a placeholder. A string that is nothing but one
    /// becomes the value itself, of its own type; an input that was not sent is null, and inside of a text nothing.
    #[must_use]
    pub fn outputs(mut self, outputs: Value) -> Self {
        // Writing a `Value` as text cannot fail.
        self.outputs = to_raw_value(&outputs).ok();
        self
    }

    /// The same as JSON text, which is sent verbatim but for the placeholders: for numbers that no Rust type holds.
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

    /// How long it takes, where that is not always [the same](Action::complete_after).
    #[must_use]
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }

    /// Which share of its invocations fails, from 0 to 1; the others end as COMPLETED.
    #[must_use]
    pub fn failure_rate(mut self, share: f64) -> Self {
        self.failure_rate = share;
        self
    }

    /// The `errorMessage`s of those that fail, each with its weight: one of weight 3 is three times as frequent as one
    /// of weight 1.
    #[must_use]
    pub fn errors<M: Into<String>>(mut self, errors: impl IntoIterator<Item = (M, f64)>) -> Self {
        self.errors = errors.into_iter().map(|(message, weight)| (message.into(), weight)).collect();
        self
    }

    /// Which share of its invocations is cancelled, from 0 to 1.
    #[must_use]
    pub fn cancel_rate(mut self, share: f64) -> Self {
        self.cancel_rate = share;
        self
    }

    /// The JSON Schema of its inputs: an invocation whose inputs break it is refused (400). It is of draft 2020-12
    /// unless it names another, and holds no reference to elsewhere. A profile that tells it tells it.
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
}
