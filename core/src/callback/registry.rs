//! Which paths are waited for, and who is woken by a callback to one of them.
//!
//! One promise: a callback decides nothing and costs nothing. What is kept of one is a bit at the invocation that it is
//! for, which is there for as long as somebody may want to know how that ends; of a callback for anything else nothing is
//! kept. A path is a capability of 256 random bits: it goes to the gateway, and is written down nowhere else.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::headers::Headers;
use super::receiver::DRAIN;
use super::signature::{Forged, MessageId, Verifier, WEBHOOK_ID, message_id};
use crate::metrics::CALLBACK_OUTCOMES;
use crate::telemetry::TARGET;

/// A longer body is no callback.
pub(super) const MAX_BODY: usize = 1024 * 1024;
/// 256 bits in base64url, without padding.
const SEGMENT: usize = 43;
/// So many ids of callbacks are remembered of one invocation.
const MESSAGES: usize = 8;
/// Forged callbacks are told of no more often.
const SAID_EVERY: Duration = Duration::from_secs(10);

type Path = [u8; 32];

/// What became of a callback; the numbers are kept in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Woke,
    Duplicate,
    Unknown,
    Forged,
    TooLarge,
}

/// Where the gateway is told to call.
#[derive(Debug)]
pub(super) struct Address {
    /// Without a slash at the end.
    url: String,
    open: AtomicBool,
}

/// The callbacks of one client.
#[derive(Debug)]
pub(crate) struct Callbacks {
    verifier: Option<Verifier>,
    address: ArcSwapOption<Address>,
    waiting: Mutex<HashMap<Path, Arc<Watched>>>,
    counts: [AtomicU64; CALLBACK_OUTCOMES.len()],
    said: Mutex<Said>,
    /// Connections and listeners of our own.
    pub(super) serving: TaskTracker,
}

#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    unsaid: u64,
}

impl Callbacks {
    pub(crate) fn new(verifier: Option<Verifier>) -> Arc<Callbacks> {
        Arc::new(Callbacks {
            verifier,
            address: ArcSwapOption::empty(),
            waiting: Mutex::default(),
            counts: Default::default(),
            said: Mutex::default(),
            serving: TaskTracker::new(),
        })
    }

    /// From now on invocations name paths below this URL.
    pub(super) fn expect_at(&self, url: String) -> Arc<Address> {
        let address = Arc::new(Address { url, open: AtomicBool::new(true) });
        self.address.store(Some(address.clone()));
        address
    }

    /// Nothing will come to this address any more: whoever waits for it goes back to looking.
    pub(super) fn leave(&self, address: &Arc<Address>) {
        address.open.store(false, Ordering::Release);
        let left: Vec<_> =
            self.lock().values().filter(|watched| Arc::ptr_eq(&watched.address, address)).cloned().collect();
        for watched in left {
            watched.wake();
        }
    }

    /// A URL of its own for an invocation that is about to be sent; none where nobody listens.
    pub(crate) fn register(self: &Arc<Self>) -> Option<(Registration, String)> {
        let address = self.address.load_full().filter(|address| address.open.load(Ordering::Acquire))?;
        let mut path = Path::default();
        // Without randomness there is no secret path, and looking does as well.
        getrandom::fill(&mut path).ok()?;
        let segment = URL_SAFE_NO_PAD.encode(path);
        let url = format!("{}/{segment}", address.url);
        let watched = Arc::new(Watched {
            address,
            url: url.clone(),
            pending: AtomicBool::new(false),
            over: AtomicBool::new(false),
            came: watch::Sender::new(()),
            messages: Mutex::default(),
        });
        self.lock().insert(path, watched.clone());
        Some((Registration { callbacks: self.clone(), path, watched }, url))
    }

    /// The invocation that a path stands for. Costs the same for every path that stands for none, and keeps nothing.
    pub(super) fn find(&self, path: &str) -> Option<Arc<Watched>> {
        let path = path.split_once(['?', '#']).map_or(path, |(path, _)| path);
        let segment = path.rsplit('/').next().filter(|segment| segment.len() == SEGMENT);
        let decoded = segment.and_then(|segment| URL_SAFE_NO_PAD.decode(segment).ok());
        let key = decoded.and_then(|bytes| Path::try_from(bytes).ok());
        let found = key.and_then(|key| self.lock().get(&key).cloned());
        if found.is_none() {
            self.count(Heard::Unknown);
        }
        found
    }

    /// Whether a callback to this invocation is one, and what it does.
    pub(super) fn hear(&self, watched: &Watched, headers: &Headers<'_>, body: &[u8]) -> Heard {
        let heard = self.judge(watched, headers, body);
        self.count(heard);
        if heard == Heard::Forged {
            self.say_forged();
        }
        heard
    }

    fn judge(&self, watched: &Watched, headers: &Headers<'_>, body: &[u8]) -> Heard {
        if body.len() > MAX_BODY {
            return Heard::TooLarge;
        }
        let message = match &self.verifier {
            Some(verifier) => match verifier.check(headers, body, Timestamp::now().as_second()) {
                Ok(message) => message,
                Err(Forged) => return Heard::Forged,
            },
            None => headers.text(WEBHOOK_ID).map(|id| message_id(id.as_bytes())),
        };
        if message.is_some_and(|message| watched.knows(message)) || !watched.callback() {
            return Heard::Duplicate;
        }
        Heard::Woke
    }

    pub(super) fn count(&self, heard: Heard) {
        if let Some(count) = self.counts.get(heard as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits for what is being taken; none too long.
    pub(crate) async fn closed(&self) {
        self.serving.close();
        let _ = tokio::time::timeout(DRAIN + Duration::from_millis(250), self.serving.wait()).await;
    }

    /// How many callbacks came to what.
    pub(crate) fn counts(&self) -> [u64; CALLBACK_OUTCOMES.len()] {
        self.counts.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Whoever forges many fills no log.
    fn say_forged(&self) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.unsaid += 1;
        if said.at.is_some_and(|at| at.elapsed() < SAID_EVERY) {
            return;
        }
        let count = std::mem::take(&mut said.unsaid);
        said.at = Some(Instant::now());
        drop(said);
        tracing::warn!(target: TARGET, count, "callbacks were refused: their signature, or its time, is wrong");
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Path, Arc<Watched>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One invocation for which a callback may come.
pub(crate) struct Watched {
    address: Arc<Address>,
    url: String,
    /// A callback came of which nobody has made anything yet: ten of them are one.
    pending: AtomicBool,
    /// Its path stands for nothing any more.
    over: AtomicBool,
    came: watch::Sender<()>,
    messages: Mutex<VecDeque<MessageId>>,
}

impl Watched {
    /// What no error may repeat, whoever prints it.
    pub(crate) fn secrets(&self) -> [&str; 2] {
        [&self.url, self.url.rsplit('/').next().unwrap_or_default()]
    }

    /// A callback came; whether it is the first since somebody looked.
    fn callback(&self) -> bool {
        let first = !self.pending.swap(true, Ordering::AcqRel);
        if first {
            self.wake();
        }
        first
    }

    fn wake(&self) {
        self.came.send_replace(());
    }

    fn knows(&self, message: MessageId) -> bool {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.contains(&message) {
            return true;
        }
        messages.truncate(MESSAGES - 1);
        messages.push_front(message);
        false
    }
}

/// Says nothing of the path.
impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("pending", &self.pending).finish_non_exhaustive()
    }
}

/// Holds a path for as long as the invocation may be asked for. Dropped, the path stands for nothing.
pub(crate) struct Registration {
    callbacks: Arc<Callbacks>,
    path: Path,
    watched: Arc<Watched>,
}

impl Registration {
    pub(crate) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.callbacks.lock().remove(&self.path);
        // Whoever waits beside the one who held it, or is about to, would wait for what cannot come.
        self.watched.over.store(true, Ordering::Release);
        self.watched.wake();
    }
}

/// Says nothing of the path.
impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("watched", &self.watched).finish_non_exhaustive()
    }
}

/// The callbacks of one invocation, as one who waits for its end hears of them.
#[derive(Debug)]
pub(crate) struct Hints {
    watched: Arc<Watched>,
    came: watch::Receiver<()>,
}

impl Hints {
    pub(crate) fn of(watched: &Arc<Watched>) -> Hints {
        let mut came = watched.came.subscribe();
        // It may have come before the gateway's answer to the POST did; and who joins late may join what is known already.
        if watched.pending.load(Ordering::Acquire) || watched.over.load(Ordering::Acquire) {
            came.mark_changed();
        }
        Hints { watched: watched.clone(), came }
    }

    /// Whether a callback can still come.
    pub(crate) fn expected(&self) -> bool {
        self.watched.address.open.load(Ordering::Acquire) && !self.watched.over.load(Ordering::Acquire)
    }

    /// Ends when a callback has come since the last time.
    pub(crate) async fn next(&mut self) {
        // The sender is held above: it does not go.
        if self.came.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A look begins: what comes from now on is news.
    pub(crate) fn looking(&self) {
        self.watched.pending.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn who_joins_when_the_path_is_gone_looks_at_once_and_waits_for_no_callback() {
        let callbacks = Callbacks::new(None);
        let address = callbacks.expect_at("https://hooks.example.com".to_owned());
        let (registration, url) = callbacks.register().unwrap();
        let watched = registration.watched().clone();
        let mut first = Hints::of(&watched);
        assert!(first.expected() && first.next().now_or_never().is_none());
        let path = url.strip_prefix("https://hooks.example.com").unwrap();
        assert!(callbacks.find(path).is_some());
        drop(registration);
        assert!(callbacks.find(path).is_none());
        for mut hints in [first, Hints::of(&watched)] {
            assert!(hints.next().now_or_never().is_some() && !hints.expected());
            hints.looking();
            assert!(hints.next().now_or_never().is_none(), "once is enough");
        }
        callbacks.leave(&address);
        assert!(callbacks.register().is_none());
    }
}
