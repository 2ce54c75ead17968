//! A test with everything that has to hold after every fault.
//!
//! [`proof()`] runs a test on a runtime of its own and then looks: every correlation id was executed at most once, every
//! resend is the same bytes, the counters add up and nothing is in flight, the trail verifies, no canary is in an error,
//! a record or a log line, and no task, thread or file descriptor is left.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use cxone_actions::trail::Filter;
use cxone_actions::{
    ActionRequest, ActionResult, CallOptions, Client, ClientBuilder, Invocation, PollTarget, Result,
};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use crate::{ACTION, CANARY, CLIENT_ID, CLIENT_SECRET, FIXED_TOKEN, Gateway, GatewayOptions};

/// What runs in the background has this long to end.
const SETTLES_WITHIN: Duration = Duration::from_secs(30);

/// A request whose inputs are canaries.
pub fn request(correlation_id: &str) -> ActionRequest {
    ActionRequest::new(ACTION)
        .input("customerId", "CANARY-customer")
        .input("note", "CANARY \"quoted\"\n\u{1F426}")
        .input("priority", 1)
        .correlation_id(correlation_id)
}

/// Runs a test and then looks whether everything held.
///
/// # Panics
/// When something did not.
pub fn proof(test: impl AsyncFnOnce(&Ground)) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = lock(&ONE_AT_A_TIME);
    let log = Log::of_this_process();
    // The first runtime of a process leaves a pair of sockets behind, for signals.
    drop(runtime());
    let before = Belongings::now();
    let runtime = runtime();
    let ground = Ground::default();
    runtime.block_on(async {
        test(&ground).await;
        ground.check_calls().await;
    });
    ground.check_gateways();
    drop((ground, runtime));
    let after = Belongings::settled(&before);
    assert_eq!(after, before, "something is left: threads and file descriptors after and before");
    log.check();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a test stands on. It remembers what was made and what went wrong, so that all of it is looked at afterwards.
#[derive(Debug, Default)]
pub struct Ground {
    gateways: Mutex<Vec<Gateway>>,
    callers: Mutex<Vec<Caller>>,
    more_than_once: Mutex<BTreeMap<String, u32>>,
    altered: Mutex<bool>,
}

impl Ground {
    /// A gateway with the defaults.
    pub fn gateway(&self) -> Gateway {
        self.gateway_with(GatewayOptions::default())
    }

    /// A gateway like this.
    pub fn gateway_with(&self, options: GatewayOptions) -> Gateway {
        let gateway = Gateway::start_with(options);
        lock(&self.gateways).push(gateway.clone());
        gateway
    }

    /// A client of this gateway.
    pub fn client(&self, gateway: &Gateway) -> Caller {
        self.open(builder(gateway))
    }

    /// A client with options of its own: begin with [`Ground::builder`].
    pub fn open(&self, builder: ClientBuilder) -> Caller {
        let caller = Caller { client: builder.build().unwrap(), forms: Arc::default() };
        lock(&self.callers).push(caller.clone());
        caller
    }

    /// The options that reach this gateway. Looks are 10 ms apart.
    pub fn builder(&self, gateway: &Gateway) -> ClientBuilder {
        builder(gateway)
    }

    /// The same, with a token that is always valid: no token is asked for.
    pub fn builder_with_token(&self, gateway: &Gateway) -> ClientBuilder {
        reaching(gateway).token(FIXED_TOKEN)
    }

    /// The row says otherwise: this correlation id may be executed so often.
    pub fn may_execute(&self, correlation_id: &str, times: u32) {
        lock(&self.more_than_once).insert(correlation_id.to_owned(), times);
    }

    /// The row says otherwise: a correlation id comes again with another body, on purpose.
    pub fn may_alter(&self) {
        *lock(&self.altered) = true;
    }

    /// Looks again and again until it holds, for half a minute at most.
    ///
    /// # Panics
    /// When it does not come to hold.
    pub async fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + SETTLES_WITHIN;
        while !holds() {
            assert!(Instant::now() < end, "it did not come to this: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn check_calls(&self) {
        let callers = std::mem::take(&mut *lock(&self.callers));
        for caller in &callers {
            let client = &caller.client;
            self.until("nothing is in flight", || client.metrics().counts.in_flight == 0).await;
            let counts = client.metrics().counts;
            assert!(counts.conserved(), "the counters do not add up: {counts:?}");
            client.shutdown(Duration::from_secs(2)).await;
            let verification = client.audit().verify();
            assert!(verification.ok, "{verification:?}");
            let counts = client.metrics().counts;
            assert!(counts.conserved() && counts.in_flight == 0, "after the end: {counts:?}");
            for record in client.audit().records(&Filter::default()).unwrap() {
                let record = record.unwrap();
                without_canary("the trail", &record);
                follows_the_schema(&record);
            }
            let shown = std::mem::take(&mut *lock(&caller.forms));
            for text in &shown {
                without_canary("an error", text);
            }
        }
        drop(callers);
        let tasks = tokio::runtime::Handle::current().metrics();
        self.until("no task is left", || tasks.num_alive_tasks() == 0).await;
    }

    fn check_gateways(&self) {
        for gateway in std::mem::take(&mut *lock(&self.gateways)) {
            gateway.stop();
            for (id, times) in gateway.all_executions() {
                let most = lock(&self.more_than_once).get(&id).copied().unwrap_or(1);
                assert!(times <= most, "`{id}` was executed {times} times");
            }
            let altered = gateway.altered();
            assert!(altered.is_empty() || *lock(&self.altered), "resent with other bytes: {altered:?}");
            for seen in gateway.requests() {
                let target = seen.target();
                assert!(!target.contains(CANARY), "a secret is in the URL {target}");
            }
        }
    }
}

/// A record is what `docs/trail.schema.json` says, and has no field that it does not name.
fn follows_the_schema(line: &str) {
    static SCHEMA: OnceLock<(Value, jsonschema::Validator)> = OnceLock::new();
    let (schema, validator) = SCHEMA.get_or_init(|| {
        let schema: Value = serde_json::from_str(include_str!("../../../docs/trail.schema.json")).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        (schema, validator)
    });
    let record: Value = serde_json::from_str(line).unwrap();
    let mistakes: Vec<_> = validator.iter_errors(&record).map(|error| error.to_string()).collect();
    assert!(mistakes.is_empty(), "{line}: {mistakes:?}");
    for field in record.as_object().unwrap().keys() {
        assert!(schema["properties"].get(field).is_some(), "the schema has no `{field}`");
    }
}

fn builder(gateway: &Gateway) -> ClientBuilder {
    reaching(gateway).client_id(CLIENT_ID).client_secret(CLIENT_SECRET)
}

fn reaching(gateway: &Gateway) -> ClientBuilder {
    let builder = Client::builder().base_url(gateway.base_url()).poll_interval(Duration::from_millis(10));
    let ca_file = gateway.ca_file();
    if ca_file.as_os_str().is_empty() { builder } else { builder.ca_file(ca_file) }
}

/// A client that remembers each error, in every form in which it can be shown. Clones are the same client.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    forms: Arc<Mutex<Vec<String>>>,
}

impl Caller {
    /// [`Client::invoke`].
    ///
    /// # Errors
    /// Its errors.
    pub async fn invoke(&self, request: ActionRequest) -> Result<Invocation> {
        self.shown(self.client.invoke(request).await)
    }

    /// [`Client::run`].
    ///
    /// # Errors
    /// Its errors.
    pub async fn run(&self, request: ActionRequest) -> Result<ActionResult> {
        self.shown(self.client.run(request).await)
    }

    /// [`Client::run_with`].
    ///
    /// # Errors
    /// Its errors.
    pub async fn run_with(&self, request: ActionRequest, options: CallOptions) -> Result<ActionResult> {
        self.shown(self.client.run_with(request, options).await)
    }

    /// [`Client::poll`] with a deadline.
    ///
    /// # Errors
    /// Its errors.
    pub async fn poll(&self, target: impl Into<PollTarget>, timeout: Duration) -> Result<ActionResult> {
        let options = CallOptions { timeout: Some(timeout), ..CallOptions::default() };
        self.shown(self.client.poll(target.into(), options).await)
    }

    /// The trail's records, or those of one invocation.
    pub fn records(&self, correlation_id: Option<&str>) -> Vec<Value> {
        let records = self.client.audit().records(&Filter::default()).unwrap();
        records
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
            .filter(|record| correlation_id.is_none_or(|id| record["correlation_id"] == id))
            .collect()
    }

    /// The trail's events, or those of one invocation.
    pub fn events(&self, correlation_id: Option<&str>) -> Vec<String> {
        let records = self.records(correlation_id);
        records.iter().map(|record| record["event"].as_str().unwrap().to_owned()).collect()
    }

    /// Remembers the error of an outcome that came another way.
    ///
    /// # Errors
    /// That of the outcome.
    pub fn shown<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.inspect_err(|error| {
            let forms = [error.to_string(), format!("{error:?}"), error.to_json().to_string()];
            lock(&self.forms).extend(forms);
        })
    }
}

impl Deref for Caller {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

fn without_canary(place: &str, text: &str) {
    // What was taken out of a text left a sign of it.
    let shown = text.replace("Bearer …", "");
    assert!(!shown.contains(CANARY) && !shown.contains("Bearer "), "a secret is in {place}: {text}");
}

/// The threads and file descriptors of this process, by name.
#[derive(Debug, PartialEq)]
struct Belongings {
    threads: BTreeMap<String, usize>,
    files: BTreeMap<String, usize>,
}

impl Belongings {
    fn now() -> Belongings {
        let threads = std::fs::read_dir("/proc/self/task").unwrap().filter_map(|entry| {
            std::fs::read_to_string(entry.unwrap().path().join("comm"))
                .ok()
                .map(|name| name.trim().to_owned())
        });
        // What is behind a descriptor, without its number: `socket:[4711]` is one of the sockets.
        let files = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
            let target = std::fs::read_link(entry.unwrap().path()).ok()?.to_string_lossy().into_owned();
            Some(target.split(":[").next().unwrap_or_default().to_owned())
        });
        let mut belongings = Belongings { threads: counted(threads), files: counted(files) };
        if std::env::var_os("NEXTEST").is_none() {
            // Other tests wait in this process, with threads and runtimes of their own, but they have no sockets yet.
            belongings.threads.retain(|name, _| name.starts_with("gateway"));
            belongings.files.retain(|name, _| name == "socket");
        }
        belongings
    }

    /// A closing socket or an ending thread is given time, not for ever.
    fn settled(before: &Belongings) -> Belongings {
        let end = Instant::now() + SETTLES_WITHIN;
        loop {
            let now = Belongings::now();
            if now == *before || Instant::now() > end {
                return now;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Everything that was logged in this process, through `tracing` or `log`, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of_this_process() -> &'static Log {
        static LOG: OnceLock<Log> = OnceLock::new();
        LOG.get_or_init(|| {
            let log = Log::default();
            tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(log.clone())
                .init();
            log
        })
    }

    fn check(&self) {
        let log = lock(&self.0);
        let text = String::from_utf8_lossy(&log);
        let found = text.lines().find(|line| line.contains(CANARY) || line.contains("Bearer "));
        assert!(found.is_none(), "a secret is in the log: {found:?}");
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
