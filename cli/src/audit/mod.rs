//! `cxone-actions audit`: the trail for people. Reads a directory and writes nothing into it.

mod export;
mod report;
mod show;
mod verify;
mod witnesses;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{ContentArrangement, Table};
use cxone_actions::config::AuditSettings;
use cxone_actions::trail::{Filter, Trail};
use cxone_actions::{Error, ErrorKind};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::output;

/// Show, export and verify the audit trail, or make a report of it
///
/// A trail is the directory that the client's `audit` option names. It is only read, also while clients write to it.
///
/// Example: cxone-actions audit verify trail && cxone-actions audit report trail -o report.html
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Arguments),
    Export(export::Arguments),
    Verify(verify::Arguments),
    Report(report::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Show(arguments) => show::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Report(arguments) => report::run(arguments),
    }
}

/// Which trail.
#[derive(Debug, Args)]
struct Place {
    /// The directory of the trail
    #[arg(value_name = "DIR", env = "CXONE_AUDIT_DIR")]
    directory: PathBuf,
}

impl Place {
    fn open(&self) -> Result<Trail, Error> {
        Trail::read_only(&self.directory)
    }

    /// With what must not be written over. A file that is not there needs no care.
    fn open_with(&self, checkpoints: Option<&Path>) -> Result<Trail, Error> {
        let checkpoints = checkpoints.filter(|path| path.is_file()).map(Path::to_owned);
        Trail::read_only_with(&self.directory, &AuditSettings { checkpoints, ..AuditSettings::default() })
    }
}

/// Which of its records.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which records")]
struct Wanted {
    /// Written at this time or later: 2026-11-22T15:00:00Z, or a day (UTC)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Written before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// What happened: started, denied, sending, terminal, unknown, …
    #[arg(long)]
    event: Option<String>,
    /// The action, by its id or the name that the policy gives it
    #[arg(long, value_name = "ID")]
    action: Option<String>,
    /// The gateway's word for the state
    #[arg(long)]
    status: Option<String>,
    /// The logical invocation
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// The gateway's id of the invocation
    #[arg(long, value_name = "ID")]
    invocation_id: Option<String>,
    /// Who acted
    #[arg(long)]
    actor: Option<String>,
}

impl Wanted {
    /// The filter that the library reads, so that there is one reading of times, words and ids.
    fn filter(&self) -> Result<Filter, Error> {
        filter([
            ("since", &self.since),
            ("until", &self.until),
            ("event", &self.event),
            ("action_id", &self.action),
            ("status", &self.status),
            ("correlation_id", &self.correlation_id),
            ("invocation_id", &self.invocation_id),
            ("actor", &self.actor),
        ])
    }
}

pub(crate) fn filter<const N: usize>(parts: [(&str, &Option<String>); N]) -> Result<Filter, Error> {
    let given = parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?.into())));
    let object: Map<String, Value> = given.collect();
    Filter::from_json(&Value::Object(object).to_string())
}

/// Refuses a file that must not be replaced, and says what writes to stdout where that is what was meant.
fn may_replace(trail: &Trail, path: &Path, to_stdout: &str) -> Result<(), Failure> {
    trail.may_replace(path).map_err(|error| {
        let mut failure = Failure::from(error);
        if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            failure.message.push_str(&format!("; {to_stdout} writes to stdout"));
        }
        failure
    })
}

/// As wide as the terminal; where there is none, as wide as what is in it.
fn fit(table: &mut Table) {
    match output::width() {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
}

/// Something that the arguments ask for and that cannot be.
fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}
