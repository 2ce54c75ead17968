//! What a certificate says of itself. Whether it is right is for others to say: this reads it, whatever it is.

use std::time::Duration;

use jiff::Timestamp;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};

/// The last second of the year 9999, beyond which no certificate goes.
const END_OF_TIME: u64 = 253_402_300_799;
/// A name that nothing has: asked for it, a certificate says which ones it has.
const NOBODY: &str = "nobody.invalid";

/// The names that it is for.
pub(super) fn names(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok(parsed) = ParsedCertificate::try_from(leaf) else { return Vec::new() };
    let Ok(nobody) = ServerName::try_from(NOBODY) else { return Vec::new() };
    match verify_server_name(&parsed, &nobody) {
        Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            presented.iter().map(|name| plain(name)).collect()
        }
        _ => Vec::new(),
    }
}

/// `DnsName("gateway.example")` and `IpAddress(127.0.0.1)`, as the library writes them, without what is around the name.
fn plain(name: &str) -> String {
    let inside = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    crate::wire::clean(inside.trim_matches('"'))
}

/// When it ends: the library says so of a certificate that is looked at when it must have ended.
pub(super) fn end(
    leaf: &CertificateDer<'_>,
    verifier: &dyn ServerCertVerifier,
    chain: &[CertificateDer<'_>],
) -> Option<Timestamp> {
    let later = UnixTime::since_unix_epoch(Duration::from_secs(END_OF_TIME));
    let nobody = ServerName::try_from(NOBODY).ok()?;
    match verifier.verify_server_cert(leaf, chain, &nobody, &[], later) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Timestamp::from_second(not_after.as_secs().try_into().ok()?).ok()
        }
        _ => None,
    }
}

/// Who says that it was he who issued it: the common name, or the organisation, of the issuer.
pub(super) fn issuer(certificate: &[u8]) -> Option<String> {
    // RFC 5280 §4.1: Certificate ::= { tbs { [0] version?, serial, algorithm, issuer, … }, … }
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if let (0xa0, _, after) = element(rest)? {
        rest = after;
    }
    for _ in 0..2 {
        rest = element(rest)?.2;
    }
    let (_, name, _) = element(rest)?;
    // 2.5.4.3 and 2.5.4.10
    [[0x55, 4, 3], [0x55, 4, 10]].iter().find_map(|wanted| attribute(name, wanted))
}

/// The first attribute of this type: Name ::= SEQUENCE OF SET OF { type, value }.
fn attribute(mut name: &[u8], wanted: &[u8]) -> Option<String> {
    while let Some((_, set, after)) = element(name) {
        name = after;
        let Some((_, pair, _)) = element(set) else { continue };
        let Some((6, kind, value)) = element(pair) else { continue };
        if kind == wanted {
            let (_, text, _) = element(value)?;
            return Some(crate::wire::clean(&String::from_utf8_lossy(text)));
        }
    }
    None
}

/// The tag and the content of the first element (DER), and what comes behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ ..0x80 => (usize::from(*short), rest),
        long => {
            let digits = usize::from(long & 0x7f);
            let number = rest.get(..digits).filter(|_| digits <= 4)?;
            (number.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest.get(digits..)?)
        }
    };
    Some((*tag, rest.get(..length)?, rest.get(length..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
            let _ = issuer(&bytes);
            let _ = names(&CertificateDer::from(bytes));
        }
    }

    #[test]
    fn a_name_is_shown_without_what_the_library_writes_around_it() {
        for (written, name) in [
            ("DnsName(\"gateway.example\")", "gateway.example"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("gateway.example", "gateway.example"),
        ] {
            assert_eq!(plain(written), name);
        }
    }
}
