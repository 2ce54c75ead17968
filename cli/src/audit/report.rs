//! `audit report`: one page for the person who answers for these calls.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::{Place, filter, may_replace};
use crate::report::{About, report};
use crate::{EXIT_CONFIG, EXIT_FAILED, Failure};

/// Make one page that says what happened: a file that holds everything it shows
///
/// The page needs no network and runs no script. It is made also where the trail is damaged, and says so at the top: what
/// decides by an exit code is `audit verify`.
///
/// Example: cxone-actions audit report trail -o report.html --title "Refunds, November"
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The file to write, or - for stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// What stands above it; without this, the name of the directory
    #[arg(long)]
    title: Option<String>,
    /// Count calls that were started at this time or later
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Count what happened before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    #[command(flatten)]
    witnesses: super::witnesses::Witnesses,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let filter = filter([("since", &arguments.since), ("until", &arguments.until)])?;
    let trail = arguments.witnesses.open(&arguments.place)?;
    let to_stdout = arguments.output == Path::new("-");
    if !to_stdout {
        may_replace(&trail, &arguments.output, "`-o -`")?;
    }
    let directory = trail.directory().unwrap_or(Path::new("")).to_owned();
    let name = || directory.file_name().map(|name| name.to_string_lossy().into_owned());
    let about = About {
        title: arguments.title.clone().or_else(name).unwrap_or_default(),
        directory: directory.display().to_string(),
        made: Timestamp::now(),
        filter,
    };
    let verification = trail.verify();
    let page = report(&about, &trail, &verification)?;
    if to_stdout {
        let mut stdout = io::stdout().lock();
        stdout.write_all(page.as_bytes())?;
        stdout.flush()?;
    } else {
        write(&arguments.output, page.as_bytes()).map_err(|error| Failure {
            exit_code: if is_of_the_path(&error) { EXIT_CONFIG } else { EXIT_FAILED },
            message: format!("`{}` cannot be written: {error}", arguments.output.display()),
        })?;
    }
    if !verification.ok {
        writeln!(io::stderr(), "the trail is not what was written: the page says where")?;
    }
    Ok(())
}

/// Whether another path would do: not so for a disk that is full.
fn is_of_the_path(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), InvalidFilename | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem)
}

/// The whole page or none: it is written beside its place (0600, for it names who did what) and moved there.
fn write(path: &Path, page: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    // One that was killed while it wrote may have had the same process id.
    hidden.push(format!(".{}-{}", std::process::id(), Timestamp::now().as_nanosecond()));
    let beside = path.with_file_name(hidden);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&beside)
        .and_then(|mut file| file.write_all(page).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.inspect_err(|_| drop(fs::remove_file(&beside)))
}
