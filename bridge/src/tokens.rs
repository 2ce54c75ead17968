//! Tokens from a function of the caller's. The request for one goes through a completion queue, like a result for
//! `on_result`: no thread of ours runs the caller's code.
//!
//! The promise: a request is offered to those who wait for a call of the client until one of them takes it, taken once,
//! and answered once; whoever took it and went away gives it back. How long that may take altogether is the core's
//! business.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cxone_actions::{BearerToken, NoToken, TokenSource};
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::calls::Calls;
use crate::per_process::lock;
use crate::queue::{Kind, Message};
use crate::runtime::next_number;

/// So long an offer stands before another reader is tried: the first may be busy, or about to leave.
const OFFER: Duration = Duration::from_millis(100);
/// So often a request may be given back before the caller's function is taken to do that by itself.
const GIVEN_BACK: u32 = 3;

/// What came of a request for a token.
#[derive(Clone)]
pub enum TokenAnswer {
    /// A token, and the seconds that it serves.
    Token(String, Option<f64>),
    /// The class of what the function raised.
    Raised(String),
    /// The type of what it returned, which is no token.
    Returned(String),
    /// Whoever took the request cannot answer any more: because of this.
    GivenBack(String),
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenAnswer")
    }
}

impl TokenAnswer {
    /// As a border says it: `text` is a token, or the name of a class or type, as `outcome` says.
    pub fn from_border(outcome: &str, text: String, seconds: Option<f64>) -> TokenAnswer {
        match outcome {
            "token" => TokenAnswer::Token(text, seconds),
            "returned" => TokenAnswer::Returned(text),
            "given_back" => TokenAnswer::GivenBack(text),
            _ => TokenAnswer::Raised(text),
        }
    }
}

/// By what a border finds again what the caller's function raised: the object itself never leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct RaisedBy {
    client: u64,
    request: u64,
}

impl fmt::Display for RaisedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the function `token` raised it (request {})", self.request)
    }
}

impl std::error::Error for RaisedBy {}

/// The requests of one client of this process.
#[derive(Debug)]
pub(crate) struct TokenRequests {
    /// What the reader of a queue knows the client by.
    handle: u64,
    calls: Arc<Calls>,
    open: Mutex<HashMap<u64, Request>>,
}

/// The core's side of them.
pub(crate) struct AskingReaders(pub(crate) Arc<TokenRequests>);

impl TokenSource for AskingReaders {
    fn token(&self) -> BoxFuture<'static, Result<BearerToken, NoToken>> {
        Box::pin(Arc::clone(&self.0).token())
    }
}

#[derive(Debug)]
struct Request {
    taken: bool,
    answer: oneshot::Sender<TokenAnswer>,
}

impl TokenRequests {
    pub(crate) fn new(handle: u64, calls: Arc<Calls>) -> Arc<TokenRequests> {
        Arc::new(TokenRequests { handle, calls, open: Mutex::default() })
    }

    /// Asks, until there is an answer.
    pub(crate) async fn token(self: Arc<Self>) -> Result<BearerToken, NoToken> {
        let mut given_back = 0;
        loop {
            let (request, answer) = self.request().await;
            match answer {
                TokenAnswer::Token(value, None) => return Ok(BearerToken::new(value)),
                TokenAnswer::Token(_, Some(seconds)) if !seconds.is_finite() || seconds < 0.0 => {
                    return Err(NoToken::lifetime(seconds));
                }
                TokenAnswer::Token(value, Some(seconds)) => {
                    // What is longer than a clock can say is for ever, which the core cuts to what it believes.
                    let lifetime = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
                    return Ok(BearerToken::new(value).expires_in(lifetime));
                }
                TokenAnswer::Raised(class) => {
                    let by = RaisedBy { client: self.handle, request };
                    return Err(NoToken::raised(&class).caused_by(by));
                }
                TokenAnswer::Returned(name) => return Err(NoToken::returned(&name)),
                TokenAnswer::GivenBack(why) => {
                    given_back += 1;
                    if given_back > GIVEN_BACK {
                        return Err(NoToken::raised(&why));
                    }
                }
            }
        }
    }

    /// Whether the request is still open and nobody else has taken it.
    pub(crate) fn take(&self, request: u64) -> bool {
        lock(&self.open).get_mut(&request).is_some_and(|open| !std::mem::replace(&mut open.taken, true))
    }

    pub(crate) fn answer(&self, request: u64, answer: TokenAnswer) {
        if let Some(open) = lock(&self.open).remove(&request) {
            let _ = open.answer.send(answer);
        }
    }

    /// The number of the request, and what came of it.
    async fn request(&self) -> (u64, TokenAnswer) {
        let number = next_number();
        let (sender, mut answer) = oneshot::channel();
        lock(&self.open).insert(number, Request { taken: false, answer: sender });
        // When nobody asks any more, nobody needs to answer.
        let _open = Forget { requests: self, number };
        for offer in 0.. {
            self.offer(number, offer);
            tokio::select! {
                answer = &mut answer => return (number, answer.unwrap_or_else(|_| gone())),
                () = tokio::time::sleep(OFFER), if !self.is_taken(number) => {}
            }
        }
        (number, gone())
    }

    /// Offers it to whoever waits for the newest call; the next time to somebody else who waits.
    fn offer(&self, number: u64, offer: usize) {
        if self.is_taken(number) {
            return;
        }
        let readers = self.calls.readers();
        let turns = readers.iter().cycle().skip(offer % readers.len().max(1)).take(readers.len());
        let message = Message { call: number, kind: Kind::Token, json: self.handle.to_string() };
        let _ = turns.into_iter().any(|reader| reader.push(message.clone()));
    }

    fn is_taken(&self, number: u64) -> bool {
        lock(&self.open).get(&number).is_none_or(|open| open.taken)
    }
}

fn gone() -> TokenAnswer {
    TokenAnswer::GivenBack("Cancelled".to_owned())
}

struct Forget<'a> {
    requests: &'a TokenRequests,
    number: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        lock(&self.requests.open).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::begin::Io;
    use crate::queue::Queue;
    use crate::text::value;
    use cxone_actions::Result;
    use tokio::runtime::{Builder, Runtime};
    use tokio::task::JoinHandle;

    struct Ground {
        runtime: Runtime,
        calls: Arc<Calls>,
        requests: Arc<TokenRequests>,
    }

    impl Ground {
        fn new() -> Ground {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            let calls = Arc::<Calls>::default();
            let requests = TokenRequests::new(7, Arc::clone(&calls));
            Ground { runtime, calls, requests }
        }

        /// A call that waits for ever, and its reader.
        fn waiting(&self, call: u64) -> Arc<Queue> {
            let queue = Queue::new(|| {});
            let never = std::future::pending::<Result<()>>();
            self.calls.start(call, &queue, &Io::new(self.runtime.handle().clone()), value, never);
            queue
        }

        fn asked(&self) -> JoinHandle<Result<BearerToken, NoToken>> {
            self.runtime.spawn(Arc::clone(&self.requests).token())
        }

        fn come_of(&self, asked: JoinHandle<Result<BearerToken, NoToken>>) -> Result<BearerToken, NoToken> {
            self.runtime.block_on(asked).unwrap()
        }
    }

    fn offered(queue: &Queue) -> u64 {
        assert!(queue.wait(Duration::from_secs(60)));
        let message = queue.drain().remove(0);
        assert_eq!((message.kind, message.json.as_str()), (Kind::Token, "7"));
        message.call
    }

    fn token() -> TokenAnswer {
        TokenAnswer::Token("t".to_owned(), Some(60.0))
    }

    #[test]
    fn a_request_is_taken_once_and_answered_once() {
        let ground = Ground::new();
        let queue = ground.waiting(1);
        let asked = ground.asked();
        let request = offered(&queue);
        assert!(ground.requests.take(request));
        assert!(!ground.requests.take(request), "taken once");
        ground.requests.answer(request, token());
        ground.requests.answer(request, TokenAnswer::Raised("Late".to_owned()));
        assert!(ground.come_of(asked).is_ok());
        assert!(!ground.requests.take(request), "it is over");
    }

    #[test]
    fn a_reader_that_does_not_take_it_is_passed_over() {
        let ground = Ground::new();
        let (busy, free) = (ground.waiting(2), ground.waiting(1));
        let asked = ground.asked();
        offered(&busy);
        let request = offered(&free);
        assert!(ground.requests.take(request));
        ground.requests.answer(request, token());
        assert!(ground.come_of(asked).is_ok());
    }

    #[test]
    fn a_request_waits_for_a_reader_where_there_is_none() {
        let ground = Ground::new();
        let closed = ground.waiting(1);
        closed.close();
        let asked = ground.asked();
        let request = offered(&ground.waiting(2));
        assert!(ground.requests.take(request));
        ground.requests.answer(request, token());
        assert!(ground.come_of(asked).is_ok());
    }

    #[test]
    fn what_was_given_back_is_offered_again_but_not_for_ever() {
        let ground = Ground::new();
        let queue = ground.waiting(1);
        let asked = ground.asked();
        for _ in 0..=GIVEN_BACK {
            let request = offered(&queue);
            assert!(ground.requests.take(request));
            ground.requests.answer(request, TokenAnswer::GivenBack("CancelledError".to_owned()));
        }
        let none = ground.come_of(asked).unwrap_err();
        assert!(format!("{none:?}").contains("raised `CancelledError`"), "{none:?}");
    }

    #[test]
    fn a_request_that_nobody_needs_any_more_cannot_be_taken() {
        let ground = Ground::new();
        let queue = ground.waiting(1);
        let asked = ground.asked();
        let request = offered(&queue);
        asked.abort();
        assert!(ground.runtime.block_on(asked).is_err());
        assert!(!ground.requests.take(request));
    }
}
