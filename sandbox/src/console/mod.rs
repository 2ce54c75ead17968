//! The console: what a sandbox sees, for people, at `/`; and its API below `/-/`, where no gateway has a path.
//!
//! A page on the web must not be able to read it, to frame it or to give it orders, though it listens on an address
//! that every browser reaches: [`guard`] decides that before anything else is looked at.

mod guard;
mod live;
mod masks;
mod orders;
mod record;
mod series;
mod view;

use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::json;
use uuid::Uuid;

pub(crate) use live::Sent;
pub(crate) use record::{Ends, Exchange, Record};

use crate::reply::Reply;
use crate::server::Shared;

/// More than any order needs.
const BODY_BYTES: usize = 64 * 1024;
const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("console.css");
const ICON: &str = include_str!("icon.svg");
const SCRIPT: &str = concat!(
    include_str!("script/page.js"),
    include_str!("script/drawing.js"),
    include_str!("script/list.js"),
    include_str!("script/detail.js"),
    include_str!("script/orders.js"),
    include_str!("script/begin.js"),
);
/// Only what this sandbox serves, and no text that becomes markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What is asked of the console.
enum Asked {
    Page,
    Style,
    Script,
    Icon,
    State,
    Events,
    Invocation(Uuid),
    End(Uuid),
    Faults,
    Withdraw,
    Expire,
}

impl Asked {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Asked::Page,
            "/-/console.css" => Asked::Style,
            "/-/console.js" => Asked::Script,
            "/-/icon.svg" => Asked::Icon,
            "/-/state" => Asked::State,
            "/-/events" => Asked::Events,
            "/-/faults" => Asked::Faults,
            "/-/faults/withdraw" => Asked::Withdraw,
            "/-/tokens/expire" => Asked::Expire,
            _ => {
                let below = path.strip_prefix("/-/invocations/")?;
                match below.strip_suffix("/end") {
                    Some(id) => Asked::End(Uuid::try_parse(id).ok()?),
                    None => Asked::Invocation(Uuid::try_parse(below).ok()?),
                }
            }
        })
    }

    fn method(&self) -> Method {
        match self {
            Asked::End(_) | Asked::Faults | Asked::Withdraw | Asked::Expire => Method::POST,
            _ => Method::GET,
        }
    }
}

/// Whether a path is the console's, where there is one.
pub(crate) fn owns(path: &str) -> bool {
    path == "/" || path.starts_with("/-/")
}

/// A refusal, in words for whoever looks into the network of his browser.
fn refused(status: StatusCode, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message}))
}

/// Answers a request to the console of this gateway, whose token is `token`.
pub(crate) async fn answer(head: Parts, body: Incoming, token: &str, gateway: &Shared) -> Response<Sent> {
    let mut response = match guard::check(&head, token) {
        Err(message) => refused(StatusCode::FORBIDDEN, message).into_response().map(Sent::Whole),
        Ok(()) => match Asked::of(head.uri.path()) {
            None => refused(StatusCode::NOT_FOUND, "there is nothing at this path")
                .into_response()
                .map(Sent::Whole),
            Some(asked) if asked.method() != head.method => {
                let method = asked.method();
                refused(StatusCode::METHOD_NOT_ALLOWED, &format!("the method must be {method}"))
                    .header_text(header::ALLOW, method.as_str())
                    .into_response()
                    .map(Sent::Whole)
            }
            Some(Asked::Events) => live::open(gateway, head.uri.query()),
            Some(asked) => reply(asked, &head, body, token, gateway).await.into_response().map(Sent::Whole),
        },
    };
    let said = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in said {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn reply(asked: Asked, head: &Parts, body: Incoming, token: &str, gateway: &Shared) -> Reply {
    let file = |media_type: &'static str, text: &str| {
        Reply::text(StatusCode::OK, text.to_owned())
            .header(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    };
    let now = Instant::now();
    match asked {
        Asked::Page => file("text/html; charset=utf-8", &PAGE.replace("{token}", token)),
        Asked::Style => file("text/css; charset=utf-8", STYLE),
        Asked::Script => file("text/javascript; charset=utf-8", SCRIPT),
        Asked::Icon => file("image/svg+xml", ICON),
        Asked::State | Asked::Events => {
            let filter = view::Filter::read(head.uri.query());
            let change = view::Shown::default().change(&mut gateway.lock(), &filter, now);
            Reply::text(StatusCode::OK, change.unwrap_or_else(|| "{}".into()))
        }
        Asked::Invocation(id) => match view::invocation(&mut gateway.lock(), id, now) {
            Some(text) => Reply::text(StatusCode::OK, text),
            None => refused(StatusCode::NOT_FOUND, "there is no such invocation, or it was forgotten"),
        },
        Asked::End(_) | Asked::Faults | Asked::Withdraw | Asked::Expire => {
            let Ok(body) = Limited::new(body, BODY_BYTES).collect().await else {
                return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            };
            let body: Bytes = body.to_bytes();
            let mut gateway = gateway.lock();
            match asked {
                Asked::End(id) => orders::end(&mut gateway, id, &body, Instant::now()),
                Asked::Faults => orders::fault(&mut gateway, &body),
                Asked::Expire => orders::expire(&mut gateway),
                _ => orders::withdraw(&mut gateway),
            }
        }
    }
}
