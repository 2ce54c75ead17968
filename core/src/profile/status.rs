//! What the status words of a gateway mean.

use crate::invocation::Status;

/// Which words mean what. There are a dozen, and every answer has one: they are compared where they stand.
#[derive(Debug, Clone, Default)]
pub struct StatusWords(Vec<(String, Meaning)>);

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
        let meaning = status.map_or(Meaning::Pending, Meaning::Terminal);
        match self.meaning(word) {
            Meaning::Unknown => self.0.push((plain(word).collect(), meaning)),
            known => return known == meaning,
        }
        true
    }

    /// What `word` means, without regard to case, `-`, `_` and spaces.
    pub fn meaning(&self, word: &str) -> Meaning {
        let as_it_is = self.0.iter().find(|(known, _)| known == word);
        let found = as_it_is.or_else(|| self.0.iter().find(|(known, _)| plain(word).eq(known.chars())));
        found.map_or(Meaning::Unknown, |(_, meaning)| *meaning)
    }
}

fn plain(word: &str) -> impl Iterator<Item = char> + '_ {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_uppercase)
}
