//! `audit export`: a copy of the records for others.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cxone_actions::Error;
use cxone_actions::trail::ExportFormat;

use super::{Place, Wanted, may_replace, refused};
use crate::failure::{EXIT_FAILED, Failure};

/// Copy records: the exact lines, a JSON array, or a table
///
/// To stdout, or into a file (mode 0600) that appears when it is complete; a file that was there is replaced, and nothing
/// else is: no link, no segment, no file of checkpoints.
///
/// Example: cxone-actions audit export trail -o november.csv --since 2026-11-01 --until 2026-12-01
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The file to write; without this, or with -, it goes to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to write it; without this, as the file's name ends, and the exact lines on stdout
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The file of checkpoints that clients wrote: it is never replaced
    #[arg(long, value_name = "FILE", env = "CXONE_AUDIT_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
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

impl From<Format> for ExportFormat {
    fn from(format: Format) -> ExportFormat {
        match format {
            Format::Jsonl => ExportFormat::Jsonl,
            Format::Json => ExportFormat::Json,
            Format::Csv => ExportFormat::Csv,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let filter = arguments.wanted.filter()?;
    let format = arguments.format.map(ExportFormat::from);
    let Some(path) = arguments.output.as_ref().filter(|path| *path != Path::new("-")) else {
        let trail = arguments.place.open()?;
        let format = format.unwrap_or(ExportFormat::Jsonl);
        trail.export_to(io::stdout().lock(), format, &filter).map_err(stopped)?;
        return Ok(());
    };
    let format = format.or_else(|| path.extension().and_then(|ending| ending.to_str()?.parse().ok())).ok_or_else(|| {
        refused("the format must be said with `--format`, because the file's name does not end in .jsonl, .json or .csv")
    })?;
    let trail = arguments.place.open_with(arguments.checkpoints.as_deref())?;
    may_replace(&trail, path, "`audit export` without `-o`")?;
    let count = trail.export(path, format, &filter)?;
    let records = if count == 1 { "record" } else { "records" };
    writeln!(io::stderr(), "{count} {records} written to {}", path.display())?;
    Ok(())
}

/// A record that cannot be read is the trail's error; whoever has seen enough ends it quietly.
fn stopped(error: io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(of_the_trail) => of_the_trail.clone().into(),
        None if error.kind() == io::ErrorKind::BrokenPipe => error.into(),
        None => Failure { exit_code: EXIT_FAILED, message: format!("stdout cannot be written: {error}") },
    }
}
