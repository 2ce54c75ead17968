//! What a request is judged by before anything is sent: the contract of the profile, then the policy, both said at once.
//!
//! One promise: [`Client::check`] says what a call would be told, since both ask here.

use jiff::Timestamp;

use crate::client::Client;
use crate::contract::{ActionRequest, Contract, ContractRules, Prepared, Refused};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Judgement, Policy, PolicySource, Verdict};
use crate::profile::Profile;

/// What contract and policy say of one request.
pub(crate) struct Look<'p> {
    /// The request, or everything against it and the kind of error that this is.
    pub(crate) outcome: Result<Prepared, Box<(Refused, ErrorKind)>>,
    pub(crate) judgement: Judgement<'p>,
}

/// Contract, then policy. The name that the policy gives an action stands for its id.
pub(crate) fn look<'p>(
    contract: &Contract,
    policy: &'p Policy,
    mut request: ActionRequest,
    at: Timestamp,
) -> Look<'p> {
    // Looked for only where it is said: it compares with every name there is.
    let unresolved = request.resolve(|name| policy.id_of(name));
    let (mut refused, kind, mut judgement) = match contract.prepare(request) {
        Ok(prepared) => {
            let judgement = policy.judge(&prepared.action_id, &prepared.inputs, at);
            if judgement.violations.is_empty() {
                return Look { outcome: Ok(prepared), judgement };
            }
            (prepared.refused(Vec::new()), ErrorKind::Denied, judgement)
        }
        Err(mut refused) => {
            let of_the_id = refused.violations.iter_mut().find(|violation| violation.path == "/actionId");
            if let Some(violation) = of_the_id
                && let Some(hint) = unresolved.and_then(|text| policy.hint_of_names(&text))
            {
                violation.message.push_str(&hint);
            }
            // Inputs that are too large are not read: then the policy judges the action alone.
            let inputs = refused.inputs.as_deref().unwrap_or_default();
            let judged = refused.action_id.as_ref().map(|id| policy.judge(id, inputs, at));
            (*refused, ErrorKind::Validation, judged.unwrap_or_default())
        }
    };
    refused.add_denials(std::mem::take(&mut judgement.violations));
    Look { outcome: Err(Box::new((refused, kind))), judgement }
}

fn verdict(contract: &Contract, policy: &Policy, request: ActionRequest, at: Timestamp) -> Verdict {
    let Look { outcome, judgement } = look(contract, policy, request, at);
    let (action_id, violations, kind) = match outcome {
        Ok(prepared) => (Some(prepared.action_id), Vec::new(), ErrorKind::Denied),
        Err(refused) => {
            let (refused, kind) = *refused;
            (refused.action_id, refused.violations, kind)
        }
    };
    Verdict::of(policy, &judgement, (action_id, violations), kind, at)
}

impl Client {
    /// What a call of this request would be told now by contract and policy. Nothing is sent, recorded or counted.
    pub fn check(&self, request: ActionRequest) -> Verdict {
        self.check_at(request, Timestamp::now())
    }

    /// [`Client::check`] at another time.
    pub fn check_at(&self, request: ActionRequest, at: Timestamp) -> Verdict {
        verdict(&self.0.contract, &self.0.policy().policy, request, at)
    }

    /// Reads the policy again, or another one from now on, and gives back its digest. Each call sees one whole policy, and
    /// the trail has a `config` record of it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by file, line and key, or where there is nothing to read again; then
    /// the policy that holds stays.
    pub fn reload_policy(&self, source: Option<PolicySource>) -> Result<String> {
        self.0.still_open()?;
        self.0.reload_policy(source)
    }
}

/// Contract and policy without a client: for requests that somebody else will send.
#[derive(Debug)]
pub struct Rules {
    contract: Contract,
    policy: Policy,
}

impl Rules {
    /// The contract of a profile, with the hosts that a callback may name, and a policy.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every host that is none.
    pub fn new(profile: &Profile, callback_hosts: Vec<String>, policy: Policy) -> Result<Rules> {
        Ok(Rules { contract: contract(profile, callback_hosts)?, policy })
    }

    /// What they say of a request at a time.
    pub fn check(&self, request: ActionRequest, at: Timestamp) -> Verdict {
        verdict(&self.contract, &self.policy, request, at)
    }

    /// Who may call what.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The contract of a profile.
///
/// # Errors
/// [`ErrorKind::Config`] with every host that is none.
pub(crate) fn contract(profile: &Profile, callback_hosts: Vec<String>) -> Result<Contract> {
    let rules = ContractRules {
        max_body_bytes: profile.limits.body_bytes,
        action_id: profile.invoke.action_id,
        inputs: profile.invoke.inputs,
        body: profile.invoke.body.clone(),
        callback_hosts,
    };
    Contract::new(rules).map_err(|violations| {
        let all: Vec<_> = violations.iter().map(|v| v.message.as_str()).collect();
        Error::new(ErrorKind::Config, all.join("; ")).with_violations(violations)
    })
}
