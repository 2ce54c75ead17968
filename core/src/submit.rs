//! The sending of one invocation. It belongs to the library, not to the caller's future: who drives it, see
//! [`crate::sending`].
//!
//! Everything that may be waited for is waited for before `sending` is on record, so that between the record (and the disk,
//! where the trail is to survive a loss of power) and the first byte there is nothing. What comes back decides, by the
//! table in [`crate::wire`], whether it may be sent again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::auth::Token;
use crate::batch::Place;
use crate::cause::Cause;
use crate::error::{Error, ErrorKind, Result};
use crate::inner::{Inner, Phase};
use crate::invocation::ActionResult;
use crate::joint::Caller;
use crate::ledger::Account;
use crate::metrics::Tally;
use crate::policy::ActionLimits;
use crate::profile::Address;
use crate::wire::{Accepted, Backoff, Heard, Invoked, Line, MAX_RETRY_AFTER, Request, Turn, invoked};

/// What the caller is handed when the gateway has it.
#[derive(Debug)]
pub(crate) enum Handed {
    /// It goes on. Whoever drops the account leaves it detached.
    Accepted { account: Box<Account>, status: String, raw: Option<Arc<RawValue>> },
    /// It ended with the answer to the POST; with the status word as it was sent, and whether the trail says that a
    /// handler is owed the result.
    Terminal { status: String, result: Box<ActionResult>, due: bool },
}

/// What is sent, prepared once: every attempt sends the same bytes.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) address: Address,
    pub(crate) body: Bytes,
}

/// One invocation that is to be sent.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) inner: Arc<Inner>,
    pub(crate) account: Account,
    pub(crate) post: Post,
    pub(crate) deadline: Instant,
    pub(crate) caller: Caller,
    /// What the policy says of how much of the action may be under way.
    pub(crate) limits: Option<Arc<ActionLimits>>,
    /// Its place in line, where it is one of many.
    pub(crate) place: Option<Place>,
}

/// What is needed to send, and how long it took to get it.
struct Ready {
    turn: Turn,
    token: Arc<Token>,
    queued: Duration,
}

/// What the attempts so far left behind.
struct Past {
    unsent: Backoff,
    throttled: Backoff,
    /// The newest answer was a 401: a second one in a row is final.
    replayed: bool,
    why_again: Option<String>,
    /// The first ambiguous attempt: after it, nothing proves any more that the action was not executed.
    ambiguous: Option<Error>,
}

impl Past {
    fn verdict(&self, error: Error) -> Error {
        self.ambiguous.clone().unwrap_or(error)
    }
}

impl Submission {
    #[expect(clippy::manual_async_fn, reason = "an `async fn` would have room for `self` twice")]
    pub(crate) fn run(mut self) -> impl Future<Output = ()> + Send {
        async move {
            match self.send().await {
                Some(Ok(accepted)) => self.accepted(accepted),
                Some(Err(error)) => {
                    let signed = self.account.refuse(error);
                    // Whoever went away finds it in the trail.
                    self.caller.send(Err(signed));
                }
                // Everybody who waited went away while nothing was on the wire: dropping the account says so.
                None => {}
            }
        }
    }

    async fn send(&mut self) -> Option<Result<Accepted>> {
        let mut past = Past {
            unsent: Backoff::unsent(),
            throttled: Backoff::throttled(),
            replayed: false,
            why_again: None,
            ambiguous: None,
        };
        let mut phase = self.inner.open.subscribe();
        let began = Instant::now();
        if let Some(limits) = self.limits.take() {
            let slot = tokio::select! {
                biased;
                () = self.caller.abandoned() => return None,
                () = closed(&mut phase) => Err(too_late()),
                slot = limits.take(self.deadline) => slot,
            };
            match slot {
                Ok(slot) => self.account.hold(slot),
                Err(error) => return Some(Err(error)),
            }
        }
        if let Some(place) = &mut self.place {
            place.let_through();
        }
        let mut limited = began.elapsed();
        loop {
            if self.caller.is_abandoned() {
                return None;
            }
            let line = self.line();
            let ready = match at_once(&self.inner, line, self.deadline) {
                Ok(ready) => Ok(ready),
                Err(turn) => tokio::select! {
                    biased;
                    () = self.caller.abandoned() => return None,
                    () = closed(&mut phase) => Err(too_late()),
                    ready = ready(&self.inner, line, self.deadline, turn) => ready,
                },
            };
            self.place = None;
            let step = match ready {
                Ok(ready) => {
                    let queued = ready.queued + std::mem::take(&mut limited);
                    // Boxed: fifty thousand may wait for their turn, and few are on the wire at once.
                    Box::pin(self.attempt(Ready { queued, ..ready }, &mut past)).await
                }
                Err(error) => Err(past.verdict(error)),
            };
            let wait = match step {
                Ok(Step::Accepted(accepted)) => return Some(Ok(accepted)),
                Ok(Step::Again(wait)) => wait,
                Err(error) => return Some(Err(error)),
            };
            tokio::select! {
                biased;
                () = self.caller.abandoned() => return None,
                () = closed(&mut phase) => return Some(Err(past.verdict(too_late()))),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// On record, then on the wire, then judged.
    async fn attempt(&mut self, ready: Ready, past: &mut Past) -> Result<Step> {
        let token = ready.token.clone();
        self.attempt_with(ready, past).await.map_err(|error| token.taken_out_of(error))
    }

    async fn attempt_with(&mut self, ready: Ready, past: &mut Past) -> Result<Step> {
        self.account
            .sending(self.post.body.len(), ready.queued, past.why_again.as_deref(), self.deadline)
            .await
            .map_err(|error| past.verdict(error))?;
        self.caller.sent(self.account.attempts);
        let began = Instant::now();
        let path = &self.inner.config.routes.invoke_path;
        let span = self.account.span.send(&Method::POST, &self.post.address, path, self.account.attempts - 1);
        let mut request = self.request(&ready.token);
        span.name_in(&mut request.headers);
        let outcome = self.inner.transport.exchange(request).await;
        self.caller.heard();
        span.answered(&outcome);
        ready.token.answered(&outcome);
        let heard = ready.turn.answered(&outcome);
        match invoked(outcome, &self.inner.config.profile, self.inner.config.delivery) {
            Invoked::Accepted(mut accepted) => {
                self.inner.budget.succeeded();
                if let Some(terminal) = &mut accepted.terminal {
                    terminal.error_message = terminal.error_message.take().map(|t| ready.token.taken_out(t));
                }
                let id = accepted.invocation_id.clone();
                self.account.accepted(
                    id,
                    accepted.known_status(&self.inner.config.profile),
                    accepted.http_status,
                    began.elapsed(),
                );
                Ok(Step::Accepted(accepted))
            }
            Invoked::NotExecuted { error, throttled } => self.later(error, throttled, heard, past),
            Invoked::Unauthorized(error) => self.refresh(error, &ready.token, past),
            Invoked::Ambiguous(error) => self.ambiguous(error, heard, past),
            Invoked::Refused(error) => Err(past.verdict(error)),
        }
    }

    /// R: again, unless the attempts, the budget, the patience or the deadline say otherwise.
    fn later(&mut self, error: Error, throttled: bool, heard: Heard, past: &mut Past) -> Result<Step> {
        self.not_executed(past);
        past.replayed = false;
        if error.http_status() == Some(429) {
            self.account.tally(Tally::RateLimited);
        }
        let backoff = if throttled { &mut past.throttled } else { &mut past.unsent };
        let wait = heard.asked.max(heard.kept).unwrap_or_else(|| backoff.next());
        let error = match heard.asked {
            Some(asked) => error.with_retry_after(asked),
            None => error,
        };
        self.may_repeat(error, wait, throttled, past)?;
        // What keeps everybody keeps this one too when it takes its turn.
        Ok(Step::Again(if heard.kept.is_some() { Duration::ZERO } else { wait }))
    }

    /// RT: one refresh and one replay.
    fn refresh(&mut self, error: Error, token: &Token, past: &mut Past) -> Result<Step> {
        self.not_executed(past);
        if past.replayed || !self.inner.auth.refused(token) {
            return Err(past.verdict(error));
        }
        past.replayed = true;
        past.why_again = Some("the token was refused and has been refreshed".to_owned());
        Ok(Step::Again(Duration::ZERO))
    }

    /// A: the end, unless the caller accepts that it may be executed twice or knows that it is not.
    fn ambiguous(&mut self, error: Error, heard: Heard, past: &mut Past) -> Result<Step> {
        past.replayed = false;
        let first = past.ambiguous.get_or_insert(error).clone();
        if !self.inner.config.delivery.resends_ambiguous() {
            return Err(first);
        }
        let wait = heard.asked.unwrap_or_else(|| past.throttled.next());
        self.may_repeat(first, wait, false, past)?;
        Ok(Step::Again(wait))
    }

    /// Whether the attempts, the patience, the deadline and the budget allow one more send; otherwise the error is the end.
    fn may_repeat(&self, error: Error, wait: Duration, throttled: bool, past: &mut Past) -> Result<()> {
        let error = past.verdict(error);
        let late = wait > MAX_RETRY_AFTER || Instant::now() + wait >= self.deadline;
        let spent = self.account.attempts >= self.inner.config.max_attempts;
        if late || spent || !self.inner.budget.spend(throttled) {
            return Err(error);
        }
        past.why_again = Some(why(&error));
        Ok(())
    }

    /// A repeated send is about something that has begun.
    fn line(&self) -> Line {
        if self.account.attempts == 0 { Line::New } else { Line::Begun }
    }

    fn not_executed(&mut self, past: &Past) {
        if past.ambiguous.is_none() {
            self.account.not_executed();
        }
    }

    fn request(&self, token: &Token) -> Request {
        Request {
            method: Method::POST,
            address: self.post.address.clone(),
            headers: self.headers(token),
            body: self.post.body.clone(),
        }
    }

    /// Made for each attempt: fifty thousand may wait for their turn, and need none until they have it.
    fn headers(&self, token: &Token) -> HeaderMap {
        let common = &self.inner.headers;
        // Room for what is added here and on the way, so that it need not grow.
        let mut headers = HeaderMap::with_capacity(common.len() + self.inner.correlation_headers.len() + 6);
        headers.extend(common.iter().map(|(name, value)| (name.clone(), value.clone())));
        // The contract has checked it.
        if let Some(Ok(id)) = self.account.who.correlation_id.as_deref().map(HeaderValue::try_from) {
            for name in &self.inner.correlation_headers {
                headers.insert(name, id.clone());
            }
        }
        headers.insert(AUTHORIZATION, token.header.clone());
        headers
    }

    fn accepted(mut self, accepted: Accepted) {
        let handed = match accepted.terminal {
            Some(terminal) => {
                let due = self.caller.owes();
                self.account.due = due;
                let result = Box::new(self.account.finish(terminal, accepted.http_status, 0));
                Handed::Terminal { status: accepted.status, result, due }
            }
            None => {
                let account = Box::new(self.account);
                Handed::Accepted { account, status: accepted.status, raw: accepted.raw }
            }
        };
        self.caller.send(Ok(handed));
    }
}

enum Step {
    Accepted(Accepted),
    Again(Duration),
}

/// Ends when the client waits for nothing any more.
async fn closed(phase: &mut watch::Receiver<Phase>) {
    if phase.wait_for(|phase| *phase == Phase::Closed).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn too_late() -> Error {
    Error::new(ErrorKind::Closed, "the client was closed before the request was sent")
        .with_hint("nothing was sent; open a new client")
}

const LATE_HINT: &str = "nothing was sent; allow a longer `timeout`";

/// A turn and a token where neither has to be waited for, which is what most invocations find and costs no waiting
/// place; otherwise the turn, where there is one.
fn at_once(inner: &Inner, line: Line, deadline: Instant) -> Result<Ready, Option<Turn>> {
    if *inner.open.borrow() == Phase::Closed {
        return Err(None);
    }
    let began = Instant::now();
    let turn = inner.turns.at_once(line).ok_or(None)?;
    match inner.auth.token().now_or_never() {
        Some(Ok(token)) if began < deadline => Ok(Ready { turn, token, queued: began.elapsed() }),
        _ => Err(Some(turn)),
    }
}

/// Waits for a turn, where there is none yet, and a token, neither beyond the deadline.
async fn ready(inner: &Inner, line: Line, deadline: Instant, turn: Option<Turn>) -> Result<Ready> {
    let began = Instant::now();
    let turn = match turn {
        Some(turn) => turn,
        None => inner.turns.take(line, deadline).await?,
    };
    let token = tokio::time::timeout_at(deadline, inner.auth.token()).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "the token service did not answer before the deadline")
            .with_hint(LATE_HINT)
            .caused_by(Some(Cause::timed_out("no answer before the deadline"))))
    })?;
    // What needs no wait is there however late it is.
    if Instant::now() >= deadline {
        return Err(Error::new(ErrorKind::Unavailable, "the deadline passed before the request was sent")
            .with_hint(LATE_HINT));
    }
    Ok(Ready { turn, token, queued: began.elapsed() })
}

/// Why a send is repeated, in our own words: a gateway's may repeat an input, which the trail never holds.
fn why(error: &Error) -> String {
    match error.http_status() {
        Some(status) => format!("{}, the gateway answered {status}", error.kind().as_str()),
        None => error.kind().as_str().to_owned(),
    }
}
