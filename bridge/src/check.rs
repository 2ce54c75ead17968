//! What is asked of contract and policy without sending anything, as text.

use std::sync::Arc;

use cxone_actions::config::PolicySource;
use cxone_actions::{ActionRequest, Error, ErrorKind, Result};
use jiff::Timestamp;

use crate::handle::Handle;
use crate::text::retold;

/// Errors are the JSON text of a `config` error.
impl Handle {
    /// What a call of this request would be told, now or at another time (RFC 3339), as a JSON object.
    ///
    /// # Errors
    /// As for both of these.
    pub fn check(&self, request: ActionRequest, at: Option<&str>) -> Result<String, String> {
        self.read(|client| {
            let at = at.map_or_else(|| Ok(Timestamp::now()), moment)?;
            let verdict = serde_json::to_value(client.check_at(request, at)).unwrap_or_default();
            Ok(retold(verdict).to_string())
        })
    }

    /// Reads the policy again, or another one from now on (the JSON text of a path or of the policy itself); its digest.
    /// It is also the policy of a client that a forked child opens.
    ///
    /// # Errors
    /// As for both of these.
    pub fn reload_policy(&self, policy_json: Option<&str>) -> Result<String, String> {
        self.read(|client| {
            let source = policy_json.map(PolicySource::from_json).transpose()?;
            let digest = client.reload_policy(source.clone())?;
            if let Some(source) = source {
                self.policy.store(Some(Arc::new(source)));
            }
            Ok(digest)
        })
    }
}

fn moment(text: &str) -> Result<Timestamp> {
    text.parse().map_err(|_| {
        Error::new(ErrorKind::Config, "`at` must be a time with its offset from UTC")
            .with_hint("times are written like 2026-11-22T15:00:00Z")
    })
}
