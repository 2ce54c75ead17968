//! The gateway without its sockets: a request goes in, a decision comes out.
//!
//! Deciding is synchronous and happens once the whole request is there, so that what was executed does not depend on
//! what becomes of the connection afterwards. How a decision is worded is the profile's matter.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::actions::Action;
use crate::ask::correlation_header;
use crate::callback::{Called, Calls, Signer};
use crate::console::{self, Ends, Record};
use crate::credentials::Credentials;
use crate::error::SandboxError;
use crate::faults::{Close, Fault, Faults, Point};
use crate::grant::{self, Grant};
use crate::invocations::{Invocations, Look, Phase};
use crate::openapi;
use crate::options::{SCOPE_READ, SCOPE_WRITE, SandboxOptions};
use crate::profile::{self, Exchange, Granted, Profile, Refusal, Route, Why};
use crate::rate::{Rate, Windows};
use crate::reply::Reply;
use crate::seen::{Masks, Memory, Seen};
use crate::tokens::{Scopes, Tokens, bearer};
use crate::totals::Totals;

/// A request that has arrived as a whole.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    /// What was kept of the body: never much more than the profile's limit.
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

/// The state behind the endpoints.
pub(crate) struct Gateway {
    profile: &'static dyn Profile,
    profile_name: String,
    credentials: Credentials,
    token_lifetime: Duration,
    complete_after: Duration,
    action_timeout: Duration,
    actions: HashMap<String, Arc<Action>>,
    pub(crate) tokens: Tokens,
    pub(crate) invocations: Invocations,
    faults: Faults,
    pub(crate) memory: Memory,
    windows: Windows,
    totals: Totals,
    masks: Masks,
    exchanges: Rng,
    started: Instant,
    pub(crate) record: Option<Record>,
    pub(crate) calls: Calls,
}

impl Gateway {
    pub(crate) fn new(options: &SandboxOptions, now: Instant) -> Result<Self, SandboxError> {
        options.check()?;
        let Some(profile) = profile::by_name(&options.profile) else {
            return Err(SandboxError::Options("`profile` is unknown".into()));
        };
        let told = options.rate_limit.as_deref().and_then(Rate::parse);
        // One stream of random numbers each, so that the number of tokens does not decide the next invocation id.
        let mut random = Rng::with_seed(options.seed);
        let client = profile.client(&mut random);
        let (tokens, invocations) = (random.u64(..), random.u64(..));
        let credentials = Credentials::new(client, options, &mut random);
        let secrets = [credentials.client_secret.as_str(), credentials.access_key_secret.as_str()];
        Ok(Gateway {
            profile,
            profile_name: options.profile.clone(),
            masks: Masks::new(secrets),
            credentials,
            token_lifetime: options.token_lifetime,
            complete_after: options.complete_after,
            action_timeout: options.action_timeout,
            actions: profile::actions(profile, options)?,
            tokens: Tokens::new(tokens),
            invocations: Invocations::new(invocations, options.deduplicate),
            faults: Faults::default(),
            memory: Memory::new(options.requests_kept),
            windows: Windows::new(told.unwrap_or_else(|| profile.rate())),
            totals: Totals::default(),
            exchanges: random,
            started: now,
            record: options.console.then(Record::new),
            calls: Calls::new(options.callback_secret.as_deref().and_then(Signer::of), options.requests_kept),
        })
    }

    /// The largest body of an invocation.
    pub(crate) fn body_limit(&self) -> usize {
        self.profile.body_limit()
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn needs_access_key(&self) -> bool {
        self.profile.needs_access_key()
    }

    pub(crate) fn totals(&self) -> Totals {
        let executions = self.invocations.executions();
        Totals { executions: executions.total, most_executions: executions.most, ..self.totals }
    }

    /// Forgets what was ordered, seen and counted.
    pub(crate) fn clear(&mut self) {
        self.faults = Faults::default();
        self.memory.forget();
        self.windows.forget();
        self.calls.forget();
        self.totals = Totals::default();
        self.invocations.forget_executions();
        if let Some(record) = &mut self.record {
            record.forget();
        }
    }

    pub(crate) fn order(&mut self, point: &str, fault: Fault, times: u32) -> Result<(), SandboxError> {
        self.faults.order(point, self.profile.points(), fault, times)
    }

    /// What goes wrong with the callback that is due now.
    pub(crate) fn fault_of_a_callback(&mut self) -> Fault {
        self.faults.take(Point::Callback).unwrap_or_default()
    }

    /// A callback was sent.
    pub(crate) fn called(&mut self, called: Called) {
        self.totals.count(Point::Callback);
        self.calls.remember(called);
    }

    /// Whether somebody may end an invocation at any moment.
    pub(crate) fn ends_by_hand(&self) -> bool {
        self.record.is_some()
    }

    /// What was ordered and has not happened yet.
    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Takes back every order.
    pub(crate) fn withdraw(&mut self) {
        self.faults = Faults::default();
    }

    pub(crate) fn profile(&self) -> &'static dyn Profile {
        self.profile
    }

    /// What the console shows, and what knows how far an invocation is.
    pub(crate) fn recorded(&mut self) -> Option<(&mut Record, &Invocations, &Masks)> {
        Some((self.record.as_mut()?, &self.invocations, &self.masks))
    }

    pub(crate) fn profile_name(&self) -> &str {
        &self.profile_name
    }

    /// What a window of the console has to say with each order; none where there is no console.
    pub(crate) fn console_token(&self) -> Option<String> {
        self.record.as_ref().map(|record| record.token.clone())
    }

    /// Acts on a request, as far as the next fault at its point lets it.
    pub(crate) fn decide(&mut self, request: &Received, now: Instant) -> Decision {
        let profile = self.profile;
        let route = match request.uri.path() {
            openapi::PATH => Route::Description,
            path => profile.route(path),
        };
        let point = route.point();
        self.totals.count(point);
        let mut exchange = Exchange::new(profile, point, &request.headers, now, &mut self.exchanges);
        // Without an order the fault is the empty one, which changes nothing.
        let ordered = self.faults.take(point);
        let told = ordered.as_ref().filter(|_| self.record.is_some()).map(ToString::to_string);
        let fault = ordered.unwrap_or_default();
        let (normal, takes) = if fault.acts() {
            let (reply, takes) = self.act(route, request, &mut exchange);
            (Some(reply), takes)
        } else {
            (None, Duration::ZERO)
        };
        let mut reply = fault.answer(normal, |status| {
            let message = "the sandbox was told to answer this";
            profile.refusal(&Refusal { status, why: Why::Injected, message }, &exchange)
        });
        profile.finish(&mut reply, &request.headers, &exchange);
        fault.change(&mut reply);
        let decision = Decision { reply, delay: fault.delay + takes, drip: fault.drip, close: fault.close };
        if self.memory.remembers() || self.record.is_some() {
            let seen = Arc::new(self.describe(route, request, &decision, now));
            self.record(&seen, exchange.about, &decision, told, now);
            if self.memory.remembers() {
                self.memory.push(seen);
            }
        }
        decision
    }

    /// Keeps a request and its answer for the console, where there is one.
    fn record(
        &mut self,
        seen: &Arc<Seen>,
        about: Option<(Uuid, Phase)>,
        decision: &Decision,
        told: Option<String>,
        now: Instant,
    ) {
        let Some(record) = &mut self.record else { return };
        let Decision { reply, delay, drip, close } = decision;
        let ended = match about {
            Some((_, Phase::Ended(outcome))) if reply.status.is_success() => Some(outcome),
            _ => None,
        };
        let dripped = drip.saturating_mul(u32::try_from(reply.body.len()).unwrap_or(u32::MAX));
        let exchange = console::Exchange {
            number: 0,
            seen: Arc::clone(seen),
            invocation: about.map(|(id, _)| id),
            status: reply.status.as_u16(),
            headers: reply.headers.clone(),
            body: reply.body.clone(),
            close: *close,
            took: now.elapsed() + *delay + dripped,
            fault: told.map(Into::into),
        };
        record.exchanged(exchange, ended, now);
    }

    /// The answer, and how long the action takes that it is the end of.
    fn act(&mut self, route: Route<'_>, request: &Received, exchange: &mut Exchange) -> (Reply, Duration) {
        let allowed = match route {
            Route::Token(_) | Route::Invoke(_) => Method::POST,
            Route::Discovery | Route::Poll(_) | Route::Describe(_) | Route::Description => Method::GET,
            Route::Other => {
                let what = "there is nothing at this path";
                return (self.refuse(StatusCode::NOT_FOUND, Why::NoSuchPath, what, exchange), Duration::ZERO);
            }
        };
        if request.method != allowed {
            let what = format!("the method must be {allowed}");
            let refusal = self
                .refuse(StatusCode::METHOD_NOT_ALLOWED, Why::WrongMethod, &what, exchange)
                .header_text(header::ALLOW, allowed.as_str());
            return (refusal, Duration::ZERO);
        }
        let reply = match route {
            Route::Token(grant) => Ok(self.token(grant, request, exchange)),
            Route::Invoke(action) => {
                return self
                    .invoke(action, request, exchange)
                    .unwrap_or_else(|refusal| (refusal, Duration::ZERO));
            }
            Route::Poll(id) => self.poll(id, request, exchange),
            Route::Describe(id) => self.action(id, request, exchange),
            Route::Description => Ok(Reply::json(StatusCode::OK, &openapi::description(self.profile.api()))),
            Route::Discovery | Route::Other => Ok(self.discovery(request, exchange)),
        };
        (reply.unwrap_or_else(|refusal| refusal), Duration::ZERO)
    }

    /// Names the host by which it was reached, so that a proxy before it is named too.
    fn discovery(&self, request: &Received, exchange: &Exchange) -> Reply {
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        match self.profile.discovered(host) {
            Some(body) => Reply::json(StatusCode::OK, &body),
            None => {
                let what = "there is nothing at this path";
                self.refuse(StatusCode::NOT_FOUND, Why::NoSuchPath, what, exchange)
            }
        }
    }

    fn token(&mut self, grant: Grant, request: &Received, exchange: &Exchange) -> Reply {
        let limit = self.profile.body_limit();
        let decided = (request.body_bytes <= limit as u64).then(|| {
            grant::decide(&self.credentials, grant, request.uri.query(), &request.headers, &request.body)
        });
        let reply = match decided {
            None => {
                let what = format!("the body has {} bytes, {limit} are allowed", request.body_bytes);
                self.refuse(StatusCode::PAYLOAD_TOO_LARGE, Why::TooLarge, &what, exchange)
            }
            Some(Ok(scopes)) => {
                let lifetime = self.token_lifetime;
                let token = self.tokens.issue(scopes, lifetime, exchange.now);
                let granted = Granted { token, lifetime, scopes: scopes.words() };
                Reply::json(StatusCode::OK, &self.profile.granted(&granted))
            }
            Some(Err(refused)) => {
                let reply = Reply::json(refused.status, &self.profile.not_granted(&refused));
                if refused.error == "invalid_client" && refused.status == StatusCode::UNAUTHORIZED {
                    reply.header_text(header::WWW_AUTHENTICATE, "Basic realm=\"sandbox\"")
                } else {
                    reply
                }
            }
        };
        // RFC 6749 §5.1.
        reply
            .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
            .header(header::PRAGMA, HeaderValue::from_static("no-cache"))
    }

    fn invoke(
        &mut self,
        action: &str,
        request: &Received,
        exchange: &mut Exchange,
    ) -> Result<(Reply, Duration), Reply> {
        self.authorize(request, SCOPE_WRITE, |scopes| scopes.write, exchange)?;
        if !grant::is_json(&request.headers) {
            let what = "the content type must be `application/json`";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(self.refuse(status, Why::WrongMediaType, what, exchange));
        }
        let limit = self.profile.body_limit();
        if request.body_bytes > limit as u64 {
            let what = format!("the body has {} bytes, {limit} are allowed", request.body_bytes);
            return Err(self.refuse(StatusCode::PAYLOAD_TOO_LARGE, Why::TooLarge, &what, exchange));
        }
        let named = percent_decode_str(action).decode_utf8_lossy();
        let ask = self
            .profile
            .ask(&named, &request.body)
            .map_err(|what| self.refuse(StatusCode::BAD_REQUEST, Why::Malformed, &what, exchange))?;
        let Some(action) = self.actions.get(&ask.action).cloned() else {
            let what = "there is no such action";
            return Err(self.refuse(StatusCode::NOT_FOUND, Why::NoSuchAction, what, exchange));
        };
        if let Some(missing) = action.required.iter().find(|name| !ask.input_names.contains(*name)) {
            let name = action.name.as_deref().unwrap_or(&action.id);
            let what = format!("the action `{name}` needs the input `{missing}`");
            return Err(self.refuse(StatusCode::BAD_REQUEST, Why::MissingInput, &what, exchange));
        }
        if let Some(what) = action.refuses(ask.inputs) {
            return Err(self.refuse(StatusCode::BAD_REQUEST, Why::WrongInput, &what, exchange));
        }
        let correlation_id = ask.correlation_id.or_else(|| correlation_header(&request.headers));
        let executions = self.invocations.executions().total;
        let id = self.invocations.accept(
            &action,
            correlation_id.as_deref(),
            ask.inputs,
            self.complete_after,
            exchange.now,
        );
        // What was executed before has been called back for, or will be.
        if self.invocations.executions().total > executions
            && let Some(url) = self.profile.callback_url(&request.body)
        {
            self.calls.promise(id, &url);
        }
        if let Some(record) = &mut self.record {
            let ends = match self.invocations.end(id, exchange.now) {
                _ if !self.profile.is_synchronous() => Ends::WhenAsked,
                Some((Look { phase: Phase::Ended(outcome), .. }, Some(takes))) => {
                    Ends::At(exchange.now + takes, outcome)
                }
                _ => Ends::Never,
            };
            let inputs = ask.inputs.get();
            record.accepted(id, &action, correlation_id.as_deref(), inputs, ends, &self.masks, exchange.now);
        }
        if self.profile.is_synchronous() {
            return Ok(self.end(id, exchange));
        }
        let look = self.invocations.look(id, exchange.now);
        exchange.about = look.as_ref().map(|look| (id, look.phase));
        Ok((
            look.map_or_else(|| self.lost(exchange), |look| self.profile.accepted(&look, exchange)),
            Duration::ZERO,
        ))
    }

    /// The end of an invocation and how long it takes, or that the gateway did not wait for it.
    fn end(&self, id: Uuid, exchange: &mut Exchange) -> (Reply, Duration) {
        exchange.about = Some((id, Phase::Running));
        match self.invocations.end(id, exchange.now) {
            Some((look, Some(takes))) if takes <= self.action_timeout => {
                exchange.about = Some((id, look.phase));
                (self.profile.accepted(&look, exchange), takes)
            }
            Some(_) => {
                let what = "the action took longer than the gateway waits";
                let reply = self.refuse(StatusCode::GATEWAY_TIMEOUT, Why::TimedOut, what, exchange);
                (reply, self.action_timeout)
            }
            None => (self.lost(exchange), Duration::ZERO),
        }
    }

    /// An invocation is held as soon as it is accepted, so this is never the answer to one.
    fn lost(&self, exchange: &Exchange) -> Reply {
        let what = "there is no such invocation";
        self.refuse(StatusCode::NOT_FOUND, Why::NoSuchInvocation, what, exchange)
    }

    fn poll(&mut self, id: &str, request: &Received, exchange: &mut Exchange) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_READ, |scopes| scopes.read, exchange)?;
        let look = Uuid::parse_str(id).ok().and_then(|id| self.invocations.poll(id, exchange.now));
        match look {
            Some(look) => {
                exchange.about = Some((look.id, look.phase));
                Ok(self.profile.looked(&look, exchange))
            }
            None => Err(self.lost(exchange)),
        }
    }

    fn action(&mut self, id: &str, request: &Received, exchange: &mut Exchange) -> Result<Reply, Reply> {
        self.authorize(request, SCOPE_READ, |scopes| scopes.read, exchange)?;
        let id = percent_decode_str(id).decode_utf8_lossy();
        let described = self
            .actions
            .get(&*id)
            .and_then(|action| self.profile.described(&id, action, request.uri.query()));
        described.ok_or_else(|| {
            let what = "there is no such action";
            self.refuse(StatusCode::NOT_FOUND, Why::NoSuchAction, what, exchange)
        })
    }

    /// RFC 6750 §3.1: 401 `invalid_token`, 403 `insufficient_scope`. A request that may be made is counted.
    fn authorize(
        &mut self,
        request: &Received,
        scope: &str,
        has: impl Fn(Scopes) -> bool,
        exchange: &mut Exchange,
    ) -> Result<(), Reply> {
        let Some(token) = bearer(&request.headers) else {
            let what = "a bearer token is needed";
            let refusal = self.refuse(StatusCode::UNAUTHORIZED, Why::NoToken, what, exchange);
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, "Bearer realm=\"sandbox\""));
        };
        let Some(scopes) = self.tokens.check(token, exchange.now) else {
            let what = "the token is unknown, expired or revoked";
            let refusal = self.refuse(StatusCode::UNAUTHORIZED, Why::WrongToken, what, exchange);
            let challenge = "Bearer realm=\"sandbox\", error=\"invalid_token\"";
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, challenge));
        };
        if !has(scopes) {
            let what = format!("the token lacks the scope `{scope}`");
            let refusal = self.refuse(StatusCode::FORBIDDEN, Why::MissingScope, &what, exchange);
            let challenge =
                format!("Bearer realm=\"sandbox\", error=\"insufficient_scope\", scope=\"{scope}\"");
            return Err(refusal.header_text(header::WWW_AUTHENTICATE, &challenge));
        }
        if let Some(subject) = self.profile.counted_for(exchange.point, token) {
            exchange.quota = self.windows.count(subject, exchange.now);
        }
        match exchange.quota {
            Some(quota) if quota.exceeded() => {
                let what = format!("{} requests are allowed, come again in {} s", quota.allowed, quota.reset);
                Err(self.refuse(StatusCode::TOO_MANY_REQUESTS, Why::TooMany, &what, exchange))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, status: StatusCode, why: Why, message: &str, exchange: &Exchange) -> Reply {
        self.profile.refusal(&Refusal { status, why, message }, exchange)
    }

    fn describe(&self, route: Route<'_>, request: &Received, decision: &Decision, now: Instant) -> Seen {
        let correlation_id = match route {
            Route::Invoke(_) => {
                let own = self.profile.correlation_id(&request.body);
                own.or_else(|| correlation_header(&request.headers))
            }
            Route::Poll(id) => {
                Uuid::parse_str(id).ok().and_then(|id| self.invocations.correlation_id(id)).map(str::to_owned)
            }
            _ => None,
        };
        let point = route.point();
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
