//! What both floors say to the gateway and read of it.

use http::Uri;
use serde::Deserialize;

pub(super) const TOKEN: &str = "/api/v2/oauth/token";
pub(super) const INVOCATIONS: &str = "/api/v2/integrations/actions/invocations";

#[derive(Debug, Deserialize)]
pub(super) struct Granted {
    access_token: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accepted {
    pub(super) invocation_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Looked {
    pub(super) status: String,
    pub(super) outputs: Option<serde_json::Value>,
}

/// The header that a granted token is.
pub(super) fn bearer(answer: &[u8]) -> String {
    let granted: Granted = serde_json::from_slice(answer).unwrap();
    format!("Bearer {}", granted.access_token)
}

/// Host and port.
pub(super) fn authority(base_url: &str) -> String {
    let url: Uri = base_url.parse().unwrap();
    url.authority().unwrap().to_string()
}
