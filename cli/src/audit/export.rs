//! `audit export`: a copy of the records for others.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cxone_actions::trail::ExportFormat;

use super::{Place, Wanted, may_replace, refused};
use crate::Failure;

/// Copy records into a file: the exact lines, a JSON array, or a table
///
/// The file (mode 0600) appears when it is complete; a file that was there is replaced, and nothing else is.
///
/// Example: cxone-actions audit export trail -o november.csv --since 2026-11-01 --until 2026-12-01
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How to write it; without this, as the file's name ends
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// The exact lines, whose hashes can be checked
    Jsonl,
    /// One array
    Json,
    /// A table; cells that a spreadsheet would run begin with '
    Csv,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let filter = arguments.wanted.filter()?;
    if arguments.output == Path::new("-") {
        return Err(refused("an export is a file: `audit show --output jsonl` writes to stdout").into());
    }
    let format = match arguments.format {
        Some(Format::Jsonl) => ExportFormat::Jsonl,
        Some(Format::Json) => ExportFormat::Json,
        Some(Format::Csv) => ExportFormat::Csv,
        None => arguments.output.extension().and_then(|ending| ending.to_str()?.parse().ok()).ok_or_else(|| {
            refused("the format must be said with `--format`, because the file's name does not end in .jsonl, .json or .csv")
        })?,
    };
    let trail = arguments.place.open()?;
    may_replace(&trail, &arguments.output, "`audit show --output jsonl`")?;
    let count = trail.export(&arguments.output, format, &filter)?;
    let records = if count == 1 { "record" } else { "records" };
    writeln!(io::stderr(), "{count} {records} written to {}", arguments.output.display())?;
    Ok(())
}
