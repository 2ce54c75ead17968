//! Many invocations, a bounded number of them at once, each with its own outcome.
//!
//! The promise: however many are asked for at once, a batch is never refused because of its own length. No more of it
//! stand in line than there is room for; the others wait for a place, and their clocks start when they have one.
//!
//! Nor does one action with a limit of its own keep the others. Of what waits for such a limit only the next one has its
//! clock running. The others stand aside, outside of the line, and make room for as many requests more; never for more
//! than `concurrency`, so that a batch remembers at most twice as many and never has more than that under way.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use futures_util::task::AtomicWaker;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::client::{CallOptions, Client};
use crate::contract::ActionRequest;
use crate::error::Result;
use crate::invocation::ActionResult;

/// What goes on so soon makes no room: a source is read no further ahead than it has to be.
const SOON: Duration = Duration::from_millis(20);

/// The places in line that batches may take, all those of one client together.
#[derive(Debug)]
pub(crate) struct Places(Arc<Semaphore>);

/// One of them, from before a request stands in line until it is sent.
#[derive(Debug)]
pub(crate) struct Place {
    _in_line: Option<OwnedSemaphorePermit>,
    next: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Its action's own limits let it go on: another one is the next.
    pub(crate) fn let_through(&mut self) {
        self.next = None;
    }
}

impl Places {
    pub(crate) fn new(queued: u32) -> Places {
        let most = usize::try_from(queued).unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS);
        Places(Arc::new(Semaphore::new(most)))
    }

    /// It is never closed: who waits while the client is closed is told so when he has his place.
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.0.clone().acquire_owned().await.ok()
    }
}

/// What one batch has under way.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct Batch(Arc<Bounds>);

#[derive(Debug)]
struct Bounds {
    most: usize,
    running: Arc<Semaphore>,
    aside: AtomicUsize,
}

impl Batch {
    /// One of which so many may be under way at once.
    pub fn new(concurrency: usize) -> Batch {
        let most = concurrency.clamp(1, Semaphore::MAX_PERMITS);
        Batch(Arc::new(Bounds { most, running: Arc::new(Semaphore::new(most)), aside: AtomicUsize::new(0) }))
    }

    /// How many requests may have been started and not be over.
    pub fn room(&self) -> usize {
        let Bounds { most, aside, .. } = &*self.0;
        most.saturating_add(aside.load(Ordering::Relaxed).min(*most))
    }

    fn stand_aside(&self) -> Aside {
        self.0.aside.fetch_add(1, Ordering::Relaxed);
        Aside(self.0.clone())
    }
}

/// One that waits for its action's own limits behind another.
struct Aside(Arc<Bounds>);

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.aside.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What became of one request of many.
#[derive(Debug)]
pub struct Outcome {
    /// Its place among the requests, from 0.
    pub index: usize,
    /// The request as it was given.
    pub request: ActionRequest,
    /// What became of it.
    pub result: Result<ActionResult>,
}

impl Client {
    /// Runs every request, `concurrency` at once. The requests are read as there is room for them, never further ahead;
    /// those that a limit of their own action keeps make room for as many more, up to `concurrency`. Outcomes come in the
    /// order in which they end, one for each request; none is lost to another's error. Dropping the stream stops the
    /// waiting. More at once than `max_queued` wait for a place in line before their clocks start.
    pub fn run_many<I>(&self, requests: I, concurrency: usize) -> impl Stream<Item = Outcome> + use<I>
    where
        I: IntoIterator<Item = ActionRequest>,
    {
        let (client, batch, aside) = (self.clone(), Batch::new(concurrency), Arc::new(AtomicWaker::new()));
        let mut requests = requests.into_iter().enumerate().fuse();
        // Each goes on also while nobody asks for outcomes: what it holds, another batch may wait for.
        let mut running = JoinSet::new();
        stream::poll_fn(move |context| {
            // First, so that whoever stands aside from now on makes room that is seen.
            aside.register(context.waker());
            while running.len() < batch.room()
                && let Some((index, request)) = requests.next()
            {
                let aside = aside.clone();
                let result =
                    client.run_of_many(request.clone(), CallOptions::default(), &batch, move || aside.wake());
                running.spawn(async move { Outcome { index, request, result: result.await } });
            }
            running.poll_join_next(context).map(|ended| match ended? {
                Ok(outcome) => Some(outcome),
                // Nobody else aborts one: the runtime is shutting down.
                Err(error) => error.try_into_panic().map_or(None, |panic| resume_unwind(panic)),
            })
        })
    }

    /// [`Client::run_in_task`] for one of many requests. `aside` is called when it makes room for another one.
    ///
    /// # Errors
    /// Those of [`Client::run`].
    #[doc(hidden)]
    pub fn run_of_many<F>(
        &self,
        request: ActionRequest,
        options: CallOptions,
        batch: &Batch,
        aside: F,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<F>
    where
        F: FnOnce() + Send + 'static,
    {
        let (client, batch) = (self.clone(), batch.clone());
        async move {
            let (mut next, mut stands) = (None, None);
            if let Some(limits) = client.0.limits_of(&request) {
                let mut turn = pin!(limits.next());
                next = match timeout(SOON, &mut turn).await {
                    Ok(next) => next,
                    Err(_) => {
                        stands = Some(batch.stand_aside());
                        aside();
                        turn.await
                    }
                };
            }
            let _running = batch.0.running.clone().acquire_owned().await;
            drop(stands);
            let place = Place { _in_line: client.0.places.take().await, next };
            client.run_since(Instant::now(), request, options, Some(place), true).await
        }
    }
}
