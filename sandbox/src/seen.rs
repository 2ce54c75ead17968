//! What the sandbox remembers of the requests it saw: enough to assert on, nothing to keep secret, and never more
//! than a bound.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use url::form_urlencoded;

use crate::faults::Point;

/// How many bytes of bodies and paths are kept altogether.
const KEPT_BYTES: usize = 32 * 1024 * 1024;
pub(crate) const MASK: &str = "***";
pub(crate) const SECRET_PARAMETERS: &[&str] = &[
    "client_secret",
    "client_assertion",
    "password",
    "accessKeySecret",
    "access_key_secret",
    "access_token",
    "refresh_token",
    "token",
];

/// One request as the sandbox saw it. Secrets and tokens are `***`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Seen {
    /// Where it arrived.
    pub point: Point,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status that was answered; none where the connection was cut instead.
    pub status: Option<u16>,
    /// The headers, with lower-case names. Of `authorization` only the scheme is kept.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
    /// The logical invocation that it was about.
    pub correlation_id: Option<String>,
    /// The number of the connection that it came on, counted from 0.
    pub connection: u64,
    /// When it arrived, in seconds since the sandbox started.
    pub at: f64,
}

/// The last requests, newest last.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    kept: VecDeque<Arc<Seen>>,
    bytes: usize,
    limit: usize,
}

impl Memory {
    pub(crate) fn new(limit: usize) -> Self {
        Memory { kept: VecDeque::new(), bytes: 0, limit }
    }

    /// Whether it is worth describing a request at all.
    pub(crate) fn remembers(&self) -> bool {
        self.limit > 0
    }

    pub(crate) fn push(&mut self, seen: Arc<Seen>) {
        self.bytes += weight(&seen);
        self.kept.push_back(seen);
        while self.kept.len() > 1 && (self.kept.len() > self.limit || self.bytes > KEPT_BYTES) {
            self.bytes -= self.kept.pop_front().map_or(0, |seen| weight(&seen));
        }
    }

    pub(crate) fn all(&self) -> Vec<Seen> {
        self.kept.iter().map(|seen| Seen::clone(seen)).collect()
    }

    pub(crate) fn forget(&mut self) {
        *self = Memory::new(self.limit);
    }
}

pub(crate) fn weight(seen: &Seen) -> usize {
    seen.path.len() + seen.body.len() + seen.headers.values().map(String::len).sum::<usize>()
}

/// Takes secrets out of what is remembered: by the name of the parameter, and by the secrets themselves wherever they
/// turn up.
#[derive(Clone)]
pub(crate) struct Masks {
    secrets: Vec<String>,
}

impl Masks {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let spellings = secrets.into_iter().filter(|secret| !secret.is_empty()).flat_map(|secret| {
            let in_form: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let in_url = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
            let in_json = serde_json::to_string(secret).unwrap_or_default();
            let in_json = in_json.get(1..in_json.len().saturating_sub(1)).unwrap_or_default().to_owned();
            [secret.to_owned(), in_form, in_url.to_string(), in_json.replace('/', "\\/"), in_json]
        });
        // Most secrets are spelt the same in several of them, and every request is looked through for each.
        let different: BTreeSet<String> = spellings.collect();
        Masks { secrets: different.into_iter().collect() }
    }

    pub(crate) fn path(&self, path: &str, query: Option<&str>) -> String {
        match query {
            None => self.text(path.to_owned()),
            Some(query) => self.text(format!("{path}?{}", parameters(query.as_bytes()))),
        }
    }

    pub(crate) fn headers(&self, headers: &HeaderMap) -> BTreeMap<String, String> {
        let mut shown = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let text = self.header(name, value);
            shown
                .entry(name.as_str().to_owned())
                .and_modify(|before| *before = format!("{before}, {text}"))
                .or_insert(text);
        }
        shown
    }

    /// A body: a form may have secrets in it wherever it was sent by mistake, and another body of the token endpoint is
    /// nothing that can be shown.
    pub(crate) fn body(&self, point: Point, is_form: bool, body: &Bytes) -> String {
        match (point, is_form) {
            (_, true) => self.text(parameters(body)),
            (Point::Token, false) if !body.is_empty() => format!("({} bytes)", body.len()),
            _ => self.text(String::from_utf8_lossy(body).into_owned()),
        }
    }

    pub(crate) fn header(&self, name: &HeaderName, value: &HeaderValue) -> String {
        let text = String::from_utf8_lossy(value.as_bytes());
        if *name == AUTHORIZATION || *name == PROXY_AUTHORIZATION {
            return match text.split_once(' ') {
                Some((scheme, _)) => format!("{} {MASK}", self.text(scheme.to_owned())),
                None => MASK.to_owned(),
            };
        }
        if *name == COOKIE || *name == SET_COOKIE { MASK.to_owned() } else { self.text(text.into_owned()) }
    }

    pub(crate) fn text(&self, mut text: String) -> String {
        for secret in &self.secrets {
            if text.contains(secret) {
                text = text.replace(secret, MASK);
            }
        }
        text
    }
}

/// The same form, with the values of secret parameters masked; verbatim where there are none.
fn parameters(text: &[u8]) -> String {
    let is_secret = |name: &str| SECRET_PARAMETERS.contains(&name);
    if !form_urlencoded::parse(text).any(|(name, _)| is_secret(&name)) {
        return String::from_utf8_lossy(text).into_owned();
    }
    let mut shown = Vec::new();
    for (name, value) in form_urlencoded::parse(text) {
        let value = if is_secret(&name) { MASK.to_owned() } else { encoded(&value) };
        shown.push(format!("{}={value}", encoded(&name)));
    }
    shown.join("&")
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
