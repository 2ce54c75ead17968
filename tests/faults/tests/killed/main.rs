//! Processes that die by `kill -9`, against a gateway in a process of its own whose count of executions is the judge.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod batch;
mod moments;
mod processes;
