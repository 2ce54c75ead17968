//! The gateway without its sockets: a request goes in, a decision comes out.
//!
//! Deciding is synchronous and happens once the whole request is there, so that what was executed does not depend on
//! what becomes of the connection afterwards. How a decision is worded is the profile's matter.

mod act;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderMap, Method, Uri};
use uuid::Uuid;

use crate::actions::Action;
use crate::ask::correlation_header;
use crate::callback::{Called, Calls, Signer};
use crate::console::{self, Record};
use crate::credentials::Credentials;
use crate::error::SandboxError;
use crate::faults::{Close, Fault, Faults, Point};
use crate::grant;
use crate::invocations::{Invocations, Phase};
use crate::openapi;
use crate::options::SandboxOptions;
use crate::profile::{self, Exchange, Profile, Refusal, Route, Why};
use crate::rate::{Rate, Windows};
use crate::reply::Reply;
use crate::seen::{Masks, Memory, Seen};
use crate::tokens::Tokens;
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
        let decision = Decision {
            reply,
            delay: fault.delay.saturating_add(takes),
            drip: fault.drip,
            close: fault.close,
        };
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
            took: now.elapsed().saturating_add(*delay).saturating_add(dripped),
            fault: told.map(Into::into),
        };
        record.exchanged(exchange, ended, now);
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
            correlation_id: correlation_id.map(|id| self.masks.text(id)),
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
