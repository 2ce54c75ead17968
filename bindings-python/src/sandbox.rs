//! The sandbox as Python holds it.

use cxone_actions_bridge::PerProcess;
use cxone_actions_sandbox::{Sandbox, SandboxError, SandboxOptions};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// A gateway on a loopback port, served by a thread of its own until it is closed.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeSandbox(PerProcess<Sandbox>);

#[pymethods]
impl NativeSandbox {
    #[new]
    fn new(py: Python<'_>, options_json: &str) -> PyResult<Self> {
        let started = PerProcess::new();
        py.detach(|| started.get_or_try(|| Sandbox::start(SandboxOptions::from_json(options_json)?)))
            .map_err(wrong)?;
        Ok(NativeSandbox(started))
    }

    fn base_url(&self) -> PyResult<String> {
        self.look(|sandbox| sandbox.base_url().to_string())
    }

    fn client_id(&self) -> PyResult<String> {
        self.look(|sandbox| sandbox.client_id().to_string())
    }

    fn client_secret(&self) -> PyResult<String> {
        self.look(|sandbox| sandbox.client_secret().to_string())
    }

    fn access_key_id(&self) -> PyResult<String> {
        self.look(|sandbox| sandbox.access_key_id().to_string())
    }

    fn access_key_secret(&self) -> PyResult<String> {
        self.look(|sandbox| sandbox.access_key_secret().to_string())
    }

    /// The options that let a client in.
    fn options(&self) -> PyResult<Vec<(&'static str, String)>> {
        self.look(|sandbox| {
            sandbox.options().into_iter().map(|(name, value)| (name, value.to_owned())).collect()
        })
    }

    /// The same as environment variables.
    fn environ(&self) -> PyResult<Vec<(String, String)>> {
        self.look(|sandbox| {
            sandbox.environ().into_iter().map(|(name, value)| (name, value.to_owned())).collect()
        })
    }

    /// What was received, as a JSON array; it holds no secret.
    fn requests(&self) -> PyResult<String> {
        self.look(|sandbox| serde_json::to_string(&sandbox.requests()).unwrap_or_default())
    }

    fn executions(&self, correlation_id: &str) -> PyResult<u64> {
        self.look(|sandbox| sandbox.executions(correlation_id))
    }

    /// `times` is JSON too: what cannot work is the sandbox's to say.
    fn inject(&self, point: &str, fault_json: &str, times_json: &str) -> PyResult<()> {
        self.look(|sandbox| sandbox.inject_text(point, fault_json, times_json))?.map_err(wrong)
    }

    fn clear(&self) -> PyResult<()> {
        self.look(Sandbox::clear)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            // It stays: what it saw and counted can still be read.
            if let Some(sandbox) = self.0.get() {
                sandbox.close();
            }
        });
    }
}

impl NativeSandbox {
    fn look<T>(&self, look: impl FnOnce(&Sandbox) -> T) -> PyResult<T> {
        match self.0.get() {
            Some(sandbox) => Ok(look(&sandbox)),
            None => Err(PyRuntimeError::new_err("the sandbox belongs to the parent of this process")),
        }
    }
}

fn wrong(error: SandboxError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
