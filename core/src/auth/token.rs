//! A token, and how long it serves.
//!
//! The promise: it is over when either clock says so, is renewed early, and is shown by no way of printing it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderValue;
use secrecy::ExposeSecret;

use super::answer::Fetched;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Answer, Failure};

/// Both clocks. A suspended machine stops the monotonic one, and a stepped one moves the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) clock: Instant,
    pub(super) wall: SystemTime,
}

impl Now {
    pub(super) fn read() -> Now {
        Now { clock: Instant::now(), wall: SystemTime::now() }
    }
}

/// A token and until when it serves.
#[derive(Debug)]
pub(crate) struct Token {
    /// `Bearer …`, marked sensitive so that no log shows it.
    pub(crate) header: HeaderValue,
    pub(super) generation: u64,
    times: Option<Times>,
    /// The gateway took it at least once.
    worked: AtomicBool,
}

impl Token {
    pub(super) fn fixed(header: HeaderValue) -> Token {
        Token { header, generation: 0, times: None, worked: AtomicBool::new(false) }
    }

    /// # Errors
    /// [`ErrorKind::Auth`] for what no header may hold.
    pub(super) fn issued(fetched: &Fetched, generation: u64, now: Now) -> Result<Token> {
        let header = bearer(fetched.value.expose_secret())?;
        let times = Some(Times::starting(now, fetched.lifetime));
        Ok(Token { header, generation, times, worked: AtomicBool::new(false) })
    }

    /// The error without this token, should the gateway have echoed it.
    pub(crate) fn taken_out_of(&self, error: Error) -> Error {
        let value = self.header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        error.without(value)
    }

    /// The text of a gateway without this token.
    pub(crate) fn taken_out(&self, text: String) -> String {
        self.taken_out_of(Error::new(ErrorKind::ActionFailed, text)).message().to_owned()
    }

    pub(super) fn expired(&self, now: Now) -> bool {
        self.times.as_ref().is_some_and(|times| times.expired(now))
    }

    pub(super) fn wants_refresh(&self, now: Now) -> bool {
        self.times.as_ref().is_some_and(|times| times.wants_refresh(now))
    }

    pub(super) fn has_worked(&self) -> bool {
        self.worked.load(Ordering::Relaxed)
    }

    /// What a request with this token came to.
    pub(crate) fn answered(&self, outcome: &Result<Answer, Failure>) {
        if outcome.as_ref().is_ok_and(|answer| (200..300).contains(&answer.status)) {
            self.worked.store(true, Ordering::Relaxed);
        }
    }
}

pub(super) fn bearer(token: &str) -> Result<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Error::new(ErrorKind::Auth, "the token holds characters that no header may hold"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[derive(Debug)]
struct Times {
    refresh_at: Instant,
    expires_at: Instant,
    expires_by_wall: SystemTime,
}

impl Times {
    fn starting(now: Now, lifetime: Duration) -> Times {
        // Short-lived tokens are refreshed in their last quarter, others 60 to 300 seconds before they run out.
        let early = if lifetime < Duration::from_secs(240) {
            lifetime / 4
        } else {
            (lifetime / 10).clamp(Duration::from_secs(60), Duration::from_secs(300))
        };
        // What is on its way when a token runs out would come back as 401.
        let usable = lifetime.saturating_sub((lifetime / 20).min(Duration::from_secs(5)));
        Times {
            refresh_at: now.clock + lifetime.saturating_sub(early),
            expires_at: now.clock + usable,
            expires_by_wall: now.wall + usable,
        }
    }

    fn expired(&self, now: Now) -> bool {
        now.clock >= self.expires_at || now.wall >= self.expires_by_wall
    }

    fn wants_refresh(&self, now: Now) -> bool {
        now.clock >= self.refresh_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_token_is_refreshed_early_and_is_over_when_either_clock_says_so() {
        let now = Now::read();
        let times = Times::starting(now, HOUR);
        let after = |seconds| Now { clock: now.clock + Duration::from_secs(seconds), wall: now.wall };
        assert!(!times.wants_refresh(after(3_000)));
        assert!(times.wants_refresh(after(3_540)), "60 s before the end at the latest");
        assert!(!times.expired(after(3_590)) && times.expired(after(3_596)));
        assert!(times.expired(Now { wall: now.wall + HOUR, ..now }), "tutorial defect S11");
    }

    #[test]
    fn the_refresh_window_is_scaled_to_the_lifetime() {
        let cases =
            [(1.0, 0.25), (60.0, 15.0), (239.0, 59.75), (240.0, 60.0), (3_600.0, 300.0), (86_400.0, 300.0)];
        for (lifetime, early) in cases {
            let now = Now::read();
            let times = Times::starting(now, Duration::from_secs_f64(lifetime));
            let window = now.clock + Duration::from_secs_f64(lifetime) - times.refresh_at;
            assert_eq!(window, Duration::from_secs_f64(early), "tutorial defect S4, {lifetime}");
        }
    }
}
