//! Lists and objects as inputs, for profiles that take them: looked at to their leaves, never rewritten.

use std::collections::HashSet;

use serde_json::value::RawValue;

use super::json::{Items, Members, Sort, Text};
use super::{Violation, pointer, words};

/// Deeper than this no gateway looks, and none has to.
const MAX_DEPTH: usize = 50;

/// Adds what is wrong inside of the value at `path`.
pub(super) fn check(path: &str, raw: &RawValue, violations: &mut Vec<Violation>) {
    value(path, raw, 1, violations);
}

fn value(path: &str, raw: &RawValue, depth: usize, violations: &mut Vec<Violation>) {
    let mut refuse = |code: &str, message: String| violations.push(Violation::new(path, code, message));
    let name = || pointer::name(path);
    match Sort::of(raw) {
        Sort::Array | Sort::Object if depth > MAX_DEPTH => {
            refuse("too_deep", format!("{} must not be nested beyond {MAX_DEPTH} levels", name()));
        }
        Sort::Array => {
            let items = serde_json::from_str(raw.get()).map_or(Vec::new(), |items: Items<'_>| items.0);
            for (place, item) in items.into_iter().enumerate() {
                value(&pointer::join(path, &place.to_string()), item, depth + 1, violations);
            }
        }
        Sort::Object => object(path, raw, depth, violations),
        Sort::String => match serde_json::from_str::<Text>(raw.get()) {
            Ok(text) if text.lone_surrogate => refuse("lone_surrogate", words::lone_surrogate(&name())),
            Ok(text) if text.text.contains('\0') => refuse("nul", words::nul(&name())),
            _ => {}
        },
        Sort::Null | Sort::Boolean | Sort::Number => {}
    }
}

fn object(path: &str, raw: &RawValue, depth: usize, violations: &mut Vec<Violation>) {
    let members = serde_json::from_str(raw.get()).map_or(Vec::new(), |members: Members<'_>| members.0);
    let mut seen = HashSet::new();
    for (key, member) in members {
        let below = pointer::join(path, &key.text);
        let mut refuse = |code: &str, rule: &str| {
            violations.push(Violation::new(&*below, code, format!("{} {rule}", pointer::name(&below))));
        };
        if key.lone_surrogate {
            refuse("lone_surrogate", "must have a name of valid Unicode, got half of a surrogate pair");
            continue;
        }
        if key.text.contains('\0') {
            refuse("nul", "must not have the character U+0000 in its name");
        }
        if !seen.insert(key.text.clone()) {
            refuse("duplicate", "is given more than once");
            continue;
        }
        value(&below, member, depth + 1, violations);
    }
}
