//! One row: what the file says, before anybody judges it.

use cxone_actions::{ActionRequest, Violation};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What tells a row from the others of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// The correlation id that it gives itself.
    Own(String),
    /// What stands in the column, or in the input, that was said to be the key.
    Key(Vec<u8>),
    /// Its place, and the digest of what the file has there: whatever else is made of it in another run, it is this row.
    Place([u8; 32]),
    /// It gives itself a correlation id that is none.
    None,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// From 0, as results count them.
    pub(super) index: u64,
    /// From 1, where it begins in the file.
    pub(super) line: u64,
    /// The request in JSON, as far as the file says it.
    pub(super) text: Vec<u8>,
    pub(super) name: Name,
    /// What cannot be made of it. Then nothing is sent, and the text is not what was meant.
    pub(super) mistakes: Vec<Violation>,
}

impl Row {
    /// The request. `action` is that of rows that name none.
    pub(super) fn request(&self, action: Option<&str>, correlation_id: Option<&str>) -> ActionRequest {
        let mut request = ActionRequest::from_json(&self.text);
        if let Some(action) = action {
            request = request.or_action(action);
        }
        match (&self.name, correlation_id) {
            (Name::Key(_) | Name::Place(_), Some(id)) => request.correlation_id(id),
            _ => request,
        }
    }

    /// The row as a line that `batch` takes, with this correlation id or with none; none where it cannot be written so.
    pub(super) fn rewritten(&self, action: Option<&str>, correlation_id: Option<&str>) -> Option<String> {
        let Members(members) = serde_json::from_slice(&self.text).ok()?;
        let is = |key: &str, names: [&str; 2]| names.contains(&key);
        let mut line = String::from("{");
        let mut put = |key: &str, value: &str| {
            if line.len() > 1 {
                line.push(',');
            }
            line.push_str(&json_text(key));
            line.push(':');
            line.push_str(&one_line(value));
        };
        let named = members.iter().any(|(key, value)| is(key, ACTION) && value.get() != "null");
        if let (Some(action), false) = (action, named) {
            put("actionId", &json_text(action));
        }
        if let Some(id) = correlation_id {
            put("correlationId", &json_text(id));
        }
        for (key, value) in &members {
            let replaced = is(key, CORRELATION) || is(key, ACTION) && !named;
            if !replaced {
                put(key, value.get());
            }
        }
        line.push('}');
        Some(line)
    }
}

pub(super) const ACTION: [&str; 2] = ["actionId", "action_id"];
pub(super) const CORRELATION: [&str; 2] = ["correlationId", "correlation_id"];

/// A text in JSON.
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// JSON on one line: a line break between its tokens is a blank, and there are none inside of them.
pub(super) fn one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// The members of an object, in their order and as they are written.
pub(super) struct Members<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        Row {
            index: 0,
            line: 1,
            text: text.as_bytes().to_vec(),
            name: Name::Place([0; 32]),
            mistakes: Vec::new(),
        }
    }

    #[test]
    fn a_row_is_written_again_digit_by_digit_with_the_id_that_it_is_to_have() {
        let cases = [
            (
                r#"{"inputs":{"n":12345678901234567890.10}}"#,
                r#"{"actionId":"a","correlationId":"c","inputs":{"n":12345678901234567890.10}}"#,
            ),
            (r#"{"actionId":"b", "correlation_id":"old"}"#, r#"{"correlationId":"c","actionId":"b"}"#),
            (
                "{\"actionId\":null,\"inputs\":{\"a\":\n1}}",
                r#"{"actionId":"a","correlationId":"c","inputs":{"a": 1}}"#,
            ),
        ];
        for (text, written) in cases {
            assert_eq!(row(text).rewritten(Some("a"), Some("c")).as_deref(), Some(written));
        }
        assert_eq!(
            row(r#"{"actionId":"b","correlationId":"x"}"#).rewritten(None, None).unwrap(),
            r#"{"actionId":"b"}"#
        );
        assert_eq!(row("[1]").rewritten(None, None), None);
        assert_eq!(row("{").rewritten(None, None), None);
    }
}
