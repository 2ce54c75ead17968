//! The token: fetched once for everybody, refreshed before it runs out, and never asked for in a hot loop.
//!
//! Readers never wait while a token is valid. One fetch is under way at a time, in its own task, so that a caller who
//! goes away takes nothing from the others. A 401 evicts only the token that was refused (tutorial defects S5, S6).

mod answer;
mod asking;
mod cache;
mod endpoint;
mod exchange;
mod grant;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod source;
mod token;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use secrecy::ExposeSecret;
use tokio::task::AbortHandle;

use crate::config::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Ledger;
use crate::metrics::Tally;
use crate::profile::TokenEndpoint;
use crate::trail::{Entry, Event, Timings};
use crate::wire::Transport;

use answer::Fetched;
use cache::{Cache, Plan};
use endpoint::Endpoint;
use exchange::{Exchange, interrupted};
use grant::Grant;
use token::Now;

pub(crate) use asking::Asking;
pub use source::{BearerToken, NoToken, SharedSource, TOKEN_PATIENCE, TokenSource};
pub(crate) use token::Token;

type Flight = Shared<BoxFuture<'static, Result<Arc<Token>>>>;

/// Where tokens come from, and the one that serves now. With the last of its owners, a fetch that is under way ends too.
#[derive(Debug)]
pub(crate) struct Auth {
    origin: Arc<Origin>,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Origin {
    /// Somebody else keeps it fresh.
    Fixed(Arc<Token>),
    Exchange(Box<Exchange>),
    Source(SharedSource),
}

impl Origin {
    async fn fetch(&self) -> Result<Fetched> {
        match self {
            Origin::Exchange(exchange) => exchange.fetch().await,
            Origin::Source(source) => source.fetch().await,
            Origin::Fixed(_) => Err(Error::new(ErrorKind::Auth, "a fixed token cannot be refreshed")),
        }
    }
}

#[derive(Default)]
struct State {
    cache: Cache,
    flight: Option<(Flight, AbortHandle)>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("flight", &self.flight.is_some()).finish_non_exhaustive()
    }
}

impl Auth {
    /// # Errors
    /// [`ErrorKind::Auth`] for a token that no header may hold.
    pub(crate) fn new(
        credentials: &Credentials,
        endpoint: TokenEndpoint,
        transport: Transport,
        ledger: Arc<Ledger>,
    ) -> Result<Arc<Auth>> {
        let origin = match (credentials, Grant::of(credentials)) {
            (_, Some(grant)) => {
                Origin::Exchange(Box::new(Exchange { grant, endpoint: Endpoint::new(endpoint), transport }))
            }
            (Credentials::Source(source), _) => Origin::Source(source.clone()),
            (Credentials::Token(token), _) => {
                Origin::Fixed(Arc::new(Token::fixed(token::bearer(token.expose_secret())?)))
            }
            (_, None) => return Err(Error::new(ErrorKind::Config, "there are no credentials")),
        };
        Ok(Arc::new(Auth { origin: Arc::new(origin), ledger, state: Mutex::default() }))
    }

    /// The token that serves now.
    ///
    /// # Errors
    /// [`ErrorKind::Auth`] when the token service refuses, [`ErrorKind::Unavailable`] when it cannot be reached.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<Token>> {
        if let Origin::Fixed(token) = &*self.origin {
            return Ok(token.clone());
        }
        let flight = {
            let mut state = self.lock();
            match state.cache.plan(Now::read(), state.flight.is_some()) {
                Plan::Serve(token) => return Ok(token),
                Plan::Renew(token) => {
                    drop(self.join(&mut state, Duration::ZERO));
                    return Ok(token);
                }
                Plan::Fail(error) => return Err(error),
                Plan::Wait(delay) => self.join(&mut state, delay),
            }
        };
        flight.await
    }

    /// Forgets `token`, which the gateway refused with 401. A newer one stays. False where there is nothing to refresh.
    pub(crate) fn refused(&self, token: &Token) -> bool {
        if matches!(*self.origin, Origin::Fixed(_)) {
            return false;
        }
        self.lock().cache.refused(token, Now::read());
        true
    }

    /// Ends a fetch that is under way: nobody sends any more.
    pub(crate) fn close(&self) {
        if let Some((_, running)) = self.lock().flight.take() {
            running.abort();
        }
    }

    /// The fetch that is under way, or one that starts after `delay`.
    fn join(self: &Arc<Self>, state: &mut State, delay: Duration) -> Flight {
        if let Some((flight, _)) = &state.flight {
            return flight.clone();
        }
        let auth = Arc::downgrade(self);
        let running = tokio::spawn(fly(auth.clone(), self.origin.clone(), delay));
        let abort = running.abort_handle();
        let landed = async move {
            running.await.unwrap_or_else(|_| {
                // A fetch that did not end must not stand in the way of the next.
                if let Some(auth) = auth.upgrade() {
                    auth.lock().flight = None;
                }
                Err(interrupted())
            })
        };
        let flight = landed.boxed().shared();
        state.flight = Some((flight.clone(), abort));
        flight
    }

    /// Whatever became of a fetch, the next one finds the way free.
    fn land(&self, start: Instant, outcome: &Result<Arc<Token>>) {
        self.record(outcome, start.elapsed());
        let mut state = self.lock();
        state.flight = None;
        match (&*self.origin, outcome) {
            (Origin::Source(_), Err(error)) => state.cache.ended_soon(start, Now::read(), error),
            _ => state.cache.ended(start, Now::read(), outcome),
        }
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

impl Drop for Auth {
    fn drop(&mut self) {
        self.close();
    }
}

/// One fetch, in a task that keeps nobody alive.
async fn fly(auth: Weak<Auth>, origin: Arc<Origin>, delay: Duration) -> Result<Arc<Token>> {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let start = Instant::now();
    let generation =
        auth.upgrade().map(|auth| auth.lock().cache.started(Now::read())).ok_or_else(interrupted)?;
    let fetched = AssertUnwindSafe(origin.fetch()).catch_unwind().await;
    let outcome = fetched
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Auth, "the fetch of the token panicked")))
        .and_then(|fetched| Token::issued(&fetched, generation, Now::read()).map(Arc::new));
    if let Some(auth) = auth.upgrade() {
        auth.land(start, &outcome);
    }
    outcome
}
