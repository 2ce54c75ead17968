//! The completion queue of one JavaScript thread.
//!
//! The promise: JavaScript is woken once per batch, through a thread-safe function that keeps no event loop alive, and
//! a thread that ends (a worker, with calls under way or not) takes nothing of the process with it: its queue is closed
//! before its environment goes, and what arrives later is dropped.

use std::sync::Arc;

use cxone_actions_bridge::Queue;
use napi::bindgen_prelude::{Env, Function, Result};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;

/// See the module.
#[napi]
#[derive(Debug)]
pub struct NativeQueue {
    pub(crate) queue: Arc<Queue>,
}

/// One message of the queue.
#[napi(object, object_from_js = false)]
#[derive(Debug)]
pub struct NativeMessage {
    /// The number that starting the call returned.
    pub call: f64,
    /// `done`: the last message of the call; `deliver`: the terminal result for `onResult`; `token`: a client needs one;
    /// `checkpoint`: one to be taken note of.
    pub kind: &'static str,
    /// The news, as JSON text.
    pub json: String,
}

#[napi]
impl NativeQueue {
    /// `wake` is called on this thread when there is something to drain.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env, wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().build()?;
        let queue = Queue::new(move || {
            // It fails only while the thread is ending; then nobody reads any more.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        env.add_env_cleanup_hook(Arc::clone(&queue), |queue| queue.close())?;
        Ok(NativeQueue { queue })
    }

    /// Everything that is ready, oldest first.
    #[napi(catch_unwind)]
    pub fn drain(&self) -> Vec<NativeMessage> {
        let messages = self.queue.drain().into_iter();
        messages
            .map(|message| NativeMessage {
                call: number(message.call),
                kind: message.kind.as_str(),
                json: message.json,
            })
            .collect()
    }
}

/// A call's number as JavaScript holds it: exact for the first nine quadrillion calls of a process.
#[expect(clippy::cast_precision_loss, reason = "2^53 calls are more than a process will make")]
pub(crate) fn number(call: u64) -> f64 {
    call as f64
}
