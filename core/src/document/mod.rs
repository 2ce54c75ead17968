//! A file that a user writes (a policy, a profile) as one tree, whether it is TOML or JSON, with the line of everything
//! in it, so that each mistake is named by file, line and key.

mod mistakes;

use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use crate::contract::json::{Items, Members, Sort, Text};
use crate::contract::pointer::{join, nearest};
pub(crate) use mistakes::Mistakes;

/// Nesting beyond this is refused: the deepest sensible rule has some five levels.
const MAX_DEPTH: usize = 32;

/// Reads a document that messages call `noun` ("the policy"). What is wrong with the text itself is among the mistakes;
/// what could be read is read, its members in the order in which they were written.
pub(crate) fn read(noun: &'static str, text: &str, origin: Option<&str>) -> (Value, Mistakes) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, breaks: breaks(text), mistakes: Mistakes::new(noun, origin) };
    let value = if text.trim_start().starts_with('{') { reader.json() } else { reader.toml() };
    (value, reader.mistakes)
}

struct Reader<'a> {
    text: &'a str,
    /// Where each line ends.
    breaks: Vec<usize>,
    mistakes: Mistakes,
}

fn breaks(text: &str) -> Vec<usize> {
    text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect()
}

impl Reader<'_> {
    fn stands_at(&mut self, path: &str, offset: usize) {
        let line = self.breaks.partition_point(|end| *end < offset) + 1;
        self.mistakes.lines.insert(path.to_owned(), line);
    }

    fn toml(&mut self) -> Value {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            // One mistake of syntax is often reported several times; each place is named once.
            let offset = error.span().map_or(0, |span| span.start);
            let line = self.breaks.partition_point(|end| *end < offset) + 1;
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.mistakes.add_at_line(line, "syntax", &format!("is not TOML: {message}"));
        }
        self.table(table.get_ref(), "", 0)
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str, depth: usize) -> Value {
        let mut object = Map::new();
        let mut members: Vec<_> = table.iter().collect();
        members.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in members {
            let below = join(path, key.get_ref());
            self.stands_at(&below, key.span().start);
            let value = self.toml_value(value.get_ref(), &below, depth + 1);
            object.insert(key.get_ref().to_string(), value);
        }
        Value::Object(object)
    }

    fn toml_value(&mut self, value: &DeValue<'_>, path: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            self.mistakes.add(path, "too_deep", "is nested too deeply");
            return Value::Null;
        }
        match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(value) => Value::Number(value.into()),
                Err(_) => self.not(path, "number", "must be an integer of 64 bits"),
            },
            DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
                Some(number) => Value::Number(number),
                None => self.not(path, "number", "must be a finite number of 64 bits"),
            },
            DeValue::Datetime(_) => self.not(path, "type", "must be put in quotes: JSON has no dates"),
            DeValue::Array(items) => {
                let mut array = Vec::new();
                for (position, item) in items.iter().enumerate() {
                    let below = join(path, &position.to_string());
                    self.stands_at(&below, item.span().start);
                    array.push(self.toml_value(item.get_ref(), &below, depth + 1));
                }
                Value::Array(array)
            }
            DeValue::Table(table) => self.table(table, path, depth),
        }
    }

    fn json(&mut self) -> Value {
        match serde_json::from_str::<&RawValue>(self.text) {
            Ok(raw) => self.json_value(raw, "", 0),
            Err(error) => {
                let rule = format!("is not JSON: it is broken at column {}", error.column());
                self.mistakes.add_at_line(error.line(), "syntax", &rule);
                Value::Null
            }
        }
    }

    fn json_value(&mut self, raw: &RawValue, path: &str, depth: usize) -> Value {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.stands_at(path, offset);
        if depth > MAX_DEPTH {
            return self.not(path, "too_deep", "is nested too deeply");
        }
        match Sort::of(raw) {
            Sort::Object => {
                let mut object = Map::new();
                for (key, value) in
                    serde_json::from_str(raw.get()).map_or(Vec::new(), |members: Members<'_>| members.0)
                {
                    let below = join(path, &key.text);
                    if object.contains_key(&key.text) {
                        self.mistakes.add(&below, "duplicate", "is given more than once");
                    }
                    let value = self.json_value(value, &below, depth + 1);
                    object.insert(key.text, value);
                }
                Value::Object(object)
            }
            Sort::Array => {
                let items = serde_json::from_str(raw.get()).map_or(Vec::new(), |items: Items<'_>| items.0);
                let items = items.into_iter().enumerate();
                Value::Array(
                    items
                        .map(|(n, item)| self.json_value(item, &join(path, &n.to_string()), depth + 1))
                        .collect(),
                )
            }
            Sort::String => match serde_json::from_str::<Text>(raw.get()) {
                Ok(text) if !text.lone_surrogate => Value::String(text.text),
                _ => self.not(path, "lone_surrogate", "must be valid Unicode, got half of a surrogate pair"),
            },
            sort => match serde_json::from_str(raw.get()) {
                Ok(value) => value,
                Err(_) => {
                    self.not(path, sort.as_str(), &format!("must be {} of 64 bits", article(sort.as_str())))
                }
            },
        }
    }

    /// Names a mistake, and reads on.
    fn not(&mut self, path: &str, code: &str, rule: &str) -> Value {
        self.mistakes.add(path, code, rule);
        Value::Null
    }
}

/// The line of each place of the text, by JSON pointer.
type Lines = HashMap<String, usize>;

/// Names every member that is not `known` at this place.
pub(crate) fn unknown(fields: &Map<String, Value>, known: &[&str], path: &str, mistakes: &mut Mistakes) {
    for key in fields.keys().filter(|key| !known.contains(&key.as_str())) {
        let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        let hint = match nearest(key, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("known here: {}", names.join(", ")),
        };
        mistakes.add(&join(path, key), "unknown_field", &format!("is not known; {hint}"));
    }
}

/// `number` as messages say it: "a number".
pub(crate) fn article(sort: &str) -> String {
    match sort {
        "null" => sort.to_owned(),
        vowel if vowel.starts_with(['a', 'i', 'o']) => format!("an {vowel}"),
        other => format!("a {other}"),
    }
}

/// The sort of a value as messages say it: "string".
pub(crate) fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
