//! The client's own limit on sends, so that the gateway need not refuse them.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

use crate::config::RateLimit;
use crate::error::{Error, ErrorKind, Result};

pub(crate) struct Rate {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl std::fmt::Debug for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rate").finish_non_exhaustive()
    }
}

impl Rate {
    pub(crate) fn new(limit: RateLimit) -> Rate {
        let sends = NonZeroU32::new(limit.sends).unwrap_or(NonZeroU32::MIN);
        let each = (limit.per / sends.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or_else(|| Quota::per_second(sends)).allow_burst(sends);
        Rate { limiter: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`] at once when the turn comes after the deadline.
    pub(crate) async fn wait_until(&self, deadline: Instant) -> Result<()> {
        loop {
            let Err(early) = self.limiter.check() else { return Ok(()) };
            let wait = early.wait_time_from(self.clock.now());
            if Instant::now() + wait >= deadline {
                return Err(Error::new(
                    ErrorKind::RateLimited,
                    "the `rate_limit` allows no send before the deadline",
                )
                .with_hint("nothing was sent; call again later, or raise the limit")
                .with_retry_after(wait));
            }
            tokio::time::sleep(wait).await;
        }
    }
}
