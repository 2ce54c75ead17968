//! What the core promises and a single exchange cannot show: many callers, lost callers, deadlines, the token, the trail
//! on disk. Each test is named for its promise and runs against a real gateway on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod batch;
mod callers;
mod deadlines;
mod delivery;
mod disk;
mod ground;
mod options;
mod outputs;
mod policy;
mod polls;
mod races;
mod tokens;
mod trail;
mod wire;
