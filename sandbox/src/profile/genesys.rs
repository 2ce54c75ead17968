//! What the Genesys Cloud platform does on every one of its APIs: tokens, the error body, the headers of each answer,
//! and the allowance of each token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fastrand::Rng;
use http::header::{self, HeaderName, HeaderValue};
use serde_json::{Value, json};
use uuid::Builder;

use super::{Exchange, Granted, Refusal, Why};
use crate::faults::Point;
use crate::grant::Refused;
use crate::rate::Rate;
use crate::reply::Reply;

/// The largest body of a request, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 512_000;
/// The header that names each exchange.
pub(super) const EXCHANGE: &str = "inin-correlation-id";
/// Where tokens are had.
pub(super) const TOKEN: &str = "/oauth/token";

/// 300 requests a minute for each token of a client, POSTs and GETs alike.
pub(super) fn rate() -> Rate {
    Rate { allowed: 300, per: Duration::from_secs(60) }
}

pub(super) fn counted_for(point: Point, token: &str) -> Option<&str> {
    matches!(point, Point::Invoke | Point::Poll | Point::Describe).then_some(token)
}

/// A UUID, and 32 bytes in the alphabet that needs no encoding.
pub(super) fn client(random: &mut Rng) -> (String, String) {
    let id = Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
    let mut secret: [u8; 32] = [0; 32];
    random.fill(&mut secret);
    (id.to_string(), URL_SAFE_NO_PAD.encode(secret))
}

pub(super) fn granted(granted: &Granted) -> Value {
    json!({
        "access_token": granted.token,
        "token_type": "bearer",
        "expires_in": granted.expires_in(),
    })
}

/// The login service has its description under a name of its own as well.
pub(super) fn not_granted(refused: &Refused) -> Value {
    let description = &refused.description;
    json!({"error": refused.error, "description": description, "error_description": description})
}

/// The error body of the platform.
pub(super) fn error_body(status: u16, code: &str, message: &str, exchange: &Exchange) -> Value {
    json!({
        "message": message,
        "code": code,
        "status": status,
        "messageParams": {},
        "contextId": exchange.id,
        "details": [],
        "errors": [],
    })
}

pub(super) fn refusal(refusal: &Refusal<'_>, exchange: &Exchange) -> Reply {
    let status = refusal.status.as_u16();
    let code = match refusal.why {
        Why::Injected => injected(status),
        Why::NoSuchPath | Why::NoSuchAction | Why::NoSuchInvocation => "not.found",
        Why::WrongMethod => "method.not.allowed",
        Why::NoToken => "authentication.required",
        Why::WrongToken => "bad.credentials",
        Why::MissingScope => "missing.permissions",
        Why::TooMany => "too.many.requests",
        Why::WrongMediaType => "unsupported.media.type",
        Why::TooLarge => "request.entity.too.large",
        Why::Malformed | Why::MissingInput | Why::WrongInput => "bad.request",
        Why::TimedOut => "request.timeout",
    };
    Reply::json(refusal.status, &error_body(status, code, refusal.message, exchange))
}

/// The code that goes with a status when nothing else is known.
fn injected(status: u16) -> &'static str {
    match status {
        401 => "bad.credentials",
        403 => "not.authorized",
        404 => "not.found",
        408 => "client.timeout",
        409 => "conflict",
        413 => "request.entity.too.large",
        415 => "unsupported.media.type",
        429 => "too.many.requests",
        503 => "service.unavailable",
        504 => "request.timeout",
        400..=499 => "bad.request",
        _ => "internal.server.error",
    }
}

/// Names the exchange, and tells the token where it stands; an exhausted one also when to come again.
pub(super) fn finish(reply: &mut Reply, exchange: &Exchange) {
    if let Ok(id) = HeaderValue::from_str(&exchange.id) {
        reply.set(HeaderName::from_static(EXCHANGE), id);
    }
    if exchange.point != Point::Token {
        reply.set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate"));
    }
    let Some(quota) = exchange.quota else { return };
    for (name, value) in [
        ("inin-ratelimit-count", u64::from(quota.count)),
        ("inin-ratelimit-allowed", u64::from(quota.allowed)),
        ("inin-ratelimit-reset", quota.reset),
    ] {
        reply.set(HeaderName::from_static(name), HeaderValue::from(value));
    }
    if quota.exceeded() {
        reply.set(header::RETRY_AFTER, HeaderValue::from(quota.reset));
    }
}
