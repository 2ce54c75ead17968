//! The gateway on a loopback port, as JavaScript holds it.

use cxone_actions::{Error, ErrorKind};
use cxone_actions_bridge::{Dialect, error_json};
use cxone_actions_sandbox::{Sandbox, SandboxError, SandboxOptions};
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::ending::outlive_this_thread;
use crate::queue::number;
use crate::tagged::tagged;

/// See the module.
#[napi]
#[derive(Debug)]
pub struct NativeSandbox {
    sandbox: Sandbox,
}

/// Starts a gateway, or returns the JSON text of an error.
#[napi(catch_unwind)]
pub fn open_sandbox(options: String) -> Either<NativeSandbox, String> {
    outlive_this_thread();
    match SandboxOptions::from_json(&options).and_then(Sandbox::start) {
        Ok(sandbox) => Either::A(NativeSandbox { sandbox }),
        Err(error) => Either::B(explained(&error)),
    }
}

#[napi]
impl NativeSandbox {
    /// Where it listens.
    #[napi(catch_unwind)]
    pub fn base_url(&self) -> &str {
        self.sandbox.base_url()
    }

    /// The id of its one client.
    #[napi(catch_unwind)]
    pub fn client_id(&self) -> &str {
        self.sandbox.client_id()
    }

    /// The secret of its one client.
    #[napi(catch_unwind)]
    pub fn client_secret(&self) -> &str {
        self.sandbox.client_secret()
    }

    /// The id of its one access key.
    #[napi(catch_unwind)]
    pub fn access_key_id(&self) -> &str {
        self.sandbox.access_key_id()
    }

    /// The secret of its one access key.
    #[napi(catch_unwind)]
    pub fn access_key_secret(&self) -> &str {
        self.sandbox.access_key_secret()
    }

    /// The options that let a client in, as a JSON object.
    #[napi(catch_unwind)]
    pub fn options(&self) -> String {
        object(self.sandbox.options())
    }

    /// The same as environment variables, as a JSON object.
    #[napi(catch_unwind)]
    pub fn environ(&self) -> String {
        object(self.sandbox.environ())
    }

    /// The last requests it saw, as a JSON array.
    #[napi(catch_unwind)]
    pub fn requests(&self) -> String {
        serde_json::to_string(&self.sandbox.requests()).unwrap_or_else(|_| "[]".to_owned())
    }

    /// How often the invocation with this correlation id was executed.
    #[napi(catch_unwind)]
    pub fn executions(&self, correlation_id: String) -> f64 {
        number(self.sandbox.executions(&correlation_id))
    }

    /// Orders a fault; all of it is text, so that what cannot work is the sandbox's to say.
    #[napi(catch_unwind)]
    pub fn inject(&self, point: String, fault: String, times: String) -> String {
        let ordered = self.sandbox.inject_text(&point, &fault, &times);
        tagged(ordered.map(|()| "null".to_owned()).map_err(|error| explained(&error)))
    }

    /// Forgets the faults that were ordered, the requests it saw, and its counts.
    #[napi(catch_unwind)]
    pub fn clear(&self) {
        self.sandbox.clear();
    }

    /// Closes the port and every connection.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.sandbox.close();
    }
}

fn object<'a>(entries: impl IntoIterator<Item = (impl Into<String>, &'a str)>) -> String {
    let named = |(name, value): (_, &str)| (Into::into(name), value.into());
    serde_json::Value::Object(entries.into_iter().map(named).collect()).to_string()
}

fn explained(error: &SandboxError) -> String {
    let kind = match error {
        SandboxError::Listen { .. } => ErrorKind::Unavailable,
        _ => ErrorKind::Config,
    };
    let told = error.to_string();
    let told = match error {
        // A file is written in one spelling, whoever reads it.
        SandboxError::File(_) => told.into(),
        _ => Dialect::Node.of_a_sandbox(&told),
    };
    error_json(&Error::new(kind, told))
}
