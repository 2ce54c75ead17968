//! The rule of one input: a JSON Schema (draft 2020-12) in TOML clothes, `required` apart, compiled once. Keywords may be
//! written in snake_case; formats are asserted; nothing is ever fetched, and a pattern matches in linear time.

use std::collections::HashMap;

use jsonschema::{Draft, PatternOptions, ValidationOptions, Validator};
use serde_json::{Map, Value, json};

use super::words;
use crate::contract::pointer::{join, nearest};
use crate::document::{self, Mistakes};

/// A pattern that looks ahead gives up after so many steps back.
const BACKTRACKS: usize = 100_000;
/// The most that a compiled pattern may take.
const PATTERN_BYTES: usize = 4 * 1024 * 1024;

const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "null", "array", "object"];

/// What stands behind a keyword.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    /// A value, which is not looked into.
    Data,
    /// A pattern, a format.
    Pattern,
    Format,
    /// A rule, a list of rules, rules by name, rules by pattern.
    Rule,
    Rules,
    Named,
    ByPattern,
}

/// Every keyword that says something about a value by itself. `$ref` and its like are not among them: a rule stands
/// alone. Neither is `default`: no input is ever filled in.
const KEYWORDS: [(&str, Behind); 45] = [
    ("type", Behind::Data),
    ("enum", Behind::Data),
    ("const", Behind::Data),
    ("multipleOf", Behind::Data),
    ("maximum", Behind::Data),
    ("exclusiveMaximum", Behind::Data),
    ("minimum", Behind::Data),
    ("exclusiveMinimum", Behind::Data),
    ("maxLength", Behind::Data),
    ("minLength", Behind::Data),
    ("pattern", Behind::Pattern),
    ("format", Behind::Format),
    ("maxItems", Behind::Data),
    ("minItems", Behind::Data),
    ("uniqueItems", Behind::Data),
    ("maxContains", Behind::Data),
    ("minContains", Behind::Data),
    ("maxProperties", Behind::Data),
    ("minProperties", Behind::Data),
    ("required", Behind::Data),
    ("dependentRequired", Behind::Data),
    ("allOf", Behind::Rules),
    ("anyOf", Behind::Rules),
    ("oneOf", Behind::Rules),
    ("not", Behind::Rule),
    ("if", Behind::Rule),
    ("then", Behind::Rule),
    ("else", Behind::Rule),
    ("properties", Behind::Named),
    ("patternProperties", Behind::ByPattern),
    ("dependentSchemas", Behind::Named),
    ("additionalProperties", Behind::Rule),
    ("propertyNames", Behind::Rule),
    ("items", Behind::Rule),
    ("prefixItems", Behind::Rules),
    ("contains", Behind::Rule),
    ("unevaluatedItems", Behind::Rule),
    ("unevaluatedProperties", Behind::Rule),
    ("title", Behind::Data),
    ("description", Behind::Data),
    ("examples", Behind::Data),
    ("deprecated", Behind::Data),
    ("readOnly", Behind::Data),
    ("writeOnly", Behind::Data),
    ("$comment", Behind::Data),
];

/// Which types a keyword looks at; it lets every other type pass.
const OF_STRINGS: [&str; 4] = ["maxLength", "minLength", "pattern", "format"];
const OF_NUMBERS: [&str; 5] = ["multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"];

/// A compiled rule.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one keyword of the schema")]
pub(crate) struct Rule {
    pub(super) required: bool,
    pub(super) validator: Validator,
    /// Whether it limits numbers upwards, downwards, to multiples: what a rounded number must not slip through.
    pub(super) has_maximum: bool,
    pub(super) has_minimum: bool,
    pub(super) has_multiple_of: bool,
    /// The words of its own `type`.
    pub(super) types: Vec<String>,
}

impl Rule {
    /// Compiles what stands at `path`; none where a mistake was found.
    pub(super) fn compile(raw: &Value, path: &str, mistakes: &mut Mistakes) -> Option<Rule> {
        if !matches!(raw, Value::Object(_) | Value::Bool(true)) {
            let got = document::article(document::sort(raw));
            mistakes.add(
                path,
                "type",
                &format!("must be a table such as `{{ type = \"string\" }}`, got {got}"),
            );
            return None;
        }
        let mut reader = Reader { mistakes, clean: true, required: false, written: HashMap::new() };
        let schema = reader.rule(raw, path, "", true);
        reader.against_the_draft(&schema, path);
        let (clean, required) = (reader.clean, reader.required);
        if !clean || mistakes.knows_below(path) {
            return None;
        }
        let rule = Rule::of(&schema, required, options().with_draft(Draft::Draft202012));
        if rule.is_none() {
            mistakes.add(path, "schema", "must be a JSON Schema that can be compiled");
        }
        rule
    }

    /// A JSON Schema as a gateway has it, of the draft that it names; none where it cannot be compiled.
    pub(crate) fn of_schema(schema: &Value) -> Option<Rule> {
        // A gateway's own formats are its own matter: it checks them itself. Its patterns may look ahead.
        let lenient = options().should_ignore_unknown_formats(true);
        let ahead = PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS).size_limit(PATTERN_BYTES);
        let schema = &without_empty_lists(schema);
        Rule::of(schema, false, lenient.clone())
            .or_else(|| Rule::of(schema, false, lenient.with_pattern_options(ahead)))
    }

    fn of(schema: &Value, required: bool, options: ValidationOptions<'static>) -> Option<Rule> {
        Some(Rule {
            required,
            validator: options.build(schema).ok()?,
            has_maximum: mentions(schema, &["maximum", "exclusiveMaximum"]),
            has_minimum: mentions(schema, &["minimum", "exclusiveMinimum"]),
            has_multiple_of: mentions(schema, &["multipleOf"]),
            types: types(schema),
        })
    }
}

/// The words of `type`, one or a list.
fn types(schema: &Value) -> Vec<String> {
    let words = match schema.get("type") {
        Some(Value::Array(words)) => words.as_slice(),
        Some(word) => std::slice::from_ref(word),
        None => &[],
    };
    words.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn options() -> ValidationOptions<'static> {
    jsonschema::options()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
        .offline()
}

/// `"required": []` says nothing, and draft 4 forbids it; editors of actions write it all the same.
fn without_empty_lists(schema: &Value) -> Value {
    match schema {
        Value::Object(object) => {
            let says = |(key, below): &(&String, &Value)| {
                *key != "required" || below.as_array().is_none_or(|names| !names.is_empty())
            };
            let members = object.iter().filter(says);
            members.map(|(key, below)| (key.clone(), without_empty_lists(below))).collect()
        }
        Value::Array(items) => items.iter().map(without_empty_lists).collect(),
        other => other.clone(),
    }
}

/// Whether one of these words stands anywhere in the schema; rather once too often.
fn mentions(schema: &Value, keywords: &[&str]) -> bool {
    match schema {
        Value::Object(object) => {
            object.iter().any(|(key, below)| keywords.contains(&key.as_str()) || mentions(below, keywords))
        }
        Value::Array(items) => items.iter().any(|item| mentions(item, keywords)),
        _ => false,
    }
}

struct Reader<'a> {
    mistakes: &'a mut Mistakes,
    clean: bool,
    required: bool,
    /// Where each place of the schema stands in the file, where the two differ.
    written: HashMap<String, String>,
}

impl Reader<'_> {
    fn add(&mut self, path: &str, code: &str, rule: &str) {
        self.clean = false;
        self.mistakes.add(path, code, rule);
    }

    /// The schema that a rule stands for. `path` is its place in the file, `at` its place in the schema.
    fn rule(&mut self, raw: &Value, path: &str, at: &str, outermost: bool) -> Value {
        self.written.insert(at.to_owned(), path.to_owned());
        let Value::Object(object) = raw else { return raw.clone() };
        let mut schema = Map::new();
        for (key, value) in object {
            let path = join(path, key);
            let Some((keyword, behind)) =
                KEYWORDS.iter().find(|(word, _)| word == key || words::snake(word) == *key)
            else {
                self.unknown(key, &path);
                continue;
            };
            if outermost && *keyword == "required" {
                match value {
                    Value::Bool(required) => self.required = *required,
                    other => {
                        let got = document::article(document::sort(other));
                        self.add(&path, "type", &format!("must be true or false, got {got}"));
                    }
                }
                continue;
            }
            let at = join(at, keyword);
            self.written.insert(at.clone(), path.clone());
            let value = self.behind(*behind, value, &path, &at);
            if schema.insert((*keyword).to_owned(), value).is_some() {
                self.add(&path, "duplicate", "is given more than once, in two spellings");
            }
        }
        self.check_types(&schema, at);
        Value::Object(schema)
    }

    fn behind(&mut self, behind: Behind, value: &Value, path: &str, at: &str) -> Value {
        let step = |key: &str| (join(path, key), join(at, key));
        match (behind, value) {
            (Behind::Rule, value) => self.rule(value, path, at, false),
            (Behind::Rules, Value::Array(rules)) => {
                let rules = rules.iter().enumerate().map(|(position, rule)| {
                    let (path, at) = step(&position.to_string());
                    self.rule(rule, &path, &at, false)
                });
                Value::Array(rules.collect())
            }
            (Behind::Named | Behind::ByPattern, Value::Object(rules)) => {
                let mut named = Map::new();
                for (name, rule) in rules {
                    let (path, at) = step(name);
                    if behind == Behind::ByPattern {
                        self.pattern(name, &path);
                    }
                    named.insert(name.clone(), self.rule(rule, &path, &at, false));
                }
                Value::Object(named)
            }
            (Behind::Pattern, Value::String(pattern)) => {
                self.pattern(pattern, path);
                value.clone()
            }
            (Behind::Format, Value::String(format)) => {
                if !jsonschema::options().is_known_format(Draft::Draft202012, format) {
                    self.add(
                        path,
                        "format",
                        "must be a format of JSON Schema draft 2020-12, such as `email` or `date`",
                    );
                }
                value.clone()
            }
            (_, other) => other.clone(),
        }
    }

    fn pattern(&mut self, pattern: &str, path: &str) {
        if options().build(&json!({ "pattern": pattern })).is_err() {
            let rule = "must be a regular expression without look-around and back-references, and of a moderate size";
            self.add(path, "pattern", rule);
        }
    }

    fn unknown(&mut self, key: &str, path: &str) {
        let snake: Vec<String> = KEYWORDS.iter().map(|(word, _)| words::snake(word)).collect();
        let hint = match (key, nearest(key, snake.iter().map(String::as_str))) {
            ("default", _) => "; inputs are never filled in".to_owned(),
            ("$ref" | "$defs" | "definitions" | "$schema" | "$id", _) => "; a rule stands alone".to_owned(),
            (_, Some(word)) => format!("; did you mean `{word}`?"),
            (_, None) => String::new(),
        };
        self.add(path, "unknown_field", &format!("is not a keyword of a rule{hint}"));
    }

    /// The types exist, and each limit looks at one of them: a limit that never applies lets everything pass.
    fn check_types(&mut self, schema: &Map<String, Value>, at: &str) {
        let types: Vec<&str> = match schema.get("type") {
            None => return,
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(_) => Vec::new(),
        };
        let path = self.place(&join(at, "type"));
        if types.is_empty() || types.iter().any(|one| !TYPES.contains(one)) {
            let names = TYPES.map(|name| format!("`{name}`")).join(", ");
            return self.add(&path, "type", &format!("must be one of {names}, or a list of them"));
        }
        let strings = types.contains(&"string");
        let numbers = types.contains(&"number") || types.contains(&"integer");
        for keyword in schema.keys() {
            let (applies, sort) = match keyword.as_str() {
                word if OF_STRINGS.contains(&word) => (strings, "strings"),
                word if OF_NUMBERS.contains(&word) => (numbers, "numbers"),
                _ => continue,
            };
            if !applies {
                let path = self.place(&join(at, keyword));
                self.add(&path, "no_effect", &format!("looks at {sort} only, and `type` allows none"));
            }
        }
    }

    /// Everything that the draft itself says against the schema.
    fn against_the_draft(&mut self, schema: &Value, path: &str) {
        let draft = jsonschema::draft202012::meta::validator();
        let mut found: Vec<(String, String)> = Vec::new();
        for error in draft.iter_errors(schema) {
            found.push((self.place(error.instance_path().as_str()), words::rule(&error)));
        }
        for (place, rule) in found {
            let place = if place.is_empty() { path.to_owned() } else { place };
            if !self.mistakes.knows(&place) {
                self.add(&place, "schema", &rule);
            }
        }
    }

    /// Where a place of the schema stands in the file.
    fn place(&self, at: &str) -> String {
        let mut known = at;
        loop {
            if let Some(path) = self.written.get(known) {
                let rest = at.get(known.len()..).unwrap_or_default();
                return format!("{path}{rest}");
            }
            let Some(shorter) = known.rfind('/').and_then(|cut| known.get(..cut)) else {
                return at.to_owned();
            };
            known = shorter;
        }
    }
}
