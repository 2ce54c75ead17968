//! What the commands promise that talk to a gateway, with the command as a process and a sandbox as the gateway.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where its promise breaks")]

mod calls;
mod ground;
mod settings;
mod shells;
