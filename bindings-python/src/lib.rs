//! The private module `cxone_actions._native`: a border, not a home.
//!
//! Plain data crosses here, once in each direction, and nothing is decided. The typed layer in `python/cxone_actions`
//! is what users see. The promise: no thread of ours ever takes the interpreter's lock, so neither exit nor fork can
//! find one in the middle of it.

mod bell;
mod client;
mod queue;
mod request;
mod result;
mod sandbox;
mod trail;

use cxone_actions_bridge as bridge;
use pyo3::prelude::*;
use std::ffi::OsString;

pyo3::create_exception!(
    _native,
    NativeError,
    pyo3::exceptions::PyException,
    "Its one argument is the JSON text of an error."
);

/// What the bridge reports as JSON text, as an exception that the Python layer understands.
fn native_error(json: String) -> PyErr {
    NativeError::new_err(json)
}

/// The error that a result raises where the caller asks for one, as JSON text.
#[pyfunction]
fn status_error(result_json: &str) -> Option<String> {
    bridge::status_error(result_json)
}

/// The public surface as the core knows it: the parity test holds the package against it.
#[pyfunction]
fn surface() -> String {
    cxone_actions::surface().to_string()
}

/// Lets what is on the wire be recorded and stops the I/O thread; further calls end as `closed`.
#[pyfunction]
fn shutdown(py: Python<'_>) {
    py.detach(bridge::drain_at_exit);
}

/// Keeps a daemon thread where the process has begun to end.
#[pyfunction]
fn rest_if_ending(py: Python<'_>) {
    queue::rest_if_ending(py);
}

/// What the library has to say is kept from this level on: `off`, `error`, `warning`, `info` or `debug`.
#[pyfunction]
fn set_log_level(level: &str) {
    bridge::set_log_level(level);
}

/// What was said since the last time, each as a JSON object.
#[pyfunction]
fn take_log() -> Vec<String> {
    bridge::take_log()
}

/// The command line, from the program's name on; its exit code.
#[pyfunction]
fn cli(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| cxone_actions_cli::main(arguments))
}

/// A free-threaded CPython keeps its lock while this is loaded, until CI has run the tests without it.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add("VERSION", bridge::VERSION)?;
    module.add_class::<client::NativeBatch>()?;
    module.add_class::<client::NativeClient>()?;
    module.add_class::<client::NativeSnapshot>()?;
    module.add_class::<queue::NativeQueue>()?;
    module.add_class::<result::NativeText>()?;
    module.add_class::<sandbox::NativeSandbox>()?;
    module.add_class::<trail::NativeRecords>()?;
    module.add_function(wrap_pyfunction!(status_error, module)?)?;
    module.add_function(wrap_pyfunction!(surface, module)?)?;
    module.add("HANDLER_PATIENCE", cxone_actions::HANDLER_PATIENCE.as_secs_f64())?;
    module.add("TOKEN_PATIENCE", cxone_actions::TOKEN_PATIENCE.as_secs_f64())?;
    module.add_function(wrap_pyfunction!(shutdown, module)?)?;
    module.add_function(wrap_pyfunction!(rest_if_ending, module)?)?;
    module.add_function(wrap_pyfunction!(set_log_level, module)?)?;
    module.add_function(wrap_pyfunction!(take_log, module)?)?;
    module.add_function(wrap_pyfunction!(cli, module)?)
}
