//! Values picked out of an answer by JSON Pointer (RFC 6901), as the very text that was sent: a number with thirty
//! digits is still that number.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// The text at `pointer`; none where there is nothing or null.
pub(crate) fn pick<'a>(body: &'a str, pointer: &str) -> Option<&'a RawValue> {
    let mut at: &'a RawValue = serde_json::from_str(body).ok()?;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        at = match at.get().as_bytes().first() {
            Some(b'{') => {
                serde_json::from_str::<HashMap<String, &'a RawValue>>(at.get()).ok()?.get(&token).copied()?
            }
            Some(b'[') => {
                serde_json::from_str::<Vec<&'a RawValue>>(at.get()).ok()?.get(index(&token)?).copied()?
            }
            _ => return None,
        };
    }
    (at.get() != "null").then_some(at)
}

/// Deeper than any action answers; readers that recurse give up at a thousand.
pub(crate) const DEEPEST: usize = 500;

/// Whether JSON text is nested beyond [`DEEPEST`]: told without recursion, so that no answer can exhaust a stack.
pub(crate) fn is_too_deep(text: &str) -> bool {
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

/// The string at `pointer`; none where there is anything else.
pub(crate) fn pick_text(body: &str, pointer: &str) -> Option<String> {
    serde_json::from_str(pick(body, pointer)?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_out_as_the_text_that_was_sent() {
        let body = r#"{"a/b":{"~":[0, 9007199254740993, 1e23, "", false]},"n":null}"#;
        let cases = [
            ("/a~1b/~0/0", Some("0")),
            ("/a~1b/~0/1", Some("9007199254740993")),
            ("/a~1b/~0/2", Some("1e23")),
            ("/a~1b/~0/3", Some("\"\"")),
            ("/a~1b/~0/4", Some("false")),
            ("/n", None),
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
