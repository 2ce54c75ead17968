//! The completion queue: what is ready, for one event loop or one blocked thread.
//!
//! The promise: whoever reads is woken once per batch, not once per message, and a queue that was closed swallows
//! everything without a sound.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cxone_actions::ActionResult;

use crate::per_process::lock;
use crate::text::done;
use crate::turn::after_this_turn;

/// What is ready for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number that starting the call returned.
    pub call: u64,
    /// What kind of news this is.
    pub kind: Kind,
    /// The news, as JSON text.
    pub json: String,
}

/// What is ready for a call, before it is written down.
#[derive(Debug, Clone)]
pub struct News {
    /// The number that starting the call returned.
    pub call: u64,
    /// What kind of news this is.
    pub kind: Kind,
    /// The news.
    pub told: Told,
}

/// What [`News`] say: a result as it is, anything else as the JSON text that a [`Message`] has.
#[derive(Debug, Clone)]
pub enum Told {
    /// JSON text.
    Text(String),
    /// The result that a call ended with.
    Result(Box<ActionResult>),
}

impl From<Message> for News {
    fn from(Message { call, kind, json }: Message) -> News {
        News { call, kind, told: Told::Text(json) }
    }
}

impl From<News> for Message {
    fn from(News { call, kind, told }: News) -> Message {
        let json = match told {
            Told::Text(json) => json,
            Told::Result(result) if kind == Kind::Deliver => {
                serde_json::to_string(&result).unwrap_or_default()
            }
            Told::Result(result) => done("result", &Ok(result)),
        };
        Message { call, kind, json }
    }
}

/// What kind of news a [`Message`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The last message of a call: an object with exactly one of `invocation`, `result`, `value` and `error`.
    Done,
    /// The terminal result, for the caller's `on_result`; to be answered with [`crate::Handle::answer`]. `Done` follows.
    Deliver,
    /// A client needs a token of the caller's function. `call` is the number of this request and `json` that of the client
    /// ([`crate::Handle::number`]); to be taken with [`crate::Handle::take_token_request`].
    Token,
    /// A checkpoint for the caller's function: an object with `client` ([`crate::Handle::number`]) and `checkpoint`. `call` is
    /// its number; to be answered with [`crate::Handle::answer_checkpoint`].
    Checkpoint,
    /// A call of a batch makes room for another one: [`crate::Batch::room`] has grown. Nothing is to be read of it.
    Aside,
}

/// The queue of one event loop, or of one thread that blocks in [`Queue::wait`].
pub struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    wake: Arc<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    news: Vec<News>,
    /// Whoever reads is to come, also where there is no message.
    nudged: bool,
    closed: bool,
    /// How many threads are blocked: telling nobody is a system call too.
    blocked: usize,
}

impl Queue {
    /// `wake` is called from the I/O thread at the end of its turn (or from the thread that starts a call, at once) when the
    /// queue stops being empty.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Arc<Queue> {
        Arc::new(Queue { state: Mutex::default(), arrived: Condvar::new(), wake: Arc::new(wake) })
    }

    /// Everything that is ready, oldest first, as text.
    pub fn drain(&self) -> Vec<Message> {
        self.take().into_iter().map(Message::from).collect()
    }

    /// Everything that is ready, oldest first.
    pub fn take(&self) -> Vec<News> {
        let mut state = lock(&self.state);
        state.nudged = false;
        std::mem::take(&mut state.news)
    }

    /// Blocks until something is ready or the time is up; whether something is ready.
    pub fn wait(&self, timeout: Duration) -> bool {
        let mut state = lock(&self.state);
        state.blocked += 1;
        let (mut state, _) = self
            .arrived
            .wait_timeout_while(state, timeout, |state| !state.is_ready() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
        state.is_ready()
    }

    /// Blocks until something is ready; false once it is closed.
    pub fn listen(&self) -> bool {
        let mut state = lock(&self.state);
        state.blocked += 1;
        let waiting = |state: &mut State| !state.is_ready() && !state.closed;
        let mut state = self.arrived.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        state.blocked -= 1;
        !state.closed
    }

    /// Nobody reads any more.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.news.clear();
        state.nudged = false;
        self.arrived.notify_all();
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Whether somebody will read it.
    pub(crate) fn push(&self, news: impl Into<News>) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        let first = !state.is_ready();
        state.news.push(news.into());
        self.tell(state, first);
        true
    }
}

impl Queue {
    /// Whether somebody will come, though there is no message.
    pub fn nudge(&self) -> bool {
        let mut state = lock(&self.state);
        if state.closed {
            return false;
        }
        let first = !state.is_ready();
        state.nudged = true;
        self.tell(state, first);
        true
    }

    fn tell(&self, state: MutexGuard<'_, State>, first: bool) {
        let blocked = state.blocked > 0;
        drop(state);
        if first {
            if blocked {
                self.arrived.notify_all();
            }
            let wake = Arc::clone(&self.wake);
            after_this_turn(move || wake());
        }
    }
}

impl State {
    fn is_ready(&self) -> bool {
        self.nudged || !self.news.is_empty()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn message(call: u64) -> Message {
        Message { call, kind: Kind::Done, json: "{}".to_owned() }
    }

    #[test]
    fn a_batch_wakes_once() {
        let wakes = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&wakes);
        let queue = Queue::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        assert!(queue.push(message(1)) && queue.push(message(2)));
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        assert_eq!(queue.drain().iter().map(|m| m.call).collect::<Vec<_>>(), [1, 2]);
        assert!(queue.push(message(3)));
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_waiting_thread_sees_what_arrives_and_gives_up_in_time() {
        let queue = Queue::new(|| {});
        assert!(!queue.wait(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait(Duration::from_secs(60)));
            queue.push(message(1));
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn a_nudge_wakes_whoever_reads_once_and_a_message_behind_it_does_not_wake_again() {
        let wakes = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&wakes);
        let queue = Queue::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        assert!(queue.nudge() && queue.nudge() && queue.push(message(1)));
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
        assert!(queue.wait(Duration::ZERO));
        assert_eq!(queue.drain().len(), 1);
        assert!(!queue.wait(Duration::ZERO), "it was heard");
    }

    #[test]
    fn a_closed_queue_swallows_everything() {
        let queue = Queue::new(|| {});
        assert!(queue.push(message(1)));
        queue.close();
        assert!(!queue.push(message(2)) && !queue.nudge());
        assert!(queue.drain().is_empty());
        assert!(!queue.wait(Duration::from_secs(60)));
        assert!(!queue.listen());
    }
}
