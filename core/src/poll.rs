//! What a look means, and what a poll ends with.
//!
//! One bad look never ends a poll: only the terminal state, the deadline, or a definite refusal does. The last look is
//! taken just before the deadline, and a poll that ends without a result hands back the token to go on with.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method};
use tokio::time::Instant;

use crate::auth::Token;
use crate::callback::Hints;
use crate::cause::Cause;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::inner::{Inner, Phase};
use crate::invocation::ActionResult;
use crate::ledger::Account;
use crate::metrics::Tally;
use crate::profile::Address;
use crate::schedule::{First, SOONEST, Schedule};
use crate::wire::{Answer, Failure, Looked, Request, Turn, looked};

type Outcome = std::result::Result<Answer, Failure>;

/// A look that is under way at the deadline may still arrive within this.
const GRACE: Duration = Duration::from_millis(30);

/// Ends when a callback has come; never where none can.
async fn heard(hints: &mut Option<Hints>) {
    match hints {
        Some(hints) => hints.next().await,
        None => std::future::pending().await,
    }
}

/// What a look leaves for the next one.
enum Next {
    /// The result, and the status of the answer that brought it.
    Ended(crate::wire::Terminal, u16),
    /// Look again, after this or the schedule's own time.
    Again(Option<Duration>),
    Over(Error),
    /// The client was closed: nobody takes what the look would bring.
    Left,
}

/// One poll.
struct Watch<'a> {
    inner: &'a Inner,
    account: Box<Account>,
    address: Address,
    invocation_id: String,
    deadline: Instant,
    began: Instant,
    polls: u32,
    refreshed: bool,
    last_status: Option<String>,
    /// The last look's 404: where nothing better was ever seen, the deadline says so.
    not_found: Option<Error>,
    /// What the system said at the last look, where it brought nothing because of that.
    cause: Option<Cause>,
    /// How long a look takes here: how early the last one has to begin.
    lead: Duration,
    /// When the newest look began.
    looked_at: Instant,
    schedule: Schedule,
    /// The callbacks that may come for it.
    hints: Option<Hints>,
    /// Whether the newest look was told that the invocation goes on: only then it is worth while to wait for a callback.
    told: bool,
    /// When the newest look began that a callback caused.
    hinted_at: Option<Instant>,
}

impl Inner {
    /// Looks until the terminal state, the deadline or a definite refusal. `fresh`: the POST was answered just now.
    pub(crate) async fn watch(
        &self,
        account: Box<Account>,
        fresh: bool,
        deadline: Instant,
    ) -> Result<ActionResult> {
        let invocation_id = account.who.invocation_id.clone().unwrap_or_default();
        let address = match self.config.routes.poll(&invocation_id) {
            Ok(address) => address,
            Err(error) => return Err(self.leave(account, error, None)),
        };
        let schedule = Schedule::new(self.config.poll_interval);
        let hints = account.watched().map(Hints::of);
        let watch = Box::new(Watch {
            inner: self,
            began: account.began,
            looked_at: account.began,
            account,
            address,
            invocation_id,
            deadline,
            polls: 0,
            refreshed: false,
            last_status: None,
            not_found: None,
            cause: None,
            lead: Duration::from_millis(20),
            schedule,
            hints,
            told: true,
            hinted_at: None,
        });
        watch.until_it_ends(fresh).await
    }

    /// Accepted, and nobody waits any more: the error carries what is needed to go on.
    fn leave(&self, account: Box<Account>, error: Error, last_status: Option<String>) -> Error {
        let mut error = account.who.sign(error).with_executed(Executed::Yes);
        if account.attempts > 0 {
            error = error.with_attempts(account.attempts);
        }
        if let Some(token) = self.gateway.token(&account.who) {
            error = error.with_resume_token(token);
        }
        if let Some(status) = last_status {
            error = error.with_last_status(status);
        }
        account.detach(Some(&error));
        error
    }
}

impl Watch<'_> {
    async fn until_it_ends(mut self: Box<Self>, fresh: bool) -> Result<ActionResult> {
        let mut next = Instant::now();
        let mut first = fresh.then(|| self.first_look());
        if first == Some(First::Usual) {
            next += self.schedule.after(Duration::ZERO, self.expecting());
        }
        // Whether it is a callback that the next look is for.
        let mut hinted = false;
        let mut phase = self.inner.open.subscribe();
        loop {
            let last = self.deadline - self.lead.min(self.deadline - self.began.min(self.deadline));
            let at = next.min(last);
            // A timer is as fine as a millisecond: what is due already does not wait for one.
            if at > Instant::now() {
                let closed = async { phase.wait_for(|phase| *phase == Phase::Closed).await.is_ok() };
                tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = heard(&mut self.hints) => {
                        next = next.min(self.soonest_hinted());
                        hinted = true;
                        continue;
                    }
                    true = closed => return Err(self.closed()),
                }
            }
            self.begin_look(std::mem::take(&mut hinted));
            let closed = async { phase.wait_for(|phase| *phase == Phase::Closed).await.is_ok() };
            // Boxed, for most of the time that an invocation is under way nobody looks at it.
            let next_step = tokio::select! {
                next = Box::pin(self.look(last)) => next,
                true = closed => Next::Left,
            };
            if let Some(first) = first.take() {
                self.inner.habits.learn(
                    self.account.who.label(),
                    first,
                    matches!(next_step, Next::Ended(..)),
                );
            }
            match next_step {
                Next::Left => return Err(self.closed()),
                Next::Ended(terminal, http_status) => {
                    return Ok(self.account.finish(terminal, http_status, self.polls));
                }
                Next::Over(error) => return Err(self.inner.leave(self.account, error, self.last_status)),
                Next::Again(_) if self.looked_at >= last || Instant::now() >= self.deadline => {
                    return Err(self.timeout());
                }
                Next::Again(wait) => {
                    // A gateway may slow us down: no header makes anybody look more often.
                    let expecting = self.expecting();
                    let scheduled = self.schedule.after(self.began.elapsed(), expecting);
                    next = Instant::now() + wait.map_or(scheduled, |wait| wait.max(scheduled));
                }
            }
        }
    }

    /// When the first look comes: where nothing else is said of it, by what the action's invocations did before.
    fn first_look(&self) -> First {
        if self.inner.config.poll_interval.is_some() || self.expecting() {
            return First::Usual;
        }
        self.inner.habits.first_look(self.account.who.label())
    }

    /// Whether a callback can still come, and will say more than is known.
    fn expecting(&self) -> bool {
        self.told && self.hints.as_ref().is_some_and(Hints::expected)
    }

    /// When the look may begin that a callback asks for: callbacks cause one in 100 ms.
    fn soonest_hinted(&self) -> Instant {
        let now = Instant::now();
        self.hinted_at.map_or(now, |before| now.max(before + SOONEST))
    }

    fn begin_look(&mut self, hinted: bool) {
        if hinted {
            self.hinted_at = Some(Instant::now());
            self.schedule.hint();
        }
        if let Some(hints) = &self.hints {
            hints.looking();
        }
    }

    /// One GET, with whatever it needs, within the deadline and a little grace. At `last` it is taken whatever gate and
    /// rate say.
    async fn look(&mut self, last: Instant) -> Next {
        self.told = false;
        let (outcome, token) = match self.ask(last).await {
            Ok(Some(answered)) => answered,
            Err(error) => return self.not_let_in(error),
            Ok(None) => {
                const WHY: &str = "no answer before the deadline";
                // Where something was heard of it, that it goes on is what ends the wait.
                if self.last_status.is_none() {
                    self.cause.get_or_insert_with(|| Cause::timed_out(WHY));
                }
                return self.nothing(None, WHY, None);
            }
        };
        // The slowest look so far, doubled, says when the last one has to begin; a gateway that hangs may not move it far.
        self.lead = self.lead.max(self.looked_at.elapsed() * 2).min(Duration::from_secs(1));
        let account = &self.account;
        let discreet = |error| account.discreet(token.taken_out_of(error));
        let seen = looked(outcome, &self.invocation_id, &self.inner.config.profile);
        let unauthorized = matches!(seen, Looked::Unauthorized(_));
        self.cause = None;
        let next = match seen {
            Looked::Terminal(mut terminal, http_status) => {
                terminal.error_message = terminal.error_message.map(|text| token.taken_out(text));
                Next::Ended(terminal, http_status)
            }
            Looked::Running { word, known: true } => self.running(word, true),
            // A word that nobody knows is the gateway's text like any other.
            Looked::Running { word, known } => {
                let word = discreet(Error::new(ErrorKind::Protocol, word));
                self.running(word.message().to_owned(), known)
            }
            Looked::Nothing { http_status, why, cause, throttled, wait } => {
                self.cause = cause;
                self.slower(http_status, &why, throttled, wait)
            }
            Looked::NotFound(error) if self.account.accepted_at().elapsed() < self.visible_within() => {
                let http_status = error.http_status();
                self.not_found = Some(discreet(error));
                self.nothing(http_status, "not visible yet", None)
            }
            // One refresh, then a second refusal in a row is final.
            Looked::Unauthorized(_) if !self.refreshed && self.inner.auth.refused(&token) => {
                Next::Again(Some(Duration::ZERO))
            }
            Looked::NotFound(error) | Looked::Unauthorized(error) | Looked::Refused(error) => {
                Next::Over(discreet(error))
            }
        };
        self.refreshed = unauthorized;
        next
    }

    /// The exchange of one look, once it is let in; none where the time is over before it ends.
    async fn ask(&mut self, last: Instant) -> Result<Option<(Outcome, Arc<Token>)>> {
        let until = self.deadline + GRACE;
        let Ok(let_in) = tokio::time::timeout_at(until, self.let_in(last)).await else { return Ok(None) };
        let (turn, token) = let_in?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(AUTHORIZATION, token.header.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let path = &self.inner.config.routes.poll_path;
        let span = self.account.span.send(&Method::GET, &self.address, path, 0);
        span.name_in(&mut headers);
        self.account.tally(Tally::Poll);
        self.polls += 1;
        let (address, body) = (self.address.clone(), Bytes::new());
        let request = Request { method: Method::GET, address, headers, body };
        // One time limit for both, the exchange's own and ours: another timer would cost as much again.
        let outcome = self.inner.transport.exchange_by(request, until).await;
        if outcome.is_err() && Instant::now() >= until {
            return Ok(None);
        }
        span.answered(&outcome);
        token.answered(&outcome);
        turn.answered(&outcome);
        Ok(Some((outcome, token)))
    }

    async fn let_in(&mut self, last: Instant) -> Result<(Turn, Arc<Token>)> {
        let turn = self.inner.turns.take_look(last).await?;
        self.looked_at = Instant::now();
        Ok((turn, self.inner.auth.token().await?))
    }

    /// An accepted invocation may not be visible everywhere at once.
    fn visible_within(&self) -> Duration {
        self.inner.config.profile.poll.as_ref().map_or(Duration::ZERO, |poll| poll.visible_within)
    }

    fn running(&mut self, word: String, known: bool) -> Next {
        if !known {
            self.account.tally(Tally::UnknownStatus);
        }
        self.last_status = Some(word);
        self.told = true;
        Next::Again(None)
    }

    /// A token service that is down passes; refused credentials do not, nor does a certificate that proves nothing.
    fn not_let_in(&mut self, error: Error) -> Next {
        match error.kind() {
            ErrorKind::Unavailable | ErrorKind::RateLimited if !error.is_lasting() => {
                self.cause = error.cause().cloned();
                self.nothing(error.http_status(), "no token", None)
            }
            _ => Next::Over(error),
        }
    }

    fn slower(
        &mut self,
        http_status: Option<u16>,
        why: &str,
        throttled: bool,
        wait: Option<Duration>,
    ) -> Next {
        if http_status == Some(429) {
            self.account.tally(Tally::RateLimited);
        }
        let wait = wait.or_else(|| throttled.then(|| self.schedule.throttled.next().max(SOONEST)));
        self.nothing(http_status, why, wait)
    }

    fn nothing(&self, http_status: Option<u16>, why: &str, wait: Option<Duration>) -> Next {
        self.account.poll_failed(http_status, why);
        Next::Again(wait)
    }

    fn timeout(self: Box<Self>) -> Error {
        if let (Some(error), None) = (self.not_found, &self.last_status) {
            return self.inner.leave(self.account, error, None);
        }
        let state = self.last_status.as_deref().unwrap_or("in an unknown state");
        let error = Error::new(
            ErrorKind::PollTimeout,
            format!("invocation `{}` was still {state} at the deadline", self.invocation_id),
        )
        .with_hint("it may still end: hand `resume_token` to `poll`, do not call the action again")
        .caused_by(self.cause);
        self.inner.leave(self.account, error, self.last_status)
    }

    fn closed(self) -> Error {
        let error = Error::new(ErrorKind::Closed, "the client was closed while the action was running")
            .with_hint("hand `resume_token` to `poll` of a new client");
        self.inner.leave(self.account, error, self.last_status)
    }
}
