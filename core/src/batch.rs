//! Many invocations, a bounded number of them at once, each with its own outcome.
//!
//! The promise: however many are asked for at once, a batch is never refused because of its own length. No more of it
//! stand in line than there is room for; the others wait for a place, and their clocks start when they have one.

use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::client::{CallOptions, Client};
use crate::contract::ActionRequest;
use crate::error::Result;
use crate::invocation::ActionResult;

/// The places in line that batches may take, all those of one client together.
#[derive(Debug)]
pub(crate) struct Places(Arc<Semaphore>);

/// One of them, from before a request stands in line until it is sent.
pub(crate) type Place = OwnedSemaphorePermit;

impl Places {
    pub(crate) fn new(queued: u32) -> Places {
        let most = usize::try_from(queued).unwrap_or(Semaphore::MAX_PERMITS).clamp(1, Semaphore::MAX_PERMITS);
        Places(Arc::new(Semaphore::new(most)))
    }

    /// It is never closed: who waits while the client is closed is told so when he has his place.
    async fn take(&self) -> Option<Place> {
        self.0.clone().acquire_owned().await.ok()
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
    /// Runs every request, `concurrency` at once. The requests are read as there is room for them, never further ahead.
    /// Outcomes come in the order in which they end, one for each request; none is lost to another's error. Dropping the
    /// stream stops the waiting. More at once than `max_queued` wait for a place in line before their clocks start.
    pub fn run_many<I>(&self, requests: I, concurrency: usize) -> impl Stream<Item = Outcome> + use<I>
    where
        I: IntoIterator<Item = ActionRequest>,
    {
        let client = self.clone();
        let one = move |(index, request): (usize, ActionRequest)| {
            let client = client.clone();
            async move {
                let result = client.run_of_many(request.clone(), CallOptions::default()).await;
                Outcome { index, request, result }
            }
        };
        stream::iter(requests.into_iter().enumerate()).map(one).buffer_unordered(concurrency.max(1))
    }

    /// [`Client::run_with`] for one of many requests.
    ///
    /// # Errors
    /// Those of [`Client::run`].
    #[doc(hidden)]
    pub fn run_of_many(
        &self,
        request: ActionRequest,
        options: CallOptions,
    ) -> impl Future<Output = Result<ActionResult>> + Send + use<> {
        let client = self.clone();
        async move {
            let place = client.0.places.take().await;
            client.run_since(Instant::now(), request, options, place).await
        }
    }
}
