//! What was begun and the I/O thread has not seen yet.
//!
//! The promise: the thread is woken once for all that is begun before it looks, not once for each, and whatever was begun
//! is run, or dropped where the runtime has stopped; it is never forgotten.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;

use crate::per_process::lock;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;
type List = Arc<Mutex<Vec<Work>>>;

/// The way to the I/O thread.
#[derive(Clone)]
pub(crate) struct Io {
    handle: Handle,
    begun: List,
}

impl Io {
    pub(crate) fn new(handle: Handle) -> Io {
        Io { handle, begun: List::default() }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Has the I/O thread run this.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        // Boxed: it is long, and would be copied at every step on its way to the thread.
        let work: Work = Box::pin(work);
        let first = {
            let mut begun = lock(&self.begun);
            begun.push(work);
            begun.len() == 1
        };
        if first {
            let taker = Taker(Some(Arc::clone(&self.begun)));
            self.handle.spawn(async move { taker.run() });
        }
    }
}

impl std::fmt::Debug for Io {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Io").field("handle", &self.handle).finish_non_exhaustive()
    }
}

/// The duty to take the list, which whoever began the first of it has laid upon the thread.
struct Taker(Option<List>);

impl Taker {
    fn run(mut self) {
        for work in self.taken() {
            tokio::spawn(work);
        }
    }

    /// Once: what is begun afterwards has a taker of its own.
    fn taken(&mut self) -> Vec<Work> {
        self.0.take().map(|list| std::mem::take(&mut *lock(&list))).unwrap_or_default()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        drop(self.taken());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;
    use tokio::runtime::Builder;

    /// Says that it is gone, whether it was run or not.
    struct Gone(std::sync::mpsc::Sender<()>);

    impl Drop for Gone {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    #[test]
    fn the_thread_is_woken_once_for_all_that_is_begun_before_it_looks() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let io = Io::new(runtime.handle().clone());
        let (told, heard) = channel();
        for number in 0..10 {
            let told = told.clone();
            io.begin(async move {
                let _ = told.send(number);
            });
        }
        assert_eq!(runtime.metrics().num_alive_tasks(), 1);
        drop(told);
        runtime.block_on(async {
            while runtime.metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(heard.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>(), "in their order");
    }

    #[test]
    fn what_the_runtime_does_not_run_any_more_is_dropped() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let io = Io::new(runtime.handle().clone());
        let (told, gone) = channel();
        let waits = |gone: Gone| async move {
            let _gone = gone;
            std::future::pending::<()>().await;
        };
        io.begin(waits(Gone(told.clone())));
        io.begin(waits(Gone(told.clone())));
        drop(runtime);
        io.begin(waits(Gone(told)));
        for _ in 0..3 {
            gone.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }

    #[test]
    fn nothing_is_lost_between_a_thread_that_begins_and_one_that_takes() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let io = Io::new(runtime.handle().clone());
        let (told, heard) = channel();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                let (io, told) = (&io, told.clone());
                scope.spawn(move || {
                    for _ in 0..5_000 {
                        let told = told.clone();
                        io.begin(async move {
                            let _ = told.send(());
                        });
                    }
                });
            }
        });
        for _ in 0..10_000 {
            heard.recv_timeout(Duration::from_secs(60)).unwrap();
        }
    }
}
