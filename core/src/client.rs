//! The sentence: *may I send this, send it once, learn what became of it, and be able to prove it.*
//!
//! It runs one way, through one choke point: contract, policy, trail, permit, wire, poll. Nothing reaches the wire
//! around any of them, from any language.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::batch::Place;
use crate::claims::Claim;
use crate::config::{ClientBuilder, Options, Validate};
use crate::contract::ActionRequest;
use crate::delivery::OnResult;
use crate::error::Result;
use crate::inner::{Admitted, Inner};
use crate::invocation::{ActionResult, Invocation};
use crate::joint::{Caller, Waiter};
use crate::ledger::{Identity, ms};
use crate::metrics::{CALLBACK_OUTCOMES, Metrics};
use crate::submit::{Handed, Post, Submission};
use crate::target::{PollFrom, PollTarget};
use crate::trail::{Trail, Unfinished, UnfinishedState};

/// What one call wants otherwise than the client's options say.
#[derive(Default)]
pub struct CallOptions {
    /// The deadline of this call, from now.
    pub timeout: Option<Duration>,
    /// Called once with the terminal result.
    pub on_result: Option<OnResult>,
}

impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("timeout", &self.timeout)
            .field("on_result", &self.on_result.is_some())
            .finish()
    }
}

/// What a call asks for, in one piece: a future that hands it on is not larger by all of this at every step.
struct Asked {
    request: ActionRequest,
    /// It is one of many, and gives its place in line back when it is sent, or stands in no line.
    place: Option<Place>,
    /// The caller has a handler for the result.
    owes: bool,
    /// The call is polled as long as it is kept: its sending needs no task of its own.
    in_task: bool,
    began: Instant,
    deadline: Instant,
}

/// Invokes Data Actions. Cheap to clone; clones share token, connections, trail and numbers.
///
/// Every call's clock starts when the method is called, whenever its future is first polled: deadlines and the times in
/// results and metrics count from there. The futures borrow nothing, so they may be spawned.
#[derive(Debug, Clone)]
pub struct Client(pub(crate) Arc<Inner>);

impl Client {
    /// Says what a client needs to know.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// A client with these options. Touches no network.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) with every mistake at once, [`Audit`](crate::ErrorKind::Audit) when the trail
    /// cannot be opened.
    pub fn open(options: Options) -> Result<Client> {
        Ok(Client(Arc::new(Inner::open(options)?)))
    }

    /// Submits, and returns as soon as the gateway has accepted, within the client's `timeout`.
    ///
    /// Dropping the future stops the waiting, not the action: a request that is on the wire is finished in the background
    /// and its id recorded.
    ///
    /// # Errors
    /// Every kind but `poll_timeout` and `protocol`; [`executed`](crate::Error::executed) says whether calling again is
    /// safe.
    pub fn invoke(&self, request: ActionRequest) -> impl Future<Output = Result<Invocation>> + Send + use<> {
        self.invoke_within(request, None)
    }

    /// [`Client::invoke`] with a deadline of its own: for the wait for a place and a token, and for the POST with its
    /// repeats.
    ///
    /// # Errors
    /// Those of [`Client::invoke`]. When the deadline passes before the request is sent, `executed` is no; afterwards it is
    /// unknown, and the answer goes into the trail when it comes.
    pub fn invoke_within(
        &self,
        request: ActionRequest,
        timeout: Option<Duration>,
    ) -> impl Future<Output = Result<Invocation>> + Send + use<> {
        let (client, began) = (self.clone(), Instant::now());
        let deadline = self.0.deadline(began, timeout);
        let asked = Box::new(Asked { request, place: None, owes: false, in_task: false, began, deadline });
        async move {
            let handed = client.submit(asked).await;
            let invocation = handed.map(|handed| client.invocation(handed));
            client.0.ledger.settle(deadline).await;
            invocation
        }
    }

    /// Waits for the terminal state of what `invoke` returned, of a bare invocation id, or of a resume token.
    ///
    /// # Errors
    /// [`PollTimeout`](crate::ErrorKind::PollTimeout) with a resume token when the deadline passes;
    /// [`Protocol`](crate::ErrorKind::Protocol), or a refusal of the gateway, each with `executed` yes and a resume token;
    /// [`Validation`](crate::ErrorKind::Validation) for what is no invocation.
    pub fn poll(
        &self,
        target: PollTarget,
        options: CallOptions,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        let (client, began) = (self.clone(), Instant::now());
        async move { client.poll_since(began, target, options).await }
    }

    async fn poll_since(
        &self,
        began: Instant,
        target: PollTarget,
        options: CallOptions,
    ) -> Result<ActionResult> {
        self.0.still_open()?;
        let deadline = self.0.deadline(began, options.timeout);
        let ended = match PollFrom::read(&self.0, target, began)? {
            PollFrom::Known(result) => Ok((*result, false)),
            PollFrom::Watch(mut account) => {
                account.due = options.on_result.is_some();
                self.0.watch(Box::new(account), false, deadline).await.map(|result| (result, true))
            }
        };
        self.answer(ended, options.on_result, deadline).await
    }

    /// Submits and waits for the terminal state, within the client's `timeout`.
    ///
    /// # Errors
    /// Those of [`Client::invoke`] and [`Client::poll`].
    pub fn run(&self, request: ActionRequest) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        self.run_with(request, CallOptions::default())
    }

    /// [`Client::run`] with a deadline and a handler of its own.
    ///
    /// # Errors
    /// Those of [`Client::run`].
    pub fn run_with(
        &self,
        request: ActionRequest,
        options: CallOptions,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        self.run_since(Instant::now(), request, options, None, false)
    }

    /// [`Client::run_with`] for a task that does nothing else: it is polled as long as there is something to do, and
    /// sends by itself. A future that somebody keeps and does not poll would keep its turn from everybody.
    ///
    /// # Errors
    /// Those of [`Client::run`].
    #[doc(hidden)]
    pub fn run_in_task(
        &self,
        request: ActionRequest,
        options: CallOptions,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        self.run_since(Instant::now(), request, options, None, true)
    }

    pub(crate) fn run_since(
        &self,
        began: Instant,
        request: ActionRequest,
        options: CallOptions,
        place: Option<Place>,
        in_task: bool,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        let (client, handler) = (self.clone(), options.on_result);
        let (deadline, owes) = (self.0.deadline(began, options.timeout), handler.is_some());
        let asked = Box::new(Asked { request, place, owes, in_task, began, deadline });
        async move {
            let ended = match client.submit(asked).await {
                Ok(Handed::Terminal { result, due, .. }) => Ok((*result, due)),
                Ok(Handed::Accepted { mut account, .. }) => {
                    account.due = owes;
                    client.0.watch(account, true, deadline).await.map(|result| (result, true))
                }
                Err(error) => Err(error),
            };
            client.answer(ended, handler, deadline).await
        }
    }

    /// What the trail says of it is durable before the handler or the caller is told.
    async fn answer(
        &self,
        ended: Result<(ActionResult, bool)>,
        handler: Option<OnResult>,
        deadline: Instant,
    ) -> Result<ActionResult> {
        self.0.ledger.settle(deadline).await;
        let (result, due) = ended?;
        self.0.deliver(&result, due, handler).await;
        Ok(result)
    }

    /// Which gateway it talks to: scheme, host and port, and the name of the wire contract. Nothing secret is in either.
    pub fn gateway(&self) -> (&str, &str) {
        (&self.0.config.routes.origin, &self.0.config.profile.name)
    }

    /// The numbers, consistent with each other.
    pub fn metrics(&self) -> Metrics {
        let callbacks = CALLBACK_OUTCOMES.into_iter().zip(self.0.callbacks.counts()).collect();
        Metrics { audit_lost: self.audit().lost(), callbacks, ..self.0.ledger.board.snapshot() }
    }

    /// The audit trail.
    pub fn audit(&self) -> &Trail {
        &self.0.ledger.trail
    }

    /// What processes that are gone left unfinished in the trail's directory. Nothing is sent again by itself, and
    /// nothing reserves what is listed: one process of a fleet recovers.
    ///
    /// # Errors
    /// [`Audit`](crate::ErrorKind::Audit) when the trail cannot be read.
    pub fn recover(&self) -> Result<Vec<Unfinished>> {
        let unfinished = self.audit().unfinished()?;
        Ok(unfinished.into_iter().map(|left| self.with_token(left)).collect())
    }

    async fn submit(&self, mut asked: Box<Asked>) -> Result<Handed> {
        let (began, deadline) = (asked.began, asked.deadline);
        let (mut waiter, who) = if self.0.config.validate == Validate::Schema {
            // Boxed, for it is rare.
            Box::pin(self.begin_by_schema(asked)).await?
        } else {
            let (admitted, given) = self.admit(&mut asked)?;
            self.begin(admitted, asked, given)?
        };
        waiter.by(deadline, &self.0.ledger, &who, began).await
    }

    /// The gateway's own schema has a say too.
    async fn begin_by_schema(&self, mut asked: Box<Asked>) -> Result<(Waiter, Identity)> {
        let (admitted, given) = self.admit(&mut asked)?;
        let violations = self.0.against_the_schema(&admitted.prepared, asked.deadline).await?;
        if violations.is_empty() {
            return self.begin(admitted, asked, given);
        }
        Err(self.0.refuse_by_schema(admitted.prepared, admitted.action_name.as_deref(), violations))
    }

    /// What is on its way, or joins what is; and which invocation it is. `given`: the caller chose its correlation id.
    fn begin(&self, admitted: Admitted, asked: Box<Asked>, given: bool) -> Result<(Waiter, Identity)> {
        let Admitted { mut prepared, action_name, limits } = admitted;
        let Asked { place, owes, in_task, began, deadline, .. } = *asked;
        let address = self.0.config.routes.invoke(&prepared.action_id, &prepared.correlation_id)?;
        let (claim, joint) = match given.then(|| self.0.ledger.claim(&prepared)) {
            None => (None, Arc::default()),
            Some(Claim::First(claim, joint)) => (Some(claim), joint),
            Some(Claim::Joins(mut waiter)) => {
                let who = Identity::of(&prepared, action_name);
                if owes {
                    waiter.owe();
                }
                self.0.ledger.joined(&who);
                waiter.has(prepared.inputs);
                return Ok((waiter, who));
            }
            Some(Claim::InUse) => return Err(self.0.refuse_in_use(prepared, action_name.as_deref())),
        };
        let (mut waiter, caller) = (joint.first(), Caller::new(joint));
        let registration = self.0.expect_callback(&mut prepared);
        let mut account = match self.0.ledger.start(&prepared, action_name, began, claim) {
            Ok(account) => account,
            Err(error) => {
                caller.send(Err(error.clone()));
                return Err(error);
            }
        };
        if let Some(registration) = registration {
            account.expect(registration);
        }
        if owes {
            waiter.owe();
        }
        let (who, post) = (account.who.clone(), Post { address, body: prepared.body });
        let submission = Submission { inner: self.0.clone(), account, post, deadline, caller, limits, place };
        let sending = self.0.sending.track_future(submission.run());
        // Others may join what has an id of the caller's: they are not to depend on the first one.
        if in_task && !given {
            waiter.drive(sending);
        } else {
            tokio::spawn(sending);
        }
        Ok((waiter, who))
    }

    /// Contract and policy; and whether the caller chose the correlation id.
    fn admit(&self, asked: &mut Asked) -> Result<(Admitted, bool)> {
        self.0.still_open()?;
        let request = std::mem::take(&mut asked.request);
        let given = request.has_correlation_id();
        Ok((self.0.admit(request)?, given))
    }

    /// What the caller of `invoke` gets. Its account is left behind as detached until somebody polls.
    fn invocation(&self, handed: Handed) -> Invocation {
        match handed {
            Handed::Terminal { status, result, .. } => Invocation {
                resume_token: self.0.gateway.token(&Identity::ended(&result)),
                invocation_id: result.invocation_id,
                action_id: result.action_id.unwrap_or_default(),
                correlation_id: result.correlation_id.unwrap_or_default(),
                status,
                invoke_latency_ms: result.invoke_latency_ms.unwrap_or_default(),
                attempts: result.attempts,
                raw: result.raw,
            },
            Handed::Accepted { account, status, raw } => {
                let invocation = Invocation {
                    resume_token: self.0.gateway.token(&account.who),
                    invocation_id: account.who.invocation_id.clone(),
                    action_id: account.who.action_id.clone().unwrap_or_default(),
                    correlation_id: account.who.correlation_id.clone().unwrap_or_default(),
                    status,
                    invoke_latency_ms: account.invoke_latency.map(ms).unwrap_or_default(),
                    attempts: account.attempts,
                    raw,
                };
                account.detach(None);
                invocation
            }
        }
    }

    fn with_token(&self, left: Unfinished) -> Unfinished {
        let who = Identity {
            action_id: left.action_id.clone(),
            action_name: None,
            correlation_id: Some(left.correlation_id.clone()),
            invocation_id: left.invocation_id.clone(),
        };
        let resume_token =
            (left.state == UnfinishedState::Accepted).then(|| self.0.gateway.token(&who)).flatten();
        Unfinished { resume_token, ..left }
    }
}
