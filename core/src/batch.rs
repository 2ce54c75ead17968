//! Many invocations, a bounded number of them at once, each with its own outcome.

use futures_util::stream::{self, Stream, StreamExt};

use crate::client::Client;
use crate::contract::ActionRequest;
use crate::error::Result;
use crate::invocation::ActionResult;

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
    /// stream stops the waiting.
    pub fn run_many<I>(&self, requests: I, concurrency: usize) -> impl Stream<Item = Outcome> + use<I>
    where
        I: IntoIterator<Item = ActionRequest>,
    {
        let client = self.clone();
        let one = move |(index, request): (usize, ActionRequest)| {
            let client = client.clone();
            async move {
                let result = client.run(request.clone()).await;
                Outcome { index, request, result }
            }
        };
        stream::iter(requests.into_iter().enumerate()).map(one).buffer_unordered(concurrency.max(1))
    }
}
