//! The command `cxone-actions`. Everything it does is in the library, so that every package ships the same one.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cxone_actions_cli::main(std::env::args_os()))
}
