//! Faults that a test orders: what the gateway does wrong, at which point, and how often.
//!
//! A fault is taken by the next request at its point, whatever that request is, and each is used up exactly as
//! often as it was ordered.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::error::SandboxError;
use crate::parse::{Members, kind, one_of};
use crate::reply::Reply;

/// Where a request arrives. Which paths that are is said at [`PROFILES`](crate::PROFILES).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Point {
    /// Where the token endpoint is asked for.
    Discovery,
    /// The token endpoint.
    Token,
    /// The POST of an invocation.
    Invoke,
    /// A look at an invocation.
    Poll,
    /// The schemas of an action.
    Describe,
    /// A callback at the end of an invocation.
    Callback,
    /// Anywhere else. No fault can be ordered for it.
    Other,
}

/// The points for which a fault can be ordered.
const POINTS: &[(&str, Point)] = &[
    ("token", Point::Token),
    ("invoke", Point::Invoke),
    ("poll", Point::Poll),
    ("discovery", Point::Discovery),
    ("describe", Point::Describe),
    ("callback", Point::Callback),
];

impl Point {
    /// One of the points that a gateway has.
    fn parse(word: &str, there: &[Point]) -> Result<Self, SandboxError> {
        let mut there = POINTS.iter().filter(|(_, point)| there.contains(point));
        let known = there.clone().find(|(name, _)| *name == word);
        known.map(|(_, point)| *point).ok_or_else(|| {
            let names = one_of(there.by_ref().map(|(name, _)| *name));
            SandboxError::Fault(format!("`point` must be {names}, got `{word}`"))
        })
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = POINTS.iter().find(|(_, point)| point == self);
        f.write_str(known.map_or("other", |(name, _)| *name))
    }
}

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// The request is read and nothing is done about it; then FIN.
    BeforeRequest,
    /// The request is acted upon, its answer is lost: FIN.
    AfterRequest,
    /// The request is acted upon; then RST.
    Reset,
    /// The request is acted upon; half of the answer's head, then FIN.
    MidHead,
    /// The request is acted upon; the head and half of the body, then FIN.
    MidResponse,
}

impl Close {
    /// In a few words, for people.
    pub(crate) fn says(self) -> &'static str {
        match self {
            Close::BeforeRequest => "closes before acting",
            Close::AfterRequest => "acts and loses the answer",
            Close::Reset => "acts and resets the connection",
            Close::MidHead => "acts and sends half of the head",
            Close::MidResponse => "acts and sends half of the body",
        }
    }
}

const CLOSES: &[(&str, Close)] = &[
    ("before_request", Close::BeforeRequest),
    ("after_request", Close::AfterRequest),
    ("reset", Close::Reset),
    ("mid_head", Close::MidHead),
    ("mid_response", Close::MidResponse),
];

/// One order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault {
    status: Option<StatusCode>,
    retry_after: Option<HeaderValue>,
    /// What to set, and with nothing what to remove.
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    body: Option<Bytes>,
    merge: BTreeMap<String, Box<RawValue>>,
    executed: Option<bool>,
    pub(crate) close: Option<Close>,
    pub(crate) delay: Duration,
    pub(crate) drip: Duration,
    /// So often a callback is sent besides.
    pub(crate) copies: u32,
}

/// In a few words, for people: `answers 429, 2 s late`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        if let Some(status) = self.status {
            said.push(format!("answers {}", status.as_u16()));
        }
        if let Some(after) = self.retry_after.as_ref().and_then(|after| after.to_str().ok()) {
            said.push(format!("with `Retry-After: {after}`"));
        }
        if self.body.is_some() {
            said.push("with a body of its own".into());
        }
        if !self.headers.is_empty() {
            said.push("with other headers".into());
        }
        if !self.merge.is_empty() {
            said.push("with other members".into());
        }
        if let Some(close) = self.close {
            said.push(close.says().into());
        }
        if !self.delay.is_zero() {
            said.push(format!("{} s late", self.delay.as_secs_f64()));
        }
        if !self.drip.is_zero() {
            said.push(format!("a byte every {} s", self.drip.as_secs_f64()));
        }
        if self.copies > 0 {
            said.push(format!("{} times more", self.copies));
        }
        if self.executed == Some(true) && self.replaces() {
            said.push("after acting".into());
        }
        f.write_str(&said.join(", "))
    }
}

impl Fault {
    pub(crate) fn from_json(text: &str) -> Result<Self, SandboxError> {
        Self::read(text).map_err(SandboxError::Fault)
    }

    fn read(text: &str) -> Result<Self, String> {
        let mut members = Members::read("a fault", String::new(), text)?;
        let fault = Fault {
            status: members
                .whole("status", 200, 599)?
                .and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok()),
            retry_after: match members.json("retry_after") {
                Some(json) if json.get() != "null" => Some(retry_after(json.get())?),
                _ => None,
            },
            headers: members
                .object("headers")?
                .iter()
                .map(|(name, value)| header_order(name, value.get()))
                .collect::<Result<_, _>>()?,
            body: members.json("body").filter(|json| json.get() != "null").map(|json| body(json.get())),
            merge: members.object("merge")?,
            executed: members.maybe_truth("executed")?,
            close: members.word("close", CLOSES)?,
            delay: members.seconds("delay")?.unwrap_or_default(),
            drip: members.seconds("drip")?.unwrap_or_default(),
            copies: members
                .whole("copies", 1, 1000)?
                .and_then(|copies| copies.try_into().ok())
                .unwrap_or_default(),
        };
        members.end()?;
        if fault.is_empty() {
            return Err("a fault must order something: give it a `status`, a `close` or a `delay`".into());
        }
        if fault.close.is_some() && !fault.drip.is_zero() {
            return Err("`close` and `drip` exclude each other".into());
        }
        Ok(fault)
    }

    fn is_empty(&self) -> bool {
        !self.replaces()
            && self.retry_after.is_none()
            && self.headers.is_empty()
            && self.merge.is_empty()
            && self.executed.is_none()
            && self.close.is_none()
            && self.delay.is_zero()
            && self.drip.is_zero()
            && self.copies == 0
    }

    /// What cannot be ordered at this point: of a callback nothing but that it is lost, late, or sent too often.
    fn unfit(&self, point: Point) -> Option<&'static str> {
        let plain = Fault { close: None, delay: Duration::ZERO, copies: 0, ..self.clone() };
        match point {
            Point::Callback if !plain.is_empty() => {
                Some("a fault of a callback may have `close`, which loses it, `delay` and `copies`")
            }
            Point::Callback => None,
            _ if self.copies > 0 => Some("`copies` is about the point `callback`"),
            _ => None,
        }
    }

    /// Whether the answer is the fault's own instead of the gateway's.
    fn replaces(&self) -> bool {
        self.status.is_some() || self.body.is_some()
    }

    /// Whether the gateway acts on the request. A lost answer means that it did; an answer of the fault's own, or a
    /// connection closed before the request, means that it did not; `executed` overrules both.
    pub(crate) fn acts(&self) -> bool {
        self.executed.unwrap_or(match self.close {
            Some(Close::BeforeRequest) => false,
            Some(Close::AfterRequest) => true,
            _ => !self.replaces(),
        })
    }

    /// The answer to begin with: the gateway's where it acted and the fault has none of its own. `own` is how the
    /// gateway's profile says that it was told to answer with a status.
    pub(crate) fn answer(&self, normal: Option<Reply>, own: impl FnOnce(StatusCode) -> Reply) -> Reply {
        match (normal, &self.body) {
            (Some(reply), _) if !self.replaces() => reply,
            (_, Some(body)) => Reply::text(self.status.unwrap_or(StatusCode::OK), body.clone()),
            _ => own(self.status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }

    /// The last word on an answer that is otherwise complete.
    pub(crate) fn change(&self, reply: &mut Reply) {
        self.merge_into(reply);
        if let Some(value) = &self.retry_after {
            reply.set(header::RETRY_AFTER, value.clone());
        }
        for (name, value) in &self.headers {
            match value {
                Some(value) => reply.set(name.clone(), value.clone()),
                None => reply.remove(name),
            }
        }
    }

    /// RFC 7396, one level deep: members replace those of the answer, `null` removes them. Raw text, so that no
    /// number changes on its way.
    fn merge_into(&self, reply: &mut Reply) {
        if self.merge.is_empty() {
            return;
        }
        let Ok(mut members) = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(&reply.body) else {
            return;
        };
        for (name, value) in &self.merge {
            if value.get() == "null" {
                members.remove(name);
            } else {
                members.insert(name.clone(), value.clone());
            }
        }
        reply.body = Bytes::from(serde_json::to_vec(&members).unwrap_or_default());
    }
}

fn retry_after(json: &str) -> Result<HeaderValue, String> {
    let text = match serde_json::from_str::<String>(json) {
        Ok(text) => Some(text),
        Err(_) => serde_json::from_str::<f64>(json).is_ok().then(|| json.to_owned()),
    };
    text.and_then(|text| HeaderValue::from_str(&text).ok()).ok_or_else(|| {
        format!("`retry_after` must be a number of seconds or the header's text, got {}", kind(json))
    })
}

fn header_order(name: &str, json: &str) -> Result<(HeaderName, Option<HeaderValue>), String> {
    let header = HeaderName::try_from(name)
        .map_err(|_| format!("`headers` has a name that HTTP forbids: `{name}`"))?;
    let value: Option<String> = serde_json::from_str(json).map_err(|_| {
        format!("`headers.{name}` must be a string, or null to remove it, got {}", kind(json))
    })?;
    let value = value
        .map(HeaderValue::try_from)
        .transpose()
        .map_err(|_| format!("`headers.{name}` has a value that HTTP forbids"))?;
    Ok((header, value))
}

/// A string as it is, anything else as the JSON that was written.
fn body(json: &str) -> Bytes {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned()).into()
}

/// The orders that are not used up, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Faults(HashMap<Point, VecDeque<(Fault, u32)>>);

impl Faults {
    /// `there` are the points that the gateway has: a fault anywhere else would never happen.
    pub(crate) fn order(
        &mut self,
        point: &str,
        there: &[Point],
        fault: Fault,
        times: u32,
    ) -> Result<(), SandboxError> {
        let point = Point::parse(point, there)?;
        if let Some(what) = fault.unfit(point) {
            return Err(SandboxError::Fault(what.into()));
        }
        if times == 0 {
            return Err(SandboxError::Fault("`times` must be 1 or more, got 0".into()));
        }
        self.0.entry(point).or_default().push_back((fault, times));
        Ok(())
    }

    /// What is ordered and not used up, in the order of the points: where, what, and how often.
    pub(crate) fn ordered(&self) -> Vec<(Point, String, u32)> {
        let said = |point: Point| {
            let queue = self.0.get(&point).into_iter().flatten();
            queue.map(move |(fault, times)| (point, fault.to_string(), *times))
        };
        POINTS.iter().flat_map(|(_, point)| said(*point)).collect()
    }

    /// The fault that the request arriving now gets.
    pub(crate) fn take(&mut self, point: Point) -> Option<Fault> {
        let queue = self.0.get_mut(&point)?;
        let (fault, times) = queue.front_mut()?;
        if *times > 1 {
            *times -= 1;
            return Some(fault.clone());
        }
        queue.pop_front().map(|(fault, _)| fault)
    }
}
