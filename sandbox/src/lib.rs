//! A Data Action gateway on a loopback port: real HTTP, in this process, listening when it is constructed.
//!
//! It is for tests and demonstrations of whatever talks to such a gateway. It issues tokens that expire, knows
//! [`actions`] that complete, fail, are cancelled or never end, refuses what a gateway refuses, answers wrongly when
//! it is told to ([`Sandbox::inject`]), and counts what it executed ([`Sandbox::executions`]).
//!
//! ```
//! use cxone_actions_sandbox::{Sandbox, SandboxOptions};
//! use serde_json::json;
//!
//! let sandbox = Sandbox::start(SandboxOptions::default())?;
//! assert!(sandbox.base_url().starts_with("http://127.0.0.1:"));
//!
//! // The next two invocations are told to slow down; the one after is executed, and its answer is lost.
//! sandbox.inject("invoke", json!({"status": 429, "retry_after": 2}), 2)?;
//! sandbox.inject("invoke", json!({"close": "after_request"}), 1)?;
//!
//! // … the client under test does its work …
//! assert_eq!(sandbox.executions("corr-001"), 0);
//! assert!(sandbox.requests().is_empty());
//! # Ok::<(), cxone_actions_sandbox::SandboxError>(())
//! ```
//!
//! The contract is that of a profile: `gateway`, or one that speaks as a vendor's platform does ([`PROFILES`]).
//! Credentials, tokens and ids follow from [`SandboxOptions::seed`]; they protect nothing.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod actions;
mod ask;
mod callback;
mod console;
mod credentials;
mod error;
mod faults;
mod gateway;
mod grant;
mod invocations;
mod openapi;
mod options;
mod parse;
mod profile;
mod rate;
mod reply;
mod seen;
mod server;
mod tokens;
mod totals;

use std::fmt;
use std::time::Instant;

use serde_json::Value;

pub use actions::{Action, Outcome, Time};
pub use callback::Called;
pub use error::SandboxError;
pub use faults::Point;
pub use options::{SCOPE_READ, SCOPE_WRITE, SandboxOptions};
pub use profile::{MAX_BODY_BYTES, PROFILES};
pub use seen::Seen;
pub use totals::Totals;

use credentials::Credentials;
use faults::Fault;
use gateway::Gateway;
use server::{Server, Shared};

/// A gateway that is listening. It stops when it is closed or dropped.
pub struct Sandbox {
    base_url: String,
    profile: String,
    credentials: Credentials,
    gateway: Shared,
    server: Server,
}

impl Sandbox {
    /// Checks the options, opens the port and serves, on a thread of its own. No async runtime is needed.
    ///
    /// # Errors
    /// [`SandboxError::Options`] names the option that cannot work; [`SandboxError::Listen`] is the port.
    pub fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let gateway = Gateway::new(&options, Instant::now())?;
        let credentials = gateway.credentials().clone();
        let gateway = Shared::new(gateway);
        let server = Server::start(options.port, gateway.clone())?;
        let base_url = format!("http://{}", server.address());
        Ok(Sandbox { base_url, profile: options.profile, credentials, gateway, server })
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The id of its one client.
    pub fn client_id(&self) -> &str {
        &self.credentials.client_id
    }

    /// The secret of its one client.
    pub fn client_secret(&self) -> &str {
        &self.credentials.client_secret
    }

    /// The id of its one access key, which the profile `cxone-extraction` asks for.
    pub fn access_key_id(&self) -> &str {
        &self.credentials.access_key_id
    }

    /// Whether its profile asks for the access key.
    pub fn needs_access_key(&self) -> bool {
        self.gateway.lock().needs_access_key()
    }

    /// The secret of its one access key.
    pub fn access_key_secret(&self) -> &str {
        &self.credentials.access_key_secret
    }

    /// The options that let a client in, by name; the access key only where the profile asks for it.
    pub fn options(&self) -> Vec<(&'static str, &str)> {
        let mut options = vec![
            ("base_url", self.base_url()),
            ("profile", &self.profile),
            ("client_id", self.client_id()),
            ("client_secret", self.client_secret()),
        ];
        if self.needs_access_key() {
            options.push(("access_key_id", self.access_key_id()));
            options.push(("access_key_secret", self.access_key_secret()));
        }
        options
    }

    /// The same as the environment of a process: `CXONE_BASE_URL` and so on.
    pub fn environ(&self) -> Vec<(String, &str)> {
        let named = |(name, value): (&str, _)| (format!("CXONE_{}", name.to_ascii_uppercase()), value);
        self.options().into_iter().map(named).collect()
    }

    /// The last requests it saw, oldest first, without secrets: at most
    /// [`requests_kept`](SandboxOptions::requests_kept) of them. A request is here before its answer is sent.
    pub fn requests(&self) -> Vec<Seen> {
        self.gateway.lock().memory.all()
    }

    /// The last callbacks that it sent, oldest first: as many as it remembers of requests.
    pub fn callbacks(&self) -> Vec<Called> {
        self.gateway.lock().calls.sent()
    }

    /// How often the invocation with this correlation id was executed. Nothing is deduplicated here unless it is
    /// [asked for](SandboxOptions::deduplicate). The last million of correlation ids is counted; what says which
    /// invocation a request is about is told at [`PROFILES`].
    pub fn executions(&self, correlation_id: &str) -> u64 {
        self.gateway.lock().invocations.executions().of(correlation_id)
    }

    /// How often what happened: exact, however many requests there were.
    pub fn totals(&self) -> Totals {
        self.gateway.lock().totals()
    }

    /// Orders a fault for the next `times` requests at a point: `token`, `invoke` or `poll`, and in profiles that have
    /// them `discovery`, `describe` and `callback`. Orders queue up.
    ///
    /// A fault is an object, with at least one of:
    ///
    /// | member | what the gateway does |
    /// |---|---|
    /// | `status` | answers this (200 to 599) instead of acting on the request, in the profile's own error body |
    /// | `body` | answers this: a string is sent as it is, anything else as JSON; `status` is 200 unless given |
    /// | `headers` | sets headers of the answer; `null` removes one |
    /// | `retry_after` | sets `Retry-After`: a number of seconds, or the header's text |
    /// | `merge` | acts normally and replaces these members of the answer's JSON object; `null` removes one |
    /// | `delay` | acts at once and answers so many seconds later |
    /// | `drip` | sends the answer's bytes one at a time, so many seconds apart |
    /// | `close` | `before_request`: does nothing and closes; `after_request`: acts and closes without an answer; `reset`: acts and resets; `mid_head`, `mid_response`: acts and closes half-way through the head or the body |
    /// | `copies` | sends a callback so many times more; of the others, a callback knows `close`, which loses it, and `delay` |
    /// | `executed` | whether it acts on the request, where that should differ from what is said above |
    ///
    /// # Errors
    /// [`SandboxError::Fault`], which names what cannot work; nothing is ordered then.
    pub fn inject(&self, point: &str, fault: Value, times: u32) -> Result<(), SandboxError> {
        self.inject_json(point, &fault.to_string(), times)
    }

    /// As [`Sandbox::inject`], with both as JSON text, as another language says them: numbers in `body` and `merge`
    /// reach the wire exactly as written, and `times` may be what cannot work.
    ///
    /// # Errors
    /// As [`Sandbox::inject`].
    pub fn inject_text(&self, point: &str, fault: &str, times: &str) -> Result<(), SandboxError> {
        self.inject_json(point, fault, parse::times(times).map_err(SandboxError::Fault)?)
    }

    /// As [`Sandbox::inject`], with the fault as JSON text.
    ///
    /// # Errors
    /// As [`Sandbox::inject`].
    pub fn inject_json(&self, point: &str, fault: &str, times: u32) -> Result<(), SandboxError> {
        let fault = Fault::from_json(fault)?;
        self.gateway.lock().order(point, fault, times)
    }

    /// Ends every token now, as if their lifetime were over.
    pub fn expire_tokens(&self) {
        self.gateway.lock().tokens.revoke_all();
    }

    /// Forgets the faults that were ordered, the requests it saw, and its counts. Tokens stay good and invocations
    /// go on.
    pub fn clear(&self) {
        self.gateway.lock().clear();
    }

    /// Closes the port and every connection; when it returns, the thread has ended. What was seen and counted can
    /// still be read. Closing twice does nothing.
    pub fn close(&self) {
        self.server.stop();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}
