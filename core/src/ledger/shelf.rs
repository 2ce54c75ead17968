//! Accepted invocations that nobody waits for, so that a later poll is counted once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::Identity;
use crate::callback::Registration;
use crate::claims::ClaimNumber;

/// They are remembered up to this number.
const REMEMBERED: usize = 65_536;

/// What is remembered of accepted invocations that nobody waits for; the oldest are forgotten first.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    left: HashMap<String, Left>,
    order: VecDeque<String>,
}

#[derive(Debug)]
pub(super) struct Left {
    pub(super) who: Identity,
    pub(super) began: Instant,
    pub(super) attempts: u32,
    pub(super) invoke_latency: Option<Duration>,
    pub(super) claim: Option<ClaimNumber>,
    /// By what a later poll belongs to its trace.
    pub(super) traceparent: Option<HeaderValue>,
    /// The path that a callback may come to meanwhile.
    pub(super) registration: Option<Registration>,
}

impl Shelf {
    pub(super) fn put(&mut self, id: String, left: Left) {
        self.order.push_back(id.clone());
        self.left.insert(id, left);
        // Ids that were taken since stand in the order still, so that it is bounded on its own.
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.left.remove(&oldest);
            }
        }
    }

    pub(super) fn take(&mut self, id: &str) -> Option<Left> {
        self.left.remove(id)
    }
}
