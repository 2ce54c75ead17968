//! Copies of the trail for others: the exact lines, one JSON array, or a table.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::str::FromStr;

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::record::{Record, Text, clip};
use super::{Filter, Records, Trail, segment};
use crate::cause::Cause;
use crate::error::{Error, ErrorKind, Result};

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// The exact lines of the records.
    Jsonl,
    /// One array of the same records.
    Json,
    /// A table with one column for each field. Cells that a spreadsheet would take for a formula begin with `'`.
    Csv,
}

impl FromStr for ExportFormat {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Config`] for any other word than `jsonl`, `json` and `csv`.
    fn from_str(word: &str) -> Result<ExportFormat> {
        match word {
            "jsonl" => Ok(ExportFormat::Jsonl),
            "json" => Ok(ExportFormat::Json),
            "csv" => Ok(ExportFormat::Csv),
            _ => {
                let message = format!("`format` must be jsonl, json or csv, got `{}`", clip(word, 64));
                Err(Error::new(ErrorKind::Config, message))
            }
        }
    }
}

/// The columns of a table: the fields of a record, with `timings` spread out.
const COLUMNS: [&str; 29] = [
    "v",
    "seq",
    "ts",
    "host",
    "pid",
    "run",
    "event",
    "actor",
    "action_id",
    "action_name",
    "correlation_id",
    "invocation_id",
    "attempt",
    "http_status",
    "status",
    "kind",
    "executed",
    "input_keys",
    "input_digest",
    "bytes",
    "queue_ms",
    "attempt_ms",
    "invoke_ms",
    "duration_ms",
    "due",
    "note",
    "key",
    "prev",
    "hash",
];

impl Trail {
    /// Writes the records that pass the filter to a file (0600), and returns how many. The file appears when it is
    /// complete; one that was there before is replaced.
    ///
    /// # Errors
    /// Those of [`Trail::may_replace`]; [`ErrorKind::Audit`] when a record cannot be read or the file cannot be written.
    /// Then there is no new file.
    pub fn export(&self, path: &Path, format: ExportFormat, filter: &Filter) -> Result<u64> {
        self.may_replace(path)?;
        export(self.records(filter)?, path, format)
    }

    /// The same to who reads along: [`ErrorKind::Audit`] where a record cannot be read, or who reads has gone away.
    ///
    /// # Errors
    /// What reading says, or what `output` says, as its source.
    #[doc(hidden)]
    pub fn export_to(&self, output: impl Write, format: ExportFormat, filter: &Filter) -> io::Result<u64> {
        let records = self.records(filter).map_err(io::Error::other)?;
        written(records, output, format).map_err(|stopped| match stopped {
            Stopped::Reading(error) => io::Error::other(error),
            Stopped::Writing(error) => error,
        })
    }

    /// Whether a copy of this trail, or what is made of it, may be written to this path, in the place of a file that is
    /// there.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what is there and is no regular file (a link, a device, a pipe, a directory), for the name
    /// of a segment or an index, and for the file of this trail's checkpoints.
    pub fn may_replace(&self, path: &Path) -> Result<()> {
        target(path, self.inner.places.file.as_deref())
    }
}

/// Writes to a path that [`target`] allows.
fn export(records: Records, path: &Path, format: ExportFormat) -> Result<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // A hidden name in the same directory, so that the file can be renamed into its place.
    let temporary = path.with_file_name(format!(".{name}.{}", Uuid::new_v4().simple()));
    let fail = |error: io::Error| {
        let message = format!("the export `{}` cannot be written: {error}", path.display());
        Error::new(ErrorKind::Audit, message)
            .with_hint("name a path in a directory that can be written and has space")
            .caused_by(Cause::of_file(&error))
    };
    let file = segment::create(&temporary, false).map_err(fail)?;
    let written = written(records, &file, format).and_then(|count| {
        file.sync_data()?;
        fs::rename(&temporary, path)?;
        Ok(count)
    });
    written.map_err(|stopped| {
        // Half an export is worth nothing, and there is nothing to be done about a name that cannot be removed.
        let _ = fs::remove_file(&temporary);
        match stopped {
            Stopped::Reading(error) => error,
            Stopped::Writing(error) => fail(error),
        }
    })
}

fn written(records: Records, output: impl Write, format: ExportFormat) -> Result<u64, Stopped> {
    match format {
        ExportFormat::Jsonl => array(records, output, ["", "\n", "\n"]),
        ExportFormat::Json => array(records, output, ["[\n", ",\n", "\n]\n"]),
        ExportFormat::Csv => table(records, output),
    }
}

enum Stopped {
    Reading(Error),
    Writing(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Writing(error)
    }
}

impl From<csv::Error> for Stopped {
    fn from(error: csv::Error) -> Self {
        Stopped::Writing(error.into())
    }
}

/// What is written takes the place of a file that is there. So nothing else may be there: no link, no device, no pipe, and
/// nothing that a trail consists of.
fn target(path: &Path, checkpoints: Option<&Path>) -> Result<()> {
    let refuse = |what: &str| {
        let message = format!("`path` must name a file to write, got `{}`", path.display());
        Err(Error::new(ErrorKind::Config, message).with_hint(what))
    };
    let there = fs::symlink_metadata(path).map(|there| there.file_type());
    if there.as_ref().is_ok_and(fs::FileType::is_dir) {
        return refuse("it is a directory: name a file");
    }
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return refuse("end it with a file name, in UTF-8");
    };
    if segment::is_name(name) {
        return refuse("a file of this name would be read as a segment of a trail");
    }
    if name.strip_suffix(".index").is_some_and(segment::is_name) {
        return refuse("a file of this name would be read as the index of a segment");
    }
    match there {
        // Writing says why, where it cannot be written either.
        Err(_) => return Ok(()),
        Ok(there) if there.is_file() => {}
        Ok(_) => return refuse("it is no regular file, and would be replaced by one: name another path"),
    }
    let real = |path: &Path| fs::canonicalize(path).ok();
    if checkpoints.and_then(real).is_some_and(|checkpoints| Some(checkpoints) == real(path)) {
        return refuse("it holds the checkpoints of the trail: name another path");
    }
    // Also where nobody said which file holds them.
    if begins_with_a_checkpoint(path) {
        return refuse("it holds checkpoints of a trail: name another path");
    }
    Ok(())
}

fn begins_with_a_checkpoint(path: &Path) -> bool {
    const LONGEST: u64 = 4096;
    let Ok(file) = segment::open_file(path) else { return false };
    let mut line = Vec::new();
    let read = BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut line);
    read.is_ok() && serde_json::from_slice::<Checkpoint>(&line).is_ok()
}

/// The exact lines between three texts: before the first, between two, after the last.
fn array(records: Records, output: impl Write, [open, between, close]: [&str; 3]) -> Result<u64, Stopped> {
    let mut output = BufWriter::with_capacity(64 << 10, output);
    let mut count = 0;
    output.write_all(open.as_bytes())?;
    for line in records {
        if count > 0 {
            output.write_all(between.as_bytes())?;
        }
        output.write_all(line.map_err(Stopped::Reading)?.as_bytes())?;
        count += 1;
    }
    if count > 0 || !open.is_empty() {
        output.write_all(close.as_bytes())?;
    }
    output.flush()?;
    Ok(count)
}

fn table(records: Records, output: impl Write) -> Result<u64, Stopped> {
    let mut output = csv::Writer::from_writer(output);
    output.write_record(COLUMNS)?;
    let mut count = 0;
    for line in records {
        let line = line.map_err(Stopped::Reading)?;
        let record = Record::parse(line.as_bytes()).map_err(io::Error::other)?;
        output.write_record(cells(&record))?;
        count += 1;
    }
    output.flush()?;
    Ok(count)
}

fn cells(record: &Record<'_>) -> [String; COLUMNS.len()] {
    let text =
        |text: &Option<Text<'_>>| text.as_ref().map(|text| harmless(text.as_str())).unwrap_or_default();
    let timings = record.timings.unwrap_or_default();
    let keys = record.input_keys.as_ref().and_then(|keys| serde_json::to_string(keys).ok());
    [
        record.v.to_string(),
        record.seq.to_string(),
        harmless(&record.ts),
        harmless(&record.host),
        record.pid.to_string(),
        harmless(&record.run),
        harmless(&record.event),
        harmless(&record.actor),
        text(&record.action_id),
        text(&record.action_name),
        text(&record.correlation_id),
        text(&record.invocation_id),
        number(record.attempt),
        number(record.http_status),
        text(&record.status),
        text(&record.kind),
        text(&record.executed),
        keys.unwrap_or_default(),
        text(&record.input_digest),
        number(record.bytes),
        number(timings.queue_ms),
        number(timings.attempt_ms),
        number(timings.invoke_ms),
        number(timings.duration_ms),
        number(record.due),
        text(&record.note),
        text(&record.key),
        harmless(&record.prev),
        text(&record.hash),
    ]
}

fn number(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Spreadsheets run cells that begin like this (OWASP, CSV injection); a leading apostrophe makes them text.
fn harmless(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if formula { format!("'{text}") } else { text.to_owned() }
}
