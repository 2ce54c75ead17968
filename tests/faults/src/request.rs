//! One request as it came in, byte for byte.

use std::io::{self, Read};
use std::time::Instant;

use base64::Engine;
use serde::Deserialize;

/// A head longer than this is nobody's request.
const LONGEST_HEAD: usize = 256 * 1024;

/// Where a request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Point {
    /// `POST /api/v2/oauth/token`.
    Token,
    /// `POST /api/v2/integrations/actions/invocations`.
    Invoke,
    /// `GET /api/v2/integrations/actions/invocations/{id}`.
    Poll,
    /// Anything else.
    Other,
}

impl Point {
    /// The word that scripts use.
    pub fn as_str(self) -> &'static str {
        match self {
            Point::Token => "token",
            Point::Invoke => "invoke",
            Point::Poll => "poll",
            Point::Other => "other",
        }
    }

    pub(crate) fn of(method: &str, target: &str) -> Point {
        const INVOCATIONS: &str = "/api/v2/integrations/actions/invocations";
        let path = target.split('?').next().unwrap_or_default();
        match (method, path) {
            ("POST", "/api/v2/oauth/token") => Point::Token,
            ("POST", INVOCATIONS) => Point::Invoke,
            ("GET", _) if path.strip_prefix(INVOCATIONS).is_some_and(|rest| rest.starts_with('/')) => {
                Point::Poll
            }
            _ => Point::Other,
        }
    }
}

/// One request that the gateway saw.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Where it arrived.
    pub point: Point,
    /// The number of its connection, from 0.
    pub connection: u64,
    /// When its first byte was there.
    pub at: Instant,
    /// The head as it was sent, with the empty line; only its beginning where the gateway left it unread.
    pub head: Vec<u8>,
    /// The body as it was sent.
    pub body: Vec<u8>,
    /// Whether the gateway read all of it.
    pub read: bool,
}

impl Seen {
    fn request_line(&self) -> (String, String) {
        let line = String::from_utf8_lossy(&self.head).into_owned();
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap_or_default().to_owned();
        (next(), next())
    }

    /// `POST`.
    pub fn method(&self) -> String {
        self.request_line().0
    }

    /// The path with its query.
    pub fn target(&self) -> String {
        self.request_line().1
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The correlation id in the body of an invoke.
    pub fn correlation_id(&self) -> Option<String> {
        self.json()["correlationId"].as_str().map(str::to_owned)
    }

    /// A field of the body, which is a form.
    pub fn form(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(&self.body).find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
    }

    /// Who the token request says that it comes from, decoded: RFC 6749 §2.3.1, from the form or from `Basic`.
    pub fn credentials(&self) -> Option<(String, String)> {
        if let Some(pair) = self.header("authorization").and_then(|value| {
            let text = value.strip_prefix("Basic ")?.to_owned();
            String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
        }) {
            let (id, secret) = pair.split_once(':')?;
            return Some((form_decoded(id), form_decoded(secret)));
        }
        if let (Some(id), Some(secret)) = (self.form("client_id"), self.form("client_secret")) {
            return Some((id, secret));
        }
        let target = self.target();
        let query = target.split_once('?')?.1;
        let field = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        Some((field("client_id")?, field("client_secret")?))
    }
}

fn form_decoded(text: &str) -> String {
    let query = format!("x={text}");
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn header(head: &[u8], name: &str) -> Option<String> {
    String::from_utf8_lossy(head).split("\r\n").skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The point of a request whose first line is there already.
pub(crate) fn point_of(head: &[u8]) -> Option<Point> {
    let end = head.windows(2).position(|two| two == b"\r\n")?;
    let line = String::from_utf8_lossy(&head[..end]).into_owned();
    let mut words = line.split(' ');
    Some(Point::of(words.next()?, words.next()?))
}

/// Reads one request; nothing where the client has gone away instead.
pub(crate) fn read(from: &mut impl Read, connection: u64) -> io::Result<Option<Seen>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut at = None;
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let read = from.read(&mut buffer)?;
        if read == 0 || bytes.len() > LONGEST_HEAD {
            return Ok(None);
        }
        at.get_or_insert_with(Instant::now);
        bytes.extend_from_slice(&buffer[..read]);
    };
    let mut body = bytes.split_off(head);
    let length = header(&bytes, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while body.len() < length {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(None);
        }
        body.extend_from_slice(&buffer[..read]);
    }
    let point = point_of(&bytes).unwrap_or(Point::Other);
    let at = at.unwrap_or_else(Instant::now);
    Ok(Some(Seen { point, connection, at, head: bytes, body, read: true }))
}
