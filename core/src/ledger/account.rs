//! One invocation in the ledger: each step is one record and one move of a counter.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::inputs::Inputs;
use super::shelf::Left;
use super::{Identity, Ledger, ms};
use crate::callback::{Registration, Watched};
use crate::claims::ClaimNumber;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::invocation::{ActionResult, Status};
use crate::metrics::{Place, Tally};
use crate::policy::Slot;
use crate::telemetry::InvocationSpan;
use crate::trail::{Entry, Event, Timings};
use crate::wire::Terminal;

/// How far an invocation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has left, or what left is known not to have been executed.
    Unsent,
    /// A request is on the wire.
    Sending,
    /// The gateway has it.
    Accepted,
    /// Said how it ended.
    Settled,
}

/// One invocation in the ledger, held by whoever is responsible for it.
#[derive(Debug)]
pub(crate) struct Account {
    ledger: Arc<Ledger>,
    pub(crate) who: Identity,
    pub(crate) began: Instant,
    pub(crate) attempts: u32,
    pub(crate) invoke_latency: Option<Duration>,
    pub(crate) inputs: Inputs,
    /// The claim of its correlation id, where the caller gave it.
    claim: Option<ClaimNumber>,
    /// A result handler is owed the result.
    pub(crate) due: bool,
    state: State,
    counted: bool,
    /// Somebody else waits for the same invocation, and says what there is to say of waiting.
    beside: bool,
    /// Its place among those of its action that are under way, until its end is known or nobody waits for it.
    slot: Option<Slot>,
    /// The path that a callback may come to, where this is the account that holds it.
    registration: Option<Registration>,
    /// The callbacks of the invocation, also where another account holds their path.
    watched: Option<Arc<Watched>>,
    pub(crate) span: InvocationSpan,
}

impl Account {
    /// Of a request that passed contract and policy.
    pub(super) fn unsent(
        ledger: Arc<Ledger>,
        who: Identity,
        inputs: Inputs,
        began: Instant,
        claim: Option<ClaimNumber>,
        span: InvocationSpan,
    ) -> Account {
        Account {
            ledger,
            who,
            began,
            attempts: 0,
            invoke_latency: None,
            inputs,
            claim,
            due: false,
            state: State::Unsent,
            counted: true,
            beside: false,
            slot: None,
            registration: None,
            watched: None,
            span,
        }
    }

    /// Of an invocation that this process accepted and left behind.
    pub(super) fn taken_up(ledger: Arc<Ledger>, left: Left) -> Account {
        let Left { who, began, attempts, invoke_latency, claim, traceparent, registration } = left;
        let span = ledger.traces.invocation(&who, traceparent);
        let mut account = Account::unsent(ledger, who, Inputs::default(), began, claim, span);
        (account.state, account.attempts, account.invoke_latency) =
            (State::Accepted, attempts, invoke_latency);
        if let Some(registration) = registration {
            account.expect(registration);
        }
        account
    }

    /// Of an accepted invocation that is counted elsewhere.
    pub(super) fn not_counted(ledger: Arc<Ledger>, who: Identity, began: Instant) -> Account {
        let span = ledger.traces.invocation(&who, None);
        let mut account = Account::unsent(ledger, who, Inputs::default(), began, None, span);
        (account.state, account.counted) = (State::Accepted, false);
        account
    }

    /// Takes a place that it has been given.
    pub(crate) fn hold(&mut self, slot: Slot) {
        self.slot = Some(slot);
    }

    /// A callback may come for it.
    pub(crate) fn expect(&mut self, registration: Registration) {
        self.watched = Some(registration.watched().clone());
        self.registration = Some(registration);
    }

    /// The callbacks that may come for it.
    pub(crate) fn watched(&self) -> Option<&Arc<Watched>> {
        self.watched.as_ref()
    }

    /// Of a call that joined the invocation after it was accepted.
    pub(crate) fn joining(
        self,
        attempts: u32,
        invoke_latency: Option<Duration>,
        watched: Option<Arc<Watched>>,
    ) -> Account {
        let mut account = self;
        account.beside = !account.counted;
        account.attempts = attempts;
        account.invoke_latency = invoke_latency;
        account.watched = account.watched.take().or(watched);
        account
    }

    /// Writes `sending` before the first byte of an attempt leaves, and waits until it is as durable as was asked for.
    /// `again` says why it is sent again.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Audit`]: nothing may be sent.
    pub(crate) async fn sending(
        &mut self,
        bytes: usize,
        queued: Duration,
        again: Option<&str>,
        deadline: Instant,
    ) -> Result<()> {
        self.attempts += 1;
        if self.attempts > 1 {
            self.ledger.board.tally(Tally::Retry);
        }
        let entry = Entry {
            attempt: Some(self.attempts),
            bytes: u64::try_from(bytes).ok(),
            timings: Some(Timings { queue_ms: Some(ms(queued)), ..Timings::default() }),
            note: again,
            ..self.who.entry(Event::Sending)
        };
        let settled = match self.ledger.trail.append(&entry) {
            Ok(position) => self.ledger.settled(position, deadline).await,
            Err(error) => Err(error),
        };
        settled.inspect_err(|_| self.attempts -= 1)?;
        self.state = State::Sending;
        Ok(())
    }

    /// When the gateway accepted it; where that was not seen, when the look at it began.
    pub(crate) fn accepted_at(&self) -> Instant {
        self.began + self.invoke_latency.unwrap_or_default()
    }

    /// What was on the wire is known not to have been executed.
    pub(crate) fn not_executed(&mut self) {
        self.state = State::Unsent;
    }

    pub(crate) fn accepted(
        &mut self,
        invocation_id: Option<String>,
        status: Option<&str>,
        http_status: u16,
        attempt: Duration,
    ) {
        let latency = self.began.elapsed();
        self.who.invocation_id = invocation_id;
        self.span.accepted(self.who.invocation_id.as_deref());
        self.invoke_latency = Some(latency);
        self.state = State::Accepted;
        self.inputs.let_go_of_payload();
        self.ledger.board.accepted(self.who.label(), latency);
        self.ledger.note(&Entry {
            attempt: Some(self.attempts),
            http_status: Some(http_status),
            status,
            executed: Some(Executed::Yes),
            timings: Some(Timings {
                attempt_ms: Some(ms(attempt)),
                invoke_ms: Some(ms(latency)),
                ..Timings::default()
            }),
            ..self.who.entry(Event::Accepted)
        });
    }

    /// One look that brought no answer.
    pub(crate) fn poll_failed(&self, http_status: Option<u16>, why: &str) {
        self.ledger.note(&Entry { http_status, note: Some(why), ..self.who.entry(Event::PollFailed) });
    }

    pub(crate) fn tally(&self, what: Tally) {
        self.ledger.board.tally(what);
    }

    /// The terminal state, which is on record and counted before anybody is told.
    pub(crate) fn finish(mut self, terminal: Terminal, http_status: u16, polls: u32) -> ActionResult {
        let duration = self.began.elapsed();
        let place = match terminal.status {
            Status::Completed => Place::Completed,
            Status::Failed => Place::Failed,
            Status::Cancelled => Place::Cancelled,
        };
        self.ledger.note(&Entry {
            http_status: Some(http_status),
            status: Some(terminal.status.as_str()),
            executed: Some(Executed::Yes),
            timings: Some(Timings { duration_ms: Some(ms(duration)), ..Timings::default() }),
            due: self.due,
            ..self.who.entry(Event::Terminal)
        });
        self.state = State::Settled;
        self.ended(place, duration);
        let error = match terminal.status {
            Status::Completed => None,
            Status::Failed => Some(ErrorKind::ActionFailed.as_str()),
            Status::Cancelled => Some(ErrorKind::ActionCancelled.as_str()),
        };
        self.span.ended(place.as_str(), self.attempts, error);
        // It becomes the text of an error where the caller asks for one; `raw` has it as it was sent.
        let error_message = terminal
            .error_message
            .map(|text| self.discreet(Error::new(ErrorKind::ActionFailed, text)).message().to_owned());
        ActionResult {
            invocation_id: self.who.invocation_id.take(),
            action_id: self.who.action_id.take(),
            correlation_id: self.who.correlation_id.take(),
            status: terminal.status,
            ok: terminal.status == Status::Completed,
            outputs: terminal.outputs,
            error_message,
            invoke_latency_ms: self.invoke_latency.map(ms),
            duration_ms: ms(duration),
            attempts: self.attempts,
            polls,
            raw: terminal.raw,
        }
    }

    /// Counts the end once: of this account, or of the one that somebody else left behind meanwhile.
    fn ended(&self, place: Place, duration: Duration) {
        let board = &self.ledger.board;
        if self.counted {
            board.terminal(self.who.label(), Place::InFlight, place, duration);
            self.release(self.claim);
            return;
        }
        let left = self.who.invocation_id.as_deref().and_then(|id| self.ledger.shelf().take(id));
        if let Some(left) = left {
            board.terminal(left.who.label(), Place::Detached, place, left.began.elapsed());
            self.release(left.claim);
        }
    }

    /// The correlation id is free again.
    fn release(&self, claim: Option<ClaimNumber>) {
        if let Some(claim) = claim {
            self.ledger.claims.release(claim);
        }
    }

    /// The error without the values of the inputs, the path of callbacks and the client's secrets, which a gateway may
    /// echo.
    pub(crate) fn discreet(&self, error: Error) -> Error {
        let error = self.ledger.discreet(error).without(self.inputs.values().iter().map(String::as_str));
        error.without(self.watched.iter().flat_map(|watched| watched.secrets()))
    }

    /// Ends an invocation that was not accepted, by what the error says of its execution, and signs the error.
    pub(crate) fn refuse(mut self, error: Error) -> Error {
        let (event, place) = match error.executed() {
            Executed::No => (Event::Rejected, Place::Rejected),
            _ => (Event::Unknown, Place::Unknown),
        };
        let error = self.who.sign(self.discreet(error)).with_attempts(self.attempts);
        self.end(event, place, Some(&error));
        error
    }

    /// Accepted, and nobody waits any more; `error` says why, where there is a reason.
    pub(crate) fn detach(mut self, error: Option<&Error>) {
        self.leave(error);
    }

    fn end(&mut self, event: Event, place: Place, error: Option<&Error>) {
        let executed = match event {
            Event::Unknown => Executed::Unknown,
            _ => Executed::No,
        };
        self.ledger.note(&Entry {
            attempt: (self.attempts > 0).then_some(self.attempts),
            http_status: error.and_then(Error::http_status),
            kind: error.map(|e| e.kind().as_str()),
            executed: Some(executed),
            timings: Some(Timings { duration_ms: Some(ms(self.began.elapsed())), ..Timings::default() }),
            ..self.who.entry(event)
        });
        self.state = State::Settled;
        self.span.ended(place.as_str(), self.attempts, error.map(|error| error.kind().as_str()));
        self.release(self.claim);
        if self.counted {
            self.ledger.board.shift(self.who.label(), Place::InFlight, place);
        }
    }

    fn leave(&mut self, error: Option<&Error>) {
        if self.beside {
            self.state = State::Settled;
            return;
        }
        self.ledger.note(&Entry {
            kind: error.map(|e| e.kind().as_str()),
            http_status: error.and_then(Error::http_status),
            executed: Some(Executed::Yes),
            ..self.who.entry(Event::Detached)
        });
        self.state = State::Settled;
        let kind = error.map(|error| error.kind().as_str());
        self.span.ended(Place::Detached.as_str(), self.attempts, kind);
        if !self.counted {
            return;
        }
        self.ledger.board.shift(self.who.label(), Place::InFlight, Place::Detached);
        if let Some(id) = self.who.invocation_id.clone() {
            let left = Left {
                who: self.who.clone(),
                began: self.began,
                attempts: self.attempts,
                invoke_latency: self.invoke_latency,
                claim: self.claim,
                traceparent: self.span.traceparent(),
                registration: self.registration.take(),
            };
            self.ledger.shelf().put(id, left);
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        match self.state {
            State::Settled => {}
            State::Accepted => self.leave(None),
            State::Unsent => self.end(Event::Aborted, Place::Aborted, None),
            State::Sending => self.end(Event::Unknown, Place::Unknown, None),
        }
    }
}
