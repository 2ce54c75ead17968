//! How many requests are on the wire at once, and how many callers may wait for their turn, first come first served.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorKind, Result};

/// The right to have one request on the wire.
pub(crate) type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub(crate) struct Permits {
    free: Arc<Semaphore>,
    waiting: AtomicU32,
    most_waiting: u32,
}

impl Permits {
    pub(crate) fn new(in_flight: u32, queued: u32) -> Permits {
        let in_flight =
            usize::try_from(in_flight).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Permits {
            free: Arc::new(Semaphore::new(in_flight)),
            waiting: AtomicU32::new(0),
            most_waiting: queued,
        }
    }

    /// A permit for a request that starts something new.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] at once when the queue is full.
    pub(crate) async fn acquire(&self) -> Result<Permit> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let place = InQueue(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!("the queue is full: {} callers wait for a permit", self.most_waiting),
            )
            .with_hint("nothing was sent; send less at once, or raise `max_queued` or `max_in_flight`"));
        }
        let permit = self.wait().await;
        drop(place);
        permit
    }

    /// A permit for a look: what has been accepted is always looked after.
    pub(crate) async fn wait(&self) -> Result<Permit> {
        self.free
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::new(ErrorKind::Closed, "the client is closed"))
    }
}

/// A caller who goes away leaves the queue too.
struct InQueue<'a>(&'a AtomicU32);

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_holds_its_bound_and_the_rest_is_refused_unsent() {
        let permits = Permits::new(1, 2);
        let held = permits.acquire().await.unwrap();
        let (mut first, mut second) = (Box::pin(permits.acquire()), Box::pin(permits.acquire()));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        let refused = permits.acquire().await.unwrap_err();
        assert_eq!((refused.kind(), refused.executed().as_str()), (ErrorKind::Overloaded, "no"));
        drop(second);
        let mut third = Box::pin(permits.acquire());
        assert!(
            futures_util::poll!(&mut third).is_pending(),
            "a caller who went away left room in the queue"
        );
        drop(held);
        assert!(first.await.is_ok());
    }
}
