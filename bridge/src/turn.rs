//! One turn of the I/O thread: whoever reads is woken when it is over, not in the middle of it.
//!
//! Woken at the first news, a reader takes the processor from the thread that has more of it, and is woken again for each.

use tokio::runtime::Handle;
use tokio::task::yield_now;

/// Calls this once the I/O thread has been through what is ready; at once in any other thread, and where the runtime stops
/// before its turn is over.
pub(crate) fn after_this_turn(call: impl FnOnce() + Send + 'static) {
    let call = CalledWhenDropped(Some(call));
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move {
            yield_now().await;
            drop(call);
        });
    }
}

struct CalledWhenDropped<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for CalledWhenDropped<F> {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::runtime::Builder;

    #[test]
    fn it_comes_behind_what_is_ready_and_at_once_where_there_are_no_turns_or_no_more() {
        let called = Arc::new(AtomicU32::new(0));
        let call = || {
            let called = Arc::clone(&called);
            after_this_turn(move || {
                called.fetch_add(1, Ordering::SeqCst);
            });
        };
        let count = || called.load(Ordering::SeqCst);
        call();
        assert_eq!(count(), 1, "outside of the I/O thread");
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            call();
            assert_eq!(count(), 1, "in the middle of a turn");
            while count() < 2 {
                yield_now().await;
            }
            call();
        });
        drop(runtime);
        assert_eq!(count(), 3, "the runtime stopped");
    }
}
