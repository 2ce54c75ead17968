//! Who may call what with which inputs.
//!
//! The promise: deny by default. An action that is not listed is refused, an input that is not listed is refused, and only
//! `inputs = "*"` says otherwise. A policy that cannot be understood to its last key is not loaded at all.
//!
//! ```toml
//! [[action]]
//! id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
//! name = "create-case"
//! [action.inputs]
//! customerId = { type = "string", required = true, max_length = 64 }
//! priority = { type = "integer", minimum = 1, maximum = 5 }
//! ```

mod load;
mod number;
mod rule;
mod words;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::contract::json::{Items, Members, Sort};
use crate::contract::pointer::{self, join};
use crate::contract::{ActionIdRule, Violation};
use crate::document;
use crate::error::{Error, ErrorKind, Result};
use load::{Action, Inputs};
use number::Stand;
pub(crate) use rule::Rule;

/// Inputs nested beyond this are refused.
const MAX_DEPTH: usize = 64;

/// A policy, ready to look at requests.
pub struct Policy {
    /// None: every action is allowed.
    listed: Option<Listed>,
}

struct Listed {
    actions: HashMap<String, Action>,
    digest: String,
}

/// Where the policy is: a file, or the same structure as JSON text.
#[derive(Debug, Clone)]
pub enum PolicySource {
    /// A TOML or JSON file.
    File(PathBuf),
    /// The structure itself.
    Json(String),
}

/// What the policy says of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may be sent.
    pub allowed: bool,
    /// The name that the policy gives the action.
    pub action_name: Option<String>,
    /// Every reason against it, with a JSON pointer into the request.
    pub violations: Vec<Violation>,
}

impl Policy {
    /// No policy: every action is allowed with any inputs.
    pub fn open() -> Self {
        Policy { listed: None }
    }

    /// Reads a file of TOML or JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by file, line and key.
    pub fn from_path(path: &Path) -> Result<Policy> {
        Policy::read(path, ActionIdRule::Uuid)
    }

    /// Where it is, with ids as the profile writes them.
    pub(crate) fn load(source: &PolicySource, ids: ActionIdRule) -> Result<Policy> {
        match source {
            PolicySource::File(path) => Policy::read(path, ids),
            PolicySource::Json(text) => Policy::parse(text, None, ids),
        }
    }

    fn read(path: &Path, ids: ActionIdRule) -> Result<Policy> {
        let origin = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| {
            unreadable(format!("the policy `{origin}` must be a file that can be read: {error}"))
        })?;
        let text = String::from_utf8(text)
            .map_err(|_| unreadable(format!("the policy `{origin}` must be text in UTF-8")))?;
        Policy::parse(&text, Some(&origin), ids)
    }

    /// Reads TOML. `origin` names it in messages: a file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by line and key.
    pub fn from_toml(text: &str, origin: &str) -> Result<Policy> {
        Policy::parse(text, Some(origin), ActionIdRule::Uuid)
    }

    /// Reads the same structure as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by key.
    pub fn from_json(text: &str) -> Result<Policy> {
        Policy::parse(text, None, ActionIdRule::Uuid)
    }

    fn parse(text: &str, origin: Option<&str>, ids: ActionIdRule) -> Result<Policy> {
        let (value, mut mistakes) = document::read("the policy", text, origin);
        let (actions, canonical) = load::load(&value, ids, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes.into_error());
        }
        let digest = Sha256::digest(canonical.to_string());
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Policy { listed: Some(Listed { actions, digest }) })
    }

    /// The SHA-256 of the policy in canonical form, in hexadecimal: the same for the same policy, however it is laid
    /// out and whichever format it has. None where there is no policy.
    pub fn digest(&self) -> Option<String> {
        self.listed.as_ref().map(|listed| listed.digest.clone())
    }

    /// Judges one request: the action in canonical form, and its inputs as the text of a JSON object. Where the inputs
    /// could not be written (they break the contract), an empty text stands for them, and the action alone is judged.
    pub fn check(&self, action_id: &str, inputs_json: &[u8]) -> Verdict {
        let Some(listed) = &self.listed else {
            return Verdict { allowed: true, action_name: None, violations: Vec::new() };
        };
        let Some(action) = listed.actions.get(action_id) else {
            let message = "`actionId` is not an action that the policy lists; list it there to allow it";
            let violations = vec![Violation::new("/actionId", "action_not_allowed", message)];
            return Verdict { allowed: false, action_name: None, violations };
        };
        let violations = match &action.inputs {
            Inputs::Only(rules) if !inputs_json.is_empty() => judge(action, rules, inputs_json),
            _ => Vec::new(),
        };
        Verdict { allowed: violations.is_empty(), action_name: action.name.clone(), violations }
    }
}

fn unreadable(message: String) -> Error {
    Error::new(ErrorKind::Config, message).with_hint("check the path in `policy`")
}

type Rules = std::collections::BTreeMap<String, Rule>;

fn judge(action: &Action, rules: &Rules, inputs_json: &[u8]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Ok(inputs) = serde_json::from_slice::<Members<'_>>(inputs_json) else {
        violations.push(Violation::new("/inputs", "type", "`inputs` must be an object"));
        return violations;
    };
    for (key, raw) in &inputs.0 {
        let path = join("/inputs", &key.text);
        match rules.get(&key.text).filter(|_| !key.lone_surrogate) {
            Some(rule) => rule.judge(&path, raw, &mut violations),
            None => {
                let whose = action.name.as_ref().map(|name| format!(" for `{name}`")).unwrap_or_default();
                let message =
                    format!("{} is not an input that the policy allows{whose}", pointer::name(&path));
                violations.push(Violation::new(path, "input_not_allowed", message));
            }
        }
    }
    for (key, _) in rules.iter().filter(|(_, rule)| rule.required) {
        if !inputs.0.iter().any(|(given, _)| given.text == *key) {
            let path = join("/inputs", key);
            let message = format!("{} is missing; the policy requires it", pointer::name(&path));
            violations.push(Violation::new(path, "required", message));
        }
    }
    violations
}

impl Rule {
    /// Adds what the rule says against the value at `path`.
    pub(crate) fn judge(&self, path: &str, raw: &RawValue, violations: &mut Vec<Violation>) {
        let known = violations.len();
        let mut seen = Seen::default();
        for value in seen.values(raw) {
            for error in self.validator.iter_errors(&value) {
                let place = format!("{path}{}", error.instance_path().as_str());
                let code = words::snake(error.kind().keyword());
                let message = format!("{} {}", pointer::name(&place), words::rule(&error));
                let violation = Violation::new(place, &code, message);
                // Two neighbours of one number mostly break the same rule.
                if !violations
                    .iter()
                    .skip(known)
                    .any(|other| other.path == violation.path && other.code == code)
                {
                    violations.push(violation);
                }
            }
        }
        let mut refuse = |code: &str, rule: &str| {
            if violations.len() == known || code == "too_deep" {
                let message = format!("{} {rule}", pointer::name(path));
                violations.push(Violation::new(path, code, message));
            }
        };
        if seen.too_deep {
            refuse("too_deep", "is nested too deeply to be checked");
        }
        if seen.rounded && self.has_multiple_of {
            refuse("multiple_of", "has too many digits to be checked against `multiple_of`");
        }
        if seen.above && self.has_maximum {
            refuse("maximum", "is too large to be checked against its limit");
        }
        if seen.below && self.has_minimum {
            refuse("minimum", "is too small to be checked against its limit");
        }
    }
}

/// What the digits of a value said beyond what 64 bits can hold.
#[derive(Default)]
struct Seen {
    rounded: bool,
    above: bool,
    below: bool,
    too_deep: bool,
}

impl Seen {
    /// The values to check in place of this one.
    fn values(&mut self, raw: &RawValue) -> Vec<Value> {
        if Sort::of(raw) == Sort::Number {
            return self.number(raw.get());
        }
        let low = self.nested(raw, false, 0);
        if self.rounded { vec![low, self.nested(raw, true, 0)] } else { vec![low] }
    }

    fn number(&mut self, text: &str) -> Vec<Value> {
        let stand = Stand::of(text);
        self.rounded |= !stand.is_exact();
        if matches!(stand, Stand::Beyond(_)) {
            let negative = text.starts_with('-');
            self.below |= negative;
            self.above |= !negative;
        }
        stand.values()
    }

    /// The value with every number that would be rounded replaced by its upper or its lower neighbour.
    fn nested(&mut self, raw: &RawValue, upper: bool, depth: usize) -> Value {
        self.too_deep |= depth > MAX_DEPTH;
        match Sort::of(raw) {
            _ if self.too_deep => Value::Null,
            Sort::Number => {
                let mut values = self.number(raw.get());
                if upper { values.pop() } else { values.into_iter().next() }.unwrap_or_default()
            }
            Sort::Array => {
                let items = serde_json::from_str(raw.get()).map_or(Vec::new(), |items: Items<'_>| items.0);
                Value::Array(items.into_iter().map(|item| self.nested(item, upper, depth + 1)).collect())
            }
            Sort::Object => {
                let members =
                    serde_json::from_str(raw.get()).map_or(Vec::new(), |members: Members<'_>| members.0);
                let members =
                    members.into_iter().map(|(key, value)| (key.text, self.nested(value, upper, depth + 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
            _ => serde_json::from_str(raw.get()).unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listed {
            None => f.write_str("Policy(open)"),
            Some(listed) => f
                .debug_struct("Policy")
                .field("actions", &listed.actions.len())
                .field("digest", &listed.digest)
                .finish(),
        }
    }
}
