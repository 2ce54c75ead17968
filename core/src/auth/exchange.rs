//! Getting one token from a token service.
//!
//! Getting a token executes nothing, so every transient failure may be tried again, and a service that is silent is asked
//! once more before the first request is given up: whoever comes back is heard within five seconds.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::answer::{self, Fetched, Verdict, unreachable};
use super::endpoint::Endpoint;
use super::grant::Grant;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Backoff, Transport};

/// A token service that fails is asked this often before the callers are told.
const ATTEMPTS: u32 = 3;
/// After so much silence it is asked once more.
const SILENCE: Duration = Duration::from_secs(3);
/// An answer that takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(15);
/// A service that asks to wait longer than this is not waited for here: the callers are told.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) grant: Grant,
    pub(super) endpoint: Endpoint,
    pub(super) transport: Transport,
}

impl Exchange {
    pub(super) async fn fetch(&self) -> Result<Fetched> {
        let outcome = self.ask().await;
        outcome.map_err(|error| {
            // Refused credentials are refused there too; anything else may be a service that has moved.
            let moved = matches!(error.http_status(), Some(300..=399 | 404 | 405 | 410));
            if error.kind() == ErrorKind::Unavailable || moved {
                self.endpoint.forget();
            }
            self.grant.taken_out_of(error)
        })
    }

    async fn ask(&self) -> Result<Fetched> {
        let mut backoff = Backoff::unsent();
        let mut failures = 0;
        let mut asked = FuturesUnordered::from_iter([self.once()]);
        let mut again = Instant::now() + SILENCE;
        loop {
            tokio::select! {
                Some(outcome) = asked.next() => match outcome {
                    Ok(fetched) => return Ok(fetched),
                    Err(Verdict::Final(error)) => return Err(error),
                    Err(Verdict::Again(error, wait)) => {
                        failures += 1;
                        let wait = wait.unwrap_or_else(|| backoff.next());
                        if failures == ATTEMPTS || wait > LONGEST_WAIT {
                            return Err(error);
                        }
                        again = Instant::now() + wait;
                    }
                },
                () = tokio::time::sleep_until(again) => {
                    asked.push(self.once());
                    again = Instant::now() + SILENCE;
                }
            }
        }
    }

    async fn once(&self) -> Result<Fetched, Verdict> {
        let url = self.endpoint.url(&self.transport).await?;
        let request = self.grant.request(url).map_err(Verdict::Final)?;
        let answer = self.transport.send(request, Some(PATIENCE)).await;
        let answer = answer.map_err(|failure| unreachable("the token service", &failure))?;
        answer::read(&answer, self.grant.scope(), self.grant.wrong())
    }
}

/// The error of a fetch that did not end by itself.
pub(super) fn interrupted() -> Error {
    Error::new(ErrorKind::Unavailable, "the token was not fetched: the client was closed meanwhile")
}
