//! The sending of an invocation whose call is a task of its own: it is done there, which saves a second task, and two
//! changes of task on the way there and back (a tenth of what an invocation costs).
//!
//! One promise: it belongs to the library all the same. Where the caller goes away, it goes on in a task of its own.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// What is driven by whoever waits for it, and by the runtime once nobody does.
pub(crate) struct Sending {
    /// None once it is over.
    run: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    runtime: Handle,
}

impl Sending {
    pub(crate) fn new(run: impl Future<Output = ()> + Send + 'static) -> Sending {
        Sending { run: Some(Box::pin(run)), runtime: Handle::current() }
    }
}

impl Future for Sending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Taken out, so that what panics is not gone on with.
        let Some(mut run) = self.run.take() else { return Poll::Ready(()) };
        let polled = run.as_mut().poll(context);
        if polled.is_pending() {
            self.run = Some(run);
        }
        polled
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.runtime.spawn(run);
        }
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("over", &self.run.is_none()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn what_its_caller_leaves_goes_on_and_what_is_over_does_not_begin_again() {
        let ((go, gone), (done, ended)) = (oneshot::channel(), oneshot::channel());
        let mut sending = Sending::new(async {
            let _ = gone.await;
            let _ = done.send(());
        });
        assert!(poll!(&mut sending).is_pending());
        drop(sending);
        go.send(()).unwrap();
        ended.await.unwrap();
        let mut over = Sending::new(async {});
        assert!(poll!(&mut over).is_ready() && poll!(&mut over).is_ready());
    }
}
