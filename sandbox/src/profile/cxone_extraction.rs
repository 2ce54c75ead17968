//! `cxone-extraction`: a query is submitted, then looked at until its download is ready.
//!
//! CXone's own habits: the token endpoint has to be discovered; an answer is rendered only for who asks for JSON; the
//! id of a job is a bare JSON string; the reason of a refusal stands in a header, often with no body at all; one
//! submission in 30 seconds, and no word of when to come again. Which status an answer that cannot be rendered has is
//! told nowhere: here it is the one that the answer had.

use std::time::Duration;

use fastrand::Rng;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use uuid::{Builder, Uuid};

use super::{Exchange, Granted, Profile, Refusal, Route, is_name, segment};
use crate::actions::{Action, Outcome};
use crate::ask::{Ask, Values, bare, input_names};
use crate::faults::Point;
use crate::grant::{Grant, Refused};
use crate::invocations::{Look, Phase};
use crate::openapi::{self, Api};
use crate::rate::Rate;
use crate::reply::Reply;

const DISCOVERY: &str = "/.well-known/openid-configuration";
const TOKEN: &str = "/auth/token";
const ACCESS_KEY: &str = "/authentication/v1/token/access-key";
const JOBS: &str = "/data-extraction/v1/jobs";
/// The header that names each exchange.
const EXCHANGE: &str = "correlationid";
/// The header that says why.
const REASON: HeaderName = HeaderName::from_static("icstatusdescription");
/// No page says how large a body may be; a sandbox has to stop somewhere.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// What can be extracted beside the actions of every sandbox.
const ENTITIES: [&str; 2] = ["recording-interaction-metadata", "qm-workflows"];

#[derive(Debug)]
pub(super) struct Extraction;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    job_status: Job<'a>,
}

#[derive(Serialize)]
struct Job<'a> {
    id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
}

impl Profile for Extraction {
    fn route<'a>(&self, path: &'a str) -> Route<'a> {
        match path {
            DISCOVERY => Route::Discovery,
            TOKEN => Route::Token(Grant::Password),
            ACCESS_KEY => Route::Token(Grant::AccessKey),
            JOBS => Route::Invoke(""),
            _ => segment(path, JOBS).map_or(Route::Other, Route::Poll),
        }
    }

    fn api(&self) -> Api {
        openapi::extraction::api()
    }

    fn points(&self) -> &'static [Point] {
        &[Point::Discovery, Point::Token, Point::Invoke, Point::Poll]
    }

    fn body_limit(&self) -> usize {
        MAX_BODY_BYTES
    }

    fn rate(&self) -> Option<Rate> {
        Some(Rate { allowed: 1, per: Duration::from_secs(30) })
    }

    /// The tenant has one window, whoever asks.
    fn counted_for<'a>(&self, point: Point, _token: &'a str) -> Option<&'a str> {
        (point == Point::Invoke).then_some("tenant")
    }

    fn needs_access_key(&self) -> bool {
        true
    }

    /// The secret is Base64 with `+`, `/` and `=`, as that of an application may be.
    fn client(&self, random: &mut Rng) -> (String, String) {
        let id = Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
        let mut secret: [u8; 16] = [0; 16];
        random.fill(&mut secret);
        (id.to_string(), base64::Engine::encode(&base64::engine::general_purpose::STANDARD, secret))
    }

    fn ids(&self, action: &Action) -> Result<Vec<String>, &'static str> {
        if !is_name(&action.id) {
            return Err("1 to 128 of `A-Za-z0-9_.-`");
        }
        let id = Uuid::parse_str(&action.id).map_or_else(|_| action.id.clone(), |id| id.to_string());
        Ok([id].into_iter().chain(action.name.clone()).collect())
    }

    fn own_actions(&self) -> Vec<Action> {
        let entity = |name: &str| {
            let url = format!("https://extracts.sandbox.invalid/{name}.csv");
            Action::new(name).required(["version", "startDate", "endDate"]).outputs(json!({"url": url}))
        };
        ENTITIES.map(entity).into()
    }

    fn ask<'a>(&self, _action: &str, body: &'a [u8]) -> Result<Ask<'a>, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Query {
            entity_name: Option<String>,
        }

        let inputs = bare(body)?;
        let input_names = input_names(inputs, Values::Primitives)?;
        let Ok(Query { entity_name: Some(action) }) = serde_json::from_str(inputs.get()) else {
            return Err("`entityName` must be a string".into());
        };
        Ok(Ask { action, inputs, input_names, correlation_id: None })
    }

    fn exchange_header(&self) -> Option<&'static str> {
        Some(EXCHANGE)
    }

    fn accepted(&self, look: &Look<'_>, _exchange: &Exchange) -> Reply {
        Reply::json(StatusCode::ACCEPTED, &look.id.to_string())
    }

    fn looked(&self, look: &Look<'_>, _exchange: &Exchange) -> Reply {
        let status = match look.phase {
            Phase::Pending | Phase::Running | Phase::Ended(Outcome::Never) => "RUNNING",
            Phase::Ended(Outcome::Completed) => "SUCCEEDED",
            Phase::Ended(Outcome::Failed) => "FAILED",
            Phase::Ended(Outcome::Cancelled) => "CANCELLED",
        };
        let failure = look.error_message.and_then(|why| to_raw_value(&json!({"errorMessage": why})).ok());
        let result = look.outputs.or(failure.as_deref());
        Reply::json(StatusCode::OK, &Answer { job_status: Job { id: look.id.to_string(), status, result } })
    }

    fn discovered(&self, host: &str) -> Option<Value> {
        let base = format!("http://{host}");
        Some(json!({
            "issuer": base,
            "token_endpoint": format!("{base}{TOKEN}"),
            "grant_types_supported": ["authorization_code", "password", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }))
    }

    fn granted(&self, granted: &Granted) -> Value {
        json!({
            "access_token": granted.token,
            "token_type": "Bearer",
            "expires_in": granted.expires_in(),
            "refresh_token": format!("refresh-{}", granted.token),
            "scope": "openid",
        })
    }

    fn not_granted(&self, refused: &Refused) -> Value {
        json!({"error": refused.error, "errorDescription": refused.description})
    }

    /// What is wrong with a request stands in a body too; of the rest the header is all there is.
    fn refusal(&self, refusal: &Refusal<'_>, exchange: &Exchange) -> Reply {
        let reply = match refusal.status.as_u16() {
            400 => {
                let body = json!({"errorMessage": refusal.message, "correlationId": exchange.id});
                Reply::json(refusal.status, &body)
            }
            _ => Reply::empty(refusal.status),
        };
        reply.header_text(REASON, refusal.message)
    }

    fn finish(&self, reply: &mut Reply, headers: &HeaderMap, exchange: &Exchange) {
        if let Ok(id) = HeaderValue::from_str(&exchange.id) {
            reply.set(HeaderName::from_static(EXCHANGE), id);
        }
        let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let is_api = matches!(exchange.point, Point::Invoke | Point::Poll);
        // There is nothing to render of an answer without a body.
        let has_body = !reply.body.is_empty();
        if is_api && has_body && !accepts.into_iter().any(|value| value.contains("application/json")) {
            reply.set(header::CONTENT_TYPE, HeaderValue::from_static("application/html"));
            reply.body = "No known way to render data".into();
        }
    }
}
