//! The calls that are under way.
//!
//! The promise: each is answered exactly once, also when the runtime stops under it or its task dies; a cancelled one
//! is not answered at all.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use cxone_actions::{ActionResult, OnResult, Result};
use futures_util::future::{AbortHandle, abortable};
use tokio::sync::oneshot;

use crate::begin::Io;
use crate::per_process::lock;
use crate::queue::{Kind, Message, News, Queue, Told};
use crate::text::{ending, error_json, failed, unanswered};

/// What `on_result` came to: nothing, or the class name of what it raised.
type Answer = Result<(), String>;

#[derive(Debug, Default)]
pub(crate) struct Calls {
    table: Mutex<HashMap<u64, Call>>,
    released: AtomicBool,
}

#[derive(Debug)]
struct Call {
    reader: Arc<Queue>,
    task: AbortHandle,
    answer: Option<oneshot::Sender<Answer>>,
}

impl Calls {
    /// Runs `work` and answers `call` with what it tells.
    pub(crate) fn start<T>(
        self: &Arc<Self>,
        call: u64,
        queue: &Arc<Queue>,
        io: &Io,
        tell: impl FnOnce(Result<T>) -> Told + Send + 'static,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let (work, task) = abortable(work);
        let entry = Call { reader: Arc::clone(queue), task, answer: None };
        lock(&self.table).insert(call, entry);
        let reply = Reply { call, calls: Arc::clone(self), queue: Arc::clone(queue) };
        io.begin(async move {
            if let Ok(outcome) = work.await {
                reply.send(tell(outcome));
            }
        });
    }

    /// Nobody waits for it any more. What is on the wire goes on in the core.
    pub(crate) fn cancel(&self, call: u64) {
        let call = lock(&self.table).remove(&call);
        if let Some(call) = call {
            call.task.abort();
        }
    }

    /// Nobody waits for those whose reader is gone.
    pub(crate) fn cancel_unread(&self) {
        let unread: Vec<u64> = {
            let table = lock(&self.table);
            table.iter().filter(|(_, call)| call.reader.is_closed()).map(|(number, _)| *number).collect()
        };
        for call in unread {
            self.cancel(call);
        }
    }

    /// The process is about to end: whoever waits is told so at once.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::SeqCst);
        let tasks: Vec<AbortHandle> = lock(&self.table).values().map(|call| call.task.clone()).collect();
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// What `on_result` came to.
    pub(crate) fn answer(&self, call: u64, raised: Option<String>) {
        let waiting = lock(&self.table).get_mut(&call).and_then(|call| call.answer.take());
        if let Some(waiting) = waiting {
            let _ = waiting.send(raised.map_or(Ok(()), Err));
        }
    }

    /// An `on_result` that hands the result to the queue and waits for the answer.
    pub(crate) fn deliver(self: &Arc<Self>, call: u64, queue: &Arc<Queue>) -> OnResult {
        let (calls, queue) = (Arc::clone(self), Arc::clone(queue));
        Box::new(move |result: ActionResult| {
            Box::pin(async move {
                let (waiting, answer) = oneshot::channel();
                if let Some(call) = lock(&calls.table).get_mut(&call) {
                    call.answer = Some(waiting);
                }
                queue.push(News { call, kind: Kind::Deliver, told: Told::Result(Box::new(result)) });
                answer.await.unwrap_or_else(|_| Err("Cancelled".to_owned()))
            })
        })
    }

    /// The queues on which somebody waits for an answer, the one of the newest call first.
    pub(crate) fn readers(&self) -> Vec<Arc<Queue>> {
        let table = lock(&self.table);
        let mut newest: Vec<(&u64, &Call)> = table.iter().collect();
        newest.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(**number));
        let mut readers: Vec<Arc<Queue>> = Vec::new();
        for (_, call) in newest {
            if !readers.iter().any(|reader| Arc::ptr_eq(reader, &call.reader)) {
                readers.push(Arc::clone(&call.reader));
            }
        }
        readers
    }

    /// Whether one who waits for an answer will come, though there is none. Never waits for a lock: it is asked from
    /// wherever something is said.
    pub(crate) fn nudge_a_reader(&self) -> bool {
        let Ok(table) = self.table.try_lock() else { return false };
        table.values().any(|call| call.reader.nudge())
    }

    /// Whether it was still under way.
    fn end(&self, call: u64) -> bool {
        lock(&self.table).remove(&call).is_some()
    }
}

/// The duty to answer one call.
struct Reply {
    call: u64,
    calls: Arc<Calls>,
    queue: Arc<Queue>,
}

impl Reply {
    fn send(&self, told: Told) {
        if self.calls.end(self.call) {
            self.queue.push(News { call: self.call, kind: Kind::Done, told });
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let error = if self.calls.released.load(Ordering::SeqCst) { ending() } else { unanswered() };
        self.send(Told::Text(failed(&error_json(&error))));
    }
}

/// Answers a call that needed no task.
pub(crate) fn answer(call: u64, queue: &Queue, json: String) {
    queue.push(Message { call, kind: Kind::Done, json });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::value;
    use std::time::Duration;
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    fn io(runtime: &Runtime) -> Io {
        Io::new(runtime.handle().clone())
    }

    fn started(
        runtime: &Runtime,
        work: impl Future<Output = Result<u8>> + Send + 'static,
    ) -> (Arc<Calls>, Arc<Queue>) {
        let (calls, queue) = (Arc::new(Calls::default()), Queue::new(|| {}));
        calls.start(1, &queue, &io(runtime), value, work);
        (calls, queue)
    }

    fn only_message(queue: &Queue) -> Message {
        assert!(queue.wait(Duration::from_secs(60)));
        let [message] = <[Message; 1]>::try_from(queue.drain()).unwrap();
        message
    }

    #[test]
    fn a_call_is_answered_on_its_queue() {
        let runtime = runtime();
        let (calls, queue) = started(&runtime, async { Ok(7) });
        let json = r#"{"value":7}"#.to_owned();
        assert_eq!(only_message(&queue), Message { call: 1, kind: Kind::Done, json });
        assert!(lock(&calls.table).is_empty());
    }

    #[test]
    fn a_task_that_dies_or_whose_runtime_stops_is_answered_all_the_same() {
        let first = runtime();
        let (_calls, queue) = started(&first, async { panic!("a defect") });
        assert!(only_message(&queue).json.contains("outcome_unknown"));

        let second = runtime();
        let (_calls, queue) = started(&second, std::future::pending());
        second.shutdown_background();
        assert!(only_message(&queue).json.contains("outcome_unknown"));
        assert!(!queue.wait(Duration::from_millis(1)), "exactly once");
    }

    #[test]
    fn whoever_waits_when_the_process_ends_is_told_so() {
        let runtime = runtime();
        let (calls, queue) = started(&runtime, std::future::pending());
        calls.release();
        assert!(only_message(&queue).json.starts_with(r#"{"error":{"kind":"closed""#));
        assert!(lock(&calls.table).is_empty());
    }

    #[test]
    fn a_call_whose_reader_is_gone_is_waited_for_no_longer() {
        let runtime = runtime();
        let (calls, queue) = started(&runtime, std::future::pending());
        let other = Queue::new(|| {});
        calls.start(2, &other, &io(&runtime), value, std::future::pending::<Result<()>>());
        queue.close();
        calls.cancel_unread();
        assert_eq!(lock(&calls.table).keys().collect::<Vec<_>>(), [&2]);
    }

    #[test]
    fn a_cancelled_call_is_not_answered() {
        let runtime = runtime();
        let (calls, queue) = started(&runtime, std::future::pending());
        calls.cancel(1);
        calls.start(2, &queue, &io(&runtime), value, async { Ok(()) });
        assert_eq!(only_message(&queue).call, 2);
    }
}
