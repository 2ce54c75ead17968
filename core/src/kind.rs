//! What can go wrong, as a closed set, and whether the action was executed.
//!
//! The promise: each kind has one word, one code, one class, one answer and one exit code, the same everywhere.

use std::fmt;

use serde::Serialize;

/// Whether the gateway executed the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Executed {
    /// Provably not: calling again cannot execute it twice.
    No,
    /// The request left, and no trustworthy answer came back.
    Unknown,
    /// The gateway accepted it.
    Yes,
}

impl Executed {
    /// The word that stands in JSON, in the trail and in all three languages.
    pub fn as_str(self) -> &'static str {
        match self {
            Executed::No => "no",
            Executed::Unknown => "unknown",
            Executed::Yes => "yes",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $code:literal, $class:literal, $executed:ident, $exit:literal;)+) => {
        /// What went wrong. Closed within a major version; the word of each is the same in all three languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $name,)+ }

        impl ErrorKind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name,)+];

            /// The stable word: `"outcome_unknown"`.
            pub fn as_str(self) -> &'static str { match self { $(ErrorKind::$name => $word,)+ } }

            /// The stable code, for who branches on one: `"CXONE_OUTCOME_UNKNOWN"`.
            pub fn code(self) -> &'static str { match self { $(ErrorKind::$name => $code,)+ } }

            /// The class that stands for it in Python and Node: `"OutcomeUnknownError"`.
            pub fn class_name(self) -> &'static str { match self { $(ErrorKind::$name => $class,)+ } }

            /// Whether the action was executed, unless the error itself knows better.
            pub fn executed(self) -> Executed { match self { $(ErrorKind::$name => Executed::$executed,)+ } }

            /// The exit code of the command line.
            pub fn exit_code(self) -> u8 { match self { $(ErrorKind::$name => $exit,)+ } }
        }
    };
}

kinds! {
    /// Options that cannot work, found before any network.
    Config = "config", "CXONE_CONFIG", "ConfigError", No, 2;
    /// The request breaks the contract.
    Validation = "validation", "CXONE_VALIDATION", "ValidationError", No, 3;
    /// The policy refuses it.
    Denied = "denied", "CXONE_DENIED", "AccessDeniedError", No, 3;
    /// The token service refuses the credentials, or the gateway answers 401 after one refresh.
    Auth = "auth", "CXONE_AUTH", "AuthenticationError", No, 4;
    /// 403.
    Forbidden = "forbidden", "CXONE_FORBIDDEN", "PermissionDeniedError", No, 4;
    /// Any other definite refusal by the gateway.
    Rejected = "rejected", "CXONE_REJECTED", "RequestRejectedError", No, 3;
    /// 429 beyond the attempts or the patience.
    RateLimited = "rate_limited", "CXONE_RATE_LIMITED", "RateLimitedError", No, 5;
    /// Nothing was sent: DNS, refused, TLS, token service down.
    Unavailable = "unavailable", "CXONE_UNAVAILABLE", "UnavailableError", No, 7;
    /// The local queue is full.
    Overloaded = "overloaded", "CXONE_OVERLOADED", "OverloadedError", No, 5;
    /// Sent, and no trustworthy answer.
    OutcomeUnknown = "outcome_unknown", "CXONE_OUTCOME_UNKNOWN", "OutcomeUnknownError", Unknown, 8;
    /// The deadline passed while the action was running, as far as anyone knows.
    PollTimeout = "poll_timeout", "CXONE_POLL_TIMEOUT", "PollTimeoutError", Yes, 6;
    /// The gateway's answers to polls cannot be understood.
    Protocol = "protocol", "CXONE_PROTOCOL", "ProtocolError", Yes, 7;
    /// The action ended as `FAILED`.
    ActionFailed = "action_failed", "CXONE_ACTION_FAILED", "ActionFailedError", Yes, 1;
    /// The action ended as `CANCELLED`.
    ActionCancelled = "action_cancelled", "CXONE_ACTION_CANCELLED", "ActionCancelledError", Yes, 1;
    /// The durable trail cannot be written: nothing is sent.
    Audit = "audit", "CXONE_AUDIT", "AuditError", No, 7;
    /// The client was used after it was closed.
    Closed = "closed", "CXONE_CLOSED", "ClosedError", No, 2;
}

impl Serialize for ErrorKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The stable word.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word.
impl fmt::Display for Executed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
