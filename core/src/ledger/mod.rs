//! Where each invocation is, written down as it moves: one step is one record in the trail and one move of a counter.
//!
//! An [`Account`] belongs to whoever is responsible for the invocation at the time. Whoever lets go of it without
//! saying how it ended — a dropped future, a runtime that shuts down — has it settled by `Drop`, so that nothing that
//! was started is ever lost from the counts.

mod account;
mod inputs;
mod shelf;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::cause::Cause;
use crate::claims::{Claim, ClaimNumber, Claims, InProcess, Payload};
use crate::contract::{Prepared, Refused};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::invocation::ActionResult;
use crate::metrics::{Board, Place, Tally};
use crate::telemetry::{TARGET, Traces};
use crate::trail::{Entry, Event, Position, Trail};

pub(crate) use account::Account;
use shelf::Shelf;

/// So long an answer waits for the disk also where its deadline is over.
const DISK_PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) trail: Trail,
    pub(crate) board: Board,
    pub(crate) traces: Traces,
    claims: Box<dyn Claims>,
    detached: Mutex<Shelf>,
    /// What no error of this client may repeat, whoever prints it.
    secrets: Vec<SecretString>,
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
    /// Of a request that was not sent yet.
    pub(crate) fn of(prepared: &Prepared, action_name: Option<String>) -> Identity {
        Identity {
            action_id: Some(prepared.action_id.clone()),
            action_name,
            correlation_id: Some(prepared.correlation_id.clone()),
            invocation_id: None,
        }
    }

    /// Of an invocation that has a result.
    pub(crate) fn ended(result: &ActionResult) -> Identity {
        Identity {
            action_id: result.action_id.clone(),
            action_name: None,
            correlation_id: result.correlation_id.clone(),
            invocation_id: result.invocation_id.clone(),
        }
    }

    /// What the metrics call its action.
    pub(crate) fn label(&self) -> &str {
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
    pub(crate) fn sign(&self, error: Error) -> Error {
        error.about(self.action_id.as_deref(), self.correlation_id.as_deref(), self.invocation_id.as_deref())
    }
}

impl Ledger {
    pub(crate) fn new(trail: Trail, traces: Traces, secrets: Vec<SecretString>) -> Arc<Ledger> {
        let claims = Box::new(InProcess::default());
        Arc::new(Ledger {
            trail,
            board: Board::default(),
            traces,
            claims,
            detached: Mutex::default(),
            secrets,
        })
    }

    /// The error without the client's secrets.
    pub(crate) fn discreet(&self, error: Error) -> Error {
        error.without(self.secrets.iter().map(ExposeSecret::expose_secret))
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
        claim: Option<ClaimNumber>,
    ) -> Result<Account> {
        let who = Identity::of(prepared, action_name);
        self.board.start(who.label());
        let parent = prepared.traceparent.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
        let span = self.traces.invocation(&who, parent);
        let account = Account::unsent(self.clone(), who, prepared.inputs.clone().into(), began, claim, span);
        let digest = self.trail.digest(&prepared.inputs);
        let started = Entry {
            input_keys: Some(&prepared.input_keys),
            input_digest: Some(&digest),
            bytes: u64::try_from(prepared.body.len()).ok(),
            ..account.who.entry(Event::Started)
        };
        match self.trail.append(&started) {
            Ok(_) => Ok(account),
            Err(error) => Err(account.refuse(error)),
        }
    }

    /// A call that sends nothing, because the same request is under way already: it waits for what becomes of that one.
    pub(crate) fn joined(&self, who: &Identity) {
        self.note(&who.entry(Event::Joined));
    }

    /// Asks for the correlation id that the caller gave.
    pub(crate) fn claim(&self, prepared: &Prepared) -> Claim {
        self.claims.claim(&prepared.correlation_id, Payload::of(prepared))
    }

    /// The account of an accepted invocation: the one that this process left behind, or one that is not counted here,
    /// because another process (or an earlier poll) has counted it.
    pub(crate) fn adopt(self: &Arc<Self>, who: Identity, began: Instant) -> Account {
        match who.invocation_id.as_deref().and_then(|id| self.shelf().take(id)) {
            Some(left) => {
                self.board.shift(left.who.label(), Place::Detached, Place::InFlight);
                Account::taken_up(self.clone(), left)
            }
            None => Account::not_counted(self.clone(), who, began),
        }
    }

    /// Waits until a record is as durable as was asked for.
    ///
    /// # Errors
    /// [`ErrorKind::Audit`]: nothing may be sent.
    async fn settled(&self, position: Position, deadline: Instant) -> Result<()> {
        let late = || {
            Error::new(ErrorKind::Audit, "the disk did not take a record of the trail before the deadline")
                .with_hint("nothing was sent; allow a longer `timeout`, or look after the disk")
                .caused_by(Some(Cause::timed_out("the disk did not take it before the deadline")))
        };
        let settled = tokio::time::timeout_at(deadline, self.trail.settled(position)).await;
        match settled {
            Ok(Err(error)) => Err(error),
            // Both may have happened before anybody looks.
            Ok(Ok(())) if Instant::now() < deadline => Ok(()),
            _ => Err(late()),
        }
    }

    /// Waits, before a caller is given an answer, until what the trail says of it is as durable as was asked for. The
    /// answer is what it is: where the disk refuses, or is late, the caller gets it all the same.
    pub(crate) async fn settle(&self, deadline: Instant) {
        let patience = deadline.max(Instant::now() + DISK_PATIENCE);
        let settled = tokio::time::timeout_at(patience, self.trail.settle()).await;
        if !matches!(settled, Ok(Ok(()))) {
            tracing::error!(target: TARGET, "an answer is given that the disk has no record of yet");
        }
    }

    /// Writes a record that gates nothing. A trail that cannot be written says so at the next send.
    pub(crate) fn note(&self, entry: &Entry<'_>) {
        if let Err(error) = self.trail.append(entry) {
            tracing::error!(target: TARGET, event = entry.event.as_str(), "the audit trail cannot be written: {error}");
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.detached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as records and results say it.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_on_the_disk_after_the_deadline_is_late_though_nobody_had_to_wait() {
        let ledger = Ledger::new(Trail::in_memory("test".to_owned()), Traces::default(), Vec::new());
        let position = ledger.trail.append(&Entry::new(Event::Sending)).unwrap();
        assert!(ledger.settled(position, Instant::now() + Duration::from_secs(60)).await.is_ok());
        let error = ledger.settled(position, Instant::now()).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No));
    }
}
