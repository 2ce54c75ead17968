//! What the durable trail costs, measured as it is used: a client, a real gateway in another process, 64 calls at once.
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
        ["cpu", directory] => cpu::measure(&PathBuf::from(directory)),
        ["power", directory] => disk::measure(&PathBuf::from(directory)),
        ["append", directory] => cpu::append(&PathBuf::from(directory)),
        _ => {
            println!("usage: bench cpu|power|append DIRECTORY (on the disk that is meant)");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
