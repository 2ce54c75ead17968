//! Where a mistake is: JSON pointers (RFC 6901) for programs, dotted names for people. One names the other.

use std::fmt::Write as _;

/// Keys longer than this are cut in messages; the pointer always has the whole key.
const SHOWN: usize = 64;

/// `path` with one more segment, escaped as RFC 6901 §3 says.
pub(crate) fn join(path: &str, segment: &str) -> String {
    let mut joined = String::with_capacity(path.len() + segment.len() + 1);
    joined.push_str(path);
    joined.push('/');
    if !segment.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        joined.push_str(segment);
        return joined;
    }
    for character in segment.chars() {
        match character {
            '~' => joined.push_str("~0"),
            '/' => joined.push_str("~1"),
            other => joined.push(other),
        }
    }
    joined
}

/// The segments of a pointer, without their escapes.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

/// The fields of a request that callers write otherwise than the wire: their pointer, and their name in messages, which a
/// border retells where its language has another.
pub(crate) const RENAMED: [(&str, &str); 3] =
    [("/actionId", "action_id"), ("/correlationId", "correlation_id"), ("/callbackUrl", "callback_url")];

/// The name that messages use for a pointer into a request, in backticks: `/inputs/amount` is `` `inputs.amount` ``,
/// `/actionId` is `` `action_id` ``, a key that is not a plain name is quoted (`` `inputs["a.b"]` ``), and the root is "the
/// request".
pub(crate) fn name(path: &str) -> String {
    match RENAMED.iter().find(|(wire, _)| *wire == path) {
        Some((_, name)) => format!("`{name}`"),
        None => name_below("the request", path),
    }
}

/// As [`name`], for a document that is called `root`.
pub(crate) fn name_below(root: &str, path: &str) -> String {
    if path.is_empty() {
        return root.to_owned();
    }
    let mut name = String::from("`");
    for (position, segment) in segments(path).enumerate() {
        match segment.as_str() {
            plain if is_plain(plain) => {
                name.push_str(if position == 0 { "" } else { "." });
                name.push_str(plain);
            }
            index if position > 0 && !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit()) => {
                // Without the document at hand an array's index and a key of digits look alike; both read well so.
                let _ = write!(name, "[{index}]");
            }
            key => {
                let _ = write!(name, "[{}]", quoted(key));
            }
        }
    }
    name.push('`');
    name
}

/// A foreign word made fit for a message: in quotes, control characters escaped, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    // A backtick would end the name that the message puts in backticks.
    serde_json::Value::String(shown).to_string().replace('`', "\\u0060")
}

fn is_plain(segment: &str) -> bool {
    segment.len() <= SHOWN
        && !segment.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && !segment.is_empty()
        && segment.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '$')
}

/// The word of `words` that was probably meant.
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    words
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_escapes_and_unescapes_every_key() {
        for key in ["a", "", "a/b", "a~b", "~1", "~0/", "ключ", "\0"] {
            let path = join("/inputs", key);
            assert_eq!(segments(&path).collect::<Vec<_>>(), ["inputs", key]);
        }
        assert_eq!(join("", "a/b~c"), "/a~1b~0c");
    }

    #[test]
    fn a_name_reads_as_a_person_would_write_it() {
        let cases = [
            ("", "the request"),
            ("/actionId", "`action_id`"),
            ("/inputs/actionId", "`inputs.actionId`"),
            ("/inputs/amount", "`inputs.amount`"),
            ("/inputs/order-ref", "`inputs.order-ref`"),
            ("/inputs/größe", "`inputs.größe`"),
            ("/inputs/a.b", "`inputs[\"a.b\"]`"),
            ("/inputs/", "`inputs[\"\"]`"),
            ("/inputs/a~1b", "`inputs[\"a/b\"]`"),
            ("/inputs/\u{0}", "`inputs[\"\\u0000\"]`"),
            ("/inputs/a`b", "`inputs[\"a\\u0060b\"]`"),
            ("/action/0/id", "`action[0].id`"),
        ];
        for (path, expected) in cases {
            assert_eq!(name(path), expected);
        }
        assert!(name(&join("/inputs", &"k".repeat(500))).len() < 100);
    }

    #[test]
    fn a_misspelt_word_is_recognised_and_a_foreign_one_is_not() {
        let words = ["actionId", "inputs", "callbackUrl"];
        assert_eq!(nearest("callbackURL", words), Some("callbackUrl"));
        assert_eq!(nearest("input", words), Some("inputs"));
        assert_eq!(nearest("priority", words), None);
    }
}
