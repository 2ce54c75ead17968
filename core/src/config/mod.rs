//! What a client is told: explicit arguments over the environment over the profile over the defaults.
//!
//! Everything that cannot work is found here, before any network, and all of it at once.

mod audit;
mod builder;
mod callback;
mod credentials;
mod mistakes;
mod resolve;
mod table;
mod transport;

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::auth::SharedSource;
use crate::contract::Violation;
use crate::trail::SharedSink;

pub use crate::policy::PolicySource;
pub use crate::profile::RateLimit;
pub use audit::{AuditFailure, AuditSettings, DEFAULT_SEGMENT_BYTES, Durability, LEAST_KEY_BYTES};
pub use builder::ClientBuilder;
pub use callback::CallbackSecret;
pub use credentials::{AccessKey, Credentials, OAuthClient};
pub use resolve::Config;
pub use table::{Dialect, OPTIONS, OptionSpec, Shape};
pub use transport::Transport;

pub(crate) use credentials::is_bearer;
pub(crate) use mistakes::Mistakes;
pub(crate) use resolve::environment;
pub(crate) use transport::EXTRA_CA_CERTS;

/// What the caller said, each part absent where nothing was said. Holds secrets; its `Debug` shows none.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub(crate) dialect: Dialect,
    /// Whether the environment has been read already.
    pub(crate) without_environment: bool,
    pub(crate) base_url: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) access_key_id: Option<String>,
    pub(crate) access_key_secret: Option<SecretString>,
    pub(crate) token: Option<SecretString>,
    pub(crate) token_source: Option<SharedSource>,
    pub(crate) client_auth: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) policy: Option<PolicySource>,
    pub(crate) policy_refresh: Option<Duration>,
    pub(crate) audit: Option<PathBuf>,
    pub(crate) actor: Option<String>,
    pub(crate) durability: Option<Durability>,
    pub(crate) audit_failure: Option<AuditFailure>,
    pub(crate) audit_key: Option<SecretString>,
    pub(crate) audit_checkpoints: Option<PathBuf>,
    pub(crate) checkpoint_sink: Option<SharedSink>,
    pub(crate) audit_segment_bytes: Option<u32>,
    pub(crate) audit_retention_days: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) poll_interval: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
    pub(crate) delivery: Option<Delivery>,
    pub(crate) max_in_flight: Option<u32>,
    pub(crate) max_queued: Option<u32>,
    pub(crate) rate_limit: Option<String>,
    pub(crate) validate: Option<Validate>,
    pub(crate) callback_hosts: Option<Vec<String>>,
    pub(crate) callback_secret: Option<CallbackSecret>,
    pub(crate) proxy: Option<SecretString>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) http1_only: Option<bool>,
    pub(crate) traces: Option<String>,
    /// What was given and could not be read.
    pub(crate) unread: Vec<Violation>,
}

/// What inputs are checked against before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validate {
    /// The contract of the profile, and the policy.
    #[default]
    Contract,
    /// Those, and the JSON Schema that the gateway has of the action.
    Schema,
}

impl Validate {
    /// The word that stands for it in all three languages.
    pub fn as_str(self) -> &'static str {
        match self {
            Validate::Contract => "contract",
            Validate::Schema => "schema",
        }
    }
}

/// What may be done about a POST whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// It is never sent again: the call ends as `outcome_unknown`.
    #[default]
    AtMostOnce,
    /// It is sent again, byte for byte and with the same correlation id: the gateway is known to deduplicate.
    Idempotent,
    /// It is sent again, and may be executed twice: the caller accepts that.
    AtLeastOnce,
}

impl Delivery {
    const WORDS: [(&'static str, Delivery); 3] = [
        ("at_most_once", Delivery::AtMostOnce),
        ("idempotent", Delivery::Idempotent),
        ("at_least_once", Delivery::AtLeastOnce),
    ];

    fn from_word(word: &str) -> Option<Delivery> {
        Delivery::WORDS.iter().find(|(w, _)| *w == word).map(|(_, d)| *d)
    }

    /// The word that stands for it in all three languages.
    pub fn as_str(self) -> &'static str {
        Delivery::WORDS.iter().find(|(_, d)| *d == self).map_or("", |(w, _)| *w)
    }

    /// Whether an ambiguous POST may be sent again.
    pub fn resends_ambiguous(self) -> bool {
        self != Delivery::AtMostOnce
    }
}
