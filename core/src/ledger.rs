//! Where each invocation is, written down as it moves: one step is one record in the trail and one move of a counter.
//!
//! An [`Account`] belongs to whoever is responsible for the invocation at the time. Whoever lets go of it without
//! saying how it ended — a dropped future, a runtime that shuts down — has it settled by `Drop`, so that nothing that
//! was started is ever lost from the counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::contract::{Prepared, Refused};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::invocation::{ActionResult, Status};
use crate::metrics::{Board, Place, Tally};
use crate::trail::{Entry, Event, Timings, Trail};
use crate::wire::Terminal;

/// Accepted invocations that nobody waits for are remembered up to this number, so that a later poll counts once.
const REMEMBERED: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) trail: Trail,
    pub(crate) board: Board,
    detached: Mutex<Shelf>,
}

/// Which invocation it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) action_id: Option<String>,
    pub(crate) action_name: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) invocation_id: Option<String>,
}

impl Identity {
    /// What the metrics call its action.
    fn label(&self) -> &str {
        self.action_name.as_deref().or(self.action_id.as_deref()).unwrap_or("unknown")
    }

    fn entry(&self, event: Event) -> Entry<'_> {
        Entry {
            action_id: self.action_id.as_deref(),
            action_name: self.action_name.as_deref(),
            correlation_id: self.correlation_id.as_deref(),
            invocation_id: self.invocation_id.as_deref(),
            ..Entry::new(event)
        }
    }

    /// The error, told which invocation it is about.
    pub(crate) fn sign(&self, mut error: Error) -> Error {
        if let Some(id) = &self.action_id {
            error = error.with_action_id(id);
        }
        if let Some(id) = &self.correlation_id {
            error = error.with_correlation_id(id);
        }
        if let Some(id) = &self.invocation_id {
            error = error.with_invocation_id(id);
        }
        error
    }
}

impl Ledger {
    pub(crate) fn new(trail: Trail) -> Arc<Ledger> {
        Arc::new(Ledger { trail, board: Board::default(), detached: Mutex::default() })
    }

    /// A request that broke the contract or that the policy refused: recorded and counted, never started.
    pub(crate) fn refused(&self, refused: &Refused, action_name: Option<&str>, kind: ErrorKind) {
        let (event, tally) = match kind {
            ErrorKind::Denied => (Event::Denied, Tally::Denied),
            _ => (Event::Invalid, Tally::Invalid),
        };
        let codes: Vec<_> = refused.violations.iter().map(|v| format!("{} {}", v.path, v.code)).collect();
        let digest = refused.inputs.as_ref().map(|inputs| self.trail.digest(inputs));
        self.note(&Entry {
            action_id: refused.action_id.as_deref(),
            action_name,
            correlation_id: refused.correlation_id.as_deref(),
            kind: Some(kind.as_str()),
            executed: Some(Executed::No),
            input_keys: Some(&refused.input_keys),
            input_digest: digest.as_deref(),
            note: Some(&codes.join(", ")),
            ..Entry::new(event)
        });
        self.board.tally(tally);
    }

    /// Opens the account of a request that passed contract and policy.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`]: the trail cannot be written, so nothing will be sent.
    pub(crate) fn start(
        self: &Arc<Self>,
        prepared: &Prepared,
        action_name: Option<String>,
        began: Instant,
    ) -> Result<Account> {
        let who = Identity {
            action_id: Some(prepared.action_id.clone()),
            action_name,
            correlation_id: Some(prepared.correlation_id.clone()),
            invocation_id: None,
        };
        self.board.start(who.label());
        let account = Account {
            ledger: self.clone(),
            who,
            began,
            attempts: 0,
            invoke_latency: None,
            state: State::Unsent,
            counted: true,
        };
        let digest = self.trail.digest(&prepared.inputs);
        let started = Entry {
            input_keys: Some(&prepared.input_keys),
            input_digest: Some(&digest),
            bytes: u64::try_from(prepared.body.len()).ok(),
            ..account.who.entry(Event::Started)
        };
        match self.trail.append(&started) {
            Ok(()) => Ok(account),
            Err(error) => Err(account.refuse(error)),
        }
    }

    /// The account of an accepted invocation: the one that this process left behind, or one that is not counted here,
    /// because another process (or an earlier poll) has counted it.
    pub(crate) fn adopt(self: &Arc<Self>, who: Identity, began: Instant) -> Account {
        let known = who.invocation_id.as_deref().and_then(|id| self.shelf().take(id));
        match known {
            Some(left) => {
                self.board.shift(left.who.label(), Place::Detached, Place::InFlight);
                Account {
                    ledger: self.clone(),
                    who: left.who,
                    began: left.began,
                    attempts: left.attempts,
                    invoke_latency: left.invoke_latency,
                    state: State::Accepted,
                    counted: true,
                }
            }
            None => Account {
                ledger: self.clone(),
                who,
                began,
                attempts: 0,
                invoke_latency: None,
                state: State::Accepted,
                counted: false,
            },
        }
    }

    /// Writes a record that gates nothing. A trail that cannot be written says so at the next send.
    pub(crate) fn note(&self, entry: &Entry<'_>) {
        if let Err(error) = self.trail.append(entry) {
            tracing::error!(event = entry.event.as_str(), "the audit trail cannot be written: {error}");
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.detached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    state: State,
    counted: bool,
}

impl Account {
    /// Writes `sending` before the first byte of an attempt leaves. `again` says why it is sent again.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`]: nothing may be sent.
    pub(crate) fn sending(&mut self, bytes: usize, queued: Duration, again: Option<&str>) -> Result<()> {
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
        self.ledger.trail.append(&entry).inspect_err(|_| self.attempts -= 1)?;
        self.state = State::Sending;
        Ok(())
    }

    /// What was on the wire is known not to have been executed.
    pub(crate) fn not_executed(&mut self) {
        self.state = State::Unsent;
    }

    pub(crate) fn accepted(
        &mut self,
        invocation_id: Option<String>,
        status: &str,
        http_status: u16,
        attempt: Duration,
    ) {
        let latency = self.began.elapsed();
        self.who.invocation_id = invocation_id;
        self.invoke_latency = Some(latency);
        self.state = State::Accepted;
        self.ledger.board.accepted(self.who.label(), latency);
        self.ledger.note(&Entry {
            attempt: Some(self.attempts),
            http_status: Some(http_status),
            status: Some(status),
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
            ..self.who.entry(Event::Terminal)
        });
        self.state = State::Settled;
        if self.counted {
            self.ledger.board.terminal(self.who.label(), Place::InFlight, place, duration);
        }
        ActionResult {
            invocation_id: self.who.invocation_id.clone(),
            action_id: self.who.action_id.clone(),
            correlation_id: self.who.correlation_id.clone(),
            status: terminal.status,
            ok: terminal.status == Status::Completed,
            outputs: terminal.outputs,
            error_message: terminal.error_message,
            invoke_latency_ms: self.invoke_latency.map(ms),
            duration_ms: ms(duration),
            attempts: self.attempts,
            polls,
            raw: terminal.raw,
        }
    }

    /// Ends an invocation that was not accepted, by what the error says of its execution, and signs the error.
    pub(crate) fn refuse(mut self, error: Error) -> Error {
        let (event, place) = match error.executed() {
            Executed::No => (Event::Rejected, Place::Rejected),
            _ => (Event::Unknown, Place::Unknown),
        };
        let error = self.who.sign(error).with_attempts(self.attempts);
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
        if self.counted {
            self.ledger.board.shift(self.who.label(), Place::InFlight, place);
        }
    }

    fn leave(&mut self, error: Option<&Error>) {
        self.ledger.note(&Entry {
            kind: error.map(|e| e.kind().as_str()),
            http_status: error.and_then(Error::http_status),
            executed: Some(Executed::Yes),
            ..self.who.entry(Event::Detached)
        });
        self.state = State::Settled;
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

/// What is remembered of accepted invocations that nobody waits for; the oldest are forgotten first.
#[derive(Debug, Default)]
struct Shelf {
    left: HashMap<String, Left>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Left {
    who: Identity,
    began: Instant,
    attempts: u32,
    invoke_latency: Option<Duration>,
}

impl Shelf {
    fn put(&mut self, id: String, left: Left) {
        self.order.push_back(id.clone());
        self.left.insert(id, left);
        // Ids that were taken since stand in the order still, so that it is bounded on its own.
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.left.remove(&oldest);
            }
        }
    }

    fn take(&mut self, id: &str) -> Option<Left> {
        self.left.remove(id)
    }
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
