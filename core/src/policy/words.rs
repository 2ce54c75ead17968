//! Words for what the schema validator finds. Its own messages repeat the value; these never do.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::contract::pointer::quoted;
use crate::document::{article, sort};

/// At most so many of the values that a rule lists are named.
const LISTED: usize = 8;

/// The keyword in snake_case: the code of a violation.
pub(super) fn snake(keyword: &str) -> String {
    let mut word = String::with_capacity(keyword.len() + 4);
    for character in keyword.chars() {
        if character.is_ascii_uppercase() {
            word.push('_');
        }
        word.push(character.to_ascii_lowercase());
    }
    word
}

/// What follows the name of the input: "must be at most 5".
pub(super) fn rule(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MaxLength { limit } => format!("must be at most {limit} characters long"),
        Kind::MinLength { limit } => format!("must be at least {limit} characters long"),
        Kind::Pattern { pattern } => format!("must match the pattern {}", quoted(pattern)),
        Kind::Format { format } => format!("must be a valid {}", quoted(format).trim_matches('"')),
        Kind::Enum { options } => format!("must be {}", one_of(options)),
        Kind::Constant { expected_value } => format!("must be {}", literal(expected_value)),
        Kind::Type { kind } => {
            let types = types(kind);
            let got = got(error.instance(), types.contains("an integer"));
            format!("must be {types}, got {got}")
        }
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().take(LISTED).map(|name| quoted(name)).collect();
            format!("must not have the keys {}", names.join(", "))
        }
        Kind::FalseSchema => "is never allowed".to_owned(),
        Kind::AnyOf { .. } => "must fit at least one of the rule's alternatives (`any_of`)".to_owned(),
        Kind::OneOfNotValid { .. } => {
            "must fit one of the rule's alternatives (`one_of`), and fits none".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => {
            "must fit only one of the rule's alternatives (`one_of`)".to_owned()
        }
        Kind::Not { .. } => "must not fit what the rule excludes (`not`)".to_owned(),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::UniqueItems => "must not have an item twice".to_owned(),
        Kind::MaxProperties { limit } => format!("must have at most {limit} keys"),
        Kind::MinProperties { limit } => format!("must have at least {limit} keys"),
        Kind::Required { property } => format!("must have the key {}", literal(property)),
        other => format!("must keep the rule's `{}`", snake(other.keyword())),
    }
}

fn one_of(options: &Value) -> String {
    let Some(options) = options.as_array() else { return "one of the values that the rule lists".to_owned() };
    let mut listed: Vec<String> = options.iter().take(LISTED).map(literal).collect();
    if options.len() > LISTED {
        listed.push(format!("{} more", options.len() - LISTED));
    }
    match listed.as_slice() {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}

/// A value of the policy (never one of the request), as a message shows it.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => article(sort(value)),
        other => other.to_string(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => article(one.as_str()),
        TypeKind::Multiple(several) => {
            let names: Vec<String> = several.iter().map(|one| article(one.as_str())).collect();
            names.join(" or ")
        }
    }
}

/// The type of a value, as far as the rule tells types apart.
fn got(value: &Value, integers: bool) -> String {
    if integers && value.is_number() { "a number with a fraction".to_owned() } else { article(sort(value)) }
}
