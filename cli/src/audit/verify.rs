//! `audit verify`: is the trail what was written?

use std::fmt::Write as _;
use std::io;

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets};
use cxone_actions::trail::Verification;

use super::{Place, fit};
use crate::output::{ended_with, print};
use crate::plain::plain;
use crate::{EXIT_FAILED, Failure};

/// Check every record, every link and every checkpoint
///
/// Ends with 0 when the trail is what was written, and with 1 when it is not; every place that disagrees is named. Of
/// records that are sealed with a key it sees without that key only that they follow each other: then it ends with 0, and
/// says how many it did not check.
///
/// Example: cxone-actions audit verify trail --checkpoints checkpoints.jsonl --output json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    witnesses: super::witnesses::Witnesses,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One JSON object on one line
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let verification = arguments.witnesses.open(&arguments.place)?.verify();
    let text = match arguments.output {
        Output::Table => table(&verification),
        Output::Json => format!("{}\n", serde_json::to_string(&verification).map_err(io::Error::other)?),
    };
    let message = "the trail is not what was written".to_owned();
    let broken = || Failure { exit_code: EXIT_FAILED, message };
    ended_with(print(&text), verification.ok.then_some(()).ok_or_else(broken))
}

fn table(verification: &Verification) -> String {
    let mut text = String::new();
    let facts = [
        ("records", verification.records),
        ("segments", verification.segments),
        ("anchored", verification.anchored),
        ("cut off", verification.cut),
        ("removed segments", verification.removed),
        ("not checked", verification.unchecked),
    ];
    for (name, number) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<17} {number:>12}");
    }
    if verification.problems.is_empty() {
        text.push_str(&match verification {
            Verification { records: 0, .. } => "there are no records\n".to_owned(),
            Verification { unchecked: sealed @ 1.., .. } => format!(
                "the records follow each other, but the seals of {sealed} were not checked: nothing shows that they are \
                 what was written; name their key with `--key-file`\n"
            ),
            _ => "the chain holds\n".to_owned(),
        });
        return text;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    fit(&mut table);
    table.set_header(["segment", "line", "what is wrong"]);
    for problem in &verification.problems {
        let line = if problem.line == 0 { "–".to_owned() } else { problem.line.to_string() };
        table.add_row([plain(&problem.segment, 100), line, plain(&problem.what, 300)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{text}{table}\n")
}
