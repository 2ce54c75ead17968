//! What `cxone-actions doctor` promises, with the command as a process, in worlds that are broken for real.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its promise breaks"
)]

mod gateway;
mod network;
mod page;
mod settings;
mod tls;
mod token;
mod trail;
mod world;
