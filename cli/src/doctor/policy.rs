//! The policy: whether it can be read, and what it comes to.

use cxone_actions::ErrorKind;
use cxone_actions::config::PolicySource;
use cxone_actions::contract::ActionIdRule;
use cxone_actions::policy::Policy;

use super::check::Check;

/// `ids`: what the profile takes for an action; without one, whatever any of them takes.
pub(super) fn checks(source: Option<PolicySource>, ids: Option<ActionIdRule>) -> Vec<Check> {
    let tried = match &source {
        Some(PolicySource::File(path)) => format!("read the policy `{}`", path.display()),
        Some(_) => "read the policy".to_owned(),
        None => "look for a policy".to_owned(),
    };
    let check = Check::of("policy", "load", tried);
    let Some(source) = source else {
        return vec![check.passed("none is named: every action is allowed")];
    };
    let found = match Policy::load(&source, ids.unwrap_or(ActionIdRule::Name)) {
        Ok(policy) => {
            let actions = policy.actions().unwrap_or_default().len();
            let digest = policy.digest().unwrap_or_default();
            match actions {
                0 => check.warned(
                    format!("it refuses everything; digest {digest}"),
                    "list the actions that may be called as `[[action]]`",
                ),
                1 => check.passed(format!("it allows 1 action; digest {digest}")),
                many => check.passed(format!("it allows {many} actions; digest {digest}")),
            }
        }
        Err(error) => {
            let mistakes: Vec<_> =
                error.violations().iter().map(|mistake| mistake.message.as_str()).collect();
            let said = if mistakes.is_empty() { error.message().to_owned() } else { mistakes.join("; ") };
            let todo =
                "correct it; nothing is sent before (`cxone-actions check --policy FILE` says the same)";
            check.failed(ErrorKind::Config, said, todo)
        }
    };
    vec![found]
}
