//! The client as Python holds it: each method is one call of the bridge.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cxone_actions_bridge::{Batch, Dialect, Handle, Snapshot, TokenAnswer, close_patience, patience};
use pyo3::prelude::*;

use crate::native_error;
use crate::queue::NativeQueue;
use crate::request;
use crate::trail::NativeRecords;

/// A client. Methods that take a queue start a call and return its number; the answer comes on the queue.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeClient(Handle);

/// What one batch has under way.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeBatch(Batch);

#[pymethods]
impl NativeBatch {
    /// One of which so many may be under way at once. A number that is too large to count is as good as none.
    #[new]
    fn new(concurrency: &Bound<'_, PyAny>) -> Self {
        NativeBatch(Batch::new(concurrency.extract().unwrap_or(usize::MAX)))
    }

    /// How many requests may have been started and not be over.
    fn room(&self) -> usize {
        self.0.room()
    }
}

#[pymethods]
impl NativeClient {
    #[new]
    fn new(
        py: Python<'_>,
        options_json: &str,
        asks_for_tokens: bool,
        checkpoints: Option<&Bound<'_, NativeQueue>>,
    ) -> PyResult<Self> {
        let checkpoints = checkpoints.map(|queue| Arc::clone(queue.get().queue()));
        py.detach(|| Handle::open(options_json, Dialect::Python, asks_for_tokens, checkpoints))
            .map(NativeClient)
            .map_err(native_error)
    }

    /// By which a request for a token names this client.
    #[getter]
    fn number(&self) -> u64 {
        self.0.number()
    }

    /// Whether the caller's function is to be called now.
    fn take_token_request(&self, request: u64) -> bool {
        self.0.take_token_request(request)
    }

    /// What came of it: `text` is a token, or the name of a type, as `outcome` says.
    fn answer_token_request(&self, request: u64, outcome: &str, text: String, seconds: Option<f64>) {
        self.0.answer_token_request(request, TokenAnswer::from_border(outcome, text, seconds));
    }

    /// In a forked child: who takes its checkpoints.
    fn checkpoints_to(&self, queue: &NativeQueue) {
        self.0.checkpoints_to(queue.queue());
    }

    fn answer_checkpoint(&self, number: u64, raised: Option<String>) {
        self.0.answer_checkpoint(number, raised);
    }

    /// `request` is a tuple of action id, inputs, correlation id, callback URL and traceparent, or a mapping with those keys.
    #[pyo3(signature = (queue, request, timeout=None))]
    fn invoke(&self, queue: &NativeQueue, request: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<u64> {
        Ok(self.0.invoke(queue.queue(), request::read(request)?, seconds(timeout)?))
    }

    fn run(
        &self,
        queue: &NativeQueue,
        request: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        deliver: bool,
    ) -> PyResult<u64> {
        Ok(self.0.run(queue.queue(), request::read(request)?, seconds(timeout)?, deliver))
    }

    /// `run` for one of many: where the line is full it waits for a place.
    fn run_of_many(
        &self,
        queue: &NativeQueue,
        batch: &NativeBatch,
        request: &Bound<'_, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        Ok(self.0.run_of_many(queue.queue(), &batch.0, request::read(request)?, seconds(timeout)?))
    }

    fn poll(
        &self,
        queue: &NativeQueue,
        target_json: &str,
        timeout: Option<f64>,
        deliver: bool,
    ) -> PyResult<u64> {
        Ok(self.0.poll(queue.queue(), target_json, seconds(timeout)?, deliver))
    }

    /// What is no string is no action id either, which the core says.
    fn describe(&self, queue: &NativeQueue, action_id: &Bound<'_, PyAny>) -> u64 {
        self.0.describe(queue.queue(), action_id.extract().unwrap_or_default())
    }

    /// `request` as for `invoke`; `at` in RFC 3339.
    fn check(&self, py: Python<'_>, request: &Bound<'_, PyAny>, at: Option<&str>) -> PyResult<String> {
        let request = request::read(request)?;
        py.detach(|| self.0.check(request, at)).map_err(native_error)
    }

    fn reload_policy(&self, py: Python<'_>, policy_json: Option<&str>) -> PyResult<String> {
        py.detach(|| self.0.reload_policy(policy_json)).map_err(native_error)
    }

    fn listen_callbacks(
        &self,
        queue: &NativeQueue,
        host: String,
        port: i64,
        public_url: Option<String>,
    ) -> u64 {
        self.0.listen_callbacks(queue.queue(), host, port, public_url)
    }

    fn close_listener(&self, number: u64) {
        self.0.close_listener(number);
    }

    fn expect_callbacks(&self, py: Python<'_>, public_url: String) -> PyResult<()> {
        py.detach(|| self.0.expect_callbacks(public_url)).map_err(native_error)
    }

    fn notify(&self, py: Python<'_>, path: &str, headers: Vec<(String, Vec<u8>)>, raw_body: &[u8]) -> bool {
        // An HMAC of a megabyte takes a millisecond, which other threads may have.
        py.detach(|| self.0.notify(path, headers, raw_body))
    }

    fn cancel(&self, call: u64) {
        self.0.cancel(call);
    }

    fn answer(&self, call: u64, raised: Option<String>) {
        self.0.answer(call, raised);
    }

    #[pyo3(signature = (queue, timeout))]
    fn close(&self, queue: &NativeQueue, timeout: Option<f64>) -> PyResult<u64> {
        let timeout = timeout
            .map(|timeout| close_patience(timeout, Dialect::Python))
            .transpose()
            .map_err(native_error)?;
        Ok(self.0.close(queue.queue(), timeout))
    }

    /// What a client shows of itself: where its requests go, and its profile.
    #[getter]
    fn gateway(&self) -> (&str, &str) {
        self.0.gateway()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.0.is_closed()
    }

    fn metrics(&self) -> PyResult<NativeSnapshot> {
        self.0.metrics().map(NativeSnapshot).map_err(native_error)
    }

    fn recover(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.0.recover()).map_err(native_error)
    }

    fn records(&self, py: Python<'_>, filter_json: &str) -> PyResult<NativeRecords> {
        py.detach(|| self.0.records(filter_json)).map(NativeRecords::new).map_err(native_error)
    }

    fn export(&self, py: Python<'_>, path: PathBuf, format: &str, filter_json: &str) -> PyResult<u64> {
        py.detach(|| self.0.export(&path, format, filter_json)).map_err(native_error)
    }

    #[pyo3(signature = (checkpoints))]
    fn verify(&self, py: Python<'_>, checkpoints: Option<PathBuf>) -> PyResult<String> {
        py.detach(|| self.0.verify(checkpoints.as_deref())).map_err(native_error)
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.flush()).map_err(native_error)
    }
}

/// The numbers of one moment; what nobody asks for is not written.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeSnapshot(Snapshot);

#[pymethods]
impl NativeSnapshot {
    fn json(&self) -> String {
        self.0.json()
    }

    fn prometheus(&self) -> String {
        self.0.prometheus()
    }
}

fn seconds(timeout: Option<f64>) -> PyResult<Option<Duration>> {
    timeout.map(|timeout| patience(timeout, Dialect::Python).map_err(native_error)).transpose()
}
