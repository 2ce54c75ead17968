//! One line of the results: what became of one row. The lines are what a later run knows of this one, so whoever writes
//! one and whoever reads it agree here.

use cxone_actions::{ActionResult, Error, ErrorKind, Executed, Violation};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::row::one_line;

/// What a row has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Became {
    Completed,
    /// It failed, was cancelled or was refused: it is known what became of it.
    Failed,
    /// It may have been executed, or was and nobody knows how it ended.
    Unknown,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    index: u64,
    line: u64,
    correlation_id: Option<&'a str>,
    status: Option<&'a str>,
    executed: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invocation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Said<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_token: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    kind: &'a str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Violation]>::is_empty")]
    violations: &'a [Violation],
}

/// Whose line it is.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    pub(super) index: u64,
    pub(super) line: u64,
    pub(super) correlation_id: Option<String>,
}

impl Whose {
    /// The line of a terminal state.
    pub(super) fn ended(&self, result: &ActionResult) -> String {
        written(&Line {
            status: Some(result.status.as_str()),
            executed: Executed::Yes.as_str(),
            action_id: result.action_id.as_deref(),
            invocation_id: result.invocation_id.as_deref(),
            outputs: result.outputs.as_deref(),
            error_message: result.error_message.as_deref(),
            attempts: (result.attempts > 0).then_some(result.attempts),
            duration_ms: Some(result.duration_ms),
            ..self.line()
        })
    }

    /// The line of an end that only the trail knows.
    pub(super) fn remembered(&self, status: &str, action_id: Option<&str>) -> String {
        let text = "the process ended before the result was written, and this gateway says it only once: its outputs \
                    are lost";
        let error_message = Some(text);
        written(&Line {
            status: Some(status),
            executed: Executed::Yes.as_str(),
            action_id,
            error_message,
            ..self.line()
        })
    }

    /// The line of an error.
    pub(super) fn refused(&self, error: &Error) -> String {
        written(&Line {
            executed: error.executed().as_str(),
            action_id: error.action_id(),
            invocation_id: error.invocation_id(),
            attempts: error.attempts(),
            resume_token: error.resume_token(),
            error: Some(Said {
                kind: error.kind().as_str(),
                code: error.code(),
                message: error.message(),
                hint: error.hint(),
                http_status: error.http_status(),
                gateway_code: error.gateway_code(),
                request_id: error.request_id(),
                violations: error.violations(),
            }),
            ..self.line()
        })
    }

    fn line(&self) -> Line<'_> {
        Line {
            index: self.index,
            line: self.line,
            correlation_id: self.correlation_id.as_deref(),
            status: None,
            executed: "",
            action_id: None,
            invocation_id: None,
            outputs: None,
            error_message: None,
            error: None,
            attempts: None,
            duration_ms: None,
            resume_token: None,
        }
    }
}

/// Every value in it can be written in JSON.
fn written(line: &Line<'_>) -> String {
    let mut text = one_line(&serde_json::to_string(line).unwrap_or_default());
    text.push('\n');
    text
}

/// Of what could not be made of a row.
pub(super) fn mistakes(violations: Vec<Violation>, correlation_id: Option<&str>) -> Error {
    let reasons: Vec<_> = violations.iter().map(|violation| violation.message.as_str()).collect();
    let error =
        Error::new(ErrorKind::Validation, format!("the row cannot be meant so: {}", reasons.join("; ")))
            .with_hint("nothing was sent; correct the row")
            .with_violations(violations);
    match correlation_id {
        Some(id) => error.with_correlation_id(id),
        None => error,
    }
}

/// A line, as a later run reads it.
#[derive(Debug, Deserialize)]
struct Read<'a> {
    index: u64,
    status: Option<&'a str>,
    executed: &'a str,
}

/// Whose line it is, and what it says; none where it is no line of results.
pub(super) fn read(line: &[u8]) -> Option<(u64, Became)> {
    let Read { index, status, executed } = serde_json::from_slice(line).ok()?;
    Some((index, became(status, executed)))
}

fn became(status: Option<&str>, executed: &str) -> Became {
    match (status, executed) {
        (Some("COMPLETED"), _) => Became::Completed,
        (Some(_), _) | (None, "no") => Became::Failed,
        (None, _) => Became::Unknown,
    }
}

/// What became of a row that ended so.
pub(super) fn of_result(result: Result<&ActionResult, &Error>) -> Became {
    match result {
        Ok(result) => became(Some(result.status.as_str()), "yes"),
        Err(error) => became(None, error.executed().as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_is_one_line() {
        let whose = Whose { index: 7, line: 9, correlation_id: Some("c".into()) };
        let cases = [
            (whose.remembered("COMPLETED", None), Became::Completed),
            (whose.remembered("CANCELLED", Some("a")), Became::Failed),
            (whose.refused(&Error::new(ErrorKind::Rejected, "no\nway")), Became::Failed),
            (whose.refused(&mistakes(vec![], None)), Became::Failed),
            (whose.refused(&Error::new(ErrorKind::OutcomeUnknown, "gone")), Became::Unknown),
            // It was executed, and nobody can say how it ended: it is not for whoever sends failed ones again.
            (whose.refused(&Error::new(ErrorKind::Protocol, "odd")), Became::Unknown),
        ];
        for (line, became) in cases {
            assert_eq!(line.matches('\n').count(), 1);
            assert_eq!(read(line.trim_end().as_bytes()), Some((7, became)), "{line}");
        }
        assert_eq!(read(b"{\"index\":1}"), None);
        let result = ActionResult {
            invocation_id: None,
            action_id: None,
            correlation_id: None,
            status: cxone_actions::Status::Completed,
            ok: true,
            outputs: Some(
                RawValue::from_string("{\n\"n\":\r\n12345678901234567890.10}".into()).unwrap().into(),
            ),
            error_message: None,
            invoke_latency_ms: None,
            duration_ms: 1.5,
            attempts: 1,
            polls: 0,
            raw: None,
        };
        assert_eq!(
            whose.ended(&result),
            "{\"index\":7,\"line\":9,\"correlationId\":\"c\",\"status\":\"COMPLETED\",\"executed\":\"yes\",\
             \"outputs\":{ \"n\":  12345678901234567890.10},\"attempts\":1,\"durationMs\":1.5}\n"
        );
    }
}
