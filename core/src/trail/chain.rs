//! The rule that makes the log evidence: each record's `hash` is the SHA-256 (with an auditor's key the HMAC-SHA256) of the
//! exact bytes of its line before `,"hash":`, and those bytes hold `prev`, the hash of the record before it.
//!
//! A quotation mark inside a JSON text is escaped, so `,"hash":` stands in a line exactly once.
//!
//! Every record is hashed before its invocation goes on, so it is done by the cryptography that TLS uses here: on a
//! processor without instructions for SHA-256 it takes two thirds of what plain Rust takes.

use ring::digest::{SHA256, digest};

use super::key::Key;

/// `prev` of the first record of a segment.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const MARK: &[u8] = b",\"hash\":\"";
const END: &[u8] = b"\"}";

/// Ends an open line `{…,"prev":"…"}` with its hash and a newline, and writes the hash into `hash`. Every record passes
/// here, so nothing is allocated.
pub(super) fn seal(line: &mut Vec<u8>, key: Option<&Key>, hash: &mut String) {
    line.pop();
    hash.clear();
    write_sum(line, key, hash);
    line.extend_from_slice(MARK);
    line.extend_from_slice(hash.as_bytes());
    line.extend_from_slice(END);
    line.push(b'\n');
}

/// The bytes that a line's hash covers, and the hash that it claims; newline excluded.
pub(super) fn unseal(line: &[u8]) -> Option<(&[u8], &str)> {
    let rest = line.strip_suffix(END)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(GENESIS.len())?)?;
    Some((rest.strip_suffix(MARK)?, std::str::from_utf8(hash).ok()?))
}

/// SHA-256 as 64 lower-case hexadecimal digits.
#[cfg(test)]
pub(super) fn hash(content: &[u8]) -> String {
    hex(digest(&SHA256, content).as_ref())
}

/// Whether this is the hash of the content, made with this key or without one.
pub(super) fn is_hash(content: &[u8], claimed: &str, key: Option<&Key>) -> bool {
    let mut hash = String::new();
    write_sum(content, key, &mut hash);
    hash == claimed
}

/// The hash of the content, made with this key or without one.
fn write_sum(content: &[u8], key: Option<&Key>, text: &mut String) {
    match key {
        Some(key) => write_hex(key.sum(content).as_ref(), text),
        None => write_hex(digest(&SHA256, content).as_ref(), text),
    }
}

/// The bytes that 64 lower-case hexadecimal digits stand for.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if !rest.is_empty() || pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (nibble(*high)? << 4) | nibble(*low)?;
    }
    Some(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    write_hex(bytes, &mut text);
    text
}

/// Bytes that are as many as those of a hash, or fewer, as two digits each.
fn write_hex(bytes: &[u8], text: &mut String) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let mut digits = [0; GENESIS.len()];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    let written = digits.get(..bytes.len() * 2).unwrap_or_default();
    text.push_str(std::str::from_utf8(written).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_line_gives_back_what_its_hash_covers() {
        let key = Key::new(b"an auditor's key");
        for key in [None, Some(&key)] {
            let mut line = br#"{"note":",\"hash\":\"","prev":"0"}"#.to_vec();
            let mut hash = "of the record before".to_owned();
            seal(&mut line, key, &mut hash);
            assert_eq!(line.pop(), Some(b'\n'));
            let (content, claimed) = unseal(&line).unwrap();
            assert_eq!(content, br#"{"note":",\"hash\":\"","prev":"0""#);
            assert_eq!(claimed, hash);
            assert_eq!(key.map_or_else(|| super::hash(content), |key| hex(key.sum(content).as_ref())), hash);
        }
    }

    #[test]
    fn the_hash_is_plain_sha_256() {
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn digits_are_read_back_and_nothing_else_is_a_hash() {
        let digits = hash(b"abc");
        assert_eq!(unhex(&digits).map(|bytes| hex(&bytes)), Some(digits.clone()));
        for text in
            ["", &digits[1..], &digits.to_uppercase(), &digits.replace('b', "g"), &format!("{digits}00")]
        {
            assert_eq!(unhex(text), None, "{text}");
        }
        let key = Key::new(b"an auditor's key");
        for key in [None, Some(&key)] {
            let digits = key.map_or(digits.clone(), |key| hex(key.sum(b"abc").as_ref()));
            assert!(is_hash(b"abc", &digits, key) && !is_hash(b"abd", &digits, key), "{key:?}");
            assert!(!is_hash(b"abc", &digits[1..], key) && !is_hash(b"abc", &format!("{digits}0"), key));
        }
    }

    #[test]
    fn what_is_no_sealed_line_is_not_unsealed() {
        for line in ["", "\"}", "{}", "{\"hash\":\"00\"}", "é\"}", "\u{0}"] {
            assert!(unseal(line.as_bytes()).is_none(), "{line}");
        }
    }
}
