//! What differs from gateway to gateway: paths, bodies, envelopes, headers and habits. What a gateway decides, and what
//! it counts, is the same for all of them and stands in [`gateway`](crate::gateway).

mod cxone_extraction;
mod gateway;
mod genesys;
mod genesys_data_action;
mod genesys_flow;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use http::{HeaderMap, StatusCode};
use serde_json::{Number, Value};
use uuid::{Builder, Uuid};

use crate::actions::{Action, ActionFile};
use crate::ask::Ask;
use crate::error::SandboxError;
use crate::faults::Point;
use crate::grant::{Grant, Refused};
use crate::invocations::{Look, Phase};
use crate::openapi::Api;
use crate::options::SandboxOptions;
use crate::parse::{Mistake, Mistakes};
use crate::rate::{Quota, Rate};
use crate::reply::Reply;

pub use gateway::MAX_BODY_BYTES;

/// The wire contracts that can be served.
///
/// | profile | point | method and path |
/// |---|---|---|
/// | `gateway` | `token` | `POST /api/v2/oauth/token` |
/// | | `invoke` | `POST /api/v2/integrations/actions/invocations` |
/// | | `poll` | `GET /api/v2/integrations/actions/invocations/{id}` |
/// | `genesys-data-action` | `token` | `POST /oauth/token` |
/// | | `invoke` | `POST /api/v2/integrations/actions/{actionId}/execute` |
/// | | `describe` | `GET /api/v2/integrations/actions/{actionId}` |
/// | `genesys-flow` | `token` | `POST /oauth/token` |
/// | | `invoke` | `POST /api/v2/flows/executions` |
/// | | `poll` | `GET /api/v2/flows/executions/{id}` |
/// | `cxone-extraction` | `discovery` | `GET /.well-known/openid-configuration` |
/// | | `token` | `POST /auth/token`, `POST /authentication/v1/token/access-key` |
/// | | `invoke` | `POST /data-extraction/v1/jobs` |
/// | | `poll` | `GET /data-extraction/v1/jobs/{id}` |
///
/// An action is called by its UUID in `gateway` and `genesys-flow`. In `genesys-data-action` it is `custom_-_` and its
/// UUID or its name (`custom_-_create-case`), in `cxone-extraction` the `entityName` is its name or its UUID
/// (`create-case`); in both an id that is no UUID is taken as it is.
///
/// Which invocation a POST is about, for [`executions`](crate::Sandbox::executions) and for
/// [`deduplicate`](crate::SandboxOptions::deduplicate), is what its body says (`correlationId`, in `genesys-flow` the
/// `name`), else the first of the request's headers `Idempotency-Key`, `X-Correlation-Id`, `ININ-Correlation-Id` and
/// `CorrelationId`.
pub const PROFILES: [&str; 4] = ["gateway", "genesys-data-action", "genesys-flow", "cxone-extraction"];

/// The profile of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static dyn Profile> {
    let known: [&'static dyn Profile; 4] = [
        &gateway::Gateway,
        &genesys_data_action::DataAction,
        &genesys_flow::Flow,
        &cxone_extraction::Extraction,
    ];
    PROFILES.iter().zip(known).find(|(known, _)| **known == name).map(|(_, profile)| profile)
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Discovery,
    Token(Grant),
    /// With the action, where the path names it.
    Invoke(&'a str),
    Poll(&'a str),
    Describe(&'a str),
    /// What the gateway says of itself.
    Description,
    Other,
}

impl Route<'_> {
    pub(crate) fn point(&self) -> Point {
        match self {
            Route::Discovery => Point::Discovery,
            Route::Token(_) => Point::Token,
            Route::Invoke(_) => Point::Invoke,
            Route::Poll(_) => Point::Poll,
            Route::Describe(_) => Point::Describe,
            Route::Description | Route::Other => Point::Other,
        }
    }
}

/// The last segment of a path below `prefix`, where there is exactly one.
fn segment<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix)?.strip_prefix('/').filter(|rest| !rest.is_empty() && !rest.contains('/'))
}

/// One request and its answer, as far as a profile says something of them in each answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What the gateway calls it, in a header or in its refusals.
    pub(crate) id: String,
    pub(crate) point: Point,
    /// Where the requester stands in its window, once the request was counted.
    pub(crate) quota: Option<Quota>,
    /// The invocation that it turned out to be about, and how far its answer says that is.
    pub(crate) about: Option<(Uuid, Phase)>,
    pub(crate) now: Instant,
}

impl Exchange {
    pub(crate) fn new(
        profile: &dyn Profile,
        point: Point,
        headers: &HeaderMap,
        now: Instant,
        random: &mut Rng,
    ) -> Self {
        let given = profile.exchange_header().and_then(|name| headers.get(name)?.to_str().ok());
        let id = given.filter(|id| (1..=128).contains(&id.len())).map_or_else(
            || Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid().to_string(),
            str::to_owned,
        );
        Exchange { id, point, quota: None, about: None, now }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Injected,
    NoSuchPath,
    WrongMethod,
    NoToken,
    WrongToken,
    MissingScope,
    TooMany,
    WrongMediaType,
    TooLarge,
    Malformed,
    NoSuchAction,
    MissingInput,
    WrongInput,
    NoSuchInvocation,
    TimedOut,
}

/// A refusal, for the profile to word.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) status: StatusCode,
    pub(crate) why: Why,
    pub(crate) message: &'a str,
}

/// A token that was just issued.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) token: String,
    pub(crate) lifetime: Duration,
    pub(crate) scopes: String,
}

impl Granted {
    /// A whole number where it is one, as `expires_in` usually is.
    pub(crate) fn expires_in(&self) -> Number {
        let seconds = self.lifetime.as_secs();
        match self.lifetime.subsec_nanos() {
            0 => seconds.into(),
            _ => Number::from_f64(self.lifetime.as_secs_f64()).unwrap_or_else(|| seconds.into()),
        }
    }
}

/// One gateway's habits. A profile has no state of its own.
pub(crate) trait Profile: fmt::Debug + Send + Sync {
    fn route<'a>(&self, path: &'a str) -> Route<'a>;

    /// What it answers, for its description.
    fn api(&self) -> Api;

    /// Where a fault can be ordered.
    fn points(&self) -> &'static [Point] {
        &[Point::Token, Point::Invoke, Point::Poll]
    }

    /// The largest body of an invocation, in bytes.
    fn body_limit(&self) -> usize;

    /// How many requests it takes in which time, unless it is told otherwise.
    fn rate(&self) -> Option<Rate> {
        None
    }

    /// Whose window a request at this point counts in, if in any: a token's own, or one for all.
    fn counted_for<'a>(&self, _point: Point, _token: &'a str) -> Option<&'a str> {
        None
    }

    /// Whether the answer to the POST is the result.
    fn is_synchronous(&self) -> bool {
        false
    }

    /// Whether a token needs the access key.
    fn needs_access_key(&self) -> bool {
        false
    }

    /// Client id and secret as this vendor makes them.
    fn client(&self, random: &mut Rng) -> (String, String);

    /// Every way to call an action, or what its id must be.
    fn ids(&self, action: &Action) -> Result<Vec<String>, &'static str>;

    /// Actions that only this gateway has.
    fn own_actions(&self) -> Vec<Action> {
        Vec::new()
    }

    /// Reads the body of a POST; the error says what is wrong with it, without the value of an input.
    fn ask<'a>(&self, action: &str, body: &'a [u8]) -> Result<Ask<'a>, String>;

    /// The correlation id of a body, however wrong the rest of it is.
    fn correlation_id(&self, _body: &[u8]) -> Option<String> {
        None
    }

    /// Where the body of a POST asks to be called back.
    fn callback_url(&self, _body: &[u8]) -> Option<String> {
        None
    }

    /// The header in which it names each exchange, and takes a name from the request.
    fn exchange_header(&self) -> Option<&'static str> {
        None
    }

    /// The answer to a POST: that the invocation was accepted, or in a synchronous profile its end.
    fn accepted(&self, look: &Look<'_>, exchange: &Exchange) -> Reply;

    /// The answer to a look.
    fn looked(&self, look: &Look<'_>, exchange: &Exchange) -> Reply;

    /// The answer to who asks for an action's schemas, with the id that was asked for.
    fn described(&self, _id: &str, _action: &Action, _query: Option<&str>) -> Option<Reply> {
        None
    }

    /// Where the token endpoint is, on this host.
    fn discovered(&self, _host: &str) -> Option<Value> {
        None
    }

    fn granted(&self, granted: &Granted) -> Value;

    /// RFC 6749 §5.2 unless the vendor words it otherwise.
    fn not_granted(&self, refused: &Refused) -> Value {
        serde_json::json!({"error": refused.error, "error_description": refused.description})
    }

    fn refusal(&self, refusal: &Refusal<'_>, exchange: &Exchange) -> Reply;

    /// What this gateway does to every answer.
    fn finish(&self, _reply: &mut Reply, _headers: &HeaderMap, _exchange: &Exchange) {}
}

/// The id of an action where ids are UUIDs.
fn uuid_only(action: &Action) -> Result<Vec<String>, &'static str> {
    Uuid::parse_str(&action.id).map(|id| vec![id.to_string()]).map_err(|_| "a UUID")
}

/// Whether a text may be a name: 1 to 128 of `A-Za-z0-9_.-`.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(plain)
}

/// The actions of a sandbox, under every id by which this profile calls them: those it is born with, those of the
/// options, those of a file. A later one takes the place of an earlier one, except within a file.
pub(crate) fn actions(
    profile: &dyn Profile,
    options: &SandboxOptions,
) -> Result<HashMap<String, Arc<Action>>, SandboxError> {
    let mut actions = HashMap::new();
    let mut known = Action::built_in();
    known.extend(profile.own_actions());
    for action in known {
        let action = Arc::new(action);
        for id in profile.ids(&action).unwrap_or_default() {
            actions.insert(id, Arc::clone(&action));
        }
    }
    for (place, action) in options.actions.iter().enumerate() {
        let (action, ids) =
            admitted(profile, action, place).map_err(|wrong| SandboxError::Options(Mistakes::told(wrong)))?;
        actions.extend(ids.into_iter().map(|id| (id, Arc::clone(&action))));
    }
    if let Some(path) = &options.actions_file {
        actions.extend(of_a_file(profile, path)?);
    }
    Ok(actions)
}

fn of_a_file(profile: &dyn Profile, path: &Path) -> Result<HashMap<String, Arc<Action>>, SandboxError> {
    let mut file = ActionFile::read(path)?;
    let mut actions = HashMap::new();
    let mut places = HashMap::new();
    for (place, text) in std::mem::take(&mut file.actions).iter().enumerate() {
        let (action, mut mistakes) = Action::read(place, text.get());
        for id in profile.ids(&action).unwrap_or_default() {
            if let Some(first) = places.insert(id.clone(), place) {
                let at = format!("actions[{place}]");
                let message = format!("`{at}` is called `{id}`, as `actions[{first}]` is");
                mistakes.push(Mistake::new(format!("{at}.id"), message));
            }
        }
        match admitted(profile, &action, place) {
            Ok((action, ids)) => actions.extend(ids.into_iter().map(|id| (id, Arc::clone(&action)))),
            Err(others) => {
                let others = others.into_iter().filter(|other| !other.may_follow_from(&mistakes));
                mistakes.extend(others.collect::<Vec<_>>());
            }
        }
        for mistake in mistakes {
            file.add(mistake);
        }
    }
    file.end().map(|()| actions)
}

/// An action as it is served, and every id by which it is called.
fn admitted(
    profile: &dyn Profile,
    action: &Action,
    place: usize,
) -> Result<(Arc<Action>, Vec<String>), Vec<Mistake>> {
    let ids = profile.ids(action).map_err(|must| {
        let place = format!("actions[{place}].id");
        let message = format!("`{place}` must be {must}, got `{}`", action.id);
        Mistake::new(place, message)
    });
    match (action.prepared(place), ids) {
        (Ok(action), Ok(ids)) => Ok((Arc::new(action), ids)),
        (Ok(_), Err(mistake)) => Err(vec![mistake]),
        (Err(mut mistakes), ids) => {
            mistakes.extend(ids.err());
            Err(mistakes)
        }
    }
}
