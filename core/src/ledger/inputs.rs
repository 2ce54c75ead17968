//! What no error about an invocation may repeat: the values of its inputs, which a gateway may echo.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::error::Error;
use crate::wire::clean;

/// The inputs of an invocation as JSON text; empty where they are not known here.
#[derive(Clone, Default)]
pub(crate) struct Inputs(Bytes);

impl From<Bytes> for Inputs {
    fn from(text: Bytes) -> Inputs {
        Inputs(text)
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Inputs {
    /// The error without any of the values.
    pub(crate) fn taken_out_of(&self, error: Error) -> Error {
        error.without(self.values().iter().map(String::as_str))
    }

    /// The values in the forms in which a gateway prints them: as they are, as errors show them, and as JSON text.
    fn values(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![serde_json::from_slice(&self.0).unwrap_or(Value::Null)];
        while let Some(value) = left.pop() {
            match value {
                // They say nothing of their own.
                Value::Null | Value::Bool(_) => {}
                Value::Number(number) => found.push(number.to_string()),
                Value::String(text) => {
                    let json = Value::from(text.as_str()).to_string();
                    let inside = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
                    found.extend([inside, clean(&text), text]);
                }
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.into_iter().map(|(_, value)| value)),
            }
        }
        // What is part of another is taken out after it.
        found.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        found
    }
}
