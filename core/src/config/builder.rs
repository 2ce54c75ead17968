//! The options as a Rust caller says them.

use std::path::PathBuf;
use std::time::Duration;

use super::{AuditFailure, CallbackSecret, Delivery, Durability, Options, PolicySource, Validate};
use crate::auth::{SharedSource, TokenSource};
use crate::client::Client;
use crate::error::Result;
use crate::trail::{CheckpointSink, SharedSink};

/// Says what a client needs to know. What is left unsaid comes from the environment, the profile, and the defaults.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ClientBuilder(Options);

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $from:ty => |$value:ident| $made:expr;)+) => {
        impl ClientBuilder {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $value: $from) -> Self {
                    self.0.$name = Some($made);
                    self
                }
            )+
        }
    };
}

setters! {
    /// Where the gateway is: https, or http on a loopback address.
    base_url: impl Into<String> => |url| url.into();
    /// The wire contract: a built-in name or a path to a TOML file.
    profile: impl Into<String> => |name| name.into();
    /// Fills `{region}` in a profile's URLs.
    region: impl Into<String> => |region| region.into();
    /// OAuth client id.
    client_id: impl Into<String> => |id| id.into();
    /// OAuth client secret.
    client_secret: impl Into<String> => |secret| secret.into().into();
    /// Access key, where the profile's grant uses one.
    access_key_id: impl Into<String> => |id| id.into();
    /// The access key's secret.
    access_key_secret: impl Into<String> => |secret| secret.into().into();
    /// A bearer token that somebody else keeps fresh, instead of credentials.
    token: impl Into<String> => |token| token.into().into();
    /// `post`, `basic`, or `query` (unsafe: proxies log it).
    client_auth: impl Into<String> => |auth| auth.into();
    /// OAuth scopes, separated by spaces.
    scope: impl Into<String> => |scope| scope.into();
    /// Who may call what: a file, or the same structure as JSON text.
    policy: PolicySource => |source| source;
    /// A policy file that changed is read again, looked at no more often than this.
    policy_refresh: Duration => |time| time;
    /// Directory of the durable audit trail.
    audit: impl Into<PathBuf> => |path| path.into();
    /// Who acts, as the trail says it.
    actor: impl Into<String> => |actor| actor.into();
    /// What a record of the trail survives.
    durability: Durability => |durability| durability;
    /// What becomes of invocations while the trail cannot be written.
    audit_failure: AuditFailure => |failure| failure;
    /// Seals the trail's records (HMAC-SHA256); at least 16 bytes.
    audit_key: impl Into<String> => |key| key.into().into();
    /// A file elsewhere that is told the head of the chain.
    audit_checkpoints: impl Into<PathBuf> => |path| path.into();
    /// The size at which a segment of the trail is ended.
    audit_segment_bytes: u32 => |bytes| bytes;
    /// Segments that ended so many days ago are removed.
    audit_retention_days: u32 => |days| days;
    /// Deadline of one invoke, poll or run, from the call.
    timeout: Duration => |time| time;
    /// One HTTP attempt, with its body.
    request_timeout: Duration => |time| time;
    /// One connection, with TLS.
    connect_timeout: Duration => |time| time;
    /// A fixed time between two looks, instead of the adaptive one.
    poll_interval: Duration => |time| time;
    /// Sends of one invocation.
    max_attempts: u32 => |count| count;
    /// What may be done about a POST whose outcome is unknown.
    delivery: Delivery => |delivery| delivery;
    /// HTTP requests at once.
    max_in_flight: u32 => |count| count;
    /// Callers waiting for a permit.
    max_queued: u32 => |count| count;
    /// Sends per time, as in `300/60s`.
    rate_limit: impl Into<String> => |limit| limit.into();
    /// What inputs are checked against before they are sent.
    validate: Validate => |validate| validate;
    /// Hosts that a `callback_url` may name.
    callback_hosts: Vec<String> => |hosts| hosts;
    /// What callbacks are signed with; several while one takes the place of another.
    callback_secret: impl Into<CallbackSecret> => |secret| secret.into();
    /// Proxy URL.
    proxy: impl Into<String> => |url| url.into().into();
    /// Certificates to trust, PEM.
    ca_file: impl Into<PathBuf> => |path| path.into();
    /// Client certificate and key, PEM.
    client_cert: impl Into<PathBuf> => |path| path.into();
    /// Never speak HTTP/2.
    http1_only: bool => |only| only;
    /// Where spans are sent: the URL of an OTLP/HTTP collector.
    traces: impl Into<String> => |url| url.into();
}

impl ClientBuilder {
    /// Code of your own that is asked for tokens, instead of credentials: an asynchronous closure that returns a token, or
    /// a token and how long it serves, or any other [`TokenSource`].
    pub fn token_source(mut self, source: impl TokenSource) -> Self {
        self.0.token_source = Some(SharedSource::new(source));
        self
    }

    /// Code of your own that is told the end of the trail's chain, beside or instead of the file `audit_checkpoints`: a
    /// closure, or any other [`CheckpointSink`].
    pub fn checkpoint_sink(mut self, sink: impl CheckpointSink) -> Self {
        self.0.checkpoint_sink = Some(SharedSink::new(sink));
        self
    }

    /// Checks everything and opens the trail; touches no network.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with every mistake at once, [`crate::ErrorKind::Audit`] when the trail cannot be opened.
    pub fn build(self) -> Result<Client> {
        Client::open(self.0)
    }

    /// The options, to be opened later or more than once.
    pub fn into_options(self) -> Options {
        self.0
    }
}

impl Options {
    /// The same options with another policy.
    #[must_use]
    pub fn with_policy(mut self, source: PolicySource) -> Options {
        self.policy = Some(source);
        self
    }

    /// The same options for who has read the environment already: no option is taken from there. Proxies are, which the HTTP
    /// library looks up itself.
    #[must_use]
    pub fn without_environment(mut self) -> Options {
        self.without_environment = true;
        self
    }

    /// The same options with a function for tokens, as [`ClientBuilder::token_source`] takes it.
    #[must_use]
    pub fn with_token_source(self, source: impl TokenSource) -> Options {
        ClientBuilder(self).token_source(source).into_options()
    }

    /// The same options with a function for checkpoints, as [`ClientBuilder::checkpoint_sink`] takes it.
    #[must_use]
    pub fn with_checkpoint_sink(self, sink: impl CheckpointSink) -> Options {
        ClientBuilder(self).checkpoint_sink(sink).into_options()
    }
}
