//! The private native module of the npm package: a border, not a home.
//!
//! The promise: plain data goes in and comes out. Nothing here decides, no function throws for what can go wrong (the
//! text of an error comes back, and TypeScript makes it an object with a class and a stack), and no code of a user's is
//! called from here: the only function that is, wakes the event loop.

mod audit;
pub mod client;
mod ending;
mod numbers;
mod queue;
pub mod sandbox;
mod tagged;
mod told;

use napi::bindgen_prelude::{Env, Function, JsObjectValue, Object, Result};
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

/// At the end of the process: lets what is on the wire be recorded, and flushes the trails. It takes no argument, so that
/// it can listen to `exit` itself: whatever JavaScript closed over would be kept until then.
#[napi(catch_unwind)]
pub fn drain_at_exit() {
    cxone_actions_bridge::drain_at_exit();
}

/// The same; meanwhile `serve` is called again and again, on this thread.
#[napi(catch_unwind)]
pub fn drain_at_exit_serving(serve: Function<'_, (), ()>) {
    // It throws nothing.
    cxone_actions_bridge::drain_at_exit_serving(|| drop(serve.call(())));
}

/// So long a function for tokens is waited for, in milliseconds.
#[napi(catch_unwind)]
pub fn token_patience_ms() -> f64 {
    cxone_actions::TOKEN_PATIENCE.as_secs_f64() * 1000.0
}

/// Whether a client of this process still has something to record at its end.
#[napi(catch_unwind)]
pub fn has_clients() -> bool {
    cxone_actions_bridge::has_clients()
}

/// The `process` of the realm that loaded this module. A test runner gives its tests a copy, whose `exit` never comes.
///
/// # Errors
/// Where the realm has none.
#[napi(catch_unwind)]
pub fn process(env: Env) -> Result<Object<'static>> {
    env.get_global()?.get_named_property("process")
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
