//! What no error about an invocation may repeat: the values of its inputs, which a gateway may echo.

use std::fmt;

use bytes::Bytes;
use serde_json::Value;

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
    /// The values as texts, the longest first: what is part of another is taken out after it.
    pub(super) fn values(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![serde_json::from_slice(&self.0).unwrap_or(Value::Null)];
        while let Some(value) = left.pop() {
            match value {
                // They say nothing of their own.
                Value::Null | Value::Bool(_) => {}
                Value::Number(number) => found.push(number.to_string()),
                Value::String(text) => found.push(text),
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.into_iter().map(|(_, value)| value)),
            }
        }
        found.sort_unstable_by_key(|text| std::cmp::Reverse(text.len()));
        found
    }
}
