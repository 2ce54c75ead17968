//! The inputs of one action as a command line says them: `-i key=value`, `-i key:=json`, `-i key=@file`, and whole objects
//! from a file or stdin.
//!
//! One promise: what was written is what is sent. A number keeps its digits, and a text becomes a number only where the
//! policy or the action's schema says that it is one.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Number, Value, json};

/// `-i` and `--inputs`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Inputs {
    /// An input: `key=value`, `key:=JSON`, or `key=@FILE` for a file's text; may be given more than once
    ///
    /// A value is a number or a boolean where the policy's rule of the input, or its schema with `--validate schema`, says
    /// so, and a text otherwise. `:=` takes any JSON: `-i priority:=1`, `-i 'tags:=["a"]'`.
    #[arg(short = 'i', long = "input", value_name = "KEY=VALUE")]
    input: Vec<String>,
    /// All inputs as one JSON object in a file; `-` is stdin, and `-i` goes over it
    #[arg(long, value_name = "FILE|-")]
    inputs: Option<PathBuf>,
}

/// One `-i`, read.
struct Given {
    key: String,
    value: Text,
}

enum Text {
    /// To be typed.
    Plain(String),
    Json(Box<RawValue>),
}

impl Inputs {
    /// Whether any were given.
    pub(crate) fn is_given(&self) -> bool {
        !self.input.is_empty() || self.inputs.is_some()
    }

    /// Whether one of them waits to be told its type.
    pub(crate) fn has_plain(&self) -> bool {
        self.input.iter().any(|given| given.split_once('=').is_some_and(|(key, _)| !key.ends_with(':')))
    }

    /// The inputs as the text of one JSON object; none where nothing was given. `types` gives the JSON types that an input
    /// may have, none where that is open.
    ///
    /// # Errors
    /// Every mistake, none of which repeats a value.
    pub(crate) fn read(&self, types: impl Fn(&str) -> Vec<String>) -> Result<Option<String>, Vec<String>> {
        let mut mistakes = Vec::new();
        let whole = self.inputs.as_deref().and_then(|path| {
            let text = read_text(path);
            text.and_then(|text| object(path, text)).map_err(|mistake| mistakes.push(mistake)).ok()
        });
        let mut given: Vec<(String, Box<RawValue>)> = Vec::new();
        for text in &self.input {
            let read = one(text).and_then(|one| {
                if given.iter().any(|(key, _)| *key == one.key) {
                    return Err(format!("`-i {}` is given twice", one.key));
                }
                let value = match one.value {
                    Text::Json(value) => value,
                    Text::Plain(value) => typed(&one.key, &value, &types(&one.key))?,
                };
                Ok((one.key, value))
            });
            match read {
                Ok(read) => given.push(read),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        // What is not touched stays byte for byte what it was, with whatever is wrong with it.
        let (text, members) = match whole {
            Some(whole) if given.is_empty() => return Ok(Some(whole.text)),
            Some(whole) => (true, whole.members),
            None => (self.is_given(), Vec::new()),
        };
        let kept = members.into_iter().filter(|(key, _)| given.iter().all(|(over, _)| over != key));
        let all: Vec<(String, Box<RawValue>)> =
            kept.collect::<Vec<_>>().into_iter().chain(given.clone()).collect();
        Ok(text.then(|| written(&all)))
    }
}

/// A request in JSON, as the library reads it. `inputs` is the text of an object.
pub(crate) fn request(
    action: &str,
    inputs: Option<String>,
    correlation_id: Option<&str>,
    callback_url: Option<&str>,
) -> String {
    let mut members = vec![("actionId".to_owned(), json!(action).to_string())];
    let texts = [("correlationId", correlation_id), ("callbackUrl", callback_url)];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), json!(text?).to_string())));
    members.extend(texts);
    members.push(("inputs".to_owned(), inputs.unwrap_or_else(|| "{}".to_owned())));
    let members: Vec<String> = members.iter().map(|(key, text)| format!("{}:{text}", json!(key))).collect();
    format!("{{{}}}", members.join(","))
}

/// The types that a JSON Schema gives an input.
pub(crate) fn types_in_schema(schema: &Value, key: &str) -> Vec<String> {
    let of = schema.get("properties").and_then(|all| all.get(key)).and_then(|property| property.get("type"));
    let list = match of {
        Some(Value::Array(list)) => list.as_slice(),
        Some(word) => std::slice::from_ref(word),
        None => &[],
    };
    list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn one(text: &str) -> Result<Given, String> {
    let Some((key, value)) = text.split_once('=') else {
        // It may be a value that lost its key.
        return Err("`-i` takes `key=value`, `key:=JSON` or `key=@FILE`, and one has no `=`".to_owned());
    };
    let (key, is_json) = key.strip_suffix(':').map_or((key, false), |key| (key, true));
    if key.is_empty() {
        return Err("`-i` takes `key=value`, and one has no key".to_owned());
    }
    let content = match value.strip_prefix('@') {
        Some("") => {
            return Err(format!(
                "`-i {key}=@` names no file; a text that begins with `@` is `{key}:='\"@…\"'`"
            ));
        }
        Some(path) => read_text(Path::new(path)).map_err(|mistake| format!("`-i {key}`: {mistake}"))?,
        None => value.to_owned(),
    };
    let value = if is_json {
        let read = serde_json::from_str::<Box<RawValue>>(&content);
        Text::Json(read.map_err(|error| format!("`-i {key}` must be JSON: {error}"))?)
    } else {
        Text::Plain(content)
    };
    Ok(Given { key: key.to_owned(), value })
}

/// The text as the type that is known of it; as text where none is.
fn typed(key: &str, text: &str, types: &[String]) -> Result<Box<RawValue>, String> {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).map_err(|error| error.to_string());
    let allowed = |word: &str| types.iter().any(|known| known == word);
    if types.is_empty() || allowed("string") {
        return to_raw_value(text).map_err(|error| error.to_string());
    }
    let trimmed = text.trim();
    let fits = match serde_json::from_str::<Value>(trimmed) {
        Ok(Value::Number(_)) => allowed("integer") || allowed("number"),
        Ok(Value::Bool(_)) => allowed("boolean"),
        Ok(Value::Null) => allowed("null"),
        Ok(Value::Array(_)) => allowed("array"),
        Ok(Value::Object(_)) => allowed("object"),
        Ok(Value::String(_)) => false,
        // A number beyond every limit is a number still, and is for the contract to refuse.
        Err(_) => serde_json::from_str::<Number>(trimmed).is_ok() && allowed("number"),
    };
    if fits {
        return raw(trimmed);
    }
    let words: Vec<String> = types.iter().map(|word| with_article(word)).collect();
    Err(format!("`-i {key}` must be {}", words.join(" or ")))
}

fn with_article(word: &str) -> String {
    match word {
        "null" => "`null`".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "array" => "a list in JSON".to_owned(),
        other => format!("an {other} in JSON"),
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| format!("`{}` cannot be read: {error}", path.display()))
}

/// An object whose members keep their order and their text, and none is lost where two have one name.
struct Object {
    text: String,
    members: Vec<(String, Box<RawValue>)>,
}

fn object(path: &Path, text: String) -> Result<Object, String> {
    struct Members(Vec<(String, Box<RawValue>)>);
    impl<'de> Deserialize<'de> for Members {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Reading;
            impl<'de> Visitor<'de> for Reading {
                type Value = Members;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("one JSON object")
                }
                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                    let mut members = Vec::new();
                    while let Some(member) = map.next_entry()? {
                        members.push(member);
                    }
                    Ok(Members(members))
                }
            }
            deserializer.deserialize_map(Reading)
        }
    }
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let wrong = |error: serde_json::Error| {
        format!(
            "`{}` must be one JSON object, and is not at line {}, column {}",
            path.display(),
            error.line(),
            error.column()
        )
    };
    let Members(members) = serde_json::from_str(&text).map_err(wrong)?;
    Ok(Object { text, members })
}

fn written(members: &[(String, Box<RawValue>)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(key, value)| format!("{}:{}", json!(key), value.get())).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[&str], types: &[(&str, &[&str])]) -> Result<String, Vec<String>> {
        let inputs = Inputs { input: input.iter().map(|text| (*text).to_owned()).collect(), inputs: None };
        let types = |key: &str| {
            let known = types.iter().find(|(name, _)| *name == key);
            known.map(|(_, words)| words.iter().map(|word| (*word).to_owned()).collect()).unwrap_or_default()
        };
        inputs.read(types).map(Option::unwrap_or_default)
    }

    #[test]
    fn a_text_is_what_the_rule_of_its_input_says_and_a_text_where_there_is_none() {
        let types: &[(&str, &[&str])] = &[
            ("n", &["integer"]),
            ("x", &["number", "null"]),
            ("b", &["boolean"]),
            ("s", &["string"]),
            ("either", &["integer", "string"]),
            ("list", &["array"]),
        ];
        for (given, written) in [
            ("n=7", r#"{"n":7}"#),
            ("n=12345678901234567890123", r#"{"n":12345678901234567890123}"#),
            ("x=1.500", r#"{"x":1.500}"#),
            ("x=null", r#"{"x":null}"#),
            ("b=true", r#"{"b":true}"#),
            ("s=7", r#"{"s":"7"}"#),
            ("either=7", r#"{"either":"7"}"#),
            ("list=[1, 2]", r#"{"list":[1, 2]}"#),
            ("unknown=7", r#"{"unknown":"7"}"#),
            ("unknown:=7", r#"{"unknown":7}"#),
            ("a.b=c=d", r#"{"a.b":"c=d"}"#),
            ("empty=", r#"{"empty":""}"#),
            ("o:={\"a\": 1.0}", r#"{"o":{"a": 1.0}}"#),
        ] {
            assert_eq!(read(&[given], types).as_deref(), Ok(written), "{given}");
        }
    }

    #[test]
    fn all_mistakes_are_said_at_once_and_none_says_a_value() {
        let given = ["CANARY", "=CANARY", "n=CANARY", "j:=CANARY", "a=1", "a=CANARY", "f=@/absent/file"];
        let mistakes = read(&given, &[("n", &["integer"])]).unwrap_err();
        assert_eq!(mistakes.len(), 6, "{mistakes:?}");
        assert!(!format!("{mistakes:?}").contains("CANARY"));
        for part in [
            "no `=`",
            "no key",
            "`-i n` must be a whole number",
            "`-i j` must be JSON",
            "`-i a` is given twice",
            "/absent/file",
        ] {
            assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}: {mistakes:?}");
        }
    }
}
