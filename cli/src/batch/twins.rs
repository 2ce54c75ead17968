//! Rows that would be one invocation: two of one file with the same correlation id, or the same key. The second is never
//! sent, and says which one has it already.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::bits::Sieve;
use super::row::{Name, Row};

/// Those of a file, found in two readings in memory that the file's length bounds.
#[derive(Debug, Default, Clone)]
pub(super) struct Twins {
    /// What may have come twice, and the row that has it first, once that was seen.
    suspects: HashMap<u64, Vec<([u8; 16], u64)>>,
}

/// The first reading.
#[derive(Debug)]
pub(super) struct Suspicion {
    sieve: Sieve,
    twins: Twins,
}

/// A place is nobody else's.
fn digest(name: &Name) -> Option<[u8; 16]> {
    let digest = match name {
        Name::Own(own) => Sha256::new_with_prefix(b"own ").chain_update(own.as_bytes()),
        Name::Key(key) => Sha256::new_with_prefix(b"key ").chain_update(key),
        Name::Place(_) | Name::None => return None,
    };
    digest.finalize().first_chunk().copied()
}

fn short(digest: [u8; 16]) -> u64 {
    digest.first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// By which a sieve knows a correlation id.
pub(super) fn mark(correlation_id: &str) -> u64 {
    digest(&Name::Own(correlation_id.to_owned())).map_or(0, short)
}

impl Suspicion {
    pub(super) fn of_a_file(bytes: u64) -> Suspicion {
        Suspicion { sieve: Sieve::for_bytes(bytes), twins: Twins::default() }
    }

    pub(super) fn look(&mut self, row: &Row) {
        let Some(short) = digest(&row.name).map(short) else { return };
        if self.sieve.saw(short) {
            self.twins.suspects.entry(short).or_default();
        }
    }

    pub(super) fn twins(self) -> Twins {
        self.twins
    }
}

impl Twins {
    /// The row before it that has the same name. All rows are shown, in the order of the file.
    pub(super) fn first(&mut self, row: &Row) -> Option<u64> {
        if self.suspects.is_empty() {
            return None;
        }
        let digest = digest(&row.name)?;
        let seen = self.suspects.get_mut(&short(digest))?;
        let first = seen.iter().find(|(other, _)| *other == digest).map(|(_, index)| *index);
        if first.is_none() {
            seen.push((digest, row.index));
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: u64, name: Name) -> Row {
        Row { index, line: index + 1, text: Vec::new(), name, mistakes: vec![] }
    }

    #[test]
    fn the_second_of_two_is_told_of_the_first_and_nobody_else_is() {
        let name = |n: u64| match n {
            7_000 => Name::Own("id-13".into()),
            8_000 => Name::Key(b"id-13".to_vec()),
            9_000 => Name::Key(b"id-13".to_vec()),
            n if n % 10 == 5 => Name::Place([0; 32]),
            n => Name::Own(format!("id-{n}")),
        };
        let mut suspicion = Suspicion::of_a_file(100_000);
        for n in 0..10_000 {
            suspicion.look(&row(n, name(n)));
        }
        let mut twins = suspicion.twins();
        let found: Vec<_> =
            (0..10_000).filter_map(|n| twins.first(&row(n, name(n))).map(|first| (n, first))).collect();
        assert_eq!(found, [(7_000, 13), (9_000, 8_000)]);
    }
}
