//! The token that finds an invocation again: ids and a fingerprint of the gateway, never a URL and never a secret.
//!
//! It is no credential: whoever holds it still needs the client's own. The checksum tells a token that was cut or
//! mistyped from one of another gateway; the ids in it are checked like any other input.

#[cfg(any(test, fuzzing))]
pub(crate) mod laws;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::contract::{ActionIdRule, Violation, is_correlation_id};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Identity;
use crate::profile::{IdForm, Profile};

const PREFIX: &str = "cxr1.";
const LONGEST: usize = 2048;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// Fingerprint of the gateway.
    g: String,
    /// Action id.
    a: Option<String>,
    /// Correlation id.
    c: Option<String>,
    /// Invocation id.
    i: String,
}

/// Which gateway tokens belong to.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    fingerprint: String,
    id_form: IdForm,
    action_id: ActionIdRule,
}

impl Gateway {
    pub(crate) fn new(origin: &str, profile: &Profile) -> Gateway {
        let fingerprint = fingerprint(format!("{} {origin}", profile.name).as_bytes());
        Gateway { fingerprint, id_form: profile.invoke.id_form, action_id: profile.invoke.action_id }
    }

    /// The token of an accepted invocation; none where the gateway gave no id.
    pub(crate) fn token(&self, who: &Identity) -> Option<String> {
        let content = Content {
            g: self.fingerprint.clone(),
            a: who.action_id.clone(),
            c: who.correlation_id.clone(),
            i: who.invocation_id.clone()?,
        };
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&content).ok()?);
        Some(format!("{PREFIX}{text}.{}", fingerprint(text.as_bytes())))
    }

    /// What a caller handed to `poll`: a bare invocation id, or a token of this gateway.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`]; nothing is sent.
    pub(crate) fn read(&self, text: &str) -> Result<Identity> {
        let damaged =
            || refused("damaged", "is a damaged resume token", "hand over the token as it was given");
        let Some(rest) = text.strip_prefix(PREFIX) else {
            if is_a_token_cut_short(text) {
                return Err(damaged());
            }
            if !self.id_form.accepts(text) {
                return Err(refused(
                    "invocation_id",
                    self.id_form.rule(),
                    "hand over what `invoke` returned",
                ));
            }
            return Ok(Identity { invocation_id: Some(text.to_owned()), ..Identity::default() });
        };
        if text.len() > LONGEST {
            return Err(refused(
                "too_large",
                "is longer than any resume token",
                "hand over the token as it was given",
            ));
        }
        let (payload, checksum) = rest.split_once('.').ok_or_else(damaged)?;
        if fingerprint(payload.as_bytes()) != checksum {
            return Err(damaged());
        }
        let bytes = URL_SAFE_NO_PAD.decode(payload).map_err(|_| damaged())?;
        let content: Content = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if content.g != self.fingerprint {
            return Err(refused(
                "other_gateway",
                "is a resume token of another gateway",
                "use a client with the `base_url` (or `region`) and `profile` that made it",
            ));
        }
        let action = content.a.as_ref().is_none_or(|id| self.action_id.canonical(id).as_ref() == Some(id));
        let correlation = content.c.as_deref().is_none_or(is_correlation_id);
        if !self.id_form.accepts(&content.i) || !action || !correlation {
            return Err(damaged());
        }
        Ok(Identity {
            action_id: content.a,
            action_name: None,
            correlation_id: content.c,
            invocation_id: Some(content.i),
        })
    }
}

/// A token whose prefix was damaged: no gateway gives ids of that shape.
fn is_a_token_cut_short(text: &str) -> bool {
    let mut parts = text.rsplit('.');
    let (checksum, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    checksum.len() == 16 && checksum.bytes().all(|b| b.is_ascii_hexdigit()) && payload.len() >= 40
}

pub(crate) fn refused(code: &str, rule: &str, way_out: &str) -> Error {
    let message = format!("`invocation` {rule}");
    let violation =
        Violation { path: "/invocation".to_owned(), code: code.to_owned(), message: message.clone() };
    Error::new(ErrorKind::Validation, message).with_hint(way_out).with_violations(vec![violation])
}

/// The first 8 bytes of a SHA-256, in hexadecimal.
fn fingerprint(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway_at(origin: &str) -> Gateway {
        Gateway::new(origin, &Profile::load("gateway").unwrap())
    }

    fn who() -> Identity {
        Identity {
            action_id: Some("a1b2c3d4-e5f6-7890-abcd-ef1234567890".into()),
            action_name: None,
            correlation_id: Some("corr-001".into()),
            invocation_id: Some("inv-1".into()),
        }
    }

    #[test]
    fn a_resume_token_carries_ids_and_no_url() {
        let gateway = gateway_at("https://api.example.com");
        let token = gateway.token(&who()).unwrap();
        let payload = token
            .strip_prefix(PREFIX)
            .and_then(|t| t.split_once('.'))
            .map(|(p, _)| URL_SAFE_NO_PAD.decode(p).unwrap())
            .unwrap();
        assert!(!String::from_utf8(payload).unwrap().contains("example.com"));
        let back = gateway.read(&token).unwrap();
        assert_eq!(back.invocation_id.as_deref(), Some("inv-1"));
        assert_eq!(back.correlation_id.as_deref(), Some("corr-001"));
    }

    #[test]
    fn a_token_of_another_gateway_a_damaged_one_and_a_hostile_id_are_refused() {
        let gateway = gateway_at("https://api.example.com");
        let token = gateway.token(&who()).unwrap();
        let foreign = gateway_at("https://api.example.org").token(&who()).unwrap();
        let damaged = token.replace("cxr1.e", "cxr1.f");
        let huge = format!("cxr1.{}", "A".repeat(1 << 20));
        let cases = [
            (foreign.as_str(), "other_gateway"),
            (&damaged, "damaged"),
            (&huge, "too_large"),
            ("cxr1.", "damaged"),
            (&token.replace("cxr1", "cxrI"), "damaged"),
            (&token.replace("cxr1.", "cxr1"), "damaged"),
            (&token.to_uppercase(), "damaged"),
            ("..", "invocation_id"),
            ("../../admin?x=", "invocation_id"),
            ("", "invocation_id"),
            ("a/b", "invocation_id"),
        ];
        for (text, code) in cases {
            let error = gateway.read(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Validation);
            assert_eq!(error.violations()[0].code, code, "tutorial defect S48");
        }
    }
}
