//! Follows a chain from record to record, and says of each line what disagrees about it and how much of it is believed.

use super::chain;
use super::key::Key;
use super::log::Head;
use super::record::{Record, Text, clip};

/// Follows the links of one chain.
pub(super) struct Chain<'a> {
    pub(super) head: Head,
    key: Option<&'a Key>,
    /// The last line was no record, so the next one can only be taken at its word.
    adrift: bool,
    /// The name of the key with which the record before was sealed; none where it was sealed without.
    #[expect(clippy::option_option, reason = "no record before, one without a key, or the name of its key")]
    sealed: Option<Option<String>>,
    pub(super) unchecked: u64,
}

/// How much of a record is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is what was written, where it was written.
    Holds,
    /// Its content is sealed as it should be, and its place is not the one that it was written at.
    Misplaced,
    /// It is sealed with another key than the one at hand, or without.
    Foreign,
    Broken,
}

/// What the hash of a record says.
#[derive(Debug)]
enum Seal {
    Whole,
    Broken,
    Other(String),
}

impl<'a> Chain<'a> {
    pub(super) fn new(head: Head, key: Option<&'a Key>) -> Chain<'a> {
        Chain { head, key, adrift: false, sealed: None, unchecked: 0 }
    }

    pub(super) fn lose(&mut self, what: String) -> Result<(), String> {
        self.adrift = true;
        Err(what)
    }

    /// One line, newline excluded; what disagrees about it is named, the gravest first. What is a record is shown.
    pub(super) fn follow(
        &mut self,
        line: &[u8],
        run: Option<&str>,
        shown: impl FnOnce(&Record<'_>, Standing),
    ) -> Result<(), String> {
        let Some((content, claimed)) = chain::unseal(line) else {
            return self.lose("it is no record: it does not end with a hash".to_owned());
        };
        let record = match Record::parse(line) {
            Ok(record) => record,
            Err(error) => return self.lose(format!("it is no record: {error}")),
        };
        let (next, adrift) = (self.head.seq + 1, std::mem::take(&mut self.adrift));
        let (seq, prev) = (record.seq, &*record.prev);
        let sealed = self.seal(&record, content, claimed);
        let is_broken = matches!(sealed, Seal::Broken);
        let is_own = run.is_none_or(|run| *record.run == *run);
        let in_place = !adrift && seq == next && *prev == self.head.hash && is_own;
        let is_foreign = record.key.as_ref().map(Text::as_str) != self.key.map(Key::id);
        let verdict = if is_broken {
            Err("it was edited: its content does not have the hash that it claims".to_owned())
        } else if seq > next && !adrift {
            Err(match seq - next {
                1 => format!("record {next} is missing before it"),
                _ => format!("records {next} to {} are missing before it", seq - 1),
            })
        } else if seq < next && !adrift {
            Err(format!("it is record {seq} where record {next} belongs: repeated, moved or inserted"))
        } else if *prev != self.head.hash && !adrift {
            let expected = &self.head.hash;
            Err(format!(
                "it does not follow the record before it: `prev` is `{}`, not `{expected}`",
                clip(prev, 64)
            ))
        } else if !is_own {
            Err(format!("it was written by run `{}`, which is not this segment's", clip(&record.run, 64)))
        } else if let Seal::Other(what) = sealed {
            Err(what)
        } else {
            Ok(())
        };
        let standing = match verdict {
            _ if is_broken => Standing::Broken,
            _ if self.key.is_some() && is_foreign && in_place => Standing::Foreign,
            _ if self.key.is_some() && is_foreign => Standing::Broken,
            Ok(()) => Standing::Holds,
            Err(_) => Standing::Misplaced,
        };
        shown(&record, standing);
        // From here on by what the line says, so that one wrong record is one problem.
        self.head.seq = seq;
        claimed.clone_into(&mut self.head.hash);
        verdict
    }

    /// Whether the hash is that of the content. That it was made with another key than it should be is said once.
    fn seal(&mut self, record: &Record<'_>, content: &[u8], claimed: &str) -> Seal {
        let id = record.key.as_ref().map(Text::as_str);
        let fits = match (id, self.key) {
            (None, _) => chain::is_hash(content, claimed, None),
            (Some(id), Some(key)) if id == key.id() => chain::is_hash(content, claimed, Some(key)),
            (Some(_), _) => {
                self.unchecked += 1;
                true
            }
        };
        let before = self.sealed.as_ref().map(Option::as_deref);
        let is_same = before == Some(id);
        let said = match (id, self.key) {
            _ if is_same => None,
            (None, Some(_)) => Some("it is sealed without the auditor's key".to_owned()),
            (Some(id), Some(key)) if id != key.id() => {
                Some(format!("it is sealed with the key `{}`, and `{}` is at hand", clip(id, 8), key.id()))
            }
            (_, None) if before.is_some() => {
                Some("it is sealed with another key than the record before it".to_owned())
            }
            _ => None,
        };
        if !is_same {
            self.sealed = Some(id.map(str::to_owned));
        }
        match said {
            _ if !fits => Seal::Broken,
            Some(what) => Seal::Other(what),
            None => Seal::Whole,
        }
    }
}
