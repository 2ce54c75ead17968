//! Values picked out of an answer by JSON Pointer (RFC 6901), as the very text that was sent: a number with thirty
//! digits is still that number.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The text of an answer, read once for all that is picked out of it.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    whole: Option<&'a RawValue>,
    /// Where it is an object.
    members: Option<Members<'a>>,
}

impl<'a> Body<'a> {
    pub(crate) fn read(text: &'a str) -> Body<'a> {
        let whole: Option<&RawValue> = serde_json::from_str(text).ok();
        Body { whole, members: whole.and_then(Members::of) }
    }

    /// The text at `pointer`; none where there is nothing or null.
    pub(crate) fn pick(&self, pointer: &str) -> Option<&'a RawValue> {
        let mut tokens = pointer.split('/').skip(1);
        let found = match (tokens.next(), &self.members) {
            (None, _) => self.whole?,
            (Some(first), Some(members)) => tokens.try_fold(members.get(&plain(first))?, below)?,
            (Some(first), None) => tokens.try_fold(below(self.whole?, first)?, below)?,
        };
        (found.get() != "null").then_some(found)
    }

    /// The string at `pointer`; none where there is anything else.
    pub(crate) fn pick_text(&self, pointer: &str) -> Option<String> {
        serde_json::from_str(self.pick(pointer)?.get()).ok()
    }

    /// All of it, where it is JSON.
    pub(crate) fn whole(&self) -> Option<&'a RawValue> {
        self.whole
    }
}

/// [`Body::pick`] for a text of which nothing else is asked.
pub(crate) fn pick<'a>(text: &'a str, pointer: &str) -> Option<&'a RawValue> {
    Body::read(text).pick(pointer)
}

/// [`Body::pick_text`] for a text of which nothing else is asked.
pub(crate) fn pick_text(text: &str, pointer: &str) -> Option<String> {
    Body::read(text).pick_text(pointer)
}

fn below<'a>(value: &'a RawValue, token: &str) -> Option<&'a RawValue> {
    let token = plain(token);
    match value.get().as_bytes().first() {
        Some(b'{') => Members::of(value)?.get(&token),
        Some(b'[') => {
            serde_json::from_str::<Vec<&'a RawValue>>(value.get()).ok()?.get(index(&token)?).copied()
        }
        _ => None,
    }
}

/// A token without its escapes.
fn plain(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

/// The members of an object, in their order: there are few, and each is asked for once.
#[derive(Debug)]
struct Members<'a>(Vec<(Key<'a>, &'a RawValue)>);

/// Borrowed where it is written without escapes.
#[derive(Debug, Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    fn of(value: &'a RawValue) -> Option<Members<'a>> {
        let is_object = value.get().starts_with('{');
        is_object.then(|| serde_json::from_str(value.get()).ok()).flatten()
    }

    /// The last of that name, as most readers have it.
    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key.0 == name).map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members<'de>, M::Error> {
                let mut members = Vec::with_capacity(6);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

/// Deeper than any action answers; readers that recurse give up at a thousand.
pub(crate) const DEEPEST: usize = 500;

/// Whether JSON text is nested beyond [`DEEPEST`]: told without recursion, so that no answer can exhaust a stack.
pub(crate) fn is_too_deep(text: &str) -> bool {
    if text.len() <= DEEPEST {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

/// RFC 6901 §4: digits, and a zero at the beginning only by itself.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    token.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_the_text_that_was_sent() {
        let body = r#"{"a/b":{"~":[0, 9007199254740993, 1e23, "", false]},"n":null,
            "\u00e9":{"twice":1,"twi\u0063e":2}}"#;
        let cases = [
            ("/a~1b/~0/0", Some("0")),
            ("/a~1b/~0/1", Some("9007199254740993")),
            ("/a~1b/~0/2", Some("1e23")),
            ("/a~1b/~0/3", Some("\"\"")),
            ("/a~1b/~0/4", Some("false")),
            ("/n", None),
            ("/\u{e9}/twice", Some("2")),
            ("/missing", None),
            ("/a~1b/~0/9", None),
        ];
        for (pointer, text) in cases {
            assert_eq!(pick(body, pointer).map(RawValue::get), text, "{pointer}");
        }
        assert_eq!(pick(body, "").map(RawValue::get), Some(body));
    }

    #[test]
    fn depth_is_told_from_brackets_that_are_no_text() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!is_too_deep(&nested(DEEPEST)) && is_too_deep(&nested(DEEPEST + 1)));
        assert!(!is_too_deep(&format!("[\"{}\\\"{}\"]", "[".repeat(600), "{".repeat(600))));
        assert!(is_too_deep(&"{".repeat(1_000_000)), "what is no JSON is told too");
    }
}
