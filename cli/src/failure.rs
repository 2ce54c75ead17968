//! Why a command ends with something else than 0, and how that is said: a line for people, or the error as JSON where the
//! results are JSON.

use std::io::{self, Write};

use cxone_actions::{Error, ErrorKind};

/// What the command line was asked to do could not work.
pub(crate) const EXIT_CONFIG: u8 = 2;
/// The command itself failed: its output could not be written, its signals not be waited for.
pub(crate) const EXIT_FAILED: u8 = 1;
/// Ctrl-C, as shells say it.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Why a command ends with something else than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the process ends with.
    pub(crate) exit_code: u8,
    /// What is said on stderr after `error: `; nothing where it is empty.
    pub(crate) message: String,
}

impl Failure {
    /// What was asked for cannot work.
    pub(crate) fn config(message: impl Into<String>) -> Failure {
        Failure { exit_code: EXIT_CONFIG, message: message.into() }
    }

    /// Ends with this code, and everything has been said.
    pub(crate) fn silent(exit_code: u8) -> Failure {
        Failure { exit_code, message: String::new() }
    }

    /// Several mistakes, one on each line.
    pub(crate) fn of_mistakes<S: AsRef<str>>(mistakes: &[S]) -> Failure {
        let lines: Vec<&str> = mistakes.iter().map(AsRef::as_ref).collect();
        Failure::config(lines.join("\n       "))
    }

    /// Says it on stderr.
    pub(crate) fn tell(&self) {
        if !self.message.is_empty() {
            let _ = writeln!(io::stderr(), "error: {}", self.message);
        }
    }
}

/// Whoever reads the output has seen enough: that is a quiet end, not a failure.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::silent(0);
        }
        Failure { exit_code: EXIT_FAILED, message: error.to_string() }
    }
}

/// The exit code is that of the error's kind, as everywhere. Mistakes of options have a line each.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit_code = error.kind().exit_code();
        if error.kind() == ErrorKind::Config && error.violations().len() > 1 {
            let mistakes: Vec<&str> = error.violations().iter().map(|of| of.message.as_str()).collect();
            return Failure { exit_code, ..Failure::of_mistakes(&mistakes) };
        }
        let message = match error.hint() {
            Some(hint) => format!("{}: {hint}", error.message()),
            None => error.message().to_owned(),
        };
        Failure { exit_code, message }
    }
}
