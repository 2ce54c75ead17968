//! Faults that a test orders: what the gateway does wrong, at which point, and how often.
//!
//! A fault is taken by the next request at its point, whatever that request is, and each is used up exactly as
//! often as it was ordered.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::SandboxError;
use crate::parse;
use crate::reply::Reply;

/// Where a request arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Point {
    /// `POST /api/v2/oauth/token`.
    Token,
    /// `POST /api/v2/integrations/actions/invocations`.
    Invoke,
    /// `GET /api/v2/integrations/actions/invocations/{id}`.
    Poll,
    /// Anywhere else. No fault can be ordered for it.
    Other,
}

impl Point {
    fn parse(word: &str) -> Result<Self, SandboxError> {
        match word {
            "token" => Ok(Point::Token),
            "invoke" => Ok(Point::Invoke),
            "poll" => Ok(Point::Poll),
            _ => {
                Err(SandboxError::Fault(format!("`point` must be `token`, `invoke` or `poll`, got `{word}`")))
            }
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Point::Token => "token",
            Point::Invoke => "invoke",
            Point::Poll => "poll",
            Point::Other => "other",
        })
    }
}

/// Where the connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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

/// One order, as it is written in JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fault {
    status: Option<u16>,
    retry_after: Option<Value>,
    headers: BTreeMap<String, Option<String>>,
    body: Option<Value>,
    merge: BTreeMap<String, Box<RawValue>>,
    executed: Option<bool>,
    pub(crate) close: Option<Close>,
    #[serde(deserialize_with = "parse::seconds")]
    pub(crate) delay: Duration,
    #[serde(deserialize_with = "parse::seconds")]
    pub(crate) drip: Duration,
}

impl Fault {
    pub(crate) fn from_json(text: &str) -> Result<Self, SandboxError> {
        let fault: Fault =
            serde_json::from_str(text).map_err(|error| SandboxError::Fault(format!("fault: {error}")))?;
        fault.check()?;
        Ok(fault)
    }

    fn check(&self) -> Result<(), SandboxError> {
        let mistake = |what: String| Err(SandboxError::Fault(what));
        if self.is_empty() {
            return mistake("fault: it orders nothing, give it a `status`, a `close` or a `delay`".into());
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return mistake(format!("`status` must be between 200 and 599, got {status}"));
        }
        if self.retry_after.as_ref().is_some_and(|value| retry_after(value).is_none()) {
            return mistake("`retry_after` must be a number of seconds or the header's text".into());
        }
        for (name, value) in &self.headers {
            if HeaderName::try_from(name).is_err() {
                return mistake(format!("`headers` has a name that HTTP forbids: `{name}`"));
            }
            if value.as_ref().is_some_and(|text| HeaderValue::try_from(text).is_err()) {
                return mistake(format!("`headers.{name}` has a value that HTTP forbids"));
            }
        }
        if self.close.is_some() && !self.drip.is_zero() {
            return mistake("`close` and `drip` exclude each other".into());
        }
        Ok(())
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

    /// The answer as the fault changes it. `normal` is the gateway's, where it acted.
    pub(crate) fn apply(&self, normal: Option<Reply>) -> Reply {
        let mut reply = match normal {
            Some(reply) if !self.replaces() => reply,
            _ => self.own_reply(),
        };
        self.merge_into(&mut reply);
        if let Some(value) = self.retry_after.as_ref().and_then(retry_after) {
            reply.set(header::RETRY_AFTER, value);
        }
        for (name, value) in &self.headers {
            let Ok(name) = HeaderName::try_from(name) else { continue };
            match value.as_ref().map(HeaderValue::try_from) {
                Some(Ok(value)) => {
                    reply.set(name, value);
                }
                Some(Err(_)) => {}
                None => {
                    reply.remove(&name);
                }
            }
        }
        reply
    }

    fn own_reply(&self) -> Reply {
        let usual = if self.body.is_some() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let status = self.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(usual);
        match &self.body {
            Some(Value::String(text)) => Reply::text(status, text.clone()),
            Some(json) => Reply::json(status, json),
            None => Reply::refusal(status, "injected", "the sandbox was told to answer this", "injected"),
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

fn retry_after(value: &Value) -> Option<HeaderValue> {
    match value {
        Value::Number(seconds) => HeaderValue::from_str(&seconds.to_string()).ok(),
        Value::String(text) => HeaderValue::from_str(text).ok(),
        _ => None,
    }
}

/// The orders that are not used up, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    token: VecDeque<(Fault, u32)>,
    invoke: VecDeque<(Fault, u32)>,
    poll: VecDeque<(Fault, u32)>,
}

impl Faults {
    pub(crate) fn order(&mut self, point: &str, fault: Fault, times: u32) -> Result<(), SandboxError> {
        let point = Point::parse(point)?;
        if times == 0 {
            return Err(SandboxError::Fault("`times` must be 1 or more, got 0".into()));
        }
        if let Some(queue) = self.queue(point) {
            queue.push_back((fault, times));
        }
        Ok(())
    }

    /// The fault that the request arriving now gets.
    pub(crate) fn take(&mut self, point: Point) -> Option<Fault> {
        let queue = self.queue(point)?;
        let (fault, times) = queue.front_mut()?;
        if *times > 1 {
            *times -= 1;
            return Some(fault.clone());
        }
        queue.pop_front().map(|(fault, _)| fault)
    }

    fn queue(&mut self, point: Point) -> Option<&mut VecDeque<(Fault, u32)>> {
        match point {
            Point::Token => Some(&mut self.token),
            Point::Invoke => Some(&mut self.invoke),
            Point::Poll => Some(&mut self.poll),
            Point::Other => None,
        }
    }
}
