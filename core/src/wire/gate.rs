//! One gate for everybody who shares a base URL: what one caller learned from a 429, the others need not learn again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Nobody sends before `wait` is over. A longer wait that is already known stays.
    pub(crate) fn close_for(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut opens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *opens = Some(opens.map_or(until, |known| known.max(until)));
    }

    /// When it opens, spread over a tenth of the wait so that the callers do not come back as one herd; none if open.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        let opens = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        let now = Instant::now();
        (opens > now).then(|| opens + (opens - now).mul_f64(0.1 * fastrand::f64()))
    }
}
