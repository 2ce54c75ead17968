//! What earlier runs sent and did not write down the end of, as the trail tells it.
//!
//! One promise: a row that may have been executed is not sent again. What was accepted is looked after, what nobody knows
//! is said to be unknown, and only what is known to have stayed here is sent.

use std::collections::HashMap;

use cxone_actions::trail::{Event, Filter, Unfinished, UnfinishedState};
use cxone_actions::{Client, Error, ErrorKind, Executed};
use serde::Deserialize;

use crate::failure::Failure;

/// What is to be done about a row of which the trail knows something.
#[derive(Debug)]
pub(super) enum Known {
    /// The gateway has it: this finds it again.
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
    /// The terminal states of what cannot be asked for again.
    ended: HashMap<String, String>,
}

/// What is read of a record.
#[derive(Deserialize)]
struct Terminal {
    correlation_id: Option<String>,
    status: Option<String>,
}

impl Left {
    /// Asks the trail. `resends`: what is unknown may be sent again, because the caller said so. `polls`: the gateway can
    /// be asked for an end.
    pub(super) fn by(client: &Client, resends: bool, polls: bool) -> Result<Left, Failure> {
        let mut open: HashMap<_, _> =
            client.recover()?.into_iter().map(|left| (left.correlation_id.clone(), left)).collect();
        open.retain(|_, left| match left.state {
            UnfinishedState::Unsent => false,
            UnfinishedState::Unknown => !resends,
            UnfinishedState::Accepted => true,
        });
        if !polls {
            for left in open.values_mut() {
                left.resume_token = None;
            }
        }
        let mut ended = HashMap::new();
        if open.values().any(|left| left.state == UnfinishedState::Accepted && left.resume_token.is_none()) {
            let filter = Filter { event: Some(Event::Terminal), ..Filter::default() };
            for record in client.audit().records(&filter)? {
                let Ok(Terminal { correlation_id: Some(id), status: Some(status) }) =
                    serde_json::from_str(&record?)
                else {
                    continue;
                };
                if open.contains_key(&id) {
                    ended.insert(id, status);
                }
            }
        }
        Ok(Left { open, ended })
    }

    /// What is known of a row; none where it can be sent.
    pub(super) fn of(&self, correlation_id: &str) -> Option<Known> {
        let left = self.open.get(correlation_id)?;
        let unknown = |message: &str| {
            let error = Error::new(ErrorKind::OutcomeUnknown, message)
                .with_hint("ask the gateway what became of it before it is sent again")
                .with_correlation_id(correlation_id);
            Some(match &left.action_id {
                Some(id) => error.with_action_id(id),
                None => error,
            })
        };
        Some(match (left.state, &left.resume_token, self.ended.get(correlation_id)) {
            (UnfinishedState::Accepted, Some(token), _) => Known::Accepted(token.clone()),
            (UnfinishedState::Accepted, None, Some(status)) => {
                Known::Ended { status: status.clone(), action_id: left.action_id.clone() }
            }
            (UnfinishedState::Accepted, None, None) => Known::Unknown(
                unknown("it was accepted by the gateway, which has no way to ask for its end")?
                    .with_executed(Executed::Yes),
            ),
            _ => Known::Unknown(unknown("it was sent, and the process ended before an answer was read")?),
        })
    }
}
