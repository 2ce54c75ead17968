//! What a sandbox promises, seen from the other end of a socket.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its promise breaks"
)]

mod actions;
mod console;
mod faults;
mod habits;
mod memory;
mod model;
mod openapi;
mod profiles;
mod refusals;
mod running;
mod tokens;
mod wire;
