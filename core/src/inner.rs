//! What the parts of a client share, and the door that every request goes through: contract, then policy.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::auth::Auth;
use crate::batch::Places;
use crate::callback::{Callbacks, Registration};
use crate::check::{Look, contract, look};
use crate::config::{Config, Options};
use crate::contract::{ActionRequest, Contract, Prepared, Refused, Violation};
use crate::describe::Schemas;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::policy::{ActionLimits, Change, InForce, PolicySource, Standing};
use crate::resume::Gateway;
use crate::schedule::Habits;
use crate::telemetry::{TARGET, Traces};
use crate::trail::{Entry, Event, Trail};
use crate::wire::{Bounds, Budget, Transport, Turns};

/// No call takes longer.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) contract: Contract,
    policy: InForce,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) transport: Transport,
    pub(crate) turns: Arc<Turns>,
    pub(crate) places: Places,
    pub(crate) budget: Budget,
    pub(crate) gateway: Gateway,
    pub(crate) schemas: Schemas,
    pub(crate) callbacks: Arc<Callbacks>,
    /// When the actions had ended that were looked at.
    pub(crate) habits: Habits,
    /// The headers of every POST, but for what one invocation adds.
    pub(crate) headers: HeaderMap,
    /// Those that one adds, with its correlation id in them.
    pub(crate) correlation_headers: Vec<HeaderName>,
    pub(crate) open: watch::Sender<Phase>,
    pub(crate) sending: TaskTracker,
    /// Result handlers that are running.
    pub(crate) delivering: TaskTracker,
}

/// The life of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Open,
    /// Takes nothing new, and finishes what it has.
    Draining,
    /// Waits for nothing any more.
    Closed,
}

impl Inner {
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake at once, [`ErrorKind::Audit`] when the trail cannot be opened.
    pub(crate) fn open(options: Options) -> Result<Inner> {
        let mut config = Config::resolve(options)?;
        let contract = contract(&config.profile, config.callback_hosts.clone())?;
        let transport = Transport::new(&config.transport)?;
        let headers = headers(&config);
        let correlation_headers = header_names(&config.profile.invoke.correlation_headers);
        let trail = match &config.audit {
            Some(directory) => Trail::open_with(directory, config.actor.clone(), &config.audit_settings)?,
            None => Trail::in_memory(config.actor.clone()),
        };
        let mut secrets = config.credentials.secrets();
        secrets.extend(config.audit_settings.key.clone());
        secrets.append(&mut config.callback_secrets);
        let ledger = Ledger::new(trail, Traces::open(&config)?, secrets);
        let auth =
            Auth::new(&config.credentials, config.routes.token.clone(), transport.clone(), ledger.clone())?;
        let policy = InForce::new(
            config.policy.clone(),
            config.policy_source.clone(),
            config.profile.invoke.action_id,
            config.policy_refresh,
            config.max_queued,
        );
        let inner = Inner {
            contract,
            policy,
            auth,
            turns: turns(&config),
            places: Places::new(config.max_queued),
            budget: Budget::full(),
            gateway: Gateway::new(&config.routes.origin, &config.profile),
            schemas: Schemas::default(),
            habits: Habits::default(),
            callbacks: Callbacks::new(config.callback_verifier.take()),
            open: watch::Sender::new(Phase::Open),
            sending: TaskTracker::new(),
            delivering: TaskTracker::new(),
            ledger,
            transport,
            headers,
            correlation_headers,
            config,
        };
        inner.record_config();
        Ok(inner)
    }

    /// Until no invocation has anybody who waits for it.
    pub(crate) async fn nobody_waits(&self) {
        while self.ledger.board.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub(crate) fn still_open(&self) -> Result<()> {
        match *self.open.borrow() {
            Phase::Open => Ok(()),
            _ => Err(Error::new(ErrorKind::Closed, "the client is closed").with_hint("open a new one")),
        }
    }

    /// Gives the request a callback URL of its own, where callbacks are listened for and it has none: registered before
    /// anything is sent, since it may be called before the answer to the POST is here.
    pub(crate) fn expect_callback(&self, prepared: &mut Prepared) -> Option<Registration> {
        let (registration, url) = self.callbacks.register()?;
        (prepared.body, prepared.inputs) = self.contract.with_callback(prepared, &url)?;
        Some(registration)
    }

    /// The policy that holds for one call, from its beginning to its end.
    pub(crate) fn policy(&self) -> Arc<Standing> {
        self.policy.refresh(|change| self.record_change(change));
        self.policy.now()
    }

    /// The limits of its action, as the policy was when it was looked at last.
    pub(crate) fn limits_of(&self, request: &ActionRequest) -> Option<Arc<ActionLimits>> {
        self.policy.limits_of(request.action()?)
    }

    /// When a call that began then has to end: in a year at the latest, since the clock ends too.
    pub(crate) fn deadline(&self, began: Instant, timeout: Option<Duration>) -> Instant {
        began + timeout.unwrap_or(self.config.timeout).min(LONGEST)
    }

    /// # Errors
    /// [`ErrorKind::Config`]: the policy that holds stays.
    pub(crate) fn reload_policy(&self, source: Option<PolicySource>) -> Result<String> {
        self.policy.reload(source, |change| self.record_change(change))
    }

    /// Contract, then policy; what either says against the request is said at once, recorded and counted.
    pub(crate) fn admit(&self, request: ActionRequest) -> Result<Admitted> {
        let standing = self.policy();
        let Look { outcome, judgement } = look(&self.contract, &standing.policy, request, Timestamp::now());
        let action_name = judgement.action_name();
        match outcome {
            Ok(prepared) => {
                let limits = standing.limits_of(&prepared.action_id);
                Ok(Admitted { prepared, action_name, limits })
            }
            Err(refused) => {
                let (mut refused, kind) = *refused;
                let (what, hint) = match kind {
                    ErrorKind::Denied => (
                        "the policy refuses the request",
                        "nothing was sent; ask the policy's owner to allow it",
                    ),
                    _ => ("the request breaks the contract", "nothing was sent; correct the request"),
                };
                Err(self.refuse(&mut refused, action_name.as_deref(), kind, what, hint))
            }
        }
    }

    /// The correlation id belongs to another request that is under way.
    pub(crate) fn refuse_in_use(&self, prepared: Prepared, action_name: Option<&str>) -> Error {
        const PATH: &str = "/correlationId";
        let what =
            format!("{} belongs to another request that is under way", crate::contract::pointer::name(PATH));
        let mut refused = prepared.refused(vec![Violation::new(PATH, "correlation_id_in_use", what)]);
        let hint = "nothing was sent; give each invocation an id of its own";
        self.refuse(
            &mut refused,
            action_name,
            ErrorKind::Validation,
            "the request cannot be told apart",
            hint,
        )
    }

    /// What the gateway's own schema says of a request that contract and policy let through.
    pub(crate) fn refuse_by_schema(
        &self,
        prepared: Prepared,
        action_name: Option<&str>,
        violations: Vec<Violation>,
    ) -> Error {
        let mut refused = prepared.refused(violations);
        let hint = "nothing was sent; correct the inputs, or look at what `describe` says of the action";
        self.refuse(
            &mut refused,
            action_name,
            ErrorKind::Validation,
            "the inputs break the action's schema",
            hint,
        )
    }

    fn refuse(
        &self,
        refused: &mut Refused,
        name: Option<&str>,
        kind: ErrorKind,
        what: &str,
        hint: &str,
    ) -> Error {
        bound(&mut refused.violations);
        self.ledger.refused(refused, name, kind);
        let reasons: Vec<_> = refused.violations.iter().map(|v| v.message.as_str()).collect();
        Error::new(kind, format!("{what}: {}", reasons.join("; ")))
            .with_hint(hint)
            .with_violations(refused.violations.clone())
            .about(refused.action_id.as_deref(), refused.correlation_id.as_deref(), None)
    }

    fn record_config(&self) {
        let policy = self.config.policy.digest().unwrap_or_else(|| "none".to_owned());
        let note = format!("profile {}, policy {policy}", self.config.profile.name);
        self.ledger.note(&Entry { note: Some(&note), ..Entry::new(Event::Config) });
    }

    /// On record before the first call that sees it.
    fn record_change(&self, change: &Change<'_>) {
        let digest = |of: &Option<String>| of.clone().unwrap_or_else(|| "none".to_owned());
        let (kind, note) = match change {
            Change::To { policy, before } => {
                (None, format!("policy {}, before {}", digest(&policy.digest()), digest(before)))
            }
            Change::Refused { why, stays } => {
                tracing::warn!(target: TARGET, "the policy was not read again, and the one that holds stays: {}", why.message());
                let note = match why.violations().len() {
                    0 | 1 => format!("policy {} stays: what was read is none", digest(stays)),
                    many => format!("policy {} stays: {many} mistakes in what was read", digest(stays)),
                };
                (Some(why.kind().as_str()), note)
            }
        };
        self.ledger.note(&Entry { kind, note: Some(&note), ..Entry::new(Event::Config) });
    }
}

/// A request that passed contract and policy.
pub(crate) struct Admitted {
    pub(crate) prepared: Prepared,
    pub(crate) action_name: Option<String>,
    /// The limits of its action, where the policy has any.
    pub(crate) limits: Option<Arc<ActionLimits>>,
}

/// A request with a million mistakes is told of the first hundred.
fn bound(violations: &mut Vec<Violation>) {
    const MOST: usize = 100;
    if let Some(more) = violations.len().checked_sub(MOST).filter(|more| *more > 0) {
        violations.truncate(MOST);
        let message = format!("and {more} more mistakes of the request");
        violations.push(Violation { path: String::new(), code: "more".to_owned(), message });
    }
}

fn turns(config: &Config) -> Arc<Turns> {
    Turns::new(&Bounds {
        in_flight: config.max_in_flight,
        queued: config.max_queued,
        rate: config.rate_limit,
        rate_counts_polls: config.profile.limits.rate_counts_polls,
        unprocessed: &config.profile.invoke.unprocessed,
    })
}

/// They were checked when the profile was read.
fn header_names(names: &[String]) -> Vec<HeaderName> {
    names.iter().filter_map(|name| HeaderName::try_from(name).ok()).collect()
}

fn headers(config: &Config) -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    let mut headers: HeaderMap = [(ACCEPT, json.clone()), (CONTENT_TYPE, json)].into_iter().collect();
    for (name, value) in &config.profile.invoke.headers {
        // Both were checked when the profile was read.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers
}
