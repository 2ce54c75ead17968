//! The only place where bytes leave, and the one table that says what may be sent again.
//!
//! R: again, within attempts and deadline. RT: refresh the token, then once more. A: ambiguous: it ends as
//! `outcome_unknown`, or is resent byte for byte where `delivery` says so. F: final.
//!
//! | what happened | token | invoke | poll |
//! |---|---|---|---|
//! | DNS, refused, connect timeout, TLS alert: nothing was sent | R | R | R |
//! | certificate invalid | F | F | F |
//! | timeout or reset later; an answer that is torn, stalled, oversized or malformed; 2xx without a usable id | R | **A** | R |
//! | redirect (303 to a POST: A) | F | F | F |
//! | 401 | F | RT | RT |
//! | 403, 400 and other 4xx | F | F | F |
//! | 404 | F | F | R for 10 s after acceptance, then F |
//! | 408, 500, 502, 503, 504, other 5xx | R | **A** | R |
//! | 409 | F | F; where `delivery` is `idempotent` and it names the invocation: accepted | F |
//! | 425, 429 | R | R | R, slower |
//!
//! A status in the profile's `unprocessed` list proves that the gateway did not execute, and is R for an invoke too; 425
//! and 429 are in that list of every built-in profile, and without it they are **A**.

mod allowance;
mod backoff;
mod budget;
mod classify;
mod connect;
mod failure;
mod gate;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod permits;
mod plain;
mod pointer;
mod rate;
mod reason;
mod refusal;
mod tls;
mod transport;
mod turns;

pub(crate) use backoff::{Backoff, MAX_RETRY_AFTER, retry_after};
pub(crate) use budget::Budget;
pub(crate) use classify::{
    Accepted, Fetched, Invoked, Looked, Terminal, fetched, invoked, looked, terminal_in,
};
pub(crate) use failure::Failure;
pub(crate) use permits::Line;
pub(crate) use pointer::{Body, DEEPEST, is_too_deep, pick, pick_text};
pub(crate) use rate::{Limiter, limiter};
pub(crate) use reason::{clean, reason, reason_at};
pub(crate) use tls::{client_config as tls_config, roots as tls_roots};
pub(crate) use transport::{Answer, Request, Transport};
pub(crate) use turns::{Bounds, Heard, Turn, Turns};
