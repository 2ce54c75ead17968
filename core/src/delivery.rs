//! Handing a result to the caller's handler.
//!
//! One promise: the handler decides nothing. The result is on record before it is called, and whether it was delivered
//! afterwards.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::Executed;
use crate::inner::Inner;
use crate::invocation::ActionResult;
use crate::metrics::Tally;
use crate::trail::{Entry, Event};

/// An `on_result` handler may take this long; then its call goes on without it.
pub const HANDLER_PATIENCE: Duration = Duration::from_secs(30);

/// Called once with each terminal result. What it returns as an error is the name of what went wrong, never its text.
pub type OnResult = Box<dyn FnOnce(ActionResult) -> BoxFuture<'static, Result<(), String>> + Send>;

impl Inner {
    /// The result is on record and counted; whatever the handler does, it stays what it is (tutorial defects S53, S54).
    ///
    /// Before the handler is called the trail says that it is due, and afterwards that it is not: a process that dies in
    /// between is found by `recover`, and whoever polls what it lists is delivered the result again. `due`: it says so
    /// already.
    pub(crate) async fn deliver(&self, result: &ActionResult, due: bool, handler: Option<OnResult>) {
        let Some(handler) = handler else { return };
        let _running = self.delivering.token();
        let note = |event, due, note| {
            self.ledger.note(&Entry {
                action_id: result.action_id.as_deref(),
                correlation_id: result.correlation_id.as_deref(),
                invocation_id: result.invocation_id.as_deref(),
                status: Some(result.status.as_str()),
                executed: Some(Executed::Yes),
                due,
                note,
                ..Entry::new(event)
            });
        };
        if !due {
            note(Event::Terminal, true, None);
        }
        let failure = match tokio::time::timeout(HANDLER_PATIENCE, handler(result.clone())).await {
            Ok(Ok(())) => return note(Event::Delivered, false, None),
            Ok(Err(name)) => name,
            Err(_) => format!("not done after {} s", HANDLER_PATIENCE.as_secs()),
        };
        self.ledger.board.tally(Tally::CallbackFailure);
        note(Event::CallbackFailed, false, Some(&failure));
    }
}
