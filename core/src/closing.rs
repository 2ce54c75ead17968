//! The end of a client: it takes nothing new, waits for what is under way as long as it may, and closes its trail last.
//!
//! One promise: whoever waits is let go with what he needs to go on, and his account is settled before the trail says that
//! it is closed.

use std::time::Duration;

use crate::client::Client;
use crate::inner::Phase;
use crate::telemetry::TARGET;

/// The collector of traces has so long to take the last ones.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// A handler that still runs when the client is closed may take this long; otherwise its result is delivered again after
/// `recover`.
const HANDLER_FAREWELL: Duration = Duration::from_secs(2);

impl Client {
    /// Takes nothing new, waits up to `patience` for what is under way, then lets every waiting caller go with a resume
    /// token and closes the trail. A second call waits for nothing.
    pub async fn shutdown(&self, patience: Duration) {
        let inner = &self.0;
        inner.open.send_if_modified(|phase| advance(phase, Phase::Draining));
        inner.sending.close();
        let idle = async {
            inner.sending.wait().await;
            inner.nobody_waits().await;
        };
        if tokio::time::timeout(patience, idle).await.is_err() {
            tracing::warn!(target: TARGET, "closed with work under way; the trail says which");
        }
        // What a handler has taken should be on record. One that closes the client itself cannot be waited for.
        inner.delivering.close();
        let _ = tokio::time::timeout(patience.min(HANDLER_FAREWELL), inner.delivering.wait()).await;
        inner.ledger.traces.flush(patience.min(FLUSH_PATIENCE)).await;
        self.leave(Duration::ZERO).await;
    }

    /// For the end of a process: lets every waiting caller go at once, since nobody will take what they wait for, and
    /// waits up to `patience` only for the answers to requests that are on the wire. Then the trail is closed.
    pub async fn leave(&self, patience: Duration) {
        let inner = &self.0;
        if !inner.open.send_if_modified(|phase| advance(phase, Phase::Closed)) {
            return;
        }
        inner.sending.close();
        // Those who waited settle their accounts before the trail says that it is closed.
        let settled = async {
            inner.sending.wait().await;
            inner.nobody_waits().await;
        };
        let _ = tokio::time::timeout(patience.max(Duration::from_millis(250)), settled).await;
        inner.callbacks.closed().await;
        inner.auth.close();
        inner.ledger.trail.closed().await;
        inner.ledger.traces.flush(FLUSH_PATIENCE.min(patience.max(Duration::from_millis(250)))).await;
        inner.transport.close();
    }
}

fn advance(phase: &mut Phase, to: Phase) -> bool {
    let later = *phase < to;
    if later {
        *phase = to;
    }
    later
}
