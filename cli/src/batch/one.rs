//! One row, from the request to its line.
//!
//! One promise: the trail says that a result was delivered only when the line of it is on the disk, so that whoever dies in
//! between leaves behind what a later run finds.

use std::time::Duration;

use cxone_actions::{Batch, CallOptions, Client, Error, ErrorKind, Executed, OnResult, PollTarget};
use tokio::sync::watch;

use super::left::Known;
use super::line::{self, Became, Whose};
use super::results::Lines;
use crate::plain::plain;

/// Of what is said of a row so much is shown; all of it is in the results.
const SHOWN: usize = 600;

/// A disk that takes longer for a line ends the batch. It is less than a handler of results may take, after which the
/// trail would say that the result has been given up.
const DISK_PATIENCE: Duration = Duration::from_secs(20);

/// What became of a row in this run.
#[derive(Debug)]
pub(super) enum End {
    /// It has its line.
    Line { index: u64, became: Became, why: Option<Error>, told: Option<String> },
    /// It has none: a later run goes on with it.
    Open(Error),
}

/// What every row needs.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) client: Client,
    pub(super) lines: Lines,
    pub(super) broken: watch::Sender<Option<String>>,
}

impl Room {
    /// The row's line is on the disk when this returns. Where it does not get there, this never returns.
    async fn put(&self, line: String) {
        if tokio::time::timeout(DISK_PATIENCE, self.lines.put(line)).await.is_err() {
            let seconds = DISK_PATIENCE.as_secs();
            self.broken.send_replace(Some(format!("the disk did not take a result for {seconds} s")));
            std::future::pending::<()>().await;
        }
    }

    fn handler(&self, whose: &Whose) -> OnResult {
        let (room, whose) = (self.clone(), whose.clone());
        Box::new(move |result| {
            Box::pin(async move {
                room.put(whose.ended(&result)).await;
                Ok(())
            })
        })
    }

    /// Sends it, and waits for its end.
    pub(super) async fn send(
        self,
        request: cxone_actions::ActionRequest,
        whose: Whose,
        batch: Batch,
        aside: impl FnOnce() + Send + 'static,
    ) -> End {
        let options = CallOptions { timeout: None, on_result: Some(self.handler(&whose)) };
        match self.client.run_of_many(request, options, &batch, aside).await {
            Ok(result) => {
                End::Line { index: whose.index, became: line::of_result(Ok(&result)), why: None, told: None }
            }
            Err(error) => self.refused(error, whose).await,
        }
    }

    /// Goes on with what an earlier run left.
    pub(super) async fn go_on(self, known: Known, whose: Whose) -> End {
        let token = match known {
            Known::Accepted(token) => token,
            Known::Unknown(error) => return self.refused(error, whose).await,
            Known::Ended { status, action_id } => {
                let text = whose.remembered(&status, action_id.as_deref());
                let became = if status == "COMPLETED" { Became::Completed } else { Became::Failed };
                self.put(text).await;
                return End::Line { index: whose.index, became, why: None, told: None };
            }
        };
        let options = CallOptions { timeout: None, on_result: Some(self.handler(&whose)) };
        match self.client.poll(PollTarget::Id(token), options).await {
            Ok(result) => {
                End::Line { index: whose.index, became: line::of_result(Ok(&result)), why: None, told: None }
            }
            // It was accepted, whatever is said of the look at it.
            Err(error) => self.refused(error.with_executed(Executed::Yes), whose).await,
        }
    }

    /// A row that is not sent.
    pub(super) async fn refused(self, error: Error, whose: Whose) -> End {
        if stays_open(&error) {
            return End::Open(error);
        }
        let (kind, became) = (error.kind(), line::of_result(Err(&error)));
        let told = matches!(kind, ErrorKind::Validation | ErrorKind::Denied)
            .then(|| plain(&format!("row {}, line {}: {error}", whose.index, whose.line), SHOWN));
        self.put(whose.refused(&error)).await;
        End::Line { index: whose.index, became, why: Some(error), told }
    }
}

/// Whether it says something of this moment and not of the row: nothing was sent, or it goes on at the gateway.
fn stays_open(error: &Error) -> bool {
    match error.executed() {
        Executed::Unknown => false,
        Executed::Yes => {
            !matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Protocol | ErrorKind::OutcomeUnknown)
        }
        Executed::No => matches!(
            error.kind(),
            ErrorKind::Config
                | ErrorKind::Auth
                | ErrorKind::RateLimited
                | ErrorKind::Unavailable
                | ErrorKind::Overloaded
                | ErrorKind::Audit
                | ErrorKind::Closed
        ),
    }
}

/// Whether every other row would meet it too.
pub(super) fn ends_the_batch(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Config | ErrorKind::Auth | ErrorKind::Audit | ErrorKind::Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_nothing_of_the_row_leaves_it_without_a_line() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "x");
            let open = !matches!(
                kind,
                ErrorKind::Validation
                    | ErrorKind::Denied
                    | ErrorKind::Forbidden
                    | ErrorKind::Rejected
                    | ErrorKind::OutcomeUnknown
                    | ErrorKind::Protocol
            );
            let is_result = matches!(kind, ErrorKind::ActionFailed | ErrorKind::ActionCancelled);
            assert_eq!(stays_open(&error), open, "{kind:?} {is_result}");
            assert!(!stays_open(&error.with_executed(Executed::Unknown)), "{kind:?}");
        }
    }
}
