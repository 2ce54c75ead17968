//! The wire contract as data: where the gateway listens, what its answers look like, what its status words mean.
//!
//! Nothing about the wire is a constant in Rust. A profile is a TOML file; the built-in ones are files too.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::invocation::Status;

const GATEWAY: &str = include_str!("gateway.toml");

/// One gateway's contract.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, as resume tokens and the trail say it.
    pub name: String,
    /// How to get a token.
    pub token: TokenContract,
    /// How to submit.
    pub invoke: InvokeContract,
    /// How to look.
    pub poll: PollContract,
    /// What status words mean.
    pub status: StatusWords,
}

/// How to get a token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenContract {
    /// URL template with `{base}`.
    pub url: String,
    /// `post`, `basic` or `query`.
    pub client_auth: String,
    /// The scopes that are asked for, separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
}

/// How to submit.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvokeContract {
    /// URL template with `{base}`.
    pub url: String,
    /// Statuses that mean accepted, if the answer carries a usable id.
    pub accepted: Vec<u16>,
    /// JSON pointer to the invocation id.
    pub id: String,
    /// The largest body that the gateway takes.
    pub max_body_bytes: usize,
    /// Statuses that prove that the request was not processed.
    #[serde(default)]
    pub unprocessed: Vec<u16>,
}

/// How to look, and where an answer holds what.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollContract {
    /// URL template with `{base}` and `{invocation_id}`.
    pub url: String,
    /// JSON pointer to the invocation id, compared with the one that was asked for.
    pub id: String,
    /// JSON pointer to the status word.
    pub status: String,
    /// JSON pointer to the outputs.
    pub outputs: String,
    /// JSON pointer to the reason of a failure.
    pub error: String,
}

/// Which words mean what.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "StatusLists")]
pub struct StatusWords(HashMap<String, Option<Status>>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusLists {
    completed: Vec<String>,
    failed: Vec<String>,
    cancelled: Vec<String>,
    pending: Vec<String>,
}

impl From<StatusLists> for StatusWords {
    fn from(lists: StatusLists) -> Self {
        let named = [
            (lists.completed, Some(Status::Completed)),
            (lists.failed, Some(Status::Failed)),
            (lists.cancelled, Some(Status::Cancelled)),
            (lists.pending, None),
        ];
        StatusWords(
            named.into_iter().flat_map(|(words, s)| words.into_iter().map(move |w| (plain(&w), s))).collect(),
        )
    }
}

/// What a status word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It ended like this.
    Terminal(Status),
    /// It goes on.
    Pending,
    /// Nobody told us: it goes on, visibly.
    Unknown,
}

impl StatusWords {
    /// What `word` means, without regard to case, `-`, `_` and spaces.
    pub fn meaning(&self, word: &str) -> Meaning {
        match self.0.get(&plain(word)) {
            Some(Some(status)) => Meaning::Terminal(*status),
            Some(None) => Meaning::Pending,
            None => Meaning::Unknown,
        }
    }
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_uppercase).collect()
}

impl Profile {
    /// A built-in profile by name, or a TOML file by path.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: no such profile, an unreadable file, or a mistake in it with its line.
    pub fn load(name: &str) -> Result<Profile> {
        if name == "gateway" {
            return Profile::from_toml(GATEWAY, name);
        }
        if Path::new(name).extension().is_none_or(|e| e != "toml") {
            return Err(Error::new(ErrorKind::Config, format!("`profile` `{name}` is not built in"))
                .with_hint("use `gateway`, or a path that ends in .toml"));
        }
        let text = std::fs::read_to_string(name).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`profile` file `{name}` cannot be read: {error}"))
        })?;
        Profile::from_toml(&text, name)
    }

    /// Reads a profile; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the line of the mistake.
    pub fn from_toml(text: &str, origin: &str) -> Result<Profile> {
        let broken =
            |why: String| Error::new(ErrorKind::Config, format!("profile `{origin}` cannot be used: {why}"));
        let profile: Profile =
            toml::from_str(text).map_err(|error| broken(error.to_string().trim().replace('\n', " ")))?;
        for (key, url) in [
            ("token.url", &profile.token.url),
            ("invoke.url", &profile.invoke.url),
            ("poll.url", &profile.poll.url),
        ] {
            if !url.starts_with("{base}/") {
                return Err(broken(format!("`{key}` must begin with `{{base}}/`")));
            }
        }
        if !profile.poll.url.contains("{invocation_id}") {
            return Err(broken("`poll.url` must contain `{invocation_id}`".to_owned()));
        }
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_words_compare_without_case_dashes_and_spaces() {
        let words = Profile::load("gateway").unwrap().status;
        let cases = [
            ("completed", Meaning::Terminal(Status::Completed)),
            ("Canceled", Meaning::Terminal(Status::Cancelled)),
            ("TIMED_OUT", Meaning::Terminal(Status::Failed)),
            ("timed out", Meaning::Terminal(Status::Failed)),
            ("in-progress", Meaning::Pending),
            ("WEIRD", Meaning::Unknown),
        ];
        for (word, meaning) in cases {
            assert_eq!(words.meaning(word), meaning, "{word}");
        }
    }

    #[test]
    fn a_profile_that_cannot_poll_is_refused_with_its_key() {
        let text = GATEWAY.replace("/{invocation_id}", "");
        let error = Profile::from_toml(&text, "mine.toml").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("mine.toml") && error.message().contains("poll.url"), "{error}");
    }
}
