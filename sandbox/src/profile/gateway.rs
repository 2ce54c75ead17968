//! `gateway`: the contract of the Integration Gateway, which no vendor's page confirms.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::{Exchange, Granted, Profile, Refusal, Route, Why, segment, uuid_only};
use crate::actions::{Action, Outcome};
use crate::ask::{Ask, Values, input_names, object};
use crate::faults::Point;
use crate::grant::Grant;
use crate::invocations::{Look, Phase};
use crate::openapi::{self, Api};
use crate::rate::Quota;
use crate::reply::Reply;

/// The largest body of an invocation in the profile `gateway`, in bytes.
pub const MAX_BODY_BYTES: usize = 524_288;

const TOKEN: &str = "/api/v2/oauth/token";
const INVOCATIONS: &str = "/api/v2/integrations/actions/invocations";

#[derive(Debug)]
pub(super) struct Gateway;

/// The body of a POST. Unknown and repeated fields are refused, as a misspelt `callbackURL` must be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body<'a> {
    action_id: String,
    #[serde(borrow)]
    inputs: &'a RawValue,
    #[serde(default)]
    correlation_id: Option<String>,
    #[serde(default)]
    callback_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    invocation_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

impl Profile for Gateway {
    fn route<'a>(&self, path: &'a str) -> Route<'a> {
        match path {
            TOKEN => Route::Token(Grant::ClientCredentials),
            INVOCATIONS => Route::Invoke(""),
            _ => segment(path, INVOCATIONS).map_or(Route::Other, Route::Poll),
        }
    }

    fn api(&self) -> Api {
        openapi::gateway::api()
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Token, Point::Invoke, Point::Poll, Point::Callback]
    }

    fn callback_url(&self, body: &[u8]) -> Option<String> {
        serde_json::from_slice::<Body<'_>>(body).ok()?.callback_url
    }

    fn body_limit(&self) -> usize {
        MAX_BODY_BYTES
    }

    /// Only where it is told a rate: it has none of its own.
    fn counted_for<'a>(&self, point: Point, token: &'a str) -> Option<&'a str> {
        matches!(point, Point::Invoke | Point::Poll).then_some(token)
    }

    fn finish(&self, reply: &mut Reply, _headers: &HeaderMap, exchange: &Exchange) {
        if let Some(quota) = exchange.quota.filter(Quota::exceeded) {
            reply.set(header::RETRY_AFTER, HeaderValue::from(quota.reset));
        }
    }

    /// The secret is Base64 with `+`, `/` and `=`, so that a client which forgets to encode it is found out.
    fn client(&self, random: &mut Rng) -> (String, String) {
        let id = format!("sandbox-{:016x}", random.u64(..));
        let mut secret: [u8; 32] = [0; 32];
        random.fill(&mut secret);
        (id, STANDARD.encode(secret))
    }

    fn ids(&self, action: &Action) -> Result<Vec<String>, &'static str> {
        uuid_only(action)
    }

    fn ask<'a>(&self, _action: &str, body: &'a [u8]) -> Result<Ask<'a>, String> {
        let Body { action_id, inputs, correlation_id, callback_url } = serde_json::from_str(object(body)?)
            .map_err(|error| format!("the body must be an invocation: {error}"))?;
        let action = Uuid::parse_str(&action_id).map_err(|_| "`actionId` must be a UUID".to_owned())?;
        let input_names = input_names(inputs, Values::Primitives)?;
        if correlation_id.as_deref().is_some_and(|id| !is_correlation_id(id)) {
            return Err("`correlationId` must be 1 to 128 of `A-Za-z0-9._:-`".into());
        }
        if callback_url.is_some_and(|url| Url::parse(&url).is_err()) {
            return Err("`callbackUrl` must be an absolute URL".into());
        }
        Ok(Ask { action: action.to_string(), inputs, input_names, correlation_id })
    }

    fn correlation_id(&self, body: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Only {
            correlation_id: Option<String>,
        }
        serde_json::from_slice::<Only>(body).ok()?.correlation_id
    }

    fn accepted(&self, look: &Look<'_>, exchange: &Exchange) -> Reply {
        let mut reply = self.looked(look, exchange);
        if !look.action.at_once {
            reply.status = StatusCode::ACCEPTED;
        }
        reply.header_text(header::LOCATION, &format!("{INVOCATIONS}/{}", look.id))
    }

    fn looked(&self, look: &Look<'_>, _exchange: &Exchange) -> Reply {
        let status = match look.phase {
            Phase::Pending => "PENDING",
            Phase::Running | Phase::Ended(Outcome::Never) => "RUNNING",
            Phase::Ended(Outcome::Completed) => "COMPLETED",
            Phase::Ended(Outcome::Failed) => "FAILED",
            Phase::Ended(Outcome::Cancelled) => "CANCELLED",
        };
        let invocation_id = look.id.to_string();
        let (outputs, error_message) = (look.outputs, look.error_message);
        Reply::json(StatusCode::OK, &Status { invocation_id, status, outputs, error_message })
    }

    fn granted(&self, granted: &Granted) -> Value {
        json!({
            "access_token": granted.token,
            "token_type": "Bearer",
            "expires_in": granted.expires_in(),
            "scope": granted.scopes,
        })
    }

    /// `{"status", "code", "message", "contextId"}`.
    fn refusal(&self, refusal: &Refusal<'_>, exchange: &Exchange) -> Reply {
        let code = match refusal.why {
            Why::Injected => "injected",
            Why::NoSuchPath => "not_found",
            Why::WrongMethod => "method_not_allowed",
            Why::NoToken => "unauthorized",
            Why::WrongToken => "invalid_token",
            Why::MissingScope => "insufficient_scope",
            Why::TooMany => "rate_limited",
            Why::WrongMediaType => "unsupported_media_type",
            Why::TooLarge => "payload_too_large",
            Why::Malformed => "bad_request",
            Why::NoSuchAction => "action_not_found",
            Why::MissingInput => "missing_input",
            Why::WrongInput => "invalid_input",
            Why::NoSuchInvocation => "invocation_not_found",
            Why::TimedOut => "timeout",
        };
        let status = refusal.status.as_u16();
        let body =
            json!({"status": status, "code": code, "message": refusal.message, "contextId": exchange.id});
        Reply::json(refusal.status, &body)
    }
}

fn is_correlation_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}
