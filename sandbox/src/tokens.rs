//! The token endpoint's memory: which tokens are out, what they allow, and until when.
//!
//! A token is good for exactly the configured lifetime, and [`Tokens::revoke_all`] ends every one at once, as an
//! administrator who rotates a client would.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::options::{SCOPE_READ, SCOPE_WRITE};

/// More tokens than any test holds at once; beyond it the oldest is forgotten.
const KEPT: usize = 10_000;

/// The token that a request carries: RFC 6750 §2.1.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Which of the two scopes a token carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Scopes {
    pub(crate) write: bool,
    pub(crate) read: bool,
}

impl Scopes {
    /// From scope words; the first unknown one is the error.
    pub(crate) fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut scopes = Scopes::default();
        for word in words {
            match word {
                SCOPE_WRITE => scopes.write = true,
                SCOPE_READ => scopes.read = true,
                unknown => return Err(unknown),
            }
        }
        Ok(scopes)
    }

    pub(crate) fn and(self, other: Scopes) -> Scopes {
        Scopes { write: self.write && other.write, read: self.read && other.read }
    }

    pub(crate) fn is_empty(self) -> bool {
        !self.write && !self.read
    }

    /// The `scope` of a token answer.
    pub(crate) fn words(self) -> String {
        let words = [(self.write, SCOPE_WRITE), (self.read, SCOPE_READ)];
        let granted: Vec<&str> = words.into_iter().filter_map(|(has, word)| has.then_some(word)).collect();
        granted.join(" ")
    }
}

#[derive(Debug)]
struct Issued {
    scopes: Scopes,
    until: Instant,
}

/// The tokens that are out.
#[derive(Debug)]
pub(crate) struct Tokens {
    random: Rng,
    issued: HashMap<String, Issued>,
    oldest_first: VecDeque<String>,
}

impl Tokens {
    pub(crate) fn new(seed: u64) -> Self {
        Tokens { random: Rng::with_seed(seed), issued: HashMap::new(), oldest_first: VecDeque::new() }
    }

    pub(crate) fn issue(&mut self, scopes: Scopes, lifetime: Duration, now: Instant) -> String {
        let token = format!("sandbox-{:032x}", self.random.u128(..));
        // A lifetime beyond what the clock can say is one that never ends, and a year is as good.
        let until = now.checked_add(lifetime).unwrap_or(now + Duration::from_secs(31_536_000));
        self.issued.insert(token.clone(), Issued { scopes, until });
        self.oldest_first.push_back(token.clone());
        if self.oldest_first.len() > KEPT
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.issued.remove(&oldest);
        }
        token
    }

    /// What the token allows, or nothing where it is unknown, expired or revoked.
    pub(crate) fn check(&self, token: &str, now: Instant) -> Option<Scopes> {
        self.issued.get(token).filter(|issued| now < issued.until).map(|issued| issued.scopes)
    }

    pub(crate) fn revoke_all(&mut self) {
        self.issued.clear();
        self.oldest_first.clear();
    }
}
