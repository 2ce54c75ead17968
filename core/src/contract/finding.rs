//! What a binding met that JSON cannot say. The binding reports the place and the sort; the words are made here, so that
//! they are the same in every language.

use serde::Deserialize;

use super::pointer;
use super::{Violation, words};

/// The sort of thing that JSON cannot say. Each is also the `code` of the violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// NaN or an infinity; `got` is `"NaN"`, `"Infinity"` or `"-Infinity"`.
    NonFinite,
    /// A floating-point number beyond ±(2^53−1) that stands for an integer; `got` is not used.
    InexactInteger,
    /// Text with half a surrogate pair; `got` is not used.
    LoneSurrogate,
    /// A value of a type that has no JSON form; `got` is the name of its type.
    UnsupportedType,
    /// A container that contains itself; `got` is not used.
    Cycle,
    /// An integer with more digits than the language will print; `got` is not used.
    TooLargeInteger,
    /// A mapping key that is not a string (the path is the mapping's); `got` is the name of its type.
    KeyType,
    /// Nesting beyond what the border follows; `got` is not used.
    TooDeep,
}

impl FindingCode {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            FindingCode::NonFinite => "non_finite",
            FindingCode::InexactInteger => "inexact_integer",
            FindingCode::LoneSurrogate => "lone_surrogate",
            FindingCode::UnsupportedType => "unsupported_type",
            FindingCode::Cycle => "cycle",
            FindingCode::TooLargeInteger => "too_large_integer",
            FindingCode::KeyType => "key_type",
            FindingCode::TooDeep => "too_deep",
        }
    }
}

/// What a binding met that JSON cannot say, and where. The text has `null` in its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// A JSON pointer in wire names: `/inputs/amount`.
    pub path: String,
    /// Its sort.
    pub code: FindingCode,
    /// The name of a type (with `, an Enum` where it is one), `"NaN"` and its like; never a value.
    #[serde(default)]
    pub got: String,
}

impl Finding {
    /// The violation that stands for it.
    pub(crate) fn violation(&self) -> Violation {
        let name = pointer::name(&self.path);
        let got = type_name(&self.got);
        let message = match self.code {
            FindingCode::NonFinite => words::non_finite(&name, &got),
            FindingCode::InexactInteger => format!(
                "{name} must be exact, got a floating-point integer beyond ±(2^53-1); pass a BigInt or a string"
            ),
            FindingCode::LoneSurrogate => words::lone_surrogate(&name),
            FindingCode::UnsupportedType => {
                let (expected, instead) = (words::expected(&self.path), instead(&got, &self.path));
                format!("{name} must be {expected}, got {got}{instead}")
            }
            FindingCode::Cycle => format!("{name} must not contain itself"),
            FindingCode::TooLargeInteger => {
                format!(
                    "{name} must be an integer that can be written out, got one of too many digits; pass a string"
                )
            }
            FindingCode::KeyType => format!("{name} must have strings as keys, got {got}"),
            FindingCode::TooDeep => format!("{name} is nested too deeply"),
        };
        Violation { path: self.path.clone(), code: self.code.as_str().to_owned(), message }
    }
}

/// What stands behind the name of a class of Python's that is one.
const ENUM: &str = ", an Enum";

/// A type's name as a message may show it: a class may be called anything.
fn type_name(got: &str) -> String {
    let name: String = got.chars().filter(|c| !c.is_control() && *c != '`').take(64).collect();
    if name.is_empty() { "something else".to_owned() } else { name }
}

/// What to pass instead, where that is known.
fn instead(got: &str, path: &str) -> &'static str {
    let inside = path.starts_with("/inputs/");
    match got {
        "undefined" if path.is_empty() => "",
        "Decimal" | "Fraction" => "; pass a string, or a float where its precision is enough",
        "datetime" | "date" | "time" | "Date" => "; pass its ISO 8601 text",
        "timedelta" => "; pass a number of seconds",
        "UUID" | "Path" | "PosixPath" | "WindowsPath" | "URL" => "; pass its text",
        "bytes" | "bytearray" | "memoryview" | "Buffer" | "ArrayBuffer" | "SharedArrayBuffer"
        | "DataView" | "Uint8Array" => "; pass its base64 text",
        "undefined" => "; leave the key out, or pass null",
        "Map" => "; pass a plain object, `Object.fromEntries` makes one",
        "String" | "Number" | "Boolean" => "; pass the primitive, `valueOf()` gives it",
        "Promise" | "coroutine" => "; await it first",
        "function" | "builtin_function_or_method" | "method" => "; call it first, and pass what it returns",
        "symbol" | "Symbol" => "; pass its description",
        "set" | "frozenset" if inside => "; where the profile takes lists, `sorted()` makes one",
        "Set" if inside => "; where the profile takes lists, `[...set]` makes one",
        _ if got.ends_with(ENUM) => "; pass its `.value`",
        _ => "",
    }
}
