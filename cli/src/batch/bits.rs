//! What is remembered of each row: one bit. Tens of millions of them are a few megabytes.

/// A set of row numbers.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    count: u64,
}

fn place(index: u64) -> (usize, u64) {
    (usize::try_from(index / 64).unwrap_or(usize::MAX), 1 << (index % 64))
}

impl Bits {
    pub(super) fn has(&self, index: u64) -> bool {
        let (word, bit) = place(index);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether it was new.
    pub(super) fn add(&mut self, index: u64) -> bool {
        let (word, bit) = place(index);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let Some(word) = self.words.get_mut(word) else { return false };
        let new = *word & bit == 0;
        *word |= bit;
        self.count += u64::from(new);
        new
    }

    /// The highest of them.
    pub(super) fn last(&self) -> Option<u64> {
        let (word, bits) = self.words.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        Some(u64::try_from(word).ok()? * 64 + u64::from(bits.ilog2()))
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

/// A sieve for texts that come twice: what it has not seen, it has not seen; what it says it has seen is looked at again.
#[derive(Debug)]
pub(super) struct Sieve {
    words: Vec<u64>,
}

/// So many bits of the sieve stand for one text.
const BITS: u64 = 4;
/// 64 MiB.
const MOST_WORDS: u64 = 8 << 20;

impl Sieve {
    /// For a file of so many bytes: a bit for every eight, so that one row has about as many as it has characters by ten.
    pub(super) fn for_bytes(bytes: u64) -> Sieve {
        let words = (bytes / 512).clamp(16, MOST_WORDS);
        Sieve { words: vec![0; usize::try_from(words).unwrap_or(16)] }
    }

    fn places(&self, digest: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        let step = digest.rotate_left(32) | 1;
        let bits = u64::try_from(self.words.len()).unwrap_or(u64::MAX).saturating_mul(64);
        (0..BITS).map(move |n| place(digest.wrapping_add(step.wrapping_mul(n)) % bits))
    }

    /// Whether it may have seen this digest.
    pub(super) fn has(&self, digest: u64) -> bool {
        self.places(digest).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Whether it may have seen this digest before. From now on it has.
    pub(super) fn saw(&mut self, digest: u64) -> bool {
        let before = self.has(digest);
        for (word, bit) in self.places(digest) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_rows_has_what_was_added_and_counts_it_once() {
        let mut bits = Bits::default();
        for index in [0, 63, 64, 1_000_000, 63] {
            assert_eq!(bits.add(index), !(index == 63 && bits.count() == 4));
        }
        assert_eq!((bits.count(), bits.last(), Bits::default().last()), (4, Some(1_000_000), None));
        assert!(bits.has(64) && bits.has(1_000_000) && !bits.has(65) && !bits.has(u64::MAX));
        assert!(bits.words.len() < 16_000);
    }

    #[test]
    fn a_sieve_never_takes_a_second_for_a_first_and_seldom_a_first_for_a_second() {
        let mix = |n: u64| {
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xff51_afd7_ed55_8ccd)
        };
        let mut sieve = Sieve::for_bytes(150 * 100_000);
        let taken = (0..100_000).filter(|n| sieve.saw(mix(*n))).count();
        assert!(taken < 2_000, "{taken}");
        assert!((0..100_000).all(|n| sieve.saw(mix(n))));
    }
}
