//! What the status words of a gateway mean.

use std::collections::HashMap;

use crate::invocation::Status;

/// Which words mean what.
#[derive(Debug, Clone, Default)]
pub struct StatusWords(HashMap<String, Option<Status>>);

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
    /// Adds a word, `None` for one that means that it goes on. False where the word has another meaning already.
    pub(super) fn add(&mut self, word: &str, status: Option<Status>) -> bool {
        *self.0.entry(plain(word)).or_insert(status) == status
    }

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
