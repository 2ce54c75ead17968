//! What is said of a request that is not sent: whether it would be, and everything that speaks for and against it.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::hours::Door;
use super::load::Inputs;
use super::{Judgement, Policy};
use crate::contract::Violation;
use crate::error::ErrorKind;

/// What contract and policy say of one request, which is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it may be sent.
    pub allowed: bool,
    /// The kind of the error that it would end as: `validation` or `denied`.
    #[serde(serialize_with = "word")]
    pub kind: Option<ErrorKind>,
    /// The action in canonical form, where one was given that can be used.
    pub action_id: Option<String>,
    /// The name that the policy gives the action.
    pub action_name: Option<String>,
    /// Everything that was looked at, in sentences: what speaks for the request, then each violation.
    pub reasons: Vec<String>,
    /// Every reason against it, with a JSON pointer into the request.
    pub violations: Vec<Violation>,
    /// When the policy allows the action again, where it does not at this time.
    #[serde(serialize_with = "text")]
    pub opens_at: Option<Timestamp>,
    /// The digest of the policy; none where there is no policy.
    pub policy: Option<String>,
}

#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference to the field"
)]
fn word<S: Serializer>(kind: &Option<ErrorKind>, serializer: S) -> Result<S::Ok, S::Error> {
    kind.map(ErrorKind::as_str).serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn text<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(serializer)
}

impl Verdict {
    /// `violations` are those of the judgement, and what the contract says besides.
    pub(crate) fn of(
        policy: &Policy,
        judgement: &Judgement<'_>,
        (action_id, violations): (Option<String>, Vec<Violation>),
        kind: ErrorKind,
        at: Timestamp,
    ) -> Verdict {
        let allowed = violations.is_empty();
        let mut reasons = speaks_for(policy, judgement, &violations, at);
        reasons.extend(violations.iter().map(|violation| violation.message.clone()));
        Verdict {
            allowed,
            kind: (!allowed).then_some(kind),
            action_id,
            action_name: judgement.action_name(),
            reasons,
            opens_at: judgement.opens.as_ref().map(|opening| opening.at),
            violations,
            policy: policy.digest(),
        }
    }
}

/// What speaks for the request.
fn speaks_for(
    policy: &Policy,
    judgement: &Judgement<'_>,
    violations: &[Violation],
    at: Timestamp,
) -> Vec<String> {
    if policy.listed.is_none() {
        return vec!["there is no policy: every action is allowed with any inputs".to_owned()];
    }
    let Some(action) = judgement.action else { return Vec::new() };
    let mut reasons = vec![match &action.name {
        Some(name) => format!("the policy lists the action as `{name}`"),
        None => "the policy lists the action".to_owned(),
    }];
    // What is said of the request as a whole may be said of its inputs.
    let against_inputs = violations.iter().any(|v| v.path.is_empty() || v.path.starts_with("/inputs"));
    match &action.inputs {
        _ if against_inputs => {}
        Inputs::Any => reasons.push("it allows any inputs".to_owned()),
        Inputs::Only(rules) if rules.is_empty() => reasons.push("it allows no inputs".to_owned()),
        Inputs::Only(_) => reasons.push("the inputs keep its rules".to_owned()),
    }
    if let Some(Door::Open(window)) = action.hours.as_ref().map(|hours| hours.at(at)) {
        reasons.push(format!("it is open at this time: {window}"));
    }
    if let Some(rate) = action.limit.rate {
        reasons.push(format!("it lets {rate} be sent; what comes faster waits"));
    }
    if let Some(most) = action.limit.concurrency {
        reasons.push(format!("it lets {most} be under way at once; what is more waits"));
    }
    reasons
}
