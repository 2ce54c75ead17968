//! What comes back: the handle of an accepted invocation, its result, and the token that finds it again.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::{Error, ErrorKind, Result};

/// How an invocation ended. `Failed` and `Cancelled` are results, not errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// The action did what it is for.
    Completed,
    /// The action ran and failed.
    Failed,
    /// Somebody or something ended the action.
    Cancelled,
}

impl Status {
    /// The word that stands in JSON: `"COMPLETED"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Completed => "COMPLETED",
            Status::Failed => "FAILED",
            Status::Cancelled => "CANCELLED",
        }
    }
}

/// The word that stands in JSON.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An accepted invocation: what `invoke` returns and `poll` takes.
#[derive(Debug, Clone, Serialize)]
pub struct Invocation {
    /// The gateway's id; none where the gateway gives none.
    pub invocation_id: Option<String>,
    /// The action, in canonical form.
    pub action_id: String,
    /// The logical invocation; made by the library where the caller gave none.
    pub correlation_id: String,
    /// The status word of the gateway's answer, as it was sent (`"PENDING"`).
    pub status: String,
    /// From the call to the gateway's acceptance, in milliseconds, waits included.
    pub invoke_latency_ms: f64,
    /// How often the POST was sent.
    pub attempts: u32,
    /// Hand it to `poll`, from this process or another, now or tomorrow. Holds ids, never a URL.
    pub resume_token: Option<String>,
    /// The gateway's answer, as it was sent.
    pub raw: Option<Arc<RawValue>>,
}

/// The terminal result of an invocation.
#[derive(Debug, Clone, Serialize)]
pub struct ActionResult {
    /// The gateway's id; none where the gateway gives none.
    pub invocation_id: Option<String>,
    /// The action; none when only a bare invocation id was polled.
    pub action_id: Option<String>,
    /// The logical invocation; none when only a bare invocation id was polled.
    pub correlation_id: Option<String>,
    /// How it ended.
    pub status: Status,
    /// Whether it ended as `COMPLETED`.
    pub ok: bool,
    /// The outputs exactly as the gateway sent them; none where it sent none.
    pub outputs: Option<Arc<RawValue>>,
    /// Why it failed, in the gateway's words.
    pub error_message: Option<String>,
    /// From the call to the gateway's acceptance, in milliseconds; none when the acceptance was not seen.
    pub invoke_latency_ms: Option<f64>,
    /// From the call to the terminal state, in milliseconds.
    pub duration_ms: f64,
    /// How often the POST was sent; 0 when the acceptance was not seen.
    pub attempts: u32,
    /// How often the gateway was asked for the state.
    pub polls: u32,
    /// The gateway's last answer, as it was sent.
    pub raw: Option<Arc<RawValue>>,
}

impl ActionResult {
    /// Turns `FAILED` and `CANCELLED` into errors, for callers who prefer `?`.
    ///
    /// # Errors
    /// [`ErrorKind::ActionFailed`] and [`ErrorKind::ActionCancelled`]; `executed` is yes.
    pub fn error_for_status(self) -> Result<ActionResult> {
        let kind = match self.status {
            Status::Completed => return Ok(self),
            Status::Failed => ErrorKind::ActionFailed,
            Status::Cancelled => ErrorKind::ActionCancelled,
        };
        Err(self.error(kind))
    }

    fn error(&self, kind: ErrorKind) -> Error {
        let verb = if kind == ErrorKind::ActionFailed { "failed" } else { "was cancelled" };
        let action = self.action_id.as_ref().map_or("the action".to_owned(), |id| format!("action `{id}`"));
        let reason = self.error_message.as_deref().map(|m| format!(": {m}")).unwrap_or_default();
        Error::new(kind, format!("{action} {verb}{reason}"))
            .with_hint("it was executed; look at its outputs and the gateway's log before calling it again")
            .with_attempts(self.attempts)
            .about(self.action_id.as_deref(), self.correlation_id.as_deref(), self.invocation_id.as_deref())
    }
}
