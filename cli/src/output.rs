//! How results are written: a table for people, or JSON for programs; colour and width as the terminal has them.
//!
//! Results go to stdout and nothing else does. Whatever comes from strangers goes through [`plain`] on its way into a
//! table; JSON escapes by itself.

use std::io::{self, IsTerminal, Write};

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use cxone_actions::{Error, ErrorKind};
use serde::Serialize;

use crate::failure::Failure;
use crate::plain::plain;

/// Of a text in a cell of a table so much is shown.
const SHOWN: usize = 400;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    #[value(alias = "text")]
    Table,
    /// One JSON document
    Json,
    /// One JSON object on each line
    Jsonl,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Also into a file or a pipe
    Always,
    /// Never
    Never,
}

/// `--output` and `--color`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct Output {
    /// How to print results
    #[arg(long = "output", value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Whether to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, hide_short_help = true)]
    color: Color,
}

impl Output {
    /// Whether results are for people.
    pub(crate) fn is_table(self) -> bool {
        self.format == Format::Table
    }

    /// The colours for stdout.
    pub(crate) fn paint(self) -> Paint {
        self.paint_for(io::stdout().is_terminal())
    }

    fn paint_for(self, terminal: bool) -> Paint {
        let said = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        Paint(match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal && !said("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        })
    }

    /// What ended a command before any call of it, said as JSON where the results are JSON. What has been said already stays.
    pub(crate) fn told(self, failure: Failure) -> Failure {
        let kind = match failure.exit_code {
            2 => ErrorKind::Config,
            3 => ErrorKind::Validation,
            7 => ErrorKind::Audit,
            _ => return failure,
        };
        if failure.message.is_empty() || self.is_table() {
            return failure;
        }
        let lines: Vec<&str> = failure.message.lines().map(str::trim).collect();
        self.ended(Error::new(kind, lines.join("; ")))
    }

    /// Ends a command that failed: the reason on stderr, as JSON where the results are JSON. Gives back the failure that
    /// is left to end with.
    pub(crate) fn ended(self, error: Error) -> Failure {
        if self.is_table() {
            return error.into();
        }
        let _ = writeln!(io::stderr(), "{}", serde_json::json!({ "error": error.to_json() }));
        Failure::silent(error.kind().exit_code())
    }
}

/// Colours, where there are any.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// What is as it should be.
    pub(crate) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// What is not.
    pub(crate) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    /// What may be.
    pub(crate) fn doubtful(self, text: &str) -> String {
        self.with("33", text)
    }

    /// What matters.
    pub(crate) fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// What is said besides.
    pub(crate) fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Writes to stdout at once. Whoever closed the pipe has seen enough, and that ends the command quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// How a command ends that has printed what it found. Whoever closed the pipe has seen enough of it; what it ends with is
/// for somebody else, and stays.
pub(crate) fn ended_with(printed: Result<(), Failure>, ended: Result<(), Failure>) -> Result<(), Failure> {
    let Err(failure) = printed else { return ended };
    if ended.is_ok() {
        return Err(failure);
    }
    failure.tell();
    ended
}

/// One JSON document on one line.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value).map_err(io::Error::other)?;
    text.push('\n');
    print(&text)
}

/// Says something on stderr, where it disturbs no result. Nobody may be reading it.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// How many columns stdout has; none where it is no terminal.
pub(crate) fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

/// A table that fits the terminal, of texts that may come from anybody.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    match width() {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for row in rows {
        table.add_row(row.each_ref().map(|cell| plain(cell, SHOWN)));
    }
    if let Some(column) = table.column_mut(0) {
        column.set_padding((0, 1));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_what_came_from_strangers_as_it_is_written() {
        let rows = [["a".to_owned(), "\u{1b}[2Jgone".to_owned()], ["long name".to_owned(), "x".to_owned()]];
        let text = table(["name", "value"], &rows);
        assert_eq!(text, "name       value\na          \\u{1b}[2Jgone\nlong name  x\n");
    }

    #[test]
    fn colour_is_a_matter_of_the_terminal_unless_it_is_said() {
        let with = |color| Output { format: Format::Table, color };
        assert_eq!(with(Color::Never).paint_for(true).good("x"), "x");
        assert_eq!(with(Color::Always).paint_for(false).good("x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(with(Color::Auto).paint_for(false).bad("x"), "x");
    }
}
