//! The gateway as a test holds it: what it is told, and what it saw.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::connection;
use crate::contract::Knowledge;
use crate::port::Port;
use crate::request::{Point, Seen};
use crate::step::Step;
use crate::tls::{Certificate, Tls};

/// What a gateway is like when nothing goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayOptions {
    /// The same correlation id is executed once, and every further POST of it gets the first one's answer.
    pub deduplicates: bool,
    /// Looks that see RUNNING before the one that sees COMPLETED.
    pub pending_looks: u32,
    /// `expires_in` of its tokens, in seconds. It takes them until they are revoked.
    pub token_lifetime: f64,
    /// The status word of the answer to a POST.
    pub accepted_status: String,
    /// Takes every client for the one that it knows.
    pub any_credentials: bool,
    /// Takes every token for one of its own.
    pub any_token: bool,
    /// Speaks TLS, and shows this.
    pub certificate: Option<Certificate>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        GatewayOptions {
            deduplicates: false,
            pending_looks: 0,
            token_lifetime: 3600.0,
            accepted_status: "PENDING".to_owned(),
            any_credentials: false,
            any_token: false,
            certificate: None,
        }
    }
}

/// A gateway that is listening. Clones are the same gateway.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) port: Port,
    pub(crate) tls: Option<Tls>,
    knowledge: Mutex<Knowledge>,
    stopping: Mutex<bool>,
    wake: Condvar,
    streams: Mutex<HashMap<u64, TcpStream>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next_connection: AtomicU64,
    other: OnceLock<Gateway>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gateway").field(&self.base_url()).finish()
    }
}

impl Gateway {
    /// A gateway with the defaults.
    pub fn start() -> Gateway {
        Gateway::start_with(GatewayOptions::default())
    }

    /// A gateway like this, listening when this returns.
    pub fn start_with(options: GatewayOptions) -> Gateway {
        let tls = options.certificate.map(Tls::new);
        let gateway = Gateway(Arc::new(Shared {
            port: Port::reserve().unwrap(),
            tls,
            knowledge: Mutex::new(Knowledge::of(options)),
            stopping: Mutex::new(false),
            wake: Condvar::new(),
            streams: Mutex::default(),
            threads: Mutex::default(),
            next_connection: AtomicU64::new(0),
            other: OnceLock::new(),
        }));
        gateway.open_port();
        gateway
    }

    /// What clients are told: `http://127.0.0.1:PORT`, or https where it shows a certificate.
    pub fn base_url(&self) -> String {
        self.0.base_url()
    }

    /// The certificate of the authority, PEM; for a gateway with TLS.
    pub fn ca_file(&self) -> PathBuf {
        self.0.tls.as_ref().map(Tls::ca_file).unwrap_or_default()
    }

    /// Adds steps to the queue of a point: each is taken by one exchange, in this order.
    pub fn script(&self, point: Point, steps: impl IntoIterator<Item = Step>) {
        self.0.know().scripts.entry(point).or_default().extend(steps);
    }

    /// The step of every exchange at this point for which nothing else is scripted.
    pub fn always(&self, point: Point, step: Step) {
        self.0.know().always.insert(point, step);
    }

    /// Asks for every exchange beyond the scripts: its point, and how many came to that point before.
    pub fn choose(&self, choose: impl FnMut(Point, u64) -> Option<Step> + Send + 'static) {
        self.0.know().choose = Some(Box::new(choose));
    }

    /// Takes every script back.
    pub fn clear(&self) {
        let mut knowledge = self.0.know();
        knowledge.scripts.clear();
        knowledge.always.clear();
        knowledge.choose = None;
    }

    /// No token that it issued is valid any more.
    pub fn revoke_tokens(&self) {
        self.0.know().revoke_tokens();
    }

    /// How often this correlation id was executed.
    pub fn executions(&self, correlation_id: &str) -> u32 {
        self.0.know().executions(correlation_id)
    }

    /// Every correlation id that was executed, and how often.
    pub fn all_executions(&self) -> HashMap<String, u32> {
        self.0.know().all_executions().map(|(id, times)| (id.to_owned(), times)).collect()
    }

    /// Correlation ids that came again with a body that differs by a byte.
    pub fn altered(&self) -> Vec<String> {
        self.0.know().altered.clone()
    }

    /// The requests at this point, in the order in which they came.
    pub fn seen(&self, point: Point) -> Vec<Seen> {
        self.0.know().seen.iter().filter(|seen| seen.point == point).cloned().collect()
    }

    /// All requests, in the order in which they came.
    pub fn requests(&self) -> Vec<Seen> {
        self.0.know().seen.clone()
    }

    /// How many requests came to this point.
    pub fn count(&self, point: Point) -> usize {
        self.0.know().seen.iter().filter(|seen| seen.point == point).count()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.0.know().connections
    }

    /// Bytes of answers that the kernel took for the clients.
    pub fn written(&self) -> u64 {
        self.0.know().written
    }

    /// How many requests the other host saw, to which redirects lead.
    pub fn seen_elsewhere(&self) -> usize {
        self.0.other.get().map_or(0, |other| other.requests().len())
    }

    /// Refuses new connections; with `cut`, ends those that there are.
    pub fn close_port(&self, cut: bool) {
        self.0.port.close();
        if cut {
            self.0.cut();
        }
    }

    /// Accepts connections again.
    pub fn open_port(&self) {
        self.0.open();
    }

    /// Ends every connection and every thread, and gives the port back. What it saw stays.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Shared {
    pub(crate) fn know(&self) -> MutexGuard<'_, Knowledge> {
        self.knowledge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn base_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.port.address)
    }

    /// Another host, which listens and counts.
    pub(crate) fn other(&self) -> String {
        self.other.get_or_init(Gateway::start).base_url()
    }

    /// Waits; false when the gateway stops meanwhile.
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut stopping = lock(&self.stopping);
        while !*stopping {
            let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
            else {
                return true;
            };
            stopping = self.wake.wait_timeout(stopping, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    pub(crate) fn cut(&self) {
        for stream in lock(&self.streams).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn open(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        self.port.open(move |stream| shared.take(stream)).unwrap();
    }

    fn take(self: &Arc<Self>, stream: TcpStream) {
        let number = self.next_connection.fetch_add(1, Ordering::Relaxed);
        self.know().connections += 1;
        let Ok(to_cut) = stream.try_clone() else { return };
        lock(&self.streams).insert(number, to_cut);
        let shared = Arc::clone(self);
        let serving = thread::Builder::new().name("gateway-conn".to_owned()).spawn(move || {
            connection::serve(&shared, stream, number, || drop(lock(&shared.streams).remove(&number)));
        });
        let mut threads = lock(&self.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.extend(serving);
    }

    fn stop(&self) {
        *lock(&self.stopping) = true;
        self.wake.notify_all();
        self.port.give_up();
        self.cut();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            let _ = thread.join();
        }
        if let Some(other) = self.other.get() {
            other.stop();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
