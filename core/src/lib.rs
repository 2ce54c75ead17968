//! Invoke contact-centre *Data Actions* once, learn what became of them, and be able to prove it.
//!
//! ```no_run
//! # async fn example() -> cxone_actions::Result<()> {
//! use cxone_actions::{ActionRequest, Client};
//!
//! let client = Client::builder()
//!     .base_url("https://api.example.com")
//!     .client_id("integration")
//!     .client_secret("secret from your vault")
//!     .build()?;
//! let request = ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890")
//!     .input("customerId", "CUST-998877")
//!     .input("priority", 1);
//! let result = client.run(request).await?;
//! println!("{} {:?}", result.status.as_str(), result.outputs);
//! # Ok(())
//! # }
//! ```
//!
//! What may be sent again, and what never is, is said in [`wire`]; what is recorded, in [`trail`].
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod auth;
mod batch;
mod callback;
mod cause;
mod check;
mod claims;
mod client;
mod closing;
pub mod config;
pub mod contract;
mod delivery;
mod describe;
mod document;
mod echo;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod inner;
mod invocation;
mod joint;
mod kind;
mod ledger;
mod metrics;
pub mod policy;
mod poll;
#[doc(hidden)]
pub mod probe;
pub mod profile;
mod resume;
mod schedule;
mod sending;
mod submit;
mod surface;
mod target;
mod telemetry;
pub mod trail;
pub mod wire;

pub use auth::{BearerToken, NoToken, SharedSource, TOKEN_PATIENCE, TokenSource};
pub use batch::{Batch, Outcome};
pub use callback::{CallbackListener, CallbackOptions};
pub use cause::{CAUSE_CODES, Cause};
pub use check::Rules;
pub use client::{CallOptions, Client};
pub use config::{CallbackSecret, ClientBuilder, Delivery, Dialect, Options, Validate};
pub use contract::{ActionRequest, Violation};
pub use delivery::{HANDLER_PATIENCE, OnResult};
pub use describe::ActionDescription;
pub use error::{ERROR_FIELDS, Error, ErrorKind, Executed, Result};
pub use invocation::{ActionResult, Invocation, Status};
pub use metrics::{ActionMetrics, Counts, Distribution, Metrics};
pub use surface::surface;
pub use target::PollTarget;

/// The version of this library, as the `User-Agent` names it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
