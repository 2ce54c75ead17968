//! The text of a cell and the JSON that it stands for, digit by digit.

use serde_json::value::RawValue;

use super::reading::{Empty, Kind};
use super::row::json_text;

/// The cell in JSON, digit by digit; none where the row has no such input.
pub(super) fn written(cell: &str, kind: Kind, empty: Empty) -> Result<Option<String>, &'static str> {
    if cell.is_empty() {
        return Ok(match (empty, kind) {
            (Empty::Null, _) => Some("null".to_owned()),
            (Empty::Text, Kind::String) => Some("\"\"".to_owned()),
            _ => None,
        });
    }
    match kind {
        Kind::String => Ok(Some(json_text(cell))),
        Kind::Integer if is_number(cell) && !cell.contains(['.', 'e', 'E']) => Ok(Some(cell.to_owned())),
        Kind::Integer => {
            Err("must be an integer such as 42 or -7, without blanks, signs of thousands or leading zeros")
        }
        Kind::Number if is_number(cell) => Ok(Some(cell.to_owned())),
        Kind::Number => {
            Err("must be a number such as 42 or -0.5, without blanks, signs of thousands or leading zeros")
        }
        Kind::Boolean if cell.eq_ignore_ascii_case("true") => Ok(Some("true".to_owned())),
        Kind::Boolean if cell.eq_ignore_ascii_case("false") => Ok(Some("false".to_owned())),
        Kind::Boolean => Err("must be true or false"),
        Kind::Json => match serde_json::from_str::<&RawValue>(cell) {
            Ok(raw) => Ok(Some(raw.get().to_owned())),
            Err(_) => Err("must be JSON"),
        },
    }
}

fn is_number(text: &str) -> bool {
    let starts = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    starts
        && text.ends_with(|last: char| last.is_ascii_digit())
        && serde_json::from_str::<&RawValue>(text).is_ok()
}
