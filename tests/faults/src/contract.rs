//! What the gateway knows and what it answers when nothing goes wrong: the `gateway` profile.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::{Value, json};

use crate::request::{Point, Seen};
use crate::step::{Answer, Step};
use crate::{CLIENT_ID, CLIENT_SECRET, FIXED_TOKEN, GatewayOptions};

/// Decides about an exchange by its point and by how many came to that point before.
pub(crate) type Choose = Box<dyn FnMut(Point, u64) -> Option<Step> + Send>;

/// What the gateway knows.
#[derive(Default)]
pub(crate) struct Knowledge {
    options: GatewayOptions,
    pub(crate) scripts: HashMap<Point, VecDeque<Step>>,
    pub(crate) always: HashMap<Point, Step>,
    pub(crate) choose: Option<Choose>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) connections: u64,
    /// Bytes of answers that clients took.
    pub(crate) written: u64,
    arrived: HashMap<Point, u64>,
    tokens: u64,
    valid: HashSet<String>,
    invocations: HashMap<String, Invocation>,
    /// By correlation id: the first invocation, how often it was executed, and the body that was executed first.
    known: HashMap<String, Known>,
    pub(crate) altered: Vec<String>,
}

struct Invocation {
    correlation_id: String,
    looks: u32,
}

struct Known {
    invocation_id: String,
    executions: u32,
    body: Vec<u8>,
}

impl Knowledge {
    pub(crate) fn of(options: GatewayOptions) -> Knowledge {
        Knowledge { options, ..Knowledge::default() }
    }

    /// The step for the next exchange at this point.
    pub(crate) fn next_step(&mut self, point: Point) -> Step {
        let arrived = self.arrived.entry(point).or_default();
        let nth = *arrived;
        *arrived += 1;
        if let Some(step) = self.scripts.get_mut(&point).and_then(VecDeque::pop_front) {
            return step;
        }
        if let Some(step) = self.choose.as_mut().and_then(|choose| choose(point, nth)) {
            return step;
        }
        self.always.get(&point).cloned().unwrap_or_else(Step::normal)
    }

    pub(crate) fn executions(&self, correlation_id: &str) -> u32 {
        self.known.get(correlation_id).map_or(0, |known| known.executions)
    }

    pub(crate) fn all_executions(&self) -> impl Iterator<Item = (&str, u32)> {
        self.known.iter().map(|(id, known)| (id.as_str(), known.executions))
    }

    pub(crate) fn revoke_tokens(&mut self) {
        self.valid.clear();
    }

    /// The contract's answer. Only with `acts` does anything happen: a token is issued, an action executed, a look counted.
    pub(crate) fn answer(&mut self, seen: &Seen, acts: bool) -> Answer {
        match seen.point {
            Point::Token => self.token(seen, acts),
            Point::Invoke | Point::Poll if !self.is_let_in(seen) => {
                plain(401, &json!({"error": "invalid_token"}))
            }
            Point::Invoke => self.invoke(seen, acts),
            Point::Poll => self.poll(seen, acts),
            Point::Other => plain(404, &json!({"message": "no such path"})),
        }
    }

    fn token(&mut self, seen: &Seen, acts: bool) -> Answer {
        let known = self.options.any_credentials
            || seen.credentials().is_some_and(|(id, secret)| id == CLIENT_ID && secret == CLIENT_SECRET);
        if !known {
            return plain(401, &json!({"error": "invalid_client"}));
        }
        if acts {
            self.tokens += 1;
            self.valid.insert(self.last_token());
        }
        let lifetime = self.options.token_lifetime;
        plain(
            200,
            &json!({"access_token": self.last_token(), "token_type": "Bearer", "expires_in": lifetime}),
        )
    }

    pub(crate) fn last_token(&self) -> String {
        format!("CANARY-token-{:06}", self.tokens)
    }

    fn is_let_in(&self, seen: &Seen) -> bool {
        let header = seen.header("authorization").unwrap_or_default();
        header
            .strip_prefix("Bearer ")
            .is_some_and(|token| self.options.any_token || token == FIXED_TOKEN || self.valid.contains(token))
    }

    fn invoke(&mut self, seen: &Seen, acts: bool) -> Answer {
        let Some(correlation_id) = seen.correlation_id() else {
            return plain(400, &json!({"errorCode": "bad.request", "userMessage": "no correlationId"}));
        };
        let status = self.options.accepted_status.as_str();
        if !acts {
            return accepted("inv-not-executed", status);
        }
        let next = format!("inv-{:06}", self.invocations.len() + 1);
        let known = self.known.entry(correlation_id.clone()).or_insert_with(|| Known {
            invocation_id: next.clone(),
            executions: 0,
            body: seen.body.clone(),
        });
        if known.body != seen.body {
            self.altered.push(correlation_id.clone());
        }
        if self.options.deduplicates && known.executions > 0 {
            return accepted(&known.invocation_id, status);
        }
        known.executions += 1;
        self.invocations.insert(next.clone(), Invocation { correlation_id, looks: 0 });
        accepted(&next, status)
    }

    fn poll(&mut self, seen: &Seen, acts: bool) -> Answer {
        let id = asked_for(seen);
        let Some(invocation) = self.invocations.get_mut(&id) else {
            return plain(404, &json!({"message": "no such invocation"}));
        };
        if acts {
            invocation.looks += 1;
        }
        if invocation.looks <= self.options.pending_looks {
            return plain(200, &json!({"invocationId": id, "status": "RUNNING"}));
        }
        let outputs = json!({"about": invocation.correlation_id, "note": "CANARY-output"});
        plain(200, &json!({"invocationId": id, "status": "COMPLETED", "outputs": outputs}))
    }

    /// The correlation id that an exchange is about.
    pub(crate) fn correlation_of(&self, seen: &Seen) -> Option<String> {
        match seen.point {
            Point::Poll => self.invocations.get(&asked_for(seen)).map(|known| known.correlation_id.clone()),
            _ => seen.correlation_id(),
        }
    }

    /// The invocation id that an exchange is about; that of an invoke which was not executed names nothing.
    pub(crate) fn invocation_of(&self, seen: &Seen) -> String {
        match seen.point {
            Point::Poll => asked_for(seen),
            _ => seen
                .correlation_id()
                .and_then(|id| self.known.get(&id))
                .map_or_else(|| "inv-not-executed".to_owned(), |known| known.invocation_id.clone()),
        }
    }
}

/// The last segment of the path.
fn asked_for(seen: &Seen) -> String {
    let target = seen.target();
    target.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned()
}

pub(crate) fn plain(status: u16, body: &Value) -> Answer {
    Answer { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn accepted(id: &str, status: &str) -> Answer {
    plain(202, &json!({"invocationId": id, "status": status}))
}
