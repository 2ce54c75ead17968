//! What a poll is asked for: what `invoke` returned, an id, or a resume token; and what that turns out to be.

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::error::Result;
use crate::inner::Inner;
use crate::invocation::{ActionResult, Invocation, Status};
use crate::ledger::Account;
use crate::profile::Profile;
use crate::resume::refused;
use crate::wire::terminal_in;

/// What to wait for.
#[derive(Debug, Clone)]
pub enum PollTarget {
    /// A bare invocation id, or a resume token.
    Id(String),
    /// What `invoke` returned.
    Invocation(Box<Invocation>),
}

/// What a poll begins with.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made, and almost always the large one"
)]
pub(crate) enum PollFrom {
    /// It ended with the answer to the POST: there is nothing to look at.
    Known(Box<ActionResult>),
    /// An invocation to look at.
    Watch(Account),
}

impl PollFrom {
    /// # Errors
    /// [`ErrorKind::Validation`](crate::ErrorKind::Validation) for what is no invocation of this gateway.
    pub(crate) fn read(inner: &Inner, target: PollTarget, began: Instant) -> Result<PollFrom> {
        let text = match target {
            PollTarget::Id(text) => text,
            PollTarget::Invocation(invocation) => {
                if let Some(result) = known(&inner.config.profile, &invocation) {
                    return Ok(PollFrom::Known(Box::new(result)));
                }
                invocation.resume_token.or(invocation.invocation_id).unwrap_or_default()
            }
        };
        if inner.config.profile.is_synchronous() {
            return Err(refused(
                "unused",
                "names nothing: this profile answers at once",
                "hand over what `invoke` returned",
            ));
        }
        Ok(PollFrom::Watch(inner.ledger.adopt(inner.gateway.read(&text)?, began)))
    }
}

impl PollTarget {
    /// What a binding hands over: a JSON string (an id or a resume token), or an invocation as this library wrote it.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`](crate::ErrorKind::Validation).
    pub fn from_json(text: &str) -> Result<PollTarget> {
        #[derive(Deserialize)]
        struct Written {
            #[serde(alias = "invocationId")]
            invocation_id: Option<String>,
            #[serde(default)]
            action_id: String,
            #[serde(default)]
            correlation_id: String,
            #[serde(default)]
            status: String,
            #[serde(default)]
            invoke_latency_ms: f64,
            #[serde(default)]
            attempts: u32,
            #[serde(alias = "resumeToken")]
            resume_token: Option<String>,
            raw: Option<Box<RawValue>>,
        }
        if let Ok(id) = serde_json::from_str::<String>(text) {
            return Ok(PollTarget::Id(id));
        }
        let written: Written = serde_json::from_str(text).map_err(|_| {
            let way_out = "hand over what `invoke` returned";
            refused("type", "must be an invocation, an invocation id or a resume token", way_out)
        })?;
        Ok(PollTarget::Invocation(Box::new(Invocation {
            invocation_id: written.invocation_id,
            action_id: written.action_id,
            correlation_id: written.correlation_id,
            status: written.status,
            invoke_latency_ms: written.invoke_latency_ms,
            attempts: written.attempts,
            resume_token: written.resume_token,
            raw: written.raw.map(Into::into),
        })))
    }
}

impl From<Invocation> for PollTarget {
    fn from(invocation: Invocation) -> Self {
        PollTarget::Invocation(Box::new(invocation))
    }
}

impl From<&str> for PollTarget {
    fn from(id: &str) -> Self {
        PollTarget::Id(id.to_owned())
    }
}

impl From<String> for PollTarget {
    fn from(id: String) -> Self {
        PollTarget::Id(id)
    }
}

/// The result of an invocation that ended with the answer to its POST.
fn known(profile: &Profile, invocation: &Invocation) -> Option<ActionResult> {
    let body = invocation.raw.as_ref().map_or("", |raw| raw.get());
    let terminal = terminal_in(body, &invocation.status, profile)?;
    Some(ActionResult {
        invocation_id: invocation.invocation_id.clone(),
        action_id: Some(invocation.action_id.clone()),
        correlation_id: Some(invocation.correlation_id.clone()),
        status: terminal.status,
        ok: terminal.status == Status::Completed,
        outputs: terminal.outputs,
        error_message: terminal.error_message,
        invoke_latency_ms: Some(invocation.invoke_latency_ms),
        duration_ms: invocation.invoke_latency_ms,
        attempts: invocation.attempts,
        polls: 0,
        raw: terminal.raw,
    })
}
