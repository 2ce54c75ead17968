//! Reading the trail: batches of exact JSON lines.

use std::sync::Mutex;

use cxone_actions_bridge::Records;
use pyo3::prelude::*;

use crate::native_error;

/// How many lines cross the border at once.
const BATCH: usize = 256;

/// The records of a trail, oldest first.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeRecords(Mutex<Records>);

impl NativeRecords {
    pub(crate) fn new(records: Records) -> Self {
        NativeRecords(Mutex::new(records))
    }
}

#[pymethods]
impl NativeRecords {
    /// The next lines; an empty list at the end.
    fn next_batch(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        py.detach(|| {
            let mut records = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            records.next_batch(BATCH)
        })
        .map_err(native_error)
    }
}
