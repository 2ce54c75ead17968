//! The private native module of the npm package: a border, not a home.
//!
//! The promise: plain data goes in and comes out. Nothing here decides, no function throws for what can go wrong (the
//! text of an error comes back, and TypeScript makes it an object with a class and a stack), and no code of a user's is
//! called from here: the only function that is, wakes the event loop.

mod audit;
pub mod client;
mod queue;
pub mod sandbox;
mod tagged;

use napi::bindgen_prelude::Function;
use std::ffi::OsString;

use napi_derive::napi;

/// The version of the library.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    cxone_actions_bridge::VERSION
}

/// The public surface as the core knows it: the parity test holds the package against it.
#[napi(catch_unwind)]
pub fn surface() -> String {
    cxone_actions::surface().to_string()
}

/// The error of a result that did not complete.
#[napi(catch_unwind)]
pub fn status_error(result: String) -> Option<String> {
    cxone_actions_bridge::status_error(&result)
}

/// At the end of the process: lets what is on the wire be recorded, and flushes the trails. Meanwhile `serve` is called again
/// and again, on this thread.
#[napi(catch_unwind)]
pub fn drain_at_exit(serve: Option<Function<'_, (), ()>>) {
    match serve {
        // It throws nothing.
        Some(serve) => cxone_actions_bridge::drain_at_exit_serving(|| drop(serve.call(()))),
        None => cxone_actions_bridge::drain_at_exit(),
    }
}

/// What the library has to say is kept from this level on: `off`, `error`, `warning`, `info` or `debug`.
#[napi(catch_unwind)]
pub fn set_log_level(level: String) {
    cxone_actions_bridge::set_log_level(&level);
}

/// What was said since the last time, each as a JSON object.
#[napi(catch_unwind)]
pub fn take_log() -> Vec<String> {
    cxone_actions_bridge::take_log()
}

/// The command line, blocking until it is done; its exit code.
#[napi(js_name = "main", catch_unwind)]
pub fn command_line(args: Vec<String>) -> u32 {
    let named = std::iter::once("cxone-actions".to_owned()).chain(args);
    u32::from(cxone_actions_cli::main(named.map(OsString::from)))
}
