//! The command line as a library function: from pip, npm and cargo alike, one implementation.
//!
//! Results go to stdout, everything else to stderr, and the exit code says which sort of thing went wrong.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod audit;
mod check;
mod plain;
mod profiles;
mod report;
mod sandbox;

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{Parser, Subcommand};

/// What the command line was asked to do could not work.
const EXIT_CONFIG: u8 = 2;
/// The command itself failed: its output could not be written, its signals not be waited for.
const EXIT_FAILED: u8 = 1;

/// Invoke contact-centre Data Actions once, learn what became of them, and be able to prove it
#[derive(Debug, Parser)]
#[command(name = "cxone-actions", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Check(check::Arguments),
    Profiles(profiles::Arguments),
    Sandbox(sandbox::Arguments),
}

/// Runs the command line with these arguments, the first of which is the program's name, and gives back its exit
/// code: 0 when it did what it was asked, 2 where the arguments cannot work.
///
/// It blocks until the command is done. A command that serves ends on SIGINT or SIGTERM; handlers that were
/// installed before are called as well.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(message) => {
            // Help and version are such a message too: clap knows the stream and the exit code of each.
            let _ = message.print();
            return u8::try_from(message.exit_code()).unwrap_or(EXIT_CONFIG);
        }
    };
    let outcome = match arguments.command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Profiles(arguments) => profiles::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {}", failure.message);
            failure.exit_code
        }
    }
}

/// Why a command ends with something else than 0.
#[derive(Debug)]
struct Failure {
    exit_code: u8,
    message: String,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure { exit_code: EXIT_FAILED, message: error.to_string() }
    }
}
