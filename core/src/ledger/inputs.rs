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

/// Payloads beyond this are let go of once the gateway has them.
const KEPT: usize = 16 * 1024;
/// So much of a value finds it in an error, which is shorter.
const BEGINNING: usize = 4096;

impl Inputs {
    /// Keeps no more than errors need: an invocation may go on for hours after its payload has been sent.
    pub(super) fn let_go_of_payload(&mut self) {
        if self.0.len() <= KEPT {
            return;
        }
        let mut values = self.values();
        for value in &mut values {
            let end = (0..=BEGINNING.min(value.len())).rev().find(|end| value.is_char_boundary(*end));
            value.truncate(end.unwrap_or_default());
        }
        self.0 = serde_json::to_vec(&values).unwrap_or_default().into();
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_payload_no_more_is_kept_than_errors_need() {
        let long = "é".repeat(100_000);
        let text = serde_json::json!({"note": long, "list": ["second", {"deep": 1234}], "flag": true});
        let mut inputs = Inputs::from(Bytes::from(text.to_string()));
        let before = inputs.values();
        inputs.let_go_of_payload();
        assert!(inputs.0.len() < 2 * BEGINNING, "{} bytes", inputs.0.len());
        let after = inputs.values();
        assert_eq!(after[1..], before[1..]);
        assert!(before[0].starts_with(&after[0]) && after[0].len() == BEGINNING);

        let mut small = Inputs::from(Bytes::from_static(br#"{"a":"whole"}"#));
        small.let_go_of_payload();
        assert_eq!(small.0, br#"{"a":"whole"}"#.as_slice());
    }
}
