//! The numbers: one count per invocation, bounded memory whatever the load, and a law that holds at every instant:
//!
//! `started = completed + failed + cancelled + rejected + aborted + unknown + in_flight + detached`

mod board;
mod prometheus;
mod times;

use std::collections::BTreeMap;

use serde::Serialize;

pub(crate) use board::{Board, Place, Tally};

/// What a callback may come to. The last four wake nobody.
pub(crate) const CALLBACK_OUTCOMES: [&str; 5] = ["woke", "duplicate", "unknown", "forged", "too_large"];

/// A consistent snapshot of a client's numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Metrics {
    /// Where the invocations are that passed contract and policy.
    #[serde(flatten)]
    pub counts: Counts,
    /// Requests that the policy refused.
    pub denied: u64,
    /// Requests that broke the contract.
    pub invalid: u64,
    /// Completed among the terminal results, 0 to 1; none before the first.
    pub success_rate: Option<f64>,
    /// From the call to the gateway's acceptance.
    pub invoke_latency: Distribution,
    /// From the call to the terminal state.
    pub duration: Distribution,
    /// Sends beyond the first of each invocation.
    pub retries: u64,
    /// Answers with 429.
    pub rate_limited: u64,
    /// Looks at the state of an invocation.
    pub polls: u64,
    /// Tokens fetched.
    pub token_refreshes: u64,
    /// Callback handlers that raised or did not end in time.
    pub callback_failures: u64,
    /// Callbacks that came, by what they came to: `woke`, `duplicate`, `unknown`, `forged`, `too_large`.
    pub callbacks: BTreeMap<&'static str, u64>,
    /// Status words that the profile does not know.
    pub unknown_statuses: u64,
    /// Records of the audit trail that could not be written, also where a `gap` has said so since.
    pub audit_lost: u64,
    /// The same by action name (or id): at most 100 of them, the rest together as `other`.
    pub by_action: BTreeMap<String, ActionMetrics>,
}

/// Where invocations are. Their sum is `started`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Invocations that passed contract and policy.
    pub started: u64,
    /// Ended as `COMPLETED`.
    pub completed: u64,
    /// Ended as `FAILED`.
    pub failed: u64,
    /// Ended as `CANCELLED`.
    pub cancelled: u64,
    /// Provably not executed.
    pub rejected: u64,
    /// Given up by the caller before anything was sent.
    pub aborted: u64,
    /// Sent, without a trustworthy answer.
    pub unknown: u64,
    /// Somebody waits for it.
    pub in_flight: u64,
    /// Accepted, and nobody waits for it.
    pub detached: u64,
}

/// The numbers of one action.
#[derive(Debug, Clone, Serialize)]
pub struct ActionMetrics {
    /// Where its invocations are.
    #[serde(flatten)]
    pub counts: Counts,
    /// Completed among the terminal results, 0 to 1; none before the first.
    pub success_rate: Option<f64>,
    /// From the call to the gateway's acceptance.
    pub invoke_latency: Distribution,
    /// From the call to the terminal state.
    pub duration: Distribution,
}

/// A distribution of times in milliseconds, each percentile within 1 %; none before the first value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Distribution {
    /// How many values.
    pub count: u64,
    /// Their mean.
    pub mean_ms: Option<f64>,
    /// The smallest.
    pub min_ms: Option<f64>,
    /// The largest.
    pub max_ms: Option<f64>,
    /// Half of them are at most this.
    pub p50_ms: Option<f64>,
    /// 90 % of them are at most this.
    pub p90_ms: Option<f64>,
    /// 95 % of them are at most this.
    pub p95_ms: Option<f64>,
    /// 99 % of them are at most this.
    pub p99_ms: Option<f64>,
    #[serde(skip)]
    pub(crate) buckets: times::Buckets,
}

impl Counts {
    /// Completed among the terminal results; none before the first.
    pub fn success_rate(&self) -> Option<f64> {
        let terminal = self.completed + self.failed + self.cancelled;
        (terminal > 0).then(|| self.completed as f64 / terminal as f64)
    }

    /// The outcomes by name: what the `outcome` label of the Prometheus text says.
    pub fn outcomes(&self) -> [(&'static str, u64); 6] {
        [
            ("completed", self.completed),
            ("failed", self.failed),
            ("cancelled", self.cancelled),
            ("rejected", self.rejected),
            ("aborted", self.aborted),
            ("unknown", self.unknown),
        ]
    }

    /// Whether nothing that was started is lost from the counts.
    pub fn conserved(&self) -> bool {
        let settled: u64 = self.outcomes().iter().map(|(_, n)| n).sum();
        self.started == settled + self.in_flight + self.detached
    }
}
