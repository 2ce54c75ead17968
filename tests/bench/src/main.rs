//! What an invocation costs, measured as it is used: a client, and a real gateway in another process.
//!
//! `gateway` and the drivers are what `tests/bench/compare` puts together; `instructions` is the gate of CI; `cpu`, `power`
//! and `append` say what the trail costs by itself.
//!
//! A machine that does other things at the same time makes everything slower, and never the same. So every figure is a
//! ratio of runs that stand beside each other in turn, and what is printed is the median of the ratios with the quarters
//! around it.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program that measures: it prints, and fails by panicking"
)]

mod cpu;
mod disk;
mod drive;
mod figures;
mod gateway;
mod instructions;
mod limits;
mod load;
mod sandbox;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["gateway", options @ ..] => gateway::serve(options),
        ["sandbox"] => sandbox::serve(),
        [driver @ ("drive-core" | "drive-hyper" | "drive-raw"), case] => return drive::drive(driver, case),
        ["instructions", directory, figure, record @ ..] => {
            let record = record.contains(&"--record");
            return instructions::measure(&PathBuf::from(directory), &PathBuf::from(figure), record);
        }
        ["cpu", directory] => cpu::measure(&PathBuf::from(directory)),
        ["power", directory] => disk::measure(&PathBuf::from(directory)),
        ["append", directory] => cpu::append(&PathBuf::from(directory)),
        _ => {
            println!("usage: bench cpu|power|append DIRECTORY (on the disk that is meant)");
            println!("       bench instructions DIRECTORY FIGURE [--record]");
            println!("       bench gateway [--tls] [--hold-ms N], or sandbox");
            println!("       bench drive-core|drive-hyper|drive-raw CASE (as JSON)");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
