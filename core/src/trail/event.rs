//! What can happen: a closed list, with one word for each in all three languages.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::record::clip;
use crate::error::{Error, ErrorKind};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// What happened. The word of each is the same in all three languages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $($(#[$doc])* $name,)+ }

        impl Event {
            /// Every event, in the order of the documentation.
            pub const ALL: &'static [Event] = &[$(Event::$name,)+];

            /// The stable word: `"poll_failed"`.
            pub fn as_str(self) -> &'static str { match self { $(Event::$name => $word,)+ } }
        }
    };
}

events! {
    /// An invocation passed contract and policy.
    Started = "started";
    /// A call with the correlation id and the payload of an invocation that is under way waits for it, and sends nothing.
    Joined = "joined";
    /// The policy refused a request.
    Denied = "denied";
    /// A request broke the contract.
    Invalid = "invalid";
    /// An attempt is about to leave: written before its first byte.
    Sending = "sending";
    /// The gateway accepted the invocation.
    Accepted = "accepted";
    /// It ended without having been executed.
    Rejected = "rejected";
    /// A look at the state brought no usable answer; the poll goes on.
    PollFailed = "poll_failed";
    /// The action reached a terminal state.
    Terminal = "terminal";
    /// Sent, and no trustworthy answer.
    Unknown = "unknown";
    /// Given up by the caller before anything was sent.
    Aborted = "aborted";
    /// Accepted, and nobody waits for it any more.
    Detached = "detached";
    /// The caller's result handler raised or took too long.
    CallbackFailed = "callback_failed";
    /// The caller's result handler took the result.
    Delivered = "delivered";
    /// The access token was renewed.
    TokenRefreshed = "token_refreshed";
    /// What the client was configured with, without secrets.
    Config = "config";
    /// The head of the chain was noted somewhere else.
    Checkpoint = "checkpoint";
    /// Records are known to be missing here.
    Gap = "gap";
    /// The trail was closed in good order.
    Closed = "closed";
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Event {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Config`] for a word that names no event; the hint lists those that do.
    fn from_str(word: &str) -> Result<Event, Error> {
        Event::ALL.iter().copied().find(|event| event.as_str() == word).ok_or_else(|| {
            let words: Vec<_> = Event::ALL.iter().map(|event| event.as_str()).collect();
            Error::new(ErrorKind::Config, format!("`event` must name an event, got `{}`", clip(word, 64)))
                .with_hint(format!("use one of {}", words.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_again_by_its_word() {
        for event in Event::ALL {
            assert_eq!(event.as_str().parse::<Event>().unwrap(), *event);
        }
        assert!(
            "Started"
                .parse::<Event>()
                .unwrap_err()
                .to_string()
                .contains("use one of started, joined, denied")
        );
    }
}
