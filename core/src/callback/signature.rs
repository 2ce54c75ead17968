//! Whether a callback was signed by who knows the secret.
//!
//! One promise: what counts are the raw bytes, and nothing about them is compared in a time that depends on them. A
//! signature of another time is none, so that what somebody has kept cannot be sent again next week.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512};

use super::headers::Headers;
use crate::profile::{Encoding, HmacAlgorithm, HmacContract, SignatureContract};

/// How far the time of a callback may be from now, to both sides, where the profile says nothing.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(300);

/// What the secrets of Standard Webhooks begin with.
const MARK: &str = "whsec_";
/// A shorter one can be guessed.
const LEAST_SECRET: usize = 16;
/// So many signatures of one callback are looked at: a sender has one for each of its secrets.
const MOST_SIGNATURES: usize = 8;

/// With padding or without: people copy both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a callback calls itself: a digest of it.
pub(crate) type MessageId = [u8; 16];

/// Knows the secrets. `Debug` shows none.
pub(crate) struct Verifier {
    scheme: SignatureContract,
    keys: Vec<Key>,
}

enum Key {
    Sha256(Hmac<Sha256>),
    Sha512(Box<Hmac<Sha512>>),
}

/// A callback that nobody can have signed who knows the secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Forged;

impl Verifier {
    /// The error goes on after the option's name.
    pub(crate) fn new(scheme: &SignatureContract, secrets: &[SecretString]) -> Result<Verifier, String> {
        let keys = secrets.iter().map(|secret| Key::new(scheme, secret.expose_secret()));
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err("must not be empty".to_owned());
        }
        Ok(Verifier { scheme: scheme.clone(), keys })
    }

    /// Whether it was signed, at a time that is near `now` (in seconds since 1970); and what it calls itself.
    pub(super) fn check(
        &self,
        headers: &Headers<'_>,
        body: &[u8],
        now: i64,
    ) -> Result<Option<MessageId>, Forged> {
        match &self.scheme {
            SignatureContract::StandardWebhooks => {
                let id = headers.text(WEBHOOK_ID).filter(|id| !id.is_empty()).ok_or(Forged)?;
                let time = headers.text("webhook-timestamp").ok_or(Forged)?;
                near(time, now, TOLERANCE)?;
                let given = headers.text("webhook-signature").ok_or(Forged)?;
                let given = given.split(' ').filter_map(|one| one.strip_prefix("v1,"));
                let given = given.take(MOST_SIGNATURES).filter_map(|text| BASE64.decode(text).ok());
                let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body];
                self.matches(&parts, &given.collect::<Vec<_>>())?;
                Ok(Some(message_id(id.as_bytes())))
            }
            SignatureContract::Hmac(contract) => self.check_hmac(contract, headers, body, now).map(Some),
        }
    }

    /// What has no id of its own is told apart by its signature.
    fn check_hmac(
        &self,
        contract: &HmacContract,
        headers: &Headers<'_>,
        body: &[u8],
        now: i64,
    ) -> Result<MessageId, Forged> {
        let given = headers.text(&contract.header).ok_or(Forged)?;
        let digits = given.strip_prefix(contract.prefix.as_str()).ok_or(Forged)?;
        let sum = match contract.encoding {
            Encoding::Hex => hex(digits).ok_or(Forged)?,
            Encoding::Base64 => BASE64.decode(digits).map_err(|_| Forged)?,
        };
        let sums = [sum];
        match &contract.timestamp_header {
            Some(name) => {
                let time = headers.text(name).ok_or(Forged)?;
                near(time, now, contract.tolerance)?;
                self.matches(&[time.as_bytes(), b".", body], &sums)?;
            }
            None => self.matches(&[body], &sums)?,
        }
        Ok(message_id(&sums.concat()))
    }

    fn matches(&self, parts: &[&[u8]], sums: &[Vec<u8>]) -> Result<(), Forged> {
        let one = self.keys.iter().any(|key| key.made_one_of(parts, sums));
        if one { Ok(()) } else { Err(Forged) }
    }
}

impl Key {
    fn new(scheme: &SignatureContract, secret: &str) -> Result<Key, String> {
        let bytes = match scheme {
            SignatureContract::StandardWebhooks => {
                let bytes = BASE64.decode(secret.strip_prefix(MARK).unwrap_or(secret));
                let bytes = bytes.ok().filter(|bytes| bytes.len() >= LEAST_SECRET);
                bytes.ok_or_else(|| {
                    format!("must be `{MARK}` and base64 of at least {LEAST_SECRET} bytes, as Standard Webhooks has it")
                })?
            }
            SignatureContract::Hmac(_) if secret.is_empty() => return Err("must not be empty".to_owned()),
            SignatureContract::Hmac(_) => secret.as_bytes().to_vec(),
        };
        let algorithm = match scheme {
            SignatureContract::StandardWebhooks => HmacAlgorithm::Sha256,
            SignatureContract::Hmac(contract) => contract.algorithm,
        };
        // HMAC takes keys of any length.
        let never = |_| "cannot be a key".to_owned();
        Ok(match algorithm {
            HmacAlgorithm::Sha256 => Key::Sha256(Hmac::new_from_slice(&bytes).map_err(never)?),
            HmacAlgorithm::Sha512 => Key::Sha512(Box::new(Hmac::new_from_slice(&bytes).map_err(never)?)),
        })
    }

    fn made_one_of(&self, parts: &[&[u8]], sums: &[Vec<u8>]) -> bool {
        fn one_of<M: Mac + Clone>(mac: &M, parts: &[&[u8]], sums: &[Vec<u8>]) -> bool {
            let mut mac = mac.clone();
            for part in parts {
                mac.update(part);
            }
            sums.iter().any(|sum| mac.clone().verify_slice(sum).is_ok())
        }
        match self {
            Key::Sha256(mac) => one_of(mac, parts, sums),
            Key::Sha512(mac) => one_of(mac.as_ref(), parts, sums),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("scheme", &self.scheme)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// The header by which a callback is told from another.
pub(super) const WEBHOOK_ID: &str = "webhook-id";

pub(super) fn message_id(id: &[u8]) -> MessageId {
    let mut short = MessageId::default();
    for (byte, digit) in short.iter_mut().zip(Sha256::digest(id)) {
        *byte = digit;
    }
    short
}

fn near(time: &str, now: i64, tolerance: Duration) -> Result<(), Forged> {
    let seconds = time.parse::<i64>().map_err(|_| Forged)?;
    if now.abs_diff(seconds) <= tolerance.as_secs() { Ok(()) } else { Err(Forged) }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    /// The example of the specification's own reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIME: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verifier(scheme: &SignatureContract, secrets: &[&str]) -> Result<Verifier, String> {
        Verifier::new(scheme, &secrets.iter().map(|secret| SecretString::from(*secret)).collect::<Vec<_>>())
    }

    fn check(
        verifier: &Verifier,
        headers: &[(&str, &str)],
        body: &[u8],
        now: i64,
    ) -> Result<Option<MessageId>, Forged> {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        verifier.check(&Headers(headers), body, now)
    }

    #[test]
    fn standard_webhooks_are_those_of_the_reference_and_nothing_near_them() {
        let standard = SignatureContract::StandardWebhooks;
        let (right, time) = (verifier(&standard, &[SECRET]).unwrap(), TIME.to_string());
        let headers = |id, time, signature| {
            [("Webhook-Id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]
        };
        let seen = check(&right, &headers(ID, &time, SIGNATURE), BODY, TIME).unwrap();
        assert_eq!(seen, Some(message_id(ID.as_bytes())));
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let rotated = verifier(&standard, &[other, SECRET]).unwrap();
        assert!(check(&rotated, &headers(ID, &time, SIGNATURE), BODY, TIME).is_ok());
        let several = format!("v2,aaaa v1,{} v1a,x {SIGNATURE}", "A".repeat(44));
        assert!(check(&right, &headers(ID, &time, &several), BODY, TIME + 300).is_ok());
        let many = format!("{}{SIGNATURE}", "v1,aaaa ".repeat(MOST_SIGNATURES));
        let later = (TIME + 1).to_string();
        let forged: [(&str, &str, &str, &[u8], i64); 9] = [
            ("msg_other", &time, SIGNATURE, BODY, TIME),
            (ID, &later, SIGNATURE, BODY, TIME),
            (ID, &time, SIGNATURE, b"{\"test\": 2432232315}", TIME),
            (ID, &time, SIGNATURE, BODY, TIME + 301),
            (ID, &time, SIGNATURE, BODY, TIME - 301),
            (ID, &time, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF=", BODY, TIME),
            (ID, &time, "", BODY, TIME),
            (ID, "yesterday", SIGNATURE, BODY, TIME),
            (ID, &time, &many, BODY, TIME),
        ];
        for (id, time, signature, body, now) in forged {
            assert_eq!(
                check(&right, &headers(id, time, signature), body, now),
                Err(Forged),
                "{id} {time} {now}"
            );
        }
        for left_out in 0..3 {
            let mut headers = headers(ID, &time, SIGNATURE).to_vec();
            headers.remove(left_out);
            assert_eq!(check(&right, &headers, BODY, TIME), Err(Forged), "without the {left_out}th header");
        }
        let wrong = verifier(&standard, &[other]).unwrap();
        assert_eq!(check(&wrong, &headers(ID, &time, SIGNATURE), BODY, TIME), Err(Forged));
    }

    #[test]
    fn a_profile_says_of_its_own_scheme_header_algorithm_encoding_prefix_and_time() {
        // RFC 4231, test case 2.
        let (secret, body) = ("Jefe", b"what do ya want for nothing?");
        let hex256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let hex512 = "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                      9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";
        let base = HmacContract {
            header: "X-Signature".to_owned(),
            algorithm: HmacAlgorithm::Sha256,
            encoding: Encoding::Hex,
            prefix: "sha256=".to_owned(),
            timestamp_header: None,
            tolerance: TOLERANCE,
        };
        let scheme = |contract: &HmacContract| {
            verifier(&SignatureContract::Hmac(contract.clone()), &[secret]).unwrap()
        };
        let plain = scheme(&base);
        let upper = format!("sha256={}", hex256.to_uppercase());
        for signature in [format!("sha256={hex256}"), upper] {
            assert!(check(&plain, &[("x-signature", &signature)], body, NOW).is_ok());
        }
        for signature in [hex256, "sha256=", "sha256=zz", "sha256=5b", &format!("sha1={hex256}")] {
            assert_eq!(check(&plain, &[("x-signature", signature)], body, NOW), Err(Forged), "{signature}");
        }
        let long = HmacContract { algorithm: HmacAlgorithm::Sha512, prefix: String::new(), ..base.clone() };
        assert!(check(&scheme(&long), &[("x-signature", hex512)], body, NOW).is_ok());
        let base64 = HmacContract { encoding: Encoding::Base64, prefix: String::new(), ..base.clone() };
        let sum = BASE64.encode(hex(hex256).unwrap());
        for signature in [sum.as_str(), sum.trim_end_matches('=')] {
            assert!(check(&scheme(&base64), &[("x-signature", signature)], body, NOW).is_ok(), "{signature}");
        }
        let timed = HmacContract { timestamp_header: Some("X-Time".to_owned()), ..base };
        let (timed, time) = (scheme(&timed), NOW.to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        let sum: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let signature = format!("sha256={sum}");
        let headers = [("x-signature", signature.as_str()), ("x-time", &time)];
        assert!(check(&timed, &headers, body, NOW + 300).is_ok());
        assert_eq!(check(&timed, &headers, body, NOW + 301), Err(Forged));
        assert_eq!(check(&timed, &headers[..1], body, NOW), Err(Forged));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_never_shown() {
        let standard = SignatureContract::StandardWebhooks;
        for secret in ["whsec_", "whsec_not base64", "whsec_c2hvcnQ=", ""] {
            let rule = verifier(&standard, &[secret]).unwrap_err();
            assert!(rule.starts_with("must be `whsec_`") && !rule.contains("c2hvcnQ"), "{rule}");
        }
        assert!(verifier(&standard, &[]).is_err());
        assert!(!format!("{:?}", verifier(&standard, &[SECRET]).unwrap()).contains("MfKQ"));
    }
}
