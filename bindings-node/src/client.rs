//! A client as JavaScript holds it. Every call that is started returns its number, or the JSON text of an error.

use std::sync::Arc;
use std::time::Duration;

use cxone_actions::contract::Finding;
use cxone_actions_bridge::{ActionRequest, Batch, Dialect, Handle, Snapshot, TokenAnswer, patience};
use napi::bindgen_prelude::{Buffer, Either};
use napi_derive::napi;

use crate::ending::outlive_this_thread;
use crate::queue::{NativeQueue, number};
use crate::tagged::{mistake, quoted, tagged};

/// The number of a call, or the JSON text of an error.
type Started = Either<f64, String>;

/// See the module.
#[napi]
#[derive(Debug)]
pub struct NativeClient {
    pub(crate) handle: Handle,
}

/// Opens a client, or returns the JSON text of an error.
#[napi(catch_unwind)]
pub fn open_client(
    options: String,
    asks_for_tokens: bool,
    checkpoints: Option<&NativeQueue>,
) -> Either<NativeClient, String> {
    outlive_this_thread();
    let checkpoints = checkpoints.map(|queue| Arc::clone(&queue.queue));
    match Handle::open(&options, Dialect::Node, asks_for_tokens, checkpoints) {
        Ok(handle) => Either::A(NativeClient { handle }),
        Err(error) => Either::B(error),
    }
}

/// What one batch has under way.
#[napi]
#[derive(Debug)]
pub struct NativeBatch {
    batch: Batch,
}

#[napi]
impl NativeBatch {
    /// One of which so many may be under way at once, from 1.
    #[napi(constructor, catch_unwind)]
    pub fn new(concurrency: f64) -> Self {
        NativeBatch { batch: Batch::new(call_of(concurrency).try_into().unwrap_or(usize::MAX)) }
    }

    /// How many requests may have been started and not be over.
    #[napi(catch_unwind)]
    pub fn room(&self) -> f64 {
        number(u64::try_from(self.batch.room()).unwrap_or(u64::MAX))
    }
}

#[napi]
impl NativeClient {
    /// Submits.
    #[napi(catch_unwind)]
    pub fn invoke(
        &self,
        queue: &NativeQueue,
        request: String,
        findings: Option<String>,
        timeout_ms: Option<f64>,
    ) -> Started {
        started(|| {
            let request = request_of(&request, findings)?;
            Ok(self.handle.invoke(&queue.queue, request, timeout_of(timeout_ms)?))
        })
    }

    /// Submits and waits.
    #[napi(catch_unwind)]
    pub fn run(
        &self,
        queue: &NativeQueue,
        request: String,
        findings: Option<String>,
        timeout_ms: Option<f64>,
        deliver: bool,
    ) -> Started {
        started(|| {
            let request = request_of(&request, findings)?;
            Ok(self.handle.run(&queue.queue, request, timeout_of(timeout_ms)?, deliver))
        })
    }

    /// The same for one of many: where the line is full it waits for a place.
    #[napi(catch_unwind)]
    pub fn run_of_many(
        &self,
        queue: &NativeQueue,
        batch: &NativeBatch,
        request: String,
        findings: Option<String>,
        timeout_ms: Option<f64>,
    ) -> Started {
        started(|| {
            let request = request_of(&request, findings)?;
            Ok(self.handle.run_of_many(&queue.queue, &batch.batch, request, timeout_of(timeout_ms)?))
        })
    }

    /// Waits for what was accepted.
    #[napi(catch_unwind)]
    pub fn poll(
        &self,
        queue: &NativeQueue,
        target: String,
        timeout_ms: Option<f64>,
        deliver: bool,
    ) -> Started {
        started(|| Ok(self.handle.poll(&queue.queue, &target, timeout_of(timeout_ms)?, deliver)))
    }

    /// What the gateway says of an action.
    #[napi(catch_unwind)]
    pub fn describe(&self, queue: &NativeQueue, action_id: String) -> Started {
        started(|| Ok(self.handle.describe(&queue.queue, action_id)))
    }

    /// Nobody will learn what the function for checkpoints came to.
    #[napi(catch_unwind)]
    pub fn abandon_checkpoint(&self, number: f64) {
        self.handle.abandon_checkpoint(call_of(number));
    }

    /// What the function for checkpoints came to.
    #[napi(catch_unwind)]
    pub fn answer_checkpoint(&self, number: f64, raised: Option<String>) {
        self.handle.answer_checkpoint(call_of(number), raised);
    }

    /// What a call of this request would be told.
    #[napi(catch_unwind)]
    pub fn check(&self, request: String, findings: Option<String>, at: Option<String>) -> String {
        tagged(request_of(&request, findings).and_then(|request| self.handle.check(request, at.as_deref())))
    }

    /// Reads the policy again, or another one.
    #[napi(catch_unwind)]
    pub fn reload_policy(&self, policy: Option<String>) -> String {
        tagged(self.handle.reload_policy(policy.as_deref()).map(quoted))
    }

    /// Listens for callbacks.
    #[napi(catch_unwind)]
    pub fn listen_callbacks(
        &self,
        queue: &NativeQueue,
        host: String,
        port: f64,
        public_url: Option<String>,
    ) -> Started {
        started(|| Ok(self.handle.listen_callbacks(&queue.queue, host, port_of(port), public_url)))
    }

    /// Closes a listener of this process.
    #[napi(catch_unwind)]
    pub fn close_listener(&self, number: f64) {
        self.handle.close_listener(call_of(number));
    }

    /// Callbacks come to a server of the user's.
    #[napi(catch_unwind)]
    pub fn expect_callbacks(&self, public_url: String) -> String {
        tagged(self.handle.expect_callbacks(public_url).map(|()| "null".to_owned()))
    }

    /// Whether it was a callback for this client. The headers are names and values by turns.
    #[napi(catch_unwind)]
    pub fn notify(&self, path: String, headers: Vec<String>, raw_body: Buffer) -> bool {
        let headers = headers
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [name, value] => Some((name.clone(), on_the_wire(value))),
                _ => None,
            })
            .collect();
        self.handle.notify(&path, headers, &raw_body)
    }

    /// Stops taking calls and lets what is on the wire be recorded.
    #[napi(catch_unwind)]
    pub fn close(&self, queue: &NativeQueue, timeout_ms: Option<f64>) -> Started {
        started(|| Ok(self.handle.close(&queue.queue, timeout_of(timeout_ms)?)))
    }

    /// Nobody waits for this call any more.
    #[napi(catch_unwind)]
    pub fn cancel(&self, call: f64) {
        self.handle.cancel(call_of(call));
    }

    /// What `onResult` came to: nothing, or the class name of what it threw.
    #[napi(catch_unwind)]
    pub fn answer(&self, call: f64, raised: Option<String>) {
        self.handle.answer(call_of(call), raised);
    }

    /// What it shows of itself, as a JSON object.
    #[napi(catch_unwind)]
    pub fn shown(&self) -> String {
        let (base_url, profile) = self.handle.gateway();
        serde_json::json!({ "baseUrl": base_url, "profile": profile, "closed": self.handle.is_closed() })
            .to_string()
    }

    /// By which a request for a token names this client.
    #[napi(catch_unwind)]
    pub fn number(&self) -> f64 {
        number(self.handle.number())
    }

    /// Whether the caller's function is to be called now.
    #[napi(catch_unwind)]
    pub fn take_token_request(&self, request: f64) -> bool {
        self.handle.take_token_request(call_of(request))
    }

    /// What came of it: `text` is a token, or the name of a class or type, as `outcome` says.
    #[napi(catch_unwind)]
    pub fn answer_token_request(&self, request: f64, outcome: String, text: String, seconds: Option<f64>) {
        let answer = TokenAnswer::from_border(&outcome, text, seconds);
        self.handle.answer_token_request(call_of(request), answer);
    }

    /// The numbers of this moment, or the JSON text of an error.
    #[napi(catch_unwind)]
    pub fn metrics(&self) -> Either<NativeSnapshot, String> {
        match self.handle.metrics() {
            Ok(snapshot) => Either::A(NativeSnapshot { snapshot }),
            Err(error) => Either::B(error),
        }
    }

    /// What processes that are gone left behind.
    #[napi(catch_unwind)]
    pub fn recover(&self) -> String {
        tagged(self.handle.recover())
    }
}

/// The numbers of one moment; what nobody asks for is not written.
#[napi]
#[derive(Debug)]
pub struct NativeSnapshot {
    snapshot: Snapshot,
}

#[napi]
impl NativeSnapshot {
    /// As JSON text.
    #[napi(catch_unwind)]
    pub fn json(&self) -> String {
        self.snapshot.json()
    }

    /// As Prometheus text.
    #[napi(catch_unwind)]
    pub fn prometheus(&self) -> String {
        self.snapshot.prometheus()
    }
}

/// What Node shows of a header is Latin-1; what lies beyond was never in one.
fn on_the_wire(value: &str) -> Vec<u8> {
    value.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "what is no port stays none")]
fn port_of(port: f64) -> i64 {
    port as i64
}

fn started(start: impl FnOnce() -> Result<u64, String>) -> Started {
    start().map_or_else(Either::B, |call| Either::A(number(call)))
}

/// What the border could not say must not get lost: without it a NaN would be sent as null.
fn request_of(text: &str, findings: Option<String>) -> Result<ActionRequest, String> {
    let findings: Vec<Finding> = match findings {
        Some(findings) => serde_json::from_str(&findings).map_err(mistake)?,
        None => Vec::new(),
    };
    Ok(ActionRequest::from_border(text.as_bytes(), &findings))
}

fn timeout_of(timeout_ms: Option<f64>) -> Result<Option<Duration>, String> {
    timeout_ms.map(|timeout| patience(timeout, Dialect::Node)).transpose()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number that `number` made")]
fn call_of(call: f64) -> u64 {
    call as u64
}
