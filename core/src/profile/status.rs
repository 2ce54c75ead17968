//! What the status words of a gateway mean.

use crate::invocation::Status;

/// Which words mean what. There are a dozen, and every answer has one: they are compared where they stand.
#[derive(Debug, Clone, Default)]
pub struct StatusWords(Vec<(String, Option<Status>)>);

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
        if let Some(known) = self.known(word) {
            return known == status;
        }
        self.0.push((plain(word).collect(), status));
        true
    }

    /// What `word` means, without regard to case, `-`, `_` and spaces.
    pub fn meaning(&self, word: &str) -> Meaning {
        match self.known(word) {
            Some(Some(status)) => Meaning::Terminal(status),
            Some(None) => Meaning::Pending,
            None => Meaning::Unknown,
        }
    }

    fn known(&self, word: &str) -> Option<Option<Status>> {
        let as_it_is = self.0.iter().find(|(known, _)| known == word);
        let found = as_it_is.or_else(|| self.0.iter().find(|(known, _)| plain(word).eq(known.chars())));
        found.map(|(_, status)| *status)
    }
}

fn plain(word: &str) -> impl Iterator<Item = char> + '_ {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_uppercase)
}
