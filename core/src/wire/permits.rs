//! How many requests are on the wire at once, and who is next: two lines, first come first served, that take turns.
//!
//! One line is for what starts something new, and has an end: who finds it full is refused at once. The other is for what
//! has begun already (looks at the state, repeated sends) and is never refused. Whoever stands at the front of a line
//! waits for the gate, the rate and a permit; since a permit goes to the front that asked for it first, a thousand new
//! invocations keep no poll waiting, and a thousand polls no invocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::error::{Error, ErrorKind, Result};

/// The right to have one request on the wire.
pub(super) type Permit = OwnedSemaphorePermit;

/// Which line a request stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// It starts an invocation.
    New,
    /// It is about one that has begun.
    Begun,
}

#[derive(Debug)]
pub(super) struct Permits {
    free: Arc<Semaphore>,
    new: Queue,
    begun: Queue,
    most_new: u32,
}

/// One line: whoever holds its only semaphore permit stands at the front.
#[derive(Debug)]
struct Queue {
    front: Semaphore,
    waiting: AtomicU32,
}

impl Queue {
    fn empty() -> Queue {
        Queue { front: Semaphore::new(1), waiting: AtomicU32::new(0) }
    }
}

impl Permits {
    pub(super) fn new(in_flight: u32, queued: u32) -> Permits {
        let in_flight =
            usize::try_from(in_flight).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Permits {
            free: Arc::new(Semaphore::new(in_flight)),
            new: Queue::empty(),
            begun: Queue::empty(),
            most_new: queued,
        }
    }

    /// A permit without waiting, unless somebody waits already.
    pub(super) fn at_once(&self) -> Option<Permit> {
        if self.waiting() > 0 { None } else { self.free.clone().try_acquire_owned().ok() }
    }

    /// A permit when one is free: for the front of a line.
    pub(super) async fn free(&self) -> Result<Permit> {
        let closed = |_| Error::new(ErrorKind::Closed, "the client is closed");
        self.free.clone().acquire_owned().await.map_err(closed)
    }

    /// A place in a line.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] at once when the line is full.
    pub(super) fn line_up(&self, line: Line) -> Result<Place<'_>> {
        let queue = match line {
            Line::New => &self.new,
            Line::Begun => &self.begun,
        };
        let place = Place(queue);
        let before = queue.waiting.fetch_add(1, Ordering::Relaxed);
        if line == Line::New && before >= self.most_new {
            let what = format!("the queue is full: {} callers wait for a permit", self.most_new);
            return Err(Error::new(ErrorKind::Overloaded, what)
                .with_hint("nothing was sent; send less at once, or raise `max_queued` or `max_in_flight`"));
        }
        Ok(place)
    }

    /// How many wait in both lines.
    pub(super) fn waiting(&self) -> usize {
        let both = [&self.new, &self.begun].map(|queue| queue.waiting.load(Ordering::Relaxed));
        both.iter().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).sum()
    }
}

/// A place in a line. Whoever goes away leaves it.
#[derive(Debug)]
pub(super) struct Place<'a>(&'a Queue);

impl<'a> Place<'a> {
    /// Waits until everybody who came before has gone. The place is at the front until what is returned is dropped.
    pub(super) async fn front(&self) -> Option<SemaphorePermit<'a>> {
        self.0.front.acquire().await.ok()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
