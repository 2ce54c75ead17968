//! What a caller asks for, not yet checked. Nothing that was said is lost here: what cannot be sent becomes a violation
//! when the contract looks at it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::finding::Finding;
use super::json::{Sort, Text};
use super::{Violation, envelope};

/// An action to invoke, with its inputs.
///
/// ```
/// # use cxone_actions::ActionRequest;
/// let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890")
///     .input("customerId", "CUST-998877")
///     .input("priority", 1)
///     .correlation_id("corr-001");
/// ```
///
/// `Debug` shows the names of the inputs and never their values.
#[derive(Clone, Default)]
pub struct ActionRequest {
    pub(super) action_id: Field,
    pub(super) inputs: Vec<Input>,
    /// The sort of what was given as inputs, where that is not an object.
    pub(super) inputs_instead: Option<Sort>,
    pub(super) correlation_id: Field,
    pub(super) callback_url: Field,
    pub(super) traceparent: Field,
    /// What was wrong with the text as a whole, its unknown and its repeated fields.
    pub(super) strays: Vec<Violation>,
    pub(super) findings: BTreeMap<String, Vec<Finding>>,
    /// Whether the text was far beyond any limit, and was not read.
    pub(super) oversized: bool,
    /// Whether there is a text whose fields could not be read.
    pub(super) unread: bool,
}

/// A field of the envelope as it was given.
#[derive(Clone, Default)]
pub(super) enum Field {
    #[default]
    Absent,
    Text(Text),
    Instead(Sort),
}

#[derive(Clone)]
pub(super) struct Input {
    pub(super) key: Text,
    pub(super) value: InputValue,
}

/// The value of one input: a string, a number, a boolean or null; a list or an object where the profile takes them.
/// Anything else is kept as what it is, and refused by the contract.
#[derive(Clone)]
pub struct InputValue(pub(super) Held);

#[derive(Clone)]
pub(super) enum Held {
    Null,
    Boolean(bool),
    /// The digits as they were given.
    Number(String),
    /// `NaN`, `Infinity`, `-Infinity`.
    NonFinite(&'static str),
    Text(Text),
    /// A list or an object, its text as it was given.
    Nested(Arc<RawValue>),
}

impl ActionRequest {
    /// A request without inputs.
    pub fn new(action_id: impl Into<String>) -> Self {
        ActionRequest { action_id: Field::given(action_id), ..ActionRequest::default() }
    }

    /// Adds an input. Giving the same one twice is a violation, not a replacement.
    #[must_use]
    pub fn input(mut self, key: impl Into<String>, value: impl Into<InputValue>) -> Self {
        let key = Text { text: key.into(), lone_surrogate: false };
        self.inputs.push(Input { key, value: value.into() });
        self
    }

    /// Adds all of these inputs.
    #[must_use]
    pub fn inputs(self, inputs: Map<String, Value>) -> Self {
        inputs.into_iter().fold(self, |request, (key, value)| request.input(key, value))
    }

    /// Names the logical invocation: `[A-Za-z0-9._:-]{1,128}`. Without it a UUID is made.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.correlation_id = Field::given(id);
        self
    }

    /// Names the action where the request names none: of rows that all call the same one.
    #[doc(hidden)]
    #[must_use]
    pub fn or_action(mut self, id: impl Into<String>) -> Self {
        if matches!(self.action_id, Field::Absent) {
            self.action_id = Field::given(id);
        }
        self
    }

    /// What it calls its action, an id or a name, where that is text.
    pub(crate) fn action(&self) -> Option<&str> {
        self.action_id.text()
    }

    /// Puts an action's id in the place of its name; gives back what is no name.
    pub(crate) fn resolve<'a>(&mut self, id_of: impl FnOnce(&str) -> Option<&'a str>) -> Option<String> {
        let text = self.action_id.text()?;
        match id_of(text) {
            Some(id) => {
                self.action_id = Field::given(id);
                None
            }
            None => Some(text.to_owned()),
        }
    }

    /// Whether the caller gave it a correlation id, so that a second one with the same is the same invocation.
    pub(crate) fn has_correlation_id(&self) -> bool {
        !matches!(self.correlation_id, Field::Absent)
    }

    /// Where the gateway shall say that it is done: a public https URL, or one whose host is listed in
    /// `callback_hosts`.
    #[must_use]
    pub fn callback_url(mut self, url: impl Into<String>) -> Self {
        self.callback_url = Field::given(url);
        self
    }

    /// The span that it is done for, as the header `traceparent` of W3C's Trace Context names it: `00-…-…-01`.
    #[must_use]
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.traceparent = Field::given(traceparent);
        self
    }

    /// Reads a request from JSON text: an object with `actionId`, `inputs`, `correlationId`, `callbackUrl` and
    /// `traceparent`, each also in snake_case. It never fails: what is wrong with the text is said by the contract, with everything else.
    pub fn from_json(text: &[u8]) -> Self {
        envelope::read(text)
    }

    /// As [`ActionRequest::from_json`], with what the border met that JSON cannot say.
    pub fn from_border(text: &[u8], findings: &[Finding]) -> Self {
        let mut request = envelope::read(text);
        if findings.iter().any(|finding| finding.path.is_empty()) {
            // Where there is a finding the text has null, of which there is nothing more to say.
            request.strays.retain(|stray| !stray.path.is_empty());
        }
        for finding in findings {
            request.findings.entry(finding.path.clone()).or_default().push(finding.clone());
        }
        request
    }
}

impl Field {
    fn given(text: impl Into<String>) -> Field {
        Field::Text(Text { text: text.into(), lone_surrogate: false })
    }

    /// The text, where one was given that Unicode allows.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Field::Text(text) if !text.lone_surrogate => Some(&text.text),
            _ => None,
        }
    }
}

impl fmt::Debug for ActionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.inputs.iter().map(|input| input.key.text.as_str()).collect();
        f.debug_struct("ActionRequest")
            .field("action_id", &self.action_id.text())
            .field("inputs", &keys)
            .field("correlation_id", &self.correlation_id.text())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for InputValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sort())
    }
}

impl InputValue {
    /// The name of its type, for messages.
    pub(super) fn sort(&self) -> &'static str {
        match &self.0 {
            Held::Null => Sort::Null.as_str(),
            Held::Boolean(_) => Sort::Boolean.as_str(),
            Held::Number(_) | Held::NonFinite(_) => Sort::Number.as_str(),
            Held::Text(_) => Sort::String.as_str(),
            Held::Nested(raw) => Sort::of(raw).as_str(),
        }
    }

    /// One value of JSON text, its digits as they stand there.
    pub(super) fn from_raw(raw: &RawValue) -> InputValue {
        InputValue(match Sort::of(raw) {
            Sort::Null => Held::Null,
            Sort::Boolean => Held::Boolean(raw.get() == "true"),
            Sort::Number => Held::Number(raw.get().to_owned()),
            Sort::String => match serde_json::from_str(raw.get()) {
                Ok(text) => Held::Text(text),
                // Not reached: the text was scanned already. Refused rather than sent as something else.
                Err(_) => Held::Text(Text { text: String::new(), lone_surrogate: true }),
            },
            Sort::Array | Sort::Object => Held::Nested(Arc::from(raw.to_owned())),
        })
    }
}

impl From<String> for InputValue {
    fn from(text: String) -> Self {
        InputValue(Held::Text(Text { text, lone_surrogate: false }))
    }
}

impl From<&str> for InputValue {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<bool> for InputValue {
    fn from(value: bool) -> Self {
        InputValue(Held::Boolean(value))
    }
}

/// Null.
impl From<()> for InputValue {
    fn from((): ()) -> Self {
        InputValue(Held::Null)
    }
}

/// NaN and the infinities are kept, and refused by the contract; they never become null.
impl From<f64> for InputValue {
    fn from(value: f64) -> Self {
        InputValue(match serde_json::Number::from_f64(value) {
            Some(number) => Held::Number(number.to_string()),
            None if value.is_nan() => Held::NonFinite("NaN"),
            None if value > 0.0 => Held::NonFinite("Infinity"),
            None => Held::NonFinite("-Infinity"),
        })
    }
}

macro_rules! integers {
    ($($sort:ty),+) => {$(
        impl From<$sort> for InputValue {
            fn from(value: $sort) -> Self {
                InputValue(Held::Number(value.to_string()))
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

/// `None` is null.
impl<T: Into<InputValue>> From<Option<T>> for InputValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(InputValue(Held::Null), Into::into)
    }
}

impl From<Value> for InputValue {
    fn from(value: Value) -> Self {
        InputValue(match value {
            Value::Null => Held::Null,
            Value::Bool(value) => Held::Boolean(value),
            Value::Number(number) => Held::Number(number.to_string()),
            Value::String(text) => return text.into(),
            nested => match to_raw_value(&nested) {
                Ok(raw) => Held::Nested(Arc::from(raw)),
                // Not reached: the keys of a `Value` are strings. Refused rather than sent as something else.
                Err(_) => Held::NonFinite("NaN"),
            },
        })
    }
}
