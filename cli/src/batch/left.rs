//! What earlier runs sent and did not write down the end of, as the trail tells it.
//!
//! One promise: a row that may have been executed is not sent again. What was accepted is looked after, also where somebody
//! else has been told its end meanwhile; what nobody knows is said to be unknown, and only what is known to have stayed here
//! is sent.

use std::collections::HashMap;

use cxone_actions::trail::{Filter, Unfinished, UnfinishedState};
use cxone_actions::{Client, Error, ErrorKind, Executed};
use jiff::Timestamp;
use serde::Deserialize;

use super::bits::Sieve;
use super::identity::Namespace;
use super::results::Done;
use super::source::Source;
use super::twins::mark;
use crate::failure::Failure;

/// What is to be done about a row of which the trail knows something.
#[derive(Debug)]
pub(super) enum Known {
    /// The gateway has it: this resume token or invocation id finds it again.
    Accepted(String),
    /// It ended so, and the gateway does not say it twice.
    Ended { status: String, action_id: Option<String> },
    /// It may have been executed.
    Unknown(Error),
}

/// All of them, by correlation id. They are as many as were under way when a run ended, and those that are unknown.
#[derive(Debug, Default)]
pub(super) struct Left {
    open: HashMap<String, Unfinished>,
    /// What the gateway has had of them, and of rows that nothing is owed for any more and that have no line all the same:
    /// whoever polls by hand, or what `recover` lists, is told an end that this batch still has to write down.
    had: HashMap<String, Had>,
    polls: bool,
}

#[derive(Debug, Default)]
struct Had {
    invocation_id: Option<String>,
    action_id: Option<String>,
    /// Once it is terminal.
    status: Option<String>,
}

/// What is read of a record.
#[derive(Deserialize)]
struct Sent {
    event: String,
    correlation_id: Option<String>,
    invocation_id: Option<String>,
    action_id: Option<String>,
    status: Option<String>,
}

/// Of rows of so many bytes these have no line; now and then one more seems to.
pub(super) fn without_a_line(
    mut source: Source<'_>,
    bytes: u64,
    namespace: Namespace,
    done: &Done,
) -> Result<Sieve, Failure> {
    let mut ids = Sieve::for_bytes(bytes.saturating_mul(4));
    while let Some(row) = source.next()? {
        if !done.rows.has(row.index)
            && let Some(id) = namespace.id(&row)
        {
            ids.saw(mark(&id));
        }
    }
    Ok(ids)
}

impl Left {
    /// Asks the trail. `since`: what it says before that is of other batches. `resends`: what is unknown may be sent again,
    /// because the caller said so. `polls`: the gateway can be asked for an end.
    pub(super) fn by(
        client: &Client,
        rows: &Sieve,
        since: Option<Timestamp>,
        resends: bool,
        polls: bool,
    ) -> Result<Left, Failure> {
        let mut open: HashMap<_, _> =
            client.recover()?.into_iter().map(|left| (left.correlation_id.clone(), left)).collect();
        let mut had = HashMap::<String, Had>::new();
        for record in client.audit().records(&Filter { since, ..Filter::default() })? {
            let Ok(Sent { event, correlation_id: Some(id), invocation_id, action_id, status }) =
                serde_json::from_str(&record?)
            else {
                continue;
            };
            let ends = event == "terminal";
            if (ends || event == "accepted") && rows.has(mark(&id)) {
                let had = had.entry(id).or_default();
                had.invocation_id = invocation_id.or_else(|| had.invocation_id.take());
                had.action_id = action_id.or_else(|| had.action_id.take());
                had.status = status.filter(|_| ends).or_else(|| had.status.take());
            }
        }
        open.retain(|_, left| match left.state {
            UnfinishedState::Unsent => false,
            UnfinishedState::Unknown => !resends,
            UnfinishedState::Accepted => true,
        });
        Ok(Left { open, had, polls })
    }

    /// What is known of a row; none where it can be sent.
    pub(super) fn of(&self, correlation_id: &str) -> Option<Known> {
        let (open, had) = (self.open.get(correlation_id), self.had.get(correlation_id));
        let action_id = open
            .and_then(|left| left.action_id.as_ref())
            .or_else(|| had.and_then(|had| had.action_id.as_ref()));
        let unknown = |message: &str| {
            let error = Error::new(ErrorKind::OutcomeUnknown, message)
                .with_hint("ask the gateway what became of it before it is sent again")
                .with_correlation_id(correlation_id);
            match action_id {
                Some(id) => error.with_action_id(id),
                None => error,
            }
        };
        if open.is_some_and(|left| left.state != UnfinishedState::Accepted) {
            return Some(Known::Unknown(unknown(
                "it was sent, and the process ended before an answer was read",
            )));
        }
        let token = open.and_then(|left| left.resume_token.as_ref());
        let found = token.or_else(|| had?.invocation_id.as_ref()).filter(|_| self.polls);
        Some(match (found, had.and_then(|had| had.status.as_ref())) {
            (Some(found), _) => Known::Accepted(found.clone()),
            (None, Some(status)) => Known::Ended { status: status.clone(), action_id: action_id.cloned() },
            (None, None) if open.is_none() && had.is_none() => return None,
            (None, None) => {
                let what = "it was accepted by the gateway, which has no way to ask for its end";
                Known::Unknown(unknown(what).with_executed(Executed::Yes))
            }
        })
    }
}
