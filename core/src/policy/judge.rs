//! What the rules of an action say of its inputs, digit by digit: no number passes a limit because it was rounded.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::load::Action;
use super::number::Stand;
use super::rule::Rule;
use super::words;
use crate::contract::Violation;
use crate::contract::json::{Items, Members, Sort};
use crate::contract::pointer::{self, join};

/// Inputs nested beyond this are refused.
const MAX_DEPTH: usize = 64;

/// Everything that the rules say against the inputs, the text of a JSON object.
pub(super) fn judge(action: &Action, rules: &BTreeMap<String, Rule>, inputs_json: &[u8]) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Ok(inputs) = serde_json::from_slice::<Members<'_>>(inputs_json) else {
        violations.push(Violation::new("/inputs", "type", "`inputs` must be an object"));
        return violations;
    };
    for (key, raw) in &inputs.0 {
        let path = || join("/inputs", &key.text);
        match rules.get(&key.text).filter(|_| !key.lone_surrogate) {
            Some(rule) => rule.judge(path, raw, &mut violations),
            None => {
                let path = path();
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
    /// Adds what the rule says against the value at `path`, which is spelt out only where there is something to say.
    pub(crate) fn judge(&self, path: impl Fn() -> String, raw: &RawValue, violations: &mut Vec<Violation>) {
        let known = violations.len();
        let mut seen = Seen::default();
        for value in seen.values(raw) {
            if self.validator.is_valid(&value) {
                continue;
            }
            for error in self.validator.iter_errors(&value) {
                let place = format!("{}{}", path(), error.instance_path().as_str());
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
                let path = path();
                let message = format!("{} {rule}", pointer::name(&path));
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
#[expect(clippy::struct_excessive_bools, reason = "each is found apart from the others")]
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
