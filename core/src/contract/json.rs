//! JSON text taken apart without changing it: numbers keep their digits, and what other readers drop (a second key of
//! the same name, half of a surrogate pair) is seen.

use std::fmt;
use std::io::{self, Write};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A text of JSON: a string that other languages may hold and Unicode does not allow is kept as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The characters; U+FFFD where half a surrogate pair stood.
    pub(crate) text: String,
    /// Whether half a surrogate pair stood somewhere.
    pub(crate) lone_surrogate: bool,
}

/// Writes a text as JSON does, which for most is the text itself in quotation marks.
pub(crate) fn write_text(out: &mut impl Write, text: &str) -> io::Result<()> {
    if !is_plain(text) {
        return serde_json::to_writer(out, text).map_err(io::Error::from);
    }
    out.write_all(b"\"")?;
    out.write_all(text.as_bytes())?;
    out.write_all(b"\"")
}

/// Whether nothing in it has to be escaped (RFC 8259 §7). Without a way out in the middle, many bytes are looked at at once.
fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| u8::from(matches!(byte, 0..b' ' | b'"' | b'\\'));
    text.bytes().fold(0, |found, byte| found | escaped(byte)) == 0
}

/// The sort of a JSON value, told from its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl Sort {
    pub(crate) fn of(raw: &RawValue) -> Sort {
        match raw.get().bytes().next() {
            Some(b'"') => Sort::String,
            Some(b'{') => Sort::Object,
            Some(b'[') => Sort::Array,
            Some(b't' | b'f') => Sort::Boolean,
            Some(b'n') => Sort::Null,
            _ => Sort::Number,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Sort::Null => "null",
            Sort::Boolean => "boolean",
            Sort::Number => "number",
            Sort::String => "string",
            Sort::Array => "array",
            Sort::Object => "object",
        }
    }
}

/// The members of an object in their order, duplicates included.
pub(crate) struct Members<'a>(pub(crate) Vec<(Text, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Text, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Text, &RawValue>()? {
                    members.push((key, value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Members)
    }
}

/// The items of an array.
pub(crate) struct Items<'a>(pub(crate) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Reader).map(Items)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text { text: text.to_owned(), lone_surrogate: false })
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text::from_wtf8(bytes))
            }
        }
        // Asked for bytes, serde_json hands over half a surrogate pair (as WTF-8) where it would refuse it as a string.
        deserializer.deserialize_bytes(Reader)
    }
}

impl Text {
    fn from_wtf8(bytes: &[u8]) -> Text {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Text { text: text.to_owned(), lone_surrogate: false };
        }
        let mut text = String::with_capacity(bytes.len());
        let mut rest = bytes;
        loop {
            match std::str::from_utf8(rest) {
                Ok(tail) => {
                    text.push_str(tail);
                    return Text { text, lone_surrogate: true };
                }
                Err(error) => {
                    let (valid, broken) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    text.push(char::REPLACEMENT_CHARACTER);
                    // Half a pair is three bytes of WTF-8.
                    rest = broken.get(3..).unwrap_or_default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_surrogate_pair_is_seen_in_keys_and_in_values() {
        let text = r#"{"a\ud800b":1,"c":"\udc00x","\ud83d\ude00":"\ud83d\ude00"}"#;
        let members: Members<'_> = serde_json::from_str(text).unwrap();
        let keys: Vec<_> = members.0.iter().map(|(key, _)| (key.text.as_str(), key.lone_surrogate)).collect();
        assert_eq!(keys, [("a\u{fffd}b", true), ("c", false), ("😀", false)]);
        let value: Text = serde_json::from_str(members.0[1].1.get()).unwrap();
        assert_eq!(value, Text { text: "\u{fffd}x".to_owned(), lone_surrogate: true });
    }

    #[test]
    fn a_text_is_written_as_serde_json_writes_it_whatever_stands_where_in_it() {
        let characters = (0..=0x10ff_u32).filter_map(char::from_u32);
        for character in characters.chain(['\u{2028}', '\u{ffff}', '🦀']) {
            for before in 0..17 {
                let text = format!("{}{character}é", "x".repeat(before));
                let mut out = Vec::new();
                write_text(&mut out, &text).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
            }
        }
    }

    #[test]
    fn duplicate_keys_and_the_digits_of_numbers_are_kept() {
        let members: Members<'_> = serde_json::from_str(r#" {"a": 1e400 , "a":-0.0} "#).unwrap();
        let seen: Vec<_> = members.0.iter().map(|(key, raw)| (key.text.as_str(), raw.get())).collect();
        assert_eq!(seen, [("a", "1e400"), ("a", "-0.0")]);
    }
}
