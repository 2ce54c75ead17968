//! Answers that are given at once: JSON text with exactly one of `value` and `error`.

use cxone_actions::{Error, ErrorKind};
use cxone_actions_bridge::error_json;
use serde_json::Value;

/// `json` is the JSON text of a value, the error that of an error.
pub(crate) fn tagged(answer: Result<String, String>) -> String {
    match answer {
        Ok(json) => format!("{{\"value\":{json}}}"),
        Err(error) => format!("{{\"error\":{error}}}"),
    }
}

/// `text` as the JSON text of a string.
pub(crate) fn quoted(text: String) -> String {
    Value::String(text).to_string()
}

/// The JSON text of a `config` error.
pub(crate) fn mistake(message: impl ToString) -> String {
    error_json(&Error::new(ErrorKind::Config, message.to_string()))
}
