//! Requests of the shared vectors as a border hands them over: JSON text, and findings where JSON has no word.

use cxone_actions::ActionRequest;
use cxone_actions::contract::{Finding, FindingCode};
use serde_json::Value;

/// The text that stands for half a surrogate pair: `"a\ud800b"`.
const LONE_SURROGATE: &str = "\"a\\ud800b\"";

/// A vector's request as text and findings.
pub(crate) struct Border {
    pub(crate) text: String,
    pub(crate) findings: Vec<Finding>,
}

impl Border {
    pub(crate) fn of(request: &Value) -> Border {
        let mut border = Border { text: String::new(), findings: Vec::new() };
        border.value(request, "");
        border
    }

    pub(crate) fn request(&self) -> ActionRequest {
        ActionRequest::from_border(self.text.as_bytes(), &self.findings)
    }

    fn value(&mut self, value: &Value, path: &str) {
        match value {
            Value::Object(object) if object.contains_key("$value") => self.tagged(tag(value).unwrap(), path),
            Value::Object(object) if object.contains_key("$repeat") => {
                self.text += &quoted(&repeated(value).unwrap());
            }
            Value::Object(object) => {
                let entries: Vec<(Value, Value)> = match object.get("$entries") {
                    Some(entries) => serde_json::from_value(entries.clone()).unwrap(),
                    None => {
                        object.iter().map(|(key, value)| (Value::from(key.as_str()), value.clone())).collect()
                    }
                };
                self.object(&entries, path);
            }
            Value::Array(items) => {
                self.text.push('[');
                for (position, item) in items.iter().enumerate() {
                    self.comma('[');
                    self.value(item, &format!("{path}/{position}"));
                }
                self.text.push(']');
            }
            plain => self.text += &plain.to_string(),
        }
    }

    fn object(&mut self, entries: &[(Value, Value)], path: &str) {
        self.text.push('{');
        for (key, value) in entries {
            let (text, segment) = match (key, tag(key)) {
                (Value::String(key), _) => (quoted(key), key.replace('~', "~0").replace('/', "~1")),
                (_, Some("lone_surrogate")) => (LONE_SURROGATE.to_owned(), "a\u{fffd}b".to_owned()),
                (_, Some("int_key")) => {
                    self.found(path, FindingCode::KeyType, "int");
                    continue;
                }
                (_, Some("symbol_key")) => {
                    self.found(path, FindingCode::KeyType, "symbol");
                    continue;
                }
                (key, _) => panic!("{key} is no key that is known"),
            };
            self.comma('{');
            self.text += &text;
            self.text.push(':');
            self.value(value, &format!("{path}/{segment}"));
        }
        self.text.push('}');
    }

    fn tagged(&mut self, tag: &str, path: &str) {
        let (sort, rest) = tag.split_once(':').unwrap_or((tag, ""));
        match sort {
            "NaN" | "Infinity" | "-Infinity" => self.nothing(path, FindingCode::NonFinite, sort),
            "unsafe" => self.nothing(path, FindingCode::InexactInteger, "number"),
            "many_digits" => self.nothing(path, FindingCode::TooLargeInteger, "int"),
            "type" => self.nothing(path, FindingCode::UnsupportedType, rest),
            "bigint" | "float" => self.text += rest,
            "lone_surrogate" => self.text += LONE_SURROGATE,
            "cycle" => {
                self.text.push('[');
                self.nothing(&format!("{path}/0"), FindingCode::Cycle, "list");
                self.text.push(']');
            }
            other => panic!("{other} is no value that is known"),
        }
    }

    fn nothing(&mut self, path: &str, code: FindingCode, got: &str) {
        self.found(path, code, got);
        self.text += "null";
    }

    fn found(&mut self, path: &str, code: FindingCode, got: &str) {
        self.findings.push(Finding { path: path.to_owned(), code, got: got.to_owned() });
    }

    fn comma(&mut self, opening: char) {
        if !self.text.ends_with(opening) {
            self.text.push(',');
        }
    }
}

pub(crate) fn tag(value: &Value) -> Option<&str> {
    value.get("$value")?.as_str()
}

/// `{"$repeat": ["x", 3]}` is `"xxx"`.
pub(crate) fn repeated(value: &Value) -> Option<String> {
    let (text, times): (String, usize) = serde_json::from_value(value.get("$repeat")?.clone()).unwrap();
    Some(text.repeat(times))
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
