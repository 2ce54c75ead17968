//! From what a caller asked for to the bytes that are sent, or every violation at once.
//!
//! The promise: what was asked is what is sent. Numbers keep their digits, no key is dropped, no value is replaced, the
//! body is written once, and what is measured is what leaves. What cannot be sent so is refused, with a JSON pointer to
//! each mistake, before anything else happens; no message ever holds a value.

mod action_id;
mod body;
mod callback_url;
mod envelope;
mod finding;
pub(crate) mod json;
mod nested;
pub(crate) mod pointer;
mod prepare;
mod request;
mod template;
mod words;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use body::{Inputs, Parts};
use callback_url::CallbackHosts;
pub use finding::{Finding, FindingCode};
pub(crate) use prepare::is_correlation_id;
pub use request::{ActionRequest, InputValue};
pub use template::{BodyTemplate, Member};

/// One mistake: where, which, and in words. The same in all three languages, but for the spelling of names in the words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// A JSON pointer (RFC 6901) in wire names: `/actionId`, `/inputs/amount`; empty for the request as a whole.
    pub path: String,
    /// A stable word: `type`, `non_finite`, `too_large`.
    pub code: String,
    /// What must be and what came, never a value: "`inputs.amount` must be a finite number, got NaN".
    pub message: String,
}

impl Violation {
    pub(crate) fn new(path: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Violation { path: path.into(), code: code.to_owned(), message: message.into() }
    }
}

/// Reads as its message.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What identifies an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionIdRule {
    /// A UUID in its form of 36 characters, in any case; canonical is lower case.
    Uuid,
    /// 1 to 128 of `A-Z a-z 0-9 . _ -`, neither `.` nor `..`.
    Name,
}

/// What an input may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum InputsRule {
    /// A string, a number, a boolean or null for each key.
    Primitives,
    /// Any JSON, nested up to 50 levels.
    Any,
}

/// What a gateway takes, as data. The default is the `gateway` profile's.
#[derive(Debug, Clone)]
pub struct ContractRules {
    /// The longest body, in bytes.
    pub max_body_bytes: usize,
    /// The hosts that a callback URL may name, `host` or `host:port`; empty for any public https host.
    pub callback_hosts: Vec<String>,
    /// What identifies an action.
    pub action_id: ActionIdRule,
    /// What an input may be.
    pub inputs: InputsRule,
    /// What the body is made of.
    pub body: BodyTemplate,
}

impl Default for ContractRules {
    fn default() -> Self {
        ContractRules {
            max_body_bytes: 512 * 1024,
            callback_hosts: Vec::new(),
            action_id: ActionIdRule::Uuid,
            inputs: InputsRule::Primitives,
            body: BodyTemplate::gateway(),
        }
    }
}

/// The rules, ready to look at requests. Built once per client.
#[derive(Debug, Clone)]
pub struct Contract {
    max_body_bytes: usize,
    callback_hosts: CallbackHosts,
    action_id: ActionIdRule,
    inputs: InputsRule,
    body: BodyTemplate,
}

impl Contract {
    /// Makes the rules ready.
    ///
    /// # Errors
    /// Every entry of `callback_hosts` that is not a host, with the path `callback_hosts`.
    pub fn new(rules: ContractRules) -> Result<Self, Vec<Violation>> {
        Ok(Contract {
            max_body_bytes: rules.max_body_bytes,
            callback_hosts: CallbackHosts::parse(&rules.callback_hosts)?,
            action_id: rules.action_id,
            inputs: rules.inputs,
            body: rules.body,
        })
    }

    /// Turns a request into the bytes that are sent.
    ///
    /// # Errors
    /// Every violation at once, with what could be read of the request.
    pub fn prepare(&self, request: ActionRequest) -> Result<Prepared, Box<Refused>> {
        prepare::prepare(self, &request)
    }

    /// Whether a body has a place for a callback URL.
    pub(crate) fn takes_callback(&self) -> bool {
        self.body.takes_callback()
    }

    /// The bytes of the same request with a callback URL of ours, and the place of the inputs in them; none where it has
    /// one, or no room for one. What identifies the request stays as it is: the URL is no part of what was asked for.
    pub(crate) fn with_callback(&self, prepared: &Prepared, url: &str) -> Option<(Bytes, Bytes)> {
        if prepared.callback_url.is_some() || !self.takes_callback() {
            return None;
        }
        let parts = Parts {
            action_id: Some(&prepared.action_id),
            inputs: Inputs::Written(&prepared.inputs),
            correlation_id: Some(&prepared.correlation_id),
            callback_url: Some(url),
        };
        let (body, inputs) = parts.write(&self.body, self.max_body_bytes)?;
        let body = Bytes::from(body);
        let inputs = body.slice(inputs);
        Some((body, inputs))
    }
}

/// A request that keeps the contract. `Debug` shows no value of it.
#[derive(Clone)]
pub struct Prepared {
    /// The action, in canonical form.
    pub action_id: String,
    /// The logical invocation: as given, or a new UUID.
    pub correlation_id: String,
    /// Where the gateway shall say that it is done.
    pub callback_url: Option<String>,
    /// The span that it is done for, as W3C's Trace Context writes it.
    pub traceparent: Option<String>,
    /// The body, exactly as it is sent and sent again.
    pub body: Bytes,
    /// The inputs in it: a JSON object.
    pub inputs: Bytes,
    /// The names of the inputs, in their order.
    pub input_keys: Vec<String>,
}

impl Prepared {
    /// The request as one that is refused.
    pub(crate) fn refused(self, violations: Vec<Violation>) -> Refused {
        Refused {
            action_id: Some(self.action_id),
            correlation_id: Some(self.correlation_id),
            inputs: Some(self.inputs),
            input_keys: self.input_keys,
            violations,
        }
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("action_id", &self.action_id)
            .field("correlation_id", &self.correlation_id)
            .field("input_keys", &self.input_keys)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// A request that breaks the contract, and what could be read of it. `Debug` shows no value of it.
#[derive(Clone)]
pub struct Refused {
    /// The action, in canonical form, where it is one.
    pub action_id: Option<String>,
    /// The logical invocation, where one was given that can be used.
    pub correlation_id: Option<String>,
    /// The inputs as a JSON object, null where an input breaks the contract; none where they are too large.
    pub inputs: Option<Bytes>,
    /// The names of the inputs, in their order.
    pub input_keys: Vec<String>,
    /// Every mistake.
    pub violations: Vec<Violation>,
}

impl Refused {
    /// Adds what the policy says of the same request. Where an input breaks the contract, the policy saw null in its
    /// place: of what it says there, only that the input is not allowed at all is worth saying.
    pub fn add_denials(&mut self, denials: Vec<Violation>) {
        let known = self.violations.len();
        for denial in denials {
            let place_known = self.violations.iter().take(known).any(|violation| {
                violation.path == denial.path || denial.path.starts_with(&format!("{}/", violation.path))
            });
            if !place_known || denial.code.ends_with("_not_allowed") {
                self.violations.push(denial);
            }
        }
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("action_id", &self.action_id)
            .field("correlation_id", &self.correlation_id)
            .field("input_keys", &self.input_keys)
            .field("violations", &self.violations)
            .finish_non_exhaustive()
    }
}
