//! The completion queue as Python holds it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cxone_actions_bridge::{Kind, News, Queue, is_ending};
use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::bell::Bell;
use crate::result::Said;

/// So long a daemon thread is kept at the end of the process; longer than anything that is not stuck takes.
const REST: Duration = Duration::from_secs(5);

/// Keeps a daemon thread once the process ends: what it waited for has ended as `closed`, and nobody is left to be told.
/// CPython keeps it a moment later anyway, and until then it would only print a traceback. Somebody may wait for it all
/// the same, in a function of `atexit`: then it goes on after a while.
pub(crate) fn rest_if_ending(py: Python<'_>) {
    // Where nothing can be imported any more, as in a `__del__` at the very end, CPython lets no daemon thread run either.
    if is_ending() && is_daemon(py).unwrap_or(false) {
        py.detach(|| std::thread::sleep(REST));
    }
}

fn is_daemon(py: Python<'_>) -> PyResult<bool> {
    let thread = py.import(intern!(py, "threading"))?.call_method0(intern!(py, "current_thread"))?;
    thread.getattr(intern!(py, "daemon"))?.is_truthy()
}

/// How long a blocked thread goes without looking for Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

/// The answers for one event loop (`watched=True`: it has a descriptor) or for one thread that blocks in `wait`.
#[pyclass(frozen, module = "cxone_actions._native")]
pub(crate) struct NativeQueue {
    queue: Arc<Queue>,
    bell: Option<Arc<Bell>>,
    pid: u32,
}

#[pymethods]
impl NativeQueue {
    #[new]
    fn new(watched: bool) -> PyResult<Self> {
        let bell = if watched { Some(Arc::new(Bell::new()?)) } else { None };
        let ringer = bell.clone();
        let queue = Queue::new(move || {
            if let Some(bell) = &ringer {
                bell.ring();
            }
        });
        Ok(NativeQueue { queue, bell, pid: std::process::id() })
    }

    /// The descriptor to watch; none where the system has no such thing.
    fn fileno(&self) -> Option<i32> {
        self.bell.as_ref().and_then(|bell| bell.descriptor())
    }

    /// Everything that is ready: the number of the call, the kind of the news, and the news.
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        if !self.is_ours() {
            return Ok(PyList::empty(py));
        }
        if let Some(bell) = &self.bell {
            bell.silence();
        }
        PyList::new(py, self.queue.take().into_iter().map(|news| said(py, news)))
    }

    /// Blocks until something is ready or `seconds` are over; whether something is ready.
    #[pyo3(signature = (seconds = None))]
    fn wait(&self, py: Python<'_>, seconds: Option<f64>) -> PyResult<bool> {
        let end = seconds.map(|s| Instant::now() + Duration::try_from_secs_f64(s).unwrap_or_default());
        loop {
            let left = end.map_or(SLICE, |end| end.saturating_duration_since(Instant::now()).min(SLICE));
            if !self.is_ours() {
                return Err(PyRuntimeError::new_err("the call belongs to the parent of this process"));
            }
            if py.detach(|| self.queue.wait(left)) {
                rest_if_ending(py);
                return Ok(true);
            }
            py.check_signals()?;
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(false);
            }
        }
    }

    /// Blocks until something is ready, in a thread that hears no signals; false once nobody reads any more.
    fn listen(&self, py: Python<'_>) -> bool {
        self.is_ours() && py.detach(|| self.queue.listen())
    }

    /// Wakes whoever waits, though there is no message; from any thread.
    fn nudge(&self) {
        if self.is_ours() {
            self.queue.nudge();
        }
    }

    /// Nobody reads any more.
    fn close(&self) {
        if self.is_ours() {
            self.queue.close();
        }
    }
}

fn said(py: Python<'_>, News { call, kind, told }: News) -> (u64, &Bound<'_, PyString>, Said<'_>) {
    let kind = match kind {
        Kind::Done => intern!(py, "done"),
        Kind::Deliver => intern!(py, "deliver"),
        Kind::Token => intern!(py, "token"),
        Kind::Checkpoint => intern!(py, "checkpoint"),
        Kind::Aside => intern!(py, "aside"),
    };
    (call, kind, Said::new(py, told))
}

impl NativeQueue {
    pub(crate) fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// In a forked child the queue is the parent's: a thread that the child does not have may hold its lock.
    fn is_ours(&self) -> bool {
        self.pid == std::process::id()
    }
}
