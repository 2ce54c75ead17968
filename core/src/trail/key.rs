//! The auditor's key: with it a record's `hash` is an HMAC, so that only who holds the key can write a chain that holds.
//!
//! The key itself is in no record and in no `Debug`. A record names it by eight digits of a digest, so that whoever
//! verifies with another key is told that it is another.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256, Tag};
use uuid::Uuid;

use super::chain;

/// What the id is a digest of, before the key.
const LABEL: &[u8] = b"cxone-actions trail key";

/// Seals records, and makes the digests of inputs.
#[derive(Clone)]
pub(super) struct Key {
    mac: hmac::Key,
    id: String,
}

impl Key {
    pub(super) fn new(secret: &[u8]) -> Key {
        let mut id = chain::hex(digest(&SHA256, &[LABEL, secret].concat()).as_ref());
        id.truncate(8);
        Key { mac: hmac::Key::new(HMAC_SHA256, secret), id }
    }

    /// By which records name it: eight hexadecimal digits.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// HMAC-SHA256.
    pub(super) fn sum(&self, content: &[u8]) -> Tag {
        hmac::sign(&self.mac, content)
    }
}

/// Never shows the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes the digests of inputs: of the auditor's key, so that they are equal over runs; without one of a random key that
/// lives as long as the trail.
#[derive(Clone)]
pub(super) struct Digests(hmac::Key);

impl Digests {
    pub(super) fn of(key: Option<&Key>) -> Digests {
        Digests(match key {
            Some(key) => hmac::Key::new(HMAC_SHA256, key.sum(b"inputs").as_ref()),
            // Random UUIDs come from the operating system's generator: two of them are 244 bits.
            None => hmac::Key::new(
                HMAC_SHA256,
                &[*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat(),
            ),
        })
    }

    pub(super) fn digest(&self, inputs: &[u8]) -> String {
        chain::hex(hmac::sign(&self.0, inputs).as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231: test cases 2 and 6, a short key and one that is longer than a block.
    #[test]
    fn the_hash_is_plain_hmac_sha_256() {
        let long = [0xaa; 131];
        let cases: [(&[u8], &[u8], &str); 2] = [
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (secret, content, expected) in cases {
            assert_eq!(chain::hex(Key::new(secret).sum(content).as_ref()), expected);
        }
    }

    #[test]
    fn a_key_is_named_and_never_shown() {
        let key = Key::new(b"an auditor's key, kept elsewhere");
        assert_eq!(key.id(), &chain::hash(b"cxone-actions trail keyan auditor's key, kept elsewhere")[..8]);
        assert_eq!(format!("{key:?}"), format!("Key {{ id: {:?}, .. }}", key.id()));
    }

    #[test]
    fn digests_are_equal_over_runs_with_a_key_and_only_with_one() {
        let key = Key::new(b"an auditor's key");
        let (one, other) = (Digests::of(Some(&key)), Digests::of(Some(&key.clone())));
        assert_eq!(one.digest(b"{}"), other.digest(b"{}"));
        assert_ne!(one.digest(b"{}"), chain::hex(key.sum(b"{}").as_ref()), "a digest of inputs is no seal");
        assert_ne!(Digests::of(None).digest(b"{}"), Digests::of(None).digest(b"{}"));
    }
}
