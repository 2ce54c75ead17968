//! An answer before it becomes HTTP.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;

/// Status, headers and body of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Few, so that a list of them is smaller and quicker than a map.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Reply {
    /// An answer with this text, said to be JSON.
    pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Reply { status, headers: vec![content_type], body: body.into() }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Reply { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// An answer with this value as JSON.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Reply::text(status, serde_json::to_vec(body).unwrap_or_default())
    }

    /// Sets a header, replacing one of the same name.
    pub(crate) fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.remove(&name);
        self.headers.push((name, value));
    }

    /// Removes a header.
    pub(crate) fn remove(&mut self, name: &HeaderName) {
        self.headers.retain(|(other, _)| other != name);
    }

    /// As [`Reply::set`], for building an answer.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.set(name, value);
        self
    }

    /// As [`Reply::header`], for a text of the sandbox's own making; one that cannot stand in a header is left out.
    #[must_use]
    pub(crate) fn header_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.header(name, value),
            Err(_) => self,
        }
    }

    /// What hyper sends.
    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }

    /// The same as bytes on the wire, and where its body begins: for answers that stop half-way, which hyper would
    /// rightly refuse to send.
    pub(crate) fn into_wire(self) -> (Vec<u8>, usize) {
        let mut wire = Vec::with_capacity(256 + self.body.len());
        let reason = self.status.canonical_reason().unwrap_or_default();
        wire.extend_from_slice(format!("HTTP/1.1 {} {reason}\r\n", self.status.as_u16()).as_bytes());
        for (name, value) in &self.headers {
            wire.extend_from_slice(name.as_str().as_bytes());
            wire.extend_from_slice(b": ");
            wire.extend_from_slice(value.as_bytes());
            wire.extend_from_slice(b"\r\n");
        }
        if !self.headers.iter().any(|(name, _)| *name == header::CONTENT_LENGTH) {
            wire.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        wire.extend_from_slice(b"connection: close\r\n\r\n");
        let head = wire.len();
        wire.extend_from_slice(&self.body);
        (wire, head)
    }
}
