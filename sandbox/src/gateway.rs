//! The gateway without its sockets: a request goes in, a decision comes out.
//!
//! Deciding is synchronous and happens once the whole request is there, so that what was executed does not depend on
//! what becomes of the connection afterwards.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::actions::Action;
use crate::ask::{self, Ask};
use crate::error::SandboxError;
use crate::faults::{Close, Faults, Point};
use crate::grant::{self, Credentials};
use crate::invocations::Invocations;
use crate::options::{SCOPE_READ, SCOPE_WRITE, SandboxOptions};
use crate::reply::Reply;
use crate::seen::{Masks, Memory, Seen};
use crate::tokens::{Scopes, Tokens};

/// The largest body of an invocation, in bytes.
pub const MAX_BODY_BYTES: usize = 524_288;

const TOKEN_PATH: &str = "/api/v2/oauth/token";
const INVOCATIONS_PATH: &str = "/api/v2/integrations/actions/invocations";

/// A request that has arrived as a whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// What was kept of the body: never much more than [`MAX_BODY_BYTES`].
    pub(crate) body: Bytes,
    /// How long the body was.
    pub(crate) body_bytes: u64,
    pub(crate) connection: u64,
}

/// What to do with the connection that a request came on.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) reply: Reply,
    pub(crate) delay: Duration,
    pub(crate) drip: Duration,
    pub(crate) close: Option<Close>,
}

/// How often what happened, since the start or the last [`clear`](crate::Sandbox::clear).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Totals {
    /// Requests for a token.
    pub token: u64,
    /// POSTs of an invocation.
    pub invoke: u64,
    /// Polls.
    pub poll: u64,
    /// Requests to anywhere else.
    pub other: u64,
    /// Invocations that were executed.
    pub executions: u64,
    /// How often the correlation id that was executed most was executed. At most once means that this is never
    /// above 1.
    pub most_executions: u64,
}

/// The state behind the three endpoints.
pub(crate) struct Gateway {
    credentials: Credentials,
    token_lifetime: Duration,
    complete_after: Duration,
    actions: HashMap<Uuid, Arc<Action>>,
    pub(crate) tokens: Tokens,
    pub(crate) invocations: Invocations,
    pub(crate) faults: Faults,
    pub(crate) memory: Memory,
    totals: Totals,
    masks: Masks,
    contexts: Rng,
    started: Instant,
}

impl Gateway {
    pub(crate) fn new(options: &SandboxOptions, now: Instant) -> Result<Self, SandboxError> {
        options.check()?;
        let mut actions = HashMap::new();
        for action in Action::built_in() {
            actions.insert(action.check(0)?, Arc::new(action));
        }
        for (place, action) in options.actions.iter().enumerate() {
            actions.insert(action.check(place)?, Arc::new(action.clone()));
        }
        // One stream of random numbers each, so that the number of tokens does not decide the next invocation id.
        let mut random = Rng::with_seed(options.seed);
        let credentials = credentials(options, &mut random);
        Ok(Gateway {
            masks: Masks::new(&credentials.client_secret),
            credentials,
            token_lifetime: options.token_lifetime,
            complete_after: options.complete_after,
            actions,
            tokens: Tokens::new(random.u64(..)),
            invocations: Invocations::new(random.u64(..)),
            faults: Faults::default(),
            memory: Memory::new(options.requests_kept),
            totals: Totals::default(),
            contexts: random,
            started: now,
        })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn totals(&self) -> Totals {
        let executions = self.invocations.executions();
        Totals { executions: executions.total, most_executions: executions.most, ..self.totals }
    }

    /// Forgets what was ordered, seen and counted.
    pub(crate) fn clear(&mut self) {
        self.faults = Faults::default();
        self.memory.forget();
        self.totals = Totals::default();
        self.invocations.forget_executions();
    }

    /// Acts on a request, as far as the next fault at its point lets it.
    pub(crate) fn decide(&mut self, request: &Received, now: Instant) -> Decision {
        let point = point(&request.uri);
        self.count(point);
        // Without an order the fault is the empty one, which changes nothing.
        let fault = self.faults.take(point).unwrap_or_default();
        let normal = fault.acts().then(|| self.act(point, request, now));
        let decision =
            Decision { reply: fault.apply(normal), delay: fault.delay, drip: fault.drip, close: fault.close };
        if self.memory.remembers() {
            let seen = self.describe(point, request, &decision, now);
            self.memory.push(seen);
        }
        decision
    }

    fn count(&mut self, point: Point) {
        let total = match point {
            Point::Token => &mut self.totals.token,
            Point::Invoke => &mut self.totals.invoke,
            Point::Poll => &mut self.totals.poll,
            Point::Other => &mut self.totals.other,
        };
        *total += 1;
    }

    fn act(&mut self, point: Point, request: &Received, now: Instant) -> Reply {
        let allowed = match point {
            Point::Token | Point::Invoke => Method::POST,
            Point::Poll => Method::GET,
            Point::Other => {
                return self.refuse(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path");
            }
        };
        if request.method != allowed {
            let what = format!("the method must be {allowed}");
            return self
                .refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &what)
                .header_text(header::ALLOW, allowed.as_str());
        }
        match point {
            Point::Token => self.token(request, now),
            Point::Invoke => self.invoke(request, now).unwrap_or_else(|refusal| refusal),
            _ => self.poll(request, now).unwrap_or_else(|refusal| refusal),
        }
    }

    fn token(&mut self, request: &Received, now: Instant) -> Reply {
        let reply =
            match grant::decide(&self.credentials, request.uri.query(), &request.headers, &request.body) {
                Ok(scopes) => Reply::json(
                    StatusCode::OK,
                    &json!({
                        "access_token": self.tokens.issue(scopes, self.token_lifetime, now),
                        "token_type": "Bearer",
                        "expires_in": seconds(self.token_lifetime),
                        "scope": scopes.words(),
                    }),
                ),
                Err(refusal) => refusal,
            };
        // RFC 6749 §5.1.
        reply
            .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .header(header::PRAGMA, HeaderValue::from_static("no-cache"))
    }

    fn invoke(&mut self, request: &Received, now: Instant) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_WRITE, |scopes| scopes.write, now)?;
        if !is_json(&request.headers) {
            let what = "the content type must be `application/json`";
            return Err(self.refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", what));
        }
        if request.body_bytes > MAX_BODY_BYTES as u64 {
            let what = format!("the body has {} bytes, {MAX_BODY_BYTES} are allowed", request.body_bytes);
            return Err(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", &what));
        }
        let ask = Ask::parse(&request.body)
            .map_err(|what| self.refuse(StatusCode::BAD_REQUEST, "bad_request", &what))?;
        let Some(action) = self.actions.get(&ask.action_id).cloned() else {
            let what = format!("there is no action {}", ask.action_id);
            return Err(self.refuse(StatusCode::NOT_FOUND, "action_not_found", &what));
        };
        if let Some(missing) = action.required.iter().find(|name| !ask.input_names.contains(*name)) {
            let name = action.name.as_deref().unwrap_or(&action.id);
            let what = format!("the action `{name}` needs the input `{missing}`");
            return Err(self.refuse(StatusCode::BAD_REQUEST, "missing_input", &what));
        }
        let accepted = self.invocations.accept(
            &action,
            ask.correlation_id.as_deref(),
            ask.inputs,
            self.complete_after,
            now,
        );
        let Some(look) = accepted else {
            return Err(self.refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "not_kept",
                "the invocation was not kept",
            ));
        };
        let status = if action.at_once { StatusCode::OK } else { StatusCode::ACCEPTED };
        let location = format!("{INVOCATIONS_PATH}/{}", look.invocation_id);
        Ok(Reply::json(status, &look).header_text(header::LOCATION, &location))
    }

    fn poll(&mut self, request: &Received, now: Instant) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_READ, |scopes| scopes.read, now)?;
        if let Some(look) = invocation_id(&request.uri).and_then(|id| self.invocations.poll(id, now)) {
            return Ok(Reply::json(StatusCode::OK, &look));
        }
        Err(self.refuse(StatusCode::NOT_FOUND, "invocation_not_found", "there is no such invocation"))
    }

    /// RFC 6750 §3.1: 401 `invalid_token`, 403 `insufficient_scope`.
    fn authorize(
        &mut self,
        request: &Received,
        scope: &str,
        has: impl Fn(Scopes) -> bool,
        now: Instant,
    ) -> Result<(), Reply> {
        let Some(token) = bearer(&request.headers) else {
            let refusal = self.refuse(StatusCode::UNAUTHORIZED, "unauthorized", "a bearer token is needed");
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, "Bearer realm=\"sandbox\""));
        };
        match self.tokens.check(token, now) {
            Some(scopes) if has(scopes) => Ok(()),
            Some(_) => {
                let what = format!("the token lacks the scope `{scope}`");
                let challenge =
                    format!("Bearer realm=\"sandbox\", error=\"insufficient_scope\", scope=\"{scope}\"");
                let refusal = self.refuse(StatusCode::FORBIDDEN, "insufficient_scope", &what);
                Err(refusal.header_text(header::WWW_AUTHENTICATE, &challenge))
            }
            None => {
                let what = "the token is unknown, expired or revoked";
                let refusal = self.refuse(StatusCode::UNAUTHORIZED, "invalid_token", what);
                Err(refusal.header_text(
                    header::WWW_AUTHENTICATE,
                    "Bearer realm=\"sandbox\", error=\"invalid_token\"",
                ))
            }
        }
    }

    /// A refusal in the gateway's envelope: `{"status", "code", "message", "contextId"}`.
    fn refuse(&mut self, status: StatusCode, code: &str, message: &str) -> Reply {
        let context = format!("{:032x}", self.contexts.u128(..));
        Reply::refusal(status, code, message, &context)
    }

    fn describe(&self, point: Point, request: &Received, decision: &Decision, now: Instant) -> Seen {
        let correlation_id = match point {
            Point::Invoke => ask::correlation_id(&request.body),
            Point::Poll => invocation_id(&request.uri)
                .and_then(|id| self.invocations.correlation_id(id))
                .map(str::to_owned),
            Point::Token | Point::Other => None,
        };
        Seen {
            point,
            method: request.method.to_string(),
            path: self.masks.path(request.uri.path(), request.uri.query()),
            status: decision.close.is_none().then(|| decision.reply.status.as_u16()),
            headers: self.masks.headers(&request.headers),
            body: self.masks.body(point, grant::is_form(&request.headers), &request.body),
            correlation_id,
            connection: request.connection,
            at: now.saturating_duration_since(self.started).as_secs_f64(),
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("totals", &self.totals()).finish_non_exhaustive()
    }
}

fn credentials(options: &SandboxOptions, random: &mut Rng) -> Credentials {
    let client_id = format!("sandbox-{:016x}", random.u64(..));
    // Base64 with `+`, `/` and `=`, so that a client which forgets to encode its secret is found out.
    let mut secret: [u8; 32] = [0; 32];
    random.fill(&mut secret);
    let client_secret = STANDARD.encode(secret);
    let scopes = Scopes::parse(options.scopes.iter().map(String::as_str)).unwrap_or_default();
    Credentials {
        client_id: options.client_id.clone().unwrap_or(client_id),
        client_secret: options.client_secret.clone().unwrap_or(client_secret),
        scopes,
    }
}

fn point(uri: &Uri) -> Point {
    match uri.path() {
        TOKEN_PATH => Point::Token,
        INVOCATIONS_PATH => Point::Invoke,
        path => match path.strip_prefix(INVOCATIONS_PATH).and_then(|rest| rest.strip_prefix('/')) {
            Some(id) if !id.is_empty() && !id.contains('/') => Point::Poll,
            _ => Point::Other,
        },
    }
}

fn invocation_id(uri: &Uri) -> Option<Uuid> {
    let (_, id) = uri.path().rsplit_once('/')?;
    Uuid::parse_str(id).ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_json(headers: &HeaderMap) -> bool {
    grant::media_type(headers).eq_ignore_ascii_case("application/json")
}

/// A whole number where it is one, as `expires_in` usually is.
fn seconds(duration: Duration) -> serde_json::Number {
    match duration.subsec_nanos() {
        0 => duration.as_secs().into(),
        _ => {
            serde_json::Number::from_f64(duration.as_secs_f64()).unwrap_or_else(|| duration.as_secs().into())
        }
    }
}
