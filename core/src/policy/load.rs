//! From the tree of a policy to its actions, with every mistake named.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::hours::Hours;
use super::limits::Limit;
use super::rule::Rule;
use crate::contract::ActionIdRule;
use crate::contract::pointer::{join, quoted};
use crate::document::{Mistakes, article, sort, unknown};
use crate::profile::RateLimit;

const KEYS: [&str; 6] = ["id", "name", "inputs", "rate", "concurrency", "when"];

/// What the policy says of one action.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) name: Option<String>,
    pub(super) inputs: Inputs,
    /// None: at every time.
    pub(super) hours: Option<Hours>,
    pub(super) limit: Limit,
}

#[derive(Debug)]
pub(super) enum Inputs {
    /// `inputs = "*"`
    Any,
    /// These and no others.
    Only(BTreeMap<String, Rule>),
}

/// The actions by canonical id, and the canonical form of the whole: sorted, ids in lower case.
pub(super) fn load(
    policy: &Value,
    ids: ActionIdRule,
    mistakes: &mut Mistakes,
) -> (HashMap<String, Action>, Value) {
    let mut actions = HashMap::new();
    let mut canonical = BTreeMap::new();
    let mut names: HashMap<String, usize> = HashMap::new();
    let mut ids_by_position = HashMap::new();
    for (position, entry) in entries(policy, mistakes).iter().enumerate() {
        let path = join("/action", &position.to_string());
        let Value::Object(fields) = entry else {
            mistakes.add(&path, "type", &format!("must be a table, got {}", article(sort(entry))));
            continue;
        };
        unknown(fields, &KEYS, &path, mistakes);
        let name = name(fields, &path, mistakes);
        if let Some(name) = &name
            && let Some(first) = names.insert(name.clone(), position)
        {
            let rule = format!("is the name of `action[{first}]` already; metrics would mix the two");
            mistakes.add(&join(&path, "name"), "duplicate", &rule);
        }
        let inputs = inputs(fields.get("inputs"), &join(&path, "inputs"), mistakes);
        let hours = fields.get("when").map(|when| Hours::read(when, &join(&path, "when"), mistakes));
        let limit = limit(fields, &path, mistakes);
        let Some(id) = id(fields, ids, &path, mistakes) else { continue };
        ids_by_position.insert(position, id.clone());
        let mut form = fields.clone();
        form.insert("id".to_owned(), Value::String(id.clone()));
        if canonical.insert(id.clone(), sorted(&Value::Object(form))).is_some() {
            mistakes.add(
                &join(&path, "id"),
                "duplicate",
                "is in the policy already; put what it allows in one place",
            );
        }
        actions.insert(id, Action { name, inputs, hours, limit });
    }
    for (name, position) in &names {
        refuse_an_ambiguous_name(name, *position, ids, &ids_by_position, mistakes);
    }
    (actions, Value::Array(canonical.into_values().collect()))
}

fn entries<'a>(policy: &'a Value, mistakes: &mut Mistakes) -> &'a [Value] {
    const ADVICE: &str = "an empty list, `action = []`, refuses everything";
    let Value::Object(fields) = policy else {
        if mistakes.is_empty() {
            mistakes.add(
                "",
                "type",
                &format!("must be an object with `action`, got {}", article(sort(policy))),
            );
        }
        return &[];
    };
    let whole = mistakes.is_empty();
    unknown(fields, &["action"], "", mistakes);
    match fields.get("action") {
        Some(Value::Array(actions)) => actions,
        Some(other) => {
            let got = article(sort(other));
            mistakes.add(
                "/action",
                "type",
                &format!("must be a list of actions, `[[action]]` in TOML, got {got}"),
            );
            &[]
        }
        // Where the text is broken, the list may well be in the part that could not be read.
        None if !whole => &[],
        None => {
            mistakes.add("/action", "required", &format!("is missing; {ADVICE}"));
            &[]
        }
    }
}

fn id(fields: &Map<String, Value>, ids: ActionIdRule, path: &str, mistakes: &mut Mistakes) -> Option<String> {
    let path = join(path, "id");
    match fields.get("id") {
        None => mistakes.add(&path, "required", "is missing; it is the UUID of the action"),
        Some(Value::String(text)) => {
            let canonical = ids.canonical(text);
            if canonical.is_none() {
                let (code, rule) = ids.rule();
                mistakes.add(&path, code, rule);
            }
            return canonical;
        }
        Some(other) => {
            mistakes.add(&path, "type", &format!("must be a string, got {}", article(sort(other))));
        }
    }
    None
}

fn name(fields: &Map<String, Value>, path: &str, mistakes: &mut Mistakes) -> Option<String> {
    let path = join(path, "name");
    match fields.get("name")? {
        Value::String(name)
            if !name.is_empty() && name.chars().count() <= 128 && !name.contains(char::is_control) =>
        {
            return Some(name.clone());
        }
        Value::String(_) => {
            mistakes.add(&path, "name", "must have 1 to 128 characters, and no control characters");
        }
        other => mistakes.add(&path, "type", &format!("must be a string, got {}", article(sort(other)))),
    }
    None
}

/// A name may stand wherever an id may: then it must be neither another action's id nor look like one.
fn refuse_an_ambiguous_name(
    name: &str,
    position: usize,
    ids: ActionIdRule,
    by_position: &HashMap<usize, String>,
    mistakes: &mut Mistakes,
) {
    let Some(meant) = ids.canonical(name) else { return };
    if by_position.get(&position) == Some(&meant) {
        return;
    }
    let other = by_position.iter().find(|(_, id)| **id == meant).map(|(position, _)| *position);
    let rule = match other {
        Some(other) => format!("is the id of `action[{other}]`, and may stand wherever that may"),
        None if ActionIdRule::Uuid.canonical(name).is_some() => {
            "must not be a UUID: it may stand wherever the id of an action may".to_owned()
        }
        None => return,
    };
    let path = join(&join("/action", &position.to_string()), "name");
    mistakes.add(&path, "ambiguous", &rule);
}

/// How much of it may be under way.
fn limit(fields: &Map<String, Value>, path: &str, mistakes: &mut Mistakes) -> Limit {
    let rate = fields.get("rate").and_then(|given| {
        let rate = given.as_str().and_then(RateLimit::parse);
        if rate.is_none() {
            mistakes.add(
                &join(path, "rate"),
                "rate",
                "must be invocations per time in quotes, as in `10/60s`",
            );
        }
        rate
    });
    let concurrency = fields.get("concurrency").and_then(|given| {
        let most = given.as_u64().and_then(|most| u32::try_from(most).ok()).filter(|most| *most > 0);
        if most.is_none() {
            let rule = format!("must be a whole number from 1 to {}", u32::MAX);
            mistakes.add(&join(path, "concurrency"), "concurrency", &rule);
        }
        most
    });
    Limit { rate, concurrency }
}

fn inputs(given: Option<&Value>, path: &str, mistakes: &mut Mistakes) -> Inputs {
    let mut rules = BTreeMap::new();
    match given {
        None => {}
        Some(Value::String(star)) if star == "*" => return Inputs::Any,
        Some(Value::Object(inputs)) => {
            for (key, rule) in inputs {
                if let Some(rule) = Rule::compile(rule, &join(path, key), mistakes) {
                    rules.insert(key.clone(), rule);
                }
            }
        }
        Some(other) => {
            let got = match other {
                Value::String(text) => quoted(text),
                other => article(sort(other)),
            };
            mistakes.add(
                path,
                "type",
                &format!("must be a table of rules, or `\"*\"` for any inputs, got {got}"),
            );
        }
    }
    Inputs::Only(rules)
}

/// The same value with the keys of every object in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let object: BTreeMap<&String, &Value> = object.iter().collect();
            Value::Object(object.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
