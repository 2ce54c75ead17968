//! The numbers of a client at one moment, for as long as somebody holds them.
//!
//! The promise: both texts are of the same moment, and one that nobody asks for is not written.

use cxone_actions::Metrics;

/// The numbers of a client at one moment.
#[derive(Debug)]
pub struct Snapshot(pub(crate) Metrics);

impl Snapshot {
    /// As JSON text.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// As Prometheus text.
    pub fn prometheus(&self) -> String {
        self.0.prometheus()
    }
}
