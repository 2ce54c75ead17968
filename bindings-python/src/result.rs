//! What a call ended with, as Python is told it.
//!
//! The promise: what the gateway sent is read when somebody looks at it, and not copied before.

use std::sync::Arc;

use cxone_actions::{ActionResult, Status};
use cxone_actions_bridge::Told;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;
use serde_json::value::RawValue;

/// JSON text that nobody has read yet.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeText(Arc<RawValue>);

#[pymethods]
impl NativeText {
    fn text(&self) -> &str {
        self.0.get()
    }
}

/// JSON text, or the fields of a result in the order of Python's `ActionResult`.
#[derive(IntoPyObject)]
pub(crate) enum Said<'py> {
    Text(String),
    Result(Fields<'py>),
}

type Fields<'py> = (
    Option<String>,
    Option<String>,
    Option<String>,
    &'py Bound<'py, PyString>,
    Option<NativeText>,
    Option<String>,
    Option<f64>,
    f64,
    u32,
    u32,
    Option<NativeText>,
);

impl<'py> Said<'py> {
    pub(crate) fn new(py: Python<'py>, told: Told) -> Said<'py> {
        match told {
            Told::Text(text) => Said::Text(text),
            Told::Result(result) => Said::Result(fields(py, *result)),
        }
    }
}

fn word(py: Python<'_>, status: Status) -> &Bound<'_, PyString> {
    match status {
        Status::Completed => intern!(py, "COMPLETED"),
        Status::Failed => intern!(py, "FAILED"),
        Status::Cancelled => intern!(py, "CANCELLED"),
    }
}

fn fields(py: Python<'_>, result: ActionResult) -> Fields<'_> {
    (
        result.invocation_id,
        result.action_id,
        result.correlation_id,
        word(py, result.status),
        result.outputs.map(NativeText),
        result.error_message,
        result.invoke_latency_ms,
        result.duration_ms,
        result.attempts,
        result.polls,
        result.raw.map(NativeText),
    )
}
