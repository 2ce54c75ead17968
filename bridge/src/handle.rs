//! A client as a binding holds it: the options, and the core's client of *this* process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use cxone_actions::config::PolicySource;
use cxone_actions::{ActionRequest, Batch, CallOptions, Client, Dialect, Error, Options, PollTarget, Result};

use crate::callbacks::Listeners;
use crate::calls::{Calls, answer};
use crate::checkpoints::{Checkpoints, Reader, TellingReader};
use crate::per_process::PerProcess;
use crate::queue::{Kind, Message, Queue, Told};
use crate::runtime::{Process, next_number};
use crate::snapshot::Snapshot;
use crate::text::{closed, done, error_json, failed, field, result, speak, value};
use crate::tokens::{AskingReaders, TokenAnswer, TokenRequests};

/// How long closing waits for what is under way, where nothing else is said.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);
/// How long a client that is dropped without being closed goes on recording what is on the wire.
const LINGER: Duration = Duration::from_secs(60);

/// A client as a binding holds it.
///
/// Every method that starts a call returns its number at once; the answer comes on the queue. In a forked child the
/// first use opens a client of the child's own, with the same options.
#[derive(Debug)]
pub struct Handle {
    number: u64,
    /// Where its requests go, and the name of the profile. Kept, so that showing a client in a child opens none.
    gateway: (String, String),
    options: Options,
    /// Tokens come from a function of the caller's.
    asks_for_tokens: bool,
    /// Who reads checkpoints, where they go to a function of the caller's.
    checkpoints: Option<Reader>,
    /// The policy that took the place of the options' own. No lock: a forked child reads it too.
    pub(crate) policy: ArcSwapOption<PolicySource>,
    /// Where a server of the user's takes callbacks, kept in the same way.
    pub(crate) expects: ArcSwapOption<String>,
    closed: AtomicBool,
    opened: PerProcess<Opened>,
}

#[derive(Debug)]
pub(crate) struct Opened {
    number: u64,
    pub(crate) client: Client,
    calls: Arc<Calls>,
    tokens: Option<Arc<TokenRequests>>,
    checkpoints: Option<Arc<Checkpoints>>,
    pub(crate) listeners: Listeners,
    process: Arc<Process>,
}

impl Handle {
    /// Opens a client from options as the dialect writes them. Does not touch the network and starts no thread. With
    /// `asks_for_tokens` there is a function for them, and whoever reads the client's queues is asked to call it. With
    /// `checkpoints` there is a function for these, and this queue takes them.
    ///
    /// # Errors
    /// The JSON text of a `config`, `audit` or `closed` error.
    pub fn open(
        options_json: &str,
        dialect: Dialect,
        asks_for_tokens: bool,
        checkpoints: Option<Arc<Queue>>,
    ) -> Result<Handle, String> {
        speak(dialect);
        let open = || {
            let options = Options::read(options_json, dialect);
            let mut handle = Handle {
                number: next_number(),
                gateway: <(String, String)>::default(),
                options,
                asks_for_tokens,
                checkpoints: checkpoints.map(|queue| Arc::new(ArcSwapOption::from(Some(queue)))),
                policy: ArcSwapOption::empty(),
                expects: ArcSwapOption::empty(),
                closed: AtomicBool::new(false),
                opened: PerProcess::new(),
            };
            let opened = handle.opened()?;
            let (origin, profile) = opened.client.gateway();
            handle.gateway = (origin.to_owned(), profile.to_owned());
            Ok(handle)
        };
        open().map_err(|error: Error| error_json(&error))
    }

    /// Submits; answered with `invocation`.
    pub fn invoke(&self, queue: &Arc<Queue>, request: ActionRequest, timeout: Option<Duration>) -> u64 {
        self.start(queue, field("invocation"), |opened, _| opened.client.invoke_within(request, timeout))
    }

    /// Submits and waits; answered with `result`. With `deliver`, the result comes as [`crate::Kind::Deliver`] first.
    pub fn run(
        &self,
        queue: &Arc<Queue>,
        request: ActionRequest,
        timeout: Option<Duration>,
        deliver: bool,
    ) -> u64 {
        self.start(queue, result, |opened, call| {
            let options = opened.options(queue, call, timeout, deliver);
            opened.client.run_in_task(request, options)
        })
    }

    /// [`Handle::run`] for one of many: where the line is full it waits for a place. It may make room for another one,
    /// which [`crate::Kind::Aside`] tells.
    pub fn run_of_many(
        &self,
        queue: &Arc<Queue>,
        batch: &Batch,
        request: ActionRequest,
        timeout: Option<Duration>,
    ) -> u64 {
        self.start(queue, result, |opened, call| {
            let options = opened.options(queue, call, timeout, false);
            let queue = Arc::clone(queue);
            let aside = move || {
                queue.push(Message { call, kind: Kind::Aside, json: String::new() });
            };
            opened.client.run_of_many(request, options, batch, aside)
        })
    }

    /// Waits for what was accepted; answered with `result`. The target is a JSON string (an invocation id or a resume
    /// token) or an invocation as `invoke` gave it.
    pub fn poll(
        &self,
        queue: &Arc<Queue>,
        target_json: &str,
        timeout: Option<Duration>,
        deliver: bool,
    ) -> u64 {
        let target = PollTarget::from_json(target_json);
        self.start(queue, result, |opened, call| {
            let options = opened.options(queue, call, timeout, deliver);
            let polled = target.map(|target| opened.client.poll(target, options));
            async move { polled?.await }
        })
    }

    /// What the gateway says of an action; answered with `description`.
    pub fn describe(&self, queue: &Arc<Queue>, action_id: String) -> u64 {
        self.start(queue, field("description"), |opened, _| {
            let client = opened.client.clone();
            async move { client.describe(&action_id).await }
        })
    }

    /// Nobody waits for this call any more; it is not answered. A POST on the wire is finished and recorded.
    pub fn cancel(&self, call: u64) {
        if let Some(opened) = self.opened.get() {
            opened.calls.cancel(call);
        }
    }

    /// What the caller's `on_result` came to: nothing, or the class name of what it raised.
    pub fn answer(&self, call: u64, raised: Option<String>) {
        if let Some(opened) = self.opened.get() {
            opened.calls.answer(call, raised);
        }
    }

    /// By which a [`crate::Kind::Token`] names this client; the same in a forked child.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the reader of the queue is to call the caller's function now, and to answer; false where somebody else
    /// does, or nobody needs it any more.
    pub fn take_token_request(&self, request: u64) -> bool {
        self.token_requests().is_some_and(|requests| requests.take(request))
    }

    /// What came of a request that was taken.
    pub fn answer_token_request(&self, request: u64, answer: TokenAnswer) {
        if let Some(requests) = self.token_requests() {
            requests.answer(request, answer);
        }
    }

    /// In a forked child nobody reads the parent's queue: checkpoints go to this one from now on.
    pub fn checkpoints_to(&self, queue: &Arc<Queue>) {
        if let Some(reader) = &self.checkpoints {
            reader.store(Some(Arc::clone(queue)));
        }
    }

    /// What the caller's function for checkpoints came to: nothing, or the class name of what it raised.
    pub fn answer_checkpoint(&self, number: u64, raised: Option<String>) {
        if let Some(checkpoints) = self.opened.get().and_then(|opened| opened.checkpoints.clone()) {
            checkpoints.answer(number, raised);
        }
    }

    /// Nobody will learn what the caller's function for checkpoints came to: the process ends.
    pub fn abandon_checkpoint(&self, number: u64) {
        if let Some(checkpoints) = self.opened.get().and_then(|opened| opened.checkpoints.clone()) {
            checkpoints.abandon(number);
        }
    }

    fn token_requests(&self) -> Option<Arc<TokenRequests>> {
        self.opened.get()?.tokens.clone()
    }

    /// Stops taking calls and waits for what is under way, for at most `patience` (30 s where none is given); answered
    /// with a null `value`.
    pub fn close(&self, queue: &Arc<Queue>, patience: Option<Duration>) -> u64 {
        let patience = patience.unwrap_or(CLOSE_PATIENCE);
        self.closed.store(true, Ordering::SeqCst);
        let call = next_number();
        let ready = self.opened.get().and_then(|opened| Some((opened.process.io().ok()?, opened)));
        match ready {
            Some((io, opened)) => {
                let calls = Arc::clone(&opened.calls);
                // Whoever waits may give up, or be gone in the middle; what was begun ends all the same.
                let ended = io.handle().spawn(async move {
                    opened.client.shutdown(patience).await;
                    opened.process.leave(opened.number);
                });
                calls.start(call, queue, &io, value, async move { ended.await.map_err(|_| closed()) });
            }
            // Never opened in this process, or drained already.
            None => answer(call, queue, done("value", &Ok(()))),
        }
        call
    }

    /// Where its requests go (scheme, host and port), and the name of its profile: what a client shows of itself.
    pub fn gateway(&self) -> (&str, &str) {
        (&self.gateway.0, &self.gateway.1)
    }

    /// Whether [`Handle::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// The counters and histograms of one moment.
    ///
    /// # Errors
    /// The JSON text of an error: in a forked child the client may fail to open.
    pub fn metrics(&self) -> Result<Snapshot, String> {
        self.read(|client| Ok(Snapshot(client.metrics())))
    }

    /// What a process that is gone left behind, as a JSON array.
    ///
    /// # Errors
    /// The JSON text of an `audit` error.
    pub fn recover(&self) -> Result<String, String> {
        self.read(|client| Ok(serde_json::to_string(&client.recover()?).unwrap_or_default()))
    }

    /// Reads something at once, without a call.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Client) -> Result<T>) -> Result<T, String> {
        self.opened().and_then(|opened| look(&opened.client)).map_err(|error| error_json(&error))
    }

    /// The client of this process, where it has one already.
    pub(crate) fn in_this_process(&self) -> Option<Arc<Opened>> {
        self.opened.get()
    }

    fn opened(&self) -> Result<Arc<Opened>> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        if self.is_closed() {
            return Err(closed());
        }
        if let Some(parents) = self.opened.inherited() {
            // The child holds its parent's segment open, and with it the lock that says that its writer lives.
            parents.client.audit().close();
            std::mem::forget(parents);
        }
        self.opened.get_or_try(|| {
            let process = Process::current();
            process.open_for_work()?;
            let number = next_number();
            let calls = Arc::<Calls>::default();
            let tokens = self.asks_for_tokens.then(|| TokenRequests::new(self.number, Arc::clone(&calls)));
            let mut options = self.options.clone();
            if let Some(policy) = self.policy.load_full() {
                options = options.with_policy(policy.as_ref().clone());
            }
            if let Some(tokens) = tokens.clone() {
                options = options.with_token_source(AskingReaders(tokens));
            }
            let checkpoints = self.checkpoints.clone().map(|reader| Checkpoints::new(self.number, reader));
            if let Some(checkpoints) = checkpoints.clone() {
                options = options.with_checkpoint_sink(TellingReader(checkpoints));
            }
            let client = Client::open(options)?;
            if let Some(url) = self.expects.load_full() {
                client.expect_callbacks(url.as_str())?;
            }
            process.enter(number, client.clone(), Arc::clone(&calls));
            Ok(Opened {
                number,
                client,
                calls,
                tokens,
                checkpoints,
                listeners: Listeners::default(),
                process,
            })
        })
    }

    pub(crate) fn start<T, F>(
        &self,
        queue: &Arc<Queue>,
        tell: impl FnOnce(Result<T>) -> Told + Send + 'static,
        work: impl FnOnce(&Arc<Opened>, u64) -> F,
    ) -> u64
    where
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let call = next_number();
        let ready = self.opened().and_then(|opened| Ok((opened.process.io()?, opened)));
        match ready {
            Ok((io, opened)) => opened.calls.start(call, queue, &io, tell, work(&opened, call)),
            Err(error) => answer(call, queue, failed(&error_json(&error))),
        }
        call
    }
}

impl Opened {
    fn options(
        &self,
        queue: &Arc<Queue>,
        call: u64,
        timeout: Option<Duration>,
        deliver: bool,
    ) -> CallOptions {
        let on_result = deliver.then(|| self.calls.deliver(call, queue));
        CallOptions { timeout, on_result }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // In a forked child there is nothing here to end: what the parent opened is the parent's.
        let Some(opened) = self.opened.take() else { return };
        // Of a thread that has ended in the middle, what it waited for is still under way.
        opened.calls.cancel_unread();
        if self.is_closed() {
            return;
        }
        match opened.process.io_if_running() {
            Some(io) => {
                io.handle().spawn(async move {
                    opened.client.shutdown(LINGER).await;
                    opened.process.leave(opened.number);
                });
            }
            None => opened.process.leave(opened.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::has_clients;
    use std::net::TcpListener;
    use std::time::Instant;

    #[test]
    fn a_client_whose_reader_is_gone_while_it_closes_is_closed_all_the_same() {
        // It takes the request and never answers.
        let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
        let options = format!(r#"{{"base_url":"http://{}","token":"t"}}"#, gateway.local_addr().unwrap());
        let handle = Handle::open(&options, Dialect::Python, false, None).unwrap();
        let queue = Queue::new(|| {});
        handle.run(&queue, ActionRequest::new("a1b2c3d4-e5f6-7890-abcd-ef1234567890"), None, false);
        let _sent = gateway.accept().unwrap();
        handle.close(&queue, Some(Duration::from_millis(100)));
        queue.close();
        drop(handle);
        let began = Instant::now();
        while has_clients() {
            assert!(began.elapsed() < Duration::from_secs(60), "it was never closed");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
