//! A gateway that does to its clients what networks and gateways do, on order, and counts what it executed.
//!
//! It speaks the `gateway` profile on raw sockets, one thread for each connection, so that it can break every rule of
//! HTTP. A [`Step`] says what happens to one exchange; scripts are queues of steps, one for each [`Point`]. Beside the
//! normal answer no step acts on its request unless it says so ([`Step::executing`]).
//!
//! ```
//! use cxone_actions_faults::{Gateway, Point, Step};
//!
//! let gateway = Gateway::start();
//! // The first POST is executed and its connection then reset; the second is refused; the third is as it should be.
//! gateway.script(Point::Invoke, [Step::reset().executing(), Step::status(429)]);
//! // … the client under test does its work …
//! assert_eq!(gateway.executions("corr-001"), 0);
//! assert!(gateway.seen(Point::Invoke).is_empty());
//! gateway.stop();
//! ```
//!
//! [`proof()`] runs a test and checks afterwards what holds after every fault.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "this crate is a test: it fails by panicking"
)]

mod connection;
mod contract;
mod gateway;
mod port;
mod proof;
mod request;
mod script;
mod step;
mod tls;

pub use gateway::{Gateway, GatewayOptions};
pub use proof::{Caller, Ground, proof, request};
pub use request::{Point, Seen};
pub use step::Step;
pub use tls::Certificate;

/// The client that the gateway knows.
pub const CLIENT_ID: &str = "integration";
/// Its secret.
pub const CLIENT_SECRET: &str = "CANARY-client-a+b%/:é";
/// A token that is always valid.
pub const FIXED_TOKEN: &str = "CANARY-fixed-token";
/// The word in everything that must never be seen again: secrets, tokens, input values, outputs.
pub const CANARY: &str = "CANARY";
/// An action that the gateway takes. It takes any.
pub const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
