//! The words at the border: answers and errors as JSON text.

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use cxone_actions::{ActionResult, Dialect, Error, ErrorKind, Executed, Options, Status};
use serde::Serialize;
use serde_json::{Value, json};

use crate::queue::Told;
use crate::tokens::RaisedBy;

/// The language of this process: one library is loaded into it, for one language.
static SPOKEN: OnceLock<Dialect> = OnceLock::new();

/// Says from now on what there is to say with the names of this language.
pub(crate) fn speak(dialect: Dialect) {
    SPOKEN.get_or_init(|| dialect);
}

/// An error or a verdict with the names of the language that is spoken.
pub(crate) fn retold(mut said: Value) -> Value {
    SPOKEN.get().copied().unwrap_or_default().retell(&mut said);
    said
}

/// An error as both bindings read it: one JSON object with [`cxone_actions::ERROR_FIELDS`]; and, where there is one, the
/// `cause` of the system's, or by which numbers to find what the caller's function raised (`raised_by`).
pub fn error_json(error: &Error) -> String {
    let mut said = retold(error.to_json());
    let raised_by = error.source().and_then(|source| source.downcast_ref::<RaisedBy>());
    let told =
        [("cause", error.cause().map(|cause| json!(cause))), ("raised_by", raised_by.map(|by| json!(by)))];
    if let Some(fields) = said.as_object_mut() {
        fields.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    said.to_string()
}

/// The `timeout` of one call, in the unit of the language; judged by the same rule as the client's own.
///
/// # Errors
/// The JSON text of a `config` error.
pub fn patience(timeout: f64, dialect: Dialect) -> Result<Duration, String> {
    let (name, unit) = if dialect == Dialect::Node { ("timeoutMs", 1e-3) } else { ("timeout", 1.0) };
    // JSON has no NaN and no infinity; what stands for them is as impossible as they are.
    let said = if timeout.is_finite() { timeout } else { -1.0 };
    Options::from_json(&json!({ name: said }).to_string(), dialect).map_err(|error| error_json(&error))?;
    Ok(Duration::try_from_secs_f64(timeout * unit).unwrap_or(Duration::MAX))
}

/// The error that a result raises where the caller asks for one: none for `COMPLETED`.
///
/// `result_json` is the object that a `result` answer carried.
pub fn status_error(result_json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(result_json).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let count =
        |name: &str| value.get(name).and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let status = [Status::Completed, Status::Failed, Status::Cancelled]
        .into_iter()
        .find(|status| value.get("status").and_then(Value::as_str) == Some(status.as_str()))?;
    let result = ActionResult {
        invocation_id: text("invocation_id"),
        action_id: text("action_id"),
        correlation_id: text("correlation_id"),
        status,
        ok: status == Status::Completed,
        outputs: None,
        error_message: text("error_message"),
        invoke_latency_ms: None,
        duration_ms: 0.0,
        attempts: count("attempts"),
        polls: count("polls"),
        raw: None,
    };
    result.error_for_status().err().map(|error| error_json(&error))
}

/// The `timeout` of closing: like that of a call, and 0 does not wait at all.
///
/// # Errors
/// The JSON text of a `config` error.
pub fn close_patience(timeout: f64, dialect: Dialect) -> Result<Duration, String> {
    if timeout == 0.0 { Ok(Duration::ZERO) } else { patience(timeout, dialect) }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client is closed, or its process is about to end")
        .with_hint("open a new client, and keep it open while calls are made")
}

/// The one field of a `Done` message.
pub(crate) fn done<T: Serialize>(field: &str, outcome: &Result<T, Error>) -> String {
    let text = match outcome {
        Ok(value) => written(field, value),
        Err(error) => return failed(&error_json(error)),
    };
    text.unwrap_or_else(|| failed(&error_json(&unanswered())))
}

/// How an answer of one field is told: as JSON text.
pub(crate) fn field<T: Serialize>(name: &'static str) -> impl FnOnce(Result<T, Error>) -> Told {
    move |outcome| Told::Text(done(name, &outcome))
}

/// As [`field`], where there is only the end to be told of.
pub(crate) fn value<T: Serialize>(outcome: Result<T, Error>) -> Told {
    Told::Text(done("value", &outcome))
}

/// How a result is told: as it is, since not every reader wants its text.
pub(crate) fn result(outcome: Result<ActionResult, Error>) -> Told {
    match outcome {
        Ok(result) => Told::Result(Box::new(result)),
        Err(error) => Told::Text(failed(&error_json(&error))),
    }
}

/// In one text from the beginning, since a result may be large.
fn written<T: Serialize>(field: &str, value: &T) -> Option<String> {
    let mut text = format!("{{\"{field}\":").into_bytes();
    serde_json::to_writer(&mut text, value).ok()?;
    text.push(b'}');
    String::from_utf8(text).ok()
}

/// A `Done` message that says what went wrong.
pub(crate) fn failed(error_json: &str) -> String {
    format!("{{\"error\":{error_json}}}")
}

/// A call was under way when the process began to end.
pub(crate) fn ending() -> Error {
    Error::new(ErrorKind::Closed, "the process is about to end, and the call was still under way")
        .with_executed(Executed::Unknown)
        .with_hint("close the client before the process ends; with a durable trail, `recover()` tells what became of it")
}

/// A call ended without saying how: the runtime was stopped under it, or this library has a defect.
pub(crate) fn unanswered() -> Error {
    Error::new(ErrorKind::OutcomeUnknown, "the call was ended before it had an answer")
        .with_hint("`recover()` tells what is known of it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_of_a_call_is_judged_as_the_clients_own() {
        assert_eq!(patience(1.5, Dialect::Python), Ok(Duration::from_millis(1500)));
        assert_eq!(patience(1500.0, Dialect::Node), Ok(Duration::from_millis(1500)));
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            let error = patience(wrong, Dialect::Python).unwrap_err();
            assert!(error.contains("`timeout` must be above zero"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_result_raises_only_where_it_did_not_complete() {
        let result = |status| {
            status_error(&format!(
                r#"{{"status":"{status}","action_id":"a","error_message":"no stock","attempts":1}}"#
            ))
        };
        assert_eq!(result("COMPLETED"), None);
        assert!(result("FAILED").unwrap().contains("action `a` failed: no stock"));
        assert!(result("CANCELLED").unwrap().contains(r#""kind":"action_cancelled""#));
        let by_hand = status_error(r#"{"status":"FAILED"}"#).unwrap();
        assert!(by_hand.contains(r#""message":"the action failed""#), "{by_hand}");
    }

    #[test]
    fn an_answer_has_exactly_one_field() {
        assert_eq!(done("value", &Ok(Value::Null)), r#"{"value":null}"#);
        assert!(done::<()>("value", &Err(closed())).starts_with(r#"{"error":{"kind":"closed""#));
    }
}
