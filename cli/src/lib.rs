//! The command line as a library function: from pip, npm and cargo alike, one implementation.
//!
//! Results go to stdout, everything else to stderr, and the exit code says which sort of thing went wrong.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod audit;
mod batch;
mod check;
mod completion;
mod config;
mod demo;
mod doctor;
mod failure;
mod inputs;
mod metrics;
mod outcome;
mod output;
mod plain;
mod poll;
mod profiles;
mod report;
mod run;
mod sandbox;
mod settings;
mod signals;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use failure::{EXIT_CONFIG, EXIT_FAILED, Failure};

/// Invoke contact-centre Data Actions once, learn what became of them, and be able to prove it
///
/// Every command tells more with `--help`, and an example. `--sandbox` on those that call a gateway starts one for the run.
///
/// Example: cxone-actions run a1b2c3d4-e5f6-7890-abcd-ef1234567890 -i customerId=CUST-1 -i issueType=billing --sandbox
#[derive(Debug, Parser)]
#[command(name = "cxone-actions", version, verbatim_doc_comment, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Audit(audit::Arguments),
    Batch(batch::Arguments),
    Check(check::Arguments),
    Completion(completion::Completion),
    Config(config::Arguments),
    Demo(demo::Arguments),
    Doctor(doctor::Arguments),
    Metrics(metrics::Arguments),
    Man(completion::Man),
    Poll(poll::Arguments),
    Profiles(profiles::Arguments),
    Run(run::Arguments),
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
        Command::Batch(arguments) => batch::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Completion(arguments) => completion::completion(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Metrics(arguments) => metrics::run(&arguments),
        Command::Man(arguments) => completion::man(&arguments),
        Command::Poll(arguments) => poll::run(&arguments),
        Command::Profiles(arguments) => profiles::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            failure.tell();
            failure.exit_code
        }
    }
}

/// The tree of commands, which completion and manual are made of.
fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Runs it on a runtime of this command's own, on as many threads as there are processors.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
