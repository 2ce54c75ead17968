//! The token: fetched once for everybody, refreshed before it runs out, and never asked for in a hot loop.
//!
//! Readers never wait while a token is valid. One fetch is under way at a time, in its own task, so that a caller who
//! goes away takes nothing from the others. A 401 evicts only the token that was refused (tutorial defects S5, S6).

mod grant;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use crate::config::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::metrics::Tally;
use crate::trail::{Entry, Event, Timings};
use crate::wire::{MAX_RETRY_AFTER, Transport};

pub(crate) use grant::Grant;

/// A token and until when it serves.
#[derive(Debug)]
pub(crate) struct Token {
    /// `Bearer …`, marked sensitive so that no log shows it.
    pub(crate) header: HeaderValue,
    generation: u64,
    times: Option<Times>,
}

impl Token {
    /// The error without this token, should the gateway have echoed it.
    pub(crate) fn taken_out_of(&self, error: Error) -> Error {
        let value = self.header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        error.without(value)
    }
}

#[derive(Debug)]
struct Times {
    refresh_at: Instant,
    expires_at: Instant,
    /// A suspended machine stops the monotonic clock, and a stepped one moves the other: either may say that it is over.
    expires_by_wall: SystemTime,
}

impl Times {
    fn starting(now: Instant, wall: SystemTime, lifetime: Duration) -> Times {
        // Short-lived tokens are refreshed in their last quarter, others 60 to 300 seconds before they run out.
        let early = if lifetime < Duration::from_secs(240) {
            lifetime / 4
        } else {
            (lifetime / 10).clamp(Duration::from_secs(60), Duration::from_secs(300))
        };
        // What is on its way when a token runs out would come back as 401.
        let usable = lifetime - (lifetime / 20).min(Duration::from_secs(5));
        Times {
            refresh_at: now + (lifetime - early),
            expires_at: now + usable,
            expires_by_wall: wall + usable,
        }
    }

    fn expired(&self, now: Instant, wall: SystemTime) -> bool {
        now >= self.expires_at || wall >= self.expires_by_wall
    }

    fn wants_refresh(&self, now: Instant) -> bool {
        now >= self.refresh_at
    }
}

type Flight = Shared<BoxFuture<'static, Result<Arc<Token>>>>;

/// Where tokens come from, and the one that serves now.
#[derive(Debug)]
pub(crate) struct Auth {
    source: Source,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Source {
    Fixed(Arc<Token>),
    Grant { grant: Grant, transport: Transport },
}

#[derive(Default)]
struct State {
    current: Option<Arc<Token>>,
    flight: Option<Flight>,
    failure: Option<Failure>,
    generation: u64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// A refusal is remembered for a while, and never for good.
#[derive(Debug, Clone)]
struct Failure {
    error: Error,
    until: Instant,
    in_a_row: u32,
}

impl Failure {
    fn after(previous: Option<&Failure>, error: &Error) -> Failure {
        let in_a_row = previous.map_or(0, |f| f.in_a_row.saturating_add(1));
        let doubled = |base: f64, most: f64| {
            Duration::from_secs_f64((base * 2f64.powi(in_a_row.min(16) as i32)).min(most))
        };
        // Refused credentials want a person, and a hot loop would lock the account; a service that is down wants a retry soon.
        let hold = if error.kind() == ErrorKind::Auth { doubled(1.0, 60.0) } else { doubled(0.25, 4.0) };
        let asked =
            Duration::from_secs_f64(error.retry_after().unwrap_or(0.0).min(MAX_RETRY_AFTER.as_secs_f64()));
        Failure { error: error.clone(), until: Instant::now() + hold.max(asked), in_a_row }
    }
}

impl Auth {
    pub(crate) fn new(
        credentials: &Credentials,
        grant: Option<Grant>,
        transport: Transport,
        ledger: Arc<Ledger>,
    ) -> Result<Arc<Auth>> {
        let source = match (credentials, grant) {
            (Credentials::Token(token), _) => {
                Source::Fixed(Arc::new(Token { header: bearer(token)?, generation: 0, times: None }))
            }
            (_, Some(grant)) => Source::Grant { grant, transport },
            (_, None) => {
                return Err(Error::new(ErrorKind::Config, "`client_id` and `client_secret` are required"));
            }
        };
        Ok(Arc::new(Auth { source, ledger, state: Mutex::default() }))
    }

    /// The token that serves now.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] when the token service refuses, [`ErrorKind::Unavailable`] when it cannot be reached.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<Token>> {
        if let Source::Fixed(token) = &self.source {
            return Ok(token.clone());
        }
        let now = Instant::now();
        let flight = {
            let mut state = self.lock();
            if let Some(token) = state
                .current
                .clone()
                .filter(|t| t.times.as_ref().is_none_or(|times| !times.expired(now, SystemTime::now())))
            {
                if token.times.as_ref().is_some_and(|times| times.wants_refresh(now)) {
                    self.take_off(&mut state);
                }
                return Ok(token);
            }
            if let Some(failure) =
                state.failure.as_ref().filter(|f| Instant::now() < f.until && state.flight.is_none())
            {
                return Err(failure.error.clone());
            }
            self.take_off(&mut state)
        };
        match flight {
            Some(flight) => flight.await,
            None => Err(Error::new(
                ErrorKind::Unavailable,
                "the token service was asked a moment ago and is not asked again yet",
            )),
        }
    }

    /// Forgets `token`, which the gateway refused with 401. A newer one stays. False where there is nothing to refresh.
    pub(crate) fn refused(&self, token: &Token) -> bool {
        if matches!(self.source, Source::Fixed(_)) {
            return false;
        }
        let mut state = self.lock();
        if state.current.as_ref().is_some_and(|current| current.generation == token.generation) {
            state.current = None;
        }
        true
    }

    /// Joins the fetch that is under way, or starts one; none while a failure is remembered.
    fn take_off(self: &Arc<Self>, state: &mut State) -> Option<Flight> {
        if let Some(flight) = &state.flight {
            return Some(flight.clone());
        }
        if state.failure.as_ref().is_some_and(|f| Instant::now() < f.until) {
            return None;
        }
        state.generation += 1;
        let (auth, generation) = (self.clone(), state.generation);
        let running = tokio::spawn({
            let auth = auth.clone();
            async move { auth.fetch(generation).await }
        });
        let landed = async move {
            running.await.unwrap_or_else(|_| {
                // A fetch that did not end must not stand in the way of the next.
                auth.lock().flight = None;
                Err(Error::new(
                    ErrorKind::Unavailable,
                    "the token was not fetched: the runtime is shutting down",
                ))
            })
        };
        let flight = landed.boxed().shared();
        state.flight = Some(flight.clone());
        Some(flight)
    }

    async fn fetch(self: Arc<Self>, generation: u64) -> Result<Arc<Token>> {
        let Source::Grant { grant, transport } = &self.source else {
            return Err(Error::new(ErrorKind::Auth, "a fixed token cannot be refreshed"));
        };
        let began = Instant::now();
        let outcome = grant.fetch(transport).await.and_then(|fetched| {
            let times = Some(Times::starting(Instant::now(), SystemTime::now(), fetched.lifetime));
            Ok(Arc::new(Token { header: bearer(&fetched.value)?, generation, times }))
        });
        self.record(&outcome, began.elapsed());
        let mut state = self.lock();
        state.flight = None;
        match &outcome {
            Ok(token) => {
                state.current = Some(token.clone());
                state.failure = None;
            }
            Err(error) => state.failure = Some(Failure::after(state.failure.as_ref(), error)),
        }
        outcome
    }

    fn record(&self, outcome: &Result<Arc<Token>>, took: Duration) {
        if outcome.is_ok() {
            self.ledger.board.tally(Tally::TokenRefresh);
        }
        let error = outcome.as_ref().err();
        self.ledger.note(&Entry {
            kind: error.map(|e| e.kind().as_str()),
            http_status: error.and_then(Error::http_status),
            timings: Some(Timings { attempt_ms: Some(crate::ledger::ms(took)), ..Timings::default() }),
            ..Entry::new(Event::TokenRefreshed)
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| Error::new(ErrorKind::Auth, "the token holds characters that no header may hold"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_token_is_refreshed_early_and_is_over_when_either_clock_says_so() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let times = Times::starting(now, wall, HOUR);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(!times.wants_refresh(after(3_000)));
        assert!(times.wants_refresh(after(3_540)), "60 s before the end at the latest");
        assert!(!times.expired(after(3_590), wall) && times.expired(after(3_596), wall));
        assert!(times.expired(now, wall + HOUR), "tutorial defect S11");
    }

    #[test]
    fn a_short_lived_token_is_cached_too() {
        let now = Instant::now();
        let times = Times::starting(now, SystemTime::now(), Duration::from_secs(60));
        assert!(!times.wants_refresh(now + Duration::from_secs(44)), "tutorial defect S4");
        assert!(times.wants_refresh(now + Duration::from_secs(46)));
    }

    #[test]
    fn a_refusal_is_remembered_longer_each_time_and_never_for_good() {
        let refusal = Error::new(ErrorKind::Auth, "no");
        let down = Error::new(ErrorKind::Unavailable, "down");
        let holds = |error: &Error| {
            let mut last: Option<Failure> = None;
            let mut holds = Vec::new();
            for _ in 0..10 {
                let now = Instant::now();
                let failure = Failure::after(last.as_ref(), error);
                holds.push((failure.until - now).as_secs_f64());
                last = Some(failure);
            }
            holds
        };
        let (refused, unavailable) = (holds(&refusal), holds(&down));
        assert!(refused.iter().take(6).sum::<f64>() >= 60.0, "at most six requests a minute: {refused:?}");
        assert!(refused.iter().all(|hold| *hold < 61.0), "{refused:?}");
        assert!(
            unavailable.iter().all(|hold| *hold < 5.0),
            "found again within five seconds: {unavailable:?}"
        );
    }
}
