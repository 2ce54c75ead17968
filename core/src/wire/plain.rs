//! The straight way to a gateway: hyper's connections, kept in a pool of our own.
//!
//! What is on a connection is never sent on another one: a request is taken back only where hyper returns it, which it
//! does where it wrote nothing of it. The connections are kept newest first, so that those too many grow old and close.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Response, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::connect::{Connector, Sender};
use super::failure::{Failure, Stage};
use super::transport::{Answer, LONGEST_ANSWER, REST, Request, USER_AGENT as OURS};
use crate::config::Transport as Options;
use crate::profile::{Address, Origin};

type Sent = http::Request<Full<Bytes>>;
/// What came of what was sent; or the request back, of which nothing was sent, and why.
type Outcome<T> = Result<T, Box<(Sent, hyper::Error)>>;
/// One that takes one request at a time.
type One = http1::SendRequest<Full<Bytes>>;
type Many = http2::SendRequest<Full<Bytes>>;

#[derive(Debug)]
pub(super) struct Plain {
    connector: Connector,
    pools: Mutex<Vec<Pool>>,
}

/// The connections to one gateway.
struct Pool {
    origin: Arc<Origin>,
    /// Those that rest, the newest last, and since when.
    resting: VecDeque<(One, Instant)>,
    /// The one that takes many requests, where the gateway speaks HTTP/2, and when it was used last.
    shared: Option<(Many, Instant)>,
    /// Closes those that have rested too long. It goes with the pool.
    reaper: Option<AbortOnDropHandle<()>>,
}

impl Plain {
    pub(super) fn new(options: &Options, tls: ClientConfig) -> Arc<Plain> {
        Arc::new(Plain { connector: Connector::new(options, tls), pools: Mutex::default() })
    }

    /// Sends once, and reads the answer.
    pub(super) async fn exchange(
        self: &Arc<Self>,
        request: Request,
        within: Duration,
    ) -> Result<Answer, Failure> {
        let until = Instant::now() + within;
        let address = request.address.clone();
        let mut request = sent(request);
        // Those that were closed while they rested give the request back; one that was just made is the last.
        while let Some(sender) = self.resting(&address.origin) {
            match self.on(sender, &address, request, until).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) => request = refused.0,
            }
        }
        // Boxed, for it is rare and large: every call would carry its size along.
        let sender = Box::pin(self.connector.connect(&address)).await?;
        match self.on(sender, &address, request, until).await? {
            Ok(answer) => Ok(answer),
            Err(refused) => Err(Failure::of(&refused.1, Stage::Connecting)),
        }
    }

    /// On this connection; or the request back, of which nothing was sent, and why.
    async fn on(
        self: &Arc<Self>,
        sender: Sender,
        address: &Address,
        request: Sent,
        until: Instant,
    ) -> Result<Outcome<Answer>, Failure> {
        // Pinned where it is: moved into the time limit, it would take its place twice.
        let exchange = pin!(async {
            match sender {
                Sender::One(mut one) => {
                    let sending = one.try_send_request(as_http1(request, address));
                    let response = match returned(sending.await)? {
                        Ok(response) => response,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let answer = read(response).await?;
                    self.rest(&address.origin, one);
                    Ok(Ok(answer))
                }
                Sender::Many(mut many) => {
                    self.share(&address.origin, &many);
                    match returned(many.try_send_request(as_http2(request, address)).await)? {
                        Ok(response) => Ok(Ok(read(response).await?)),
                        Err(refused) => {
                            // It takes nothing more, though it may not say yet that it is closed.
                            pool_of(&mut self.pools(), &address.origin).shared = None;
                            Ok(Err(refused))
                        }
                    }
                }
            }
        });
        timeout_at(until, exchange).await.unwrap_or_else(|_| Err(Failure::late(Stage::Sent)))
    }

    /// One that rests and is still open, or that others may share.
    fn resting(&self, origin: &Arc<Origin>) -> Option<Sender> {
        let mut pools = self.pools();
        let pool = pools.iter_mut().find(|pool| pool.is_of(origin))?;
        pool.let_go();
        if let Some((shared, used)) = &mut pool.shared {
            *used = Instant::now();
            return Some(Sender::Many(shared.clone()));
        }
        while let Some((one, since)) = pool.resting.pop_back() {
            if one.is_ready() && since.elapsed() < REST {
                return Some(Sender::One(one));
            }
        }
        None
    }

    /// Keeps a connection whose answer was read to its end.
    fn rest(self: &Arc<Self>, origin: &Arc<Origin>, mut one: One) {
        if one.is_ready() {
            self.keep(origin, one);
        } else if !one.is_closed() {
            let (plain, origin) = (Arc::downgrade(self), Arc::clone(origin));
            tokio::spawn(async move {
                if one.ready().await.is_ok()
                    && let Some(plain) = plain.upgrade()
                {
                    plain.keep(&origin, one);
                }
            });
        }
    }

    fn keep(self: &Arc<Self>, origin: &Arc<Origin>, one: One) {
        let mut pools = self.pools();
        let pool = pool_of(&mut pools, origin);
        pool.resting.push_back((one, Instant::now()));
        self.have_reaped(pool);
    }

    fn have_reaped(self: &Arc<Self>, pool: &mut Pool) {
        if pool.reaper.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            let reaper = tokio::spawn(reap(Arc::downgrade(self), Arc::clone(&pool.origin)));
            pool.reaper = Some(AbortOnDropHandle::new(reaper));
        }
    }

    fn share(self: &Arc<Self>, origin: &Arc<Origin>, many: &Many) {
        let mut pools = self.pools();
        let pool = pool_of(&mut pools, origin);
        pool.let_go();
        if pool.shared.is_none() {
            pool.shared = Some((many.clone(), Instant::now()));
            self.have_reaped(pool);
        }
    }

    fn pools(&self) -> MutexGuard<'_, Vec<Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Keeps nothing that was closed, or has rested too long: whatever stands between may have forgotten it. Those that are
    /// in use stay open as long as they are.
    fn let_go(&mut self) {
        self.shared.take_if(|(many, used)| many.is_closed() || used.elapsed() >= REST);
        while self.resting.front().is_some_and(|(one, since)| one.is_closed() || since.elapsed() >= REST) {
            self.resting.pop_front();
        }
    }

    /// When the next one has rested too long; none where nothing rests.
    fn next_to_go(&self) -> Option<Duration> {
        let oldest = self.resting.front().map(|(_, since)| *since);
        let shared = self.shared.as_ref().map(|(_, used)| *used);
        oldest.into_iter().chain(shared).map(|since| REST.saturating_sub(since.elapsed())).min()
    }

    fn is_of(&self, origin: &Arc<Origin>) -> bool {
        Arc::ptr_eq(&self.origin, origin) || self.origin == *origin
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("resting", &self.resting.len()).finish_non_exhaustive()
    }
}

fn pool_of<'a>(pools: &'a mut Vec<Pool>, origin: &Arc<Origin>) -> &'a mut Pool {
    let place = pools.iter().position(|pool| pool.is_of(origin)).unwrap_or_else(|| {
        let origin = Arc::clone(origin);
        pools.push(Pool { origin, resting: VecDeque::new(), shared: None, reaper: None });
        pools.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "it was found there, or put there")]
    &mut pools[place]
}

/// Closes what has rested too long, until nothing rests.
async fn reap(plain: Weak<Plain>, origin: Arc<Origin>) {
    let mut next = REST;
    loop {
        tokio::time::sleep(next).await;
        let Some(plain) = plain.upgrade() else { return };
        let mut pools = plain.pools();
        let pool = pool_of(&mut pools, &origin);
        pool.let_go();
        match pool.next_to_go() {
            Some(rest) => next = rest,
            None => {
                pool.reaper = None;
                return;
            }
        }
    }
}

/// What every request has, whichever HTTP it is sent by.
fn sent(request: Request) -> Sent {
    let mut message = http::Request::new(Full::new(request.body));
    *message.method_mut() = request.method;
    *message.headers_mut() = request.headers;
    message.headers_mut().insert(USER_AGENT, HeaderValue::from_static(OURS));
    message
}

fn as_http1(mut request: Sent, address: &Address) -> Sent {
    *request.uri_mut() = Uri::from(address.path.clone());
    *request.version_mut() = Version::HTTP_11;
    request.headers_mut().insert(HOST, address.origin.host.clone());
    request
}

/// HTTP/2 has the host in the URL.
fn as_http2(mut request: Sent, address: &Address) -> Sent {
    *request.uri_mut() = address.uri().unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(HOST);
    request
}

/// What was sent or not: a request that comes back was not.
fn returned(
    outcome: Result<Response<Incoming>, TrySendError<Sent>>,
) -> Result<Outcome<Response<Incoming>>, Failure> {
    match outcome {
        Ok(response) => Ok(Ok(response)),
        Err(mut error) => match error.take_message() {
            Some(request) => Ok(Err(Box::new((request, error.into_error())))),
            None => Err(Failure::of(error.error(), Stage::Sent)),
        },
    }
}

/// Reads up to the bound: the time goes on running, so a drip ends too.
async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, mut incoming) = response.into_parts();
    // Asked now, because it is what is left: half-way through, it equals what has come.
    let whole = incoming.size_hint().exact();
    let mut body = BytesMut::new();
    let mut only = Bytes::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::of(&error, Stage::Answering))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Failure::too_long(LONGEST_ANSWER));
        }
        if body.is_empty() && whole == u64::try_from(chunk.len()).ok() {
            only = chunk;
        } else {
            body.extend_from_slice(&chunk);
        }
    }
    let body = if body.is_empty() { only } else { body.freeze() };
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
}
