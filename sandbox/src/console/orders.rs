//! What can be told to a gateway from its console: faults, the end of all tokens, and how an invocation ends.

use std::time::Instant;

use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::refused;
use crate::actions::Outcome;
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::invocations::ByHand;
use crate::reply::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order<'a> {
    point: String,
    #[serde(borrow)]
    fault: &'a RawValue,
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    outcome: Ended,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default, deserialize_with = "given")]
    outputs: Option<Box<RawValue>>,
}

/// What stands there, `null` included, which is an output like any other.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Ended {
    Completed,
    Failed,
    Cancelled,
}

/// What was done, to be read out.
fn done(message: &str) -> Reply {
    Reply::json(StatusCode::OK, &json!({"message": message}))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Reply> {
    serde_json::from_slice(body)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, &format!("the body is no such order: {error}")))
}

pub(super) fn fault(gateway: &mut Gateway, body: &[u8]) -> Reply {
    let order: Order<'_> = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => {
            return refused(StatusCode::BAD_REQUEST, &format!("the body is no such order: {error}"));
        }
    };
    let Order { point, fault, times } = order;
    // Orders queue up.
    let waits = gateway.faults().ordered().iter().any(|(other, ..)| other.to_string() == point);
    let ordered = Fault::from_json(fault.get()).and_then(|fault| {
        let said = fault.to_string();
        gateway.order(&point, fault, times)?;
        Ok(said)
    });
    match ordered {
        Ok(said) => {
            let when = if waits { "after what was ordered there before, " } else { "" };
            let which = match (times, waits) {
                (u32::MAX, false) => "from now on, each request".into(),
                (u32::MAX, true) => "each request".into(),
                _ => format!("the next {times}"),
            };
            done(&format!("{when}{which} at `{point}`: {said}"))
        }
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

pub(super) fn withdraw(gateway: &mut Gateway) -> Reply {
    gateway.withdraw();
    done("every order is withdrawn")
}

pub(super) fn expire(gateway: &mut Gateway) -> Reply {
    gateway.tokens.revoke_all();
    done("every token has expired")
}

pub(super) fn end(gateway: &mut Gateway, id: Uuid, body: &[u8], now: Instant) -> Reply {
    let End { outcome, error_message, outputs } = match read(body) {
        Ok(end) => end,
        Err(refusal) => return refusal,
    };
    if gateway.profile().is_synchronous() {
        let what = "the answer to the POST is the result here, nobody can end it by hand";
        return refused(StatusCode::CONFLICT, what);
    }
    let (outcome, said, usual) = match outcome {
        Ended::Completed => (Outcome::Completed, "completed", None),
        Ended::Failed => (Outcome::Failed, "failed", Some("failed by hand in the console")),
        Ended::Cancelled => (Outcome::Cancelled, "cancelled", Some("cancelled by hand in the console")),
    };
    let end = ByHand {
        outcome,
        error_message: error_message.or_else(|| usual.map(Into::into)),
        outputs: outputs.map(|outputs| outputs.get().into()),
    };
    match gateway.invocations.end_by_hand(id, end, now) {
        None => refused(StatusCode::NOT_FOUND, "there is no such invocation, or it was forgotten"),
        Some(false) => refused(StatusCode::CONFLICT, "it has ended already"),
        Some(true) => {
            gateway.calls.ended_by_hand();
            if let Some(entry) = gateway.record.as_mut().and_then(|record| record.entry(id)) {
                entry.by_hand = true;
                entry.ended = Some(outcome);
            }
            done(&format!("it is {said} now"))
        }
    }
}
