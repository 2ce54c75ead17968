//! How a file of rows is read, as it was asked for: the same for every run of one batch.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What the file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// A request in JSON on each line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
    /// Tab-separated values with a header
    Tsv,
}

/// What an empty cell of a table stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Empty {
    /// The row has no such input
    #[default]
    Omit,
    /// An empty text, where the input is a text; otherwise the row has no such input
    Text,
    /// Null
    Null,
}

/// What the text of a cell is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Json,
}

impl Kind {
    pub(super) fn of_word(word: &str) -> Option<Kind> {
        Some(match word {
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            "json" => Kind::Json,
            _ => return None,
        })
    }
}

/// `input=column[:type]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mapped {
    pub(super) input: String,
    pub(super) column: String,
    pub(super) kind: Option<Kind>,
}

impl FromStr for Mapped {
    type Err = String;

    fn from_str(text: &str) -> Result<Mapped, String> {
        let shape = "must be INPUT=COLUMN or INPUT=COLUMN:TYPE";
        let (input, column) = text.split_once('=').ok_or(shape)?;
        // A column may have a colon in its name: only what names a type is one.
        let (column, kind) = match column.rsplit_once(':').map(|(column, word)| (column, Kind::of_word(word)))
        {
            Some((column, Some(kind))) => (column, Some(kind)),
            _ => (column, None),
        };
        if input.is_empty() || column.is_empty() {
            return Err(shape.to_owned());
        }
        Ok(Mapped { input: input.to_owned(), column: column.to_owned(), kind })
    }
}

impl fmt::Display for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.input, self.column)?;
        match self.kind {
            Some(kind) => write!(f, ":{}", format!("{kind:?}").to_lowercase()),
            None => Ok(()),
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reading {
    pub(super) format: Format,
    pub(super) action: Option<String>,
    pub(super) map: Vec<Mapped>,
    pub(super) key: Option<String>,
    pub(super) empty: Empty,
}

impl Format {
    pub(super) fn of(path: &Path) -> Format {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("csv") => Format::Csv,
            Some("tsv" | "tab") => Format::Tsv,
            _ => Format::Jsonl,
        }
    }

    pub(super) fn delimiter(self) -> u8 {
        if self == Format::Tsv { b'\t' } else { b',' }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_names_input_column_and_perhaps_a_type_and_reads_as_it_was_written() {
        for (text, input, column, kind) in [
            ("priority=Prio:integer", "priority", "Prio", Some(Kind::Integer)),
            ("a=b", "a", "b", None),
            ("a=time: from", "a", "time: from", None),
            ("a=time:of day:string", "a", "time:of day", Some(Kind::String)),
            ("a=b=c", "a", "b=c", None),
        ] {
            let mapped: Mapped = text.parse().unwrap();
            assert_eq!((mapped.input.as_str(), mapped.column.as_str(), mapped.kind), (input, column, kind));
            assert_eq!(mapped.to_string(), text);
        }
        for text in ["", "a", "=b", "a=", "a=:integer"] {
            assert!(text.parse::<Mapped>().is_err(), "{text}");
        }
    }
}
