//! What a POST asks for: the parts that every profile's body comes down to, and the rules that several of them share.

use std::collections::HashSet;
use std::fmt;

use http::HeaderMap;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep the inputs of an action may be nested.
const MAX_DEPTH: usize = 50;

/// The request headers that may say which invocation a POST is about, where its body does not.
const CORRELATION_HEADERS: [&str; 4] =
    ["idempotency-key", "x-correlation-id", "inin-correlation-id", "correlationid"];

/// An invocation that the gateway understands.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    /// The action as the profile calls it.
    pub(crate) action: String,
    pub(crate) inputs: &'a RawValue,
    pub(crate) input_names: HashSet<String>,
    /// What the body itself says.
    pub(crate) correlation_id: Option<String>,
}

/// What may stand in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// A string, a number, a boolean or null.
    Primitives,
    /// Any JSON, nested no deeper than a gateway looks.
    Any,
}

/// Which invocation the headers of a request say that it is about.
pub(crate) fn correlation_header(headers: &HeaderMap) -> Option<String> {
    let named = CORRELATION_HEADERS.iter().find_map(|name| headers.get(*name));
    named.and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The body as text that begins like an object.
pub(crate) fn object(body: &[u8]) -> Result<&str, String> {
    let text = str::from_utf8(body).map_err(|_| "the body must be UTF-8".to_owned())?;
    if text.trim_start().starts_with('{') { Ok(text) } else { Err("the body must be a JSON object".into()) }
}

/// The body itself as the inputs.
pub(crate) fn bare(body: &[u8]) -> Result<&RawValue, String> {
    serde_json::from_str(object(body)?).map_err(|error| format!("the body must be a JSON object: {error}"))
}

/// The names of inputs, once it is certain that each comes once and holds what it may.
pub(crate) fn input_names(inputs: &RawValue, values: Values) -> Result<HashSet<String>, String> {
    if !inputs.get().starts_with('{') {
        return Err("the inputs must be an object".into());
    }
    if depth(inputs.get()) > MAX_DEPTH {
        return Err(format!("the inputs are nested deeper than {MAX_DEPTH} levels"));
    }
    let Names(names, nested) =
        serde_json::from_str(inputs.get()).map_err(|error| format!("the inputs: {error}"))?;
    if nested && values == Values::Primitives {
        return Err("the inputs: a value must be a string, a number, a boolean or null".into());
    }
    Ok(names)
}

/// How deep JSON is nested; a scan, because a parser would recurse to find out.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The names of an object's members, and whether one of them holds an object or a list.
struct Names(HashSet<String>, bool);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = Names(HashSet::new(), false);
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value::<&RawValue>()?;
                    names.1 |= value.get().starts_with(['{', '[']);
                    if !names.0.insert(name) {
                        return Err(de::Error::custom("a name comes twice"));
                    }
                }
                Ok(names)
            }
        }

        deserializer.deserialize_map(Once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_that_are_not_in_a_text() {
        for (json, expected) in
            [("{}", 1), (r#"{"a":[{"b":1}],"c":{}}"#, 3), (r#"{"a":"[[[{\"{\\"}"#, 1), ("1", 0)]
        {
            assert_eq!(depth(json), expected, "{json}");
        }
    }
}
