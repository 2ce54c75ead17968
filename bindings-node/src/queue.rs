//! The completion queue of one JavaScript thread.
//!
//! The promise: JavaScript is woken once per batch, and a batch is all that the I/O thread finds done in one turn; through a
//! thread-safe function that keeps no event loop alive and is there only while somebody listens; and a thread that ends (a
//! worker, with calls under way or not) takes nothing of the process with it: its queue is closed before its environment
//! goes, and what arrives later is dropped.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cxone_actions_bridge::Queue;
use napi::Status;
use napi::bindgen_prelude::{Env, Function, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;

use crate::told::told;

/// Weak, and never told of an error.
type Wake = ThreadsafeFunction<(), (), (), Status, false, true>;

/// See the module.
#[napi]
pub struct NativeQueue {
    pub(crate) queue: Arc<Queue>,
    bell: Arc<Bell>,
}

/// What wakes JavaScript, while somebody listens.
#[derive(Default)]
struct Bell(Mutex<Option<Wake>>);

impl Bell {
    fn ring(&self) {
        if let Some(wake) = &*self.wake() {
            // It fails only while the thread is ending; then nobody reads any more.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    /// Nobody calls into JavaScript with this lock: a thread-safe function only says that it is to be called.
    fn wake(&self) -> MutexGuard<'_, Option<Wake>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for NativeQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeQueue").field("queue", &self.queue).finish_non_exhaustive()
    }
}

#[napi]
impl NativeQueue {
    /// A queue to which nobody listens yet.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env) -> Result<Self> {
        let bell = Arc::<Bell>::default();
        let ringing = Arc::clone(&bell);
        let queue = Queue::new(move || ringing.ring());
        env.add_env_cleanup_hook(Arc::clone(&queue), |queue| queue.close())?;
        Ok(NativeQueue { queue, bell })
    }

    /// From now on `wake` is called on this thread when there is something to drain.
    #[napi(catch_unwind)]
    pub fn listen(&self, wake: Function<'_, (), ()>) -> Result<()> {
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().build()?;
        let before = self.bell.wake().replace(wake);
        drop(before);
        // What came while nobody listened has woken nobody.
        if self.queue.wait(Duration::ZERO) {
            self.bell.ring();
        }
        Ok(())
    }

    /// Nobody listens any more, and nothing of this queue is left in the event loop. What comes meanwhile is kept.
    #[napi(catch_unwind)]
    pub fn rest(&self) {
        let wake = self.bell.wake().take();
        drop(wake);
    }

    /// Everything that is ready, oldest first.
    #[napi(catch_unwind)]
    pub fn drain(&self) -> Vec<String> {
        told(self.queue.take())
    }
}

/// A call's number as JavaScript holds it: exact for the first nine quadrillion calls of a process.
#[expect(clippy::cast_precision_loss, reason = "2^53 calls are more than a process will make")]
pub(crate) fn number(call: u64) -> f64 {
    call as f64
}
