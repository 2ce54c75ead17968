//! Calling back: at the end of an invocation that was given a callback URL, one POST says so, signed where there is a
//! secret, and again while the answer is no 2xx.
//!
//! One promise: it calls loopback addresses only. This is a tool on somebody's machine, and whoever can reach its port
//! must not make it knock on other doors.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde::Serialize;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use url::{Host, Url};
use uuid::Uuid;

use crate::actions::Outcome;
use crate::faults::Fault;
use crate::invocations::{Look, Phase};
use crate::server::Shared;

/// What the secrets of Standard Webhooks begin with.
const MARK: &str = "whsec_";
/// What was not answered with 2xx is sent again after these.
const AGAIN: [Duration; 3] = [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(8)];
/// One attempt may take so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where looks at an invocation end it, it is asked so often.
const LOOKED_AFTER: Duration = Duration::from_millis(100);
/// What only somebody at the console ends may have been forgotten meanwhile.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// A callback that was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Called {
    /// The invocation that it was about.
    pub invocation_id: String,
    /// The logical invocation, where it had a correlation id.
    pub correlation_id: Option<String>,
    /// What it was answered with; none where nobody answered.
    pub status: Option<u16>,
    /// When its first byte was on its way.
    pub at: Instant,
}

/// Signs what is sent. `Debug` shows no secret.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl Signer {
    /// None where the text is no secret of Standard Webhooks.
    pub(crate) fn of(secret: &str) -> Option<Signer> {
        let key = STANDARD.decode(secret.strip_prefix(MARK).unwrap_or(secret)).ok()?;
        if key.len() < 16 {
            return None;
        }
        Hmac::new_from_slice(&key).ok().map(Signer)
    }

    fn sign(&self, id: &str, time: i64, body: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").finish_non_exhaustive()
    }
}

/// The callbacks of one sandbox.
#[derive(Debug)]
pub(crate) struct Calls {
    signer: Option<Signer>,
    /// Of the request that was acted upon last, for the server to set out.
    next: Option<Call>,
    sent: VecDeque<Called>,
    kept: usize,
    /// Wakes whoever waits for an end: somebody brought one about.
    by_hand: Arc<Notify>,
}

impl Calls {
    pub(crate) fn new(signer: Option<Signer>, kept: usize) -> Calls {
        Calls { signer, next: None, sent: VecDeque::new(), kept, by_hand: Arc::default() }
    }

    /// Somebody ended an invocation.
    pub(crate) fn ended_by_hand(&self) {
        self.by_hand.notify_waiters();
    }

    /// There is somebody to call when this invocation has ended.
    pub(crate) fn promise(&mut self, id: Uuid, url: &str) {
        self.next = Place::of(url).map(|place| Call { id, place });
    }

    pub(crate) fn take(&mut self) -> Option<Call> {
        self.next.take()
    }

    pub(crate) fn sent(&self) -> Vec<Called> {
        self.sent.iter().cloned().collect()
    }

    /// When it was called about this invocation, and what the answers were.
    pub(crate) fn about(&self, id: Uuid) -> Vec<(Instant, Option<u16>)> {
        let id = id.to_string();
        let own = self.sent.iter().filter(|called| called.invocation_id == id);
        own.map(|called| (called.at, called.status)).collect()
    }

    pub(crate) fn forget(&mut self) {
        self.sent.clear();
    }

    pub(crate) fn remember(&mut self, called: Called) {
        self.sent.push_back(called);
        while self.sent.len() > self.kept {
            self.sent.pop_front();
        }
    }
}

/// A loopback address to call, and what its server calls itself.
#[derive(Debug)]
struct Place {
    addresses: Vec<SocketAddr>,
    host: HeaderValue,
    target: String,
}

impl Place {
    /// None where it is not on this machine.
    fn of(url: &str) -> Option<Place> {
        let url = Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
        let hosts = match url.host()? {
            Host::Ipv4(host) if host.is_loopback() => vec![IpAddr::V4(host)],
            Host::Ipv6(host) if host.is_loopback() => vec![IpAddr::V6(host)],
            Host::Domain("localhost") => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            _ => return None,
        };
        let port = url.port_or_known_default()?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(Place {
            addresses: hosts.into_iter().map(|host| SocketAddr::new(host, port)).collect(),
            host: HeaderValue::try_from(format!("{}:{port}", url.host_str()?)).ok()?,
            target: format!("{}{query}", url.path()),
        })
    }
}

/// A callback that is due at the end of an invocation.
#[derive(Debug)]
pub(crate) struct Call {
    id: Uuid,
    place: Place,
}

/// What is sent: how it ended, and nothing that it put out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    invocation_id: String,
    action_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    status: &'static str,
    completed_at: String,
}

/// What is to be sent now.
struct Due {
    body: Bytes,
    correlation_id: Option<String>,
    signer: Option<Signer>,
    fault: Fault,
}

/// What is known of an invocation that is waited for.
enum State {
    Ended(Box<Due>),
    /// To be asked for again after this.
    Later(Duration),
    /// It is not known, or never ends.
    Gone,
}

impl Call {
    /// Waits for the end of the invocation and says it.
    pub(crate) async fn run(self, gateway: Shared) {
        let by_hand = Arc::clone(&gateway.lock().calls.by_hand);
        let due = loop {
            // Listened for before it is looked, so that no end falls between the two.
            let mut ended = pin!(by_hand.notified());
            ended.as_mut().enable();
            match self.state(&gateway) {
                State::Ended(due) => break due,
                State::Later(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = ended => {}
                },
                State::Gone => return,
            }
        };
        let Due { body, correlation_id, signer, fault } = *due;
        sleep(fault.delay).await;
        if fault.close.is_some() {
            return;
        }
        let message = format!("msg_{}", self.id.simple());
        for copy in 0..=fault.copies {
            // What is sent besides is not sent again.
            let waits = if copy == 0 { &AGAIN[..] } else { &[] };
            for wait in std::iter::once(&Duration::ZERO).chain(waits) {
                sleep(*wait).await;
                let at = Instant::now();
                let status = self.send(&message, &body, signer.as_ref()).await;
                let called = Called {
                    invocation_id: self.id.to_string(),
                    correlation_id: correlation_id.clone(),
                    status,
                    at,
                };
                gateway.lock().called(called);
                if status.is_some_and(|status| (200..300).contains(&status)) {
                    break;
                }
            }
        }
    }

    fn state(&self, gateway: &Shared) -> State {
        let mut gateway = gateway.lock();
        let now = Instant::now();
        let by_hand = gateway.ends_by_hand();
        let ended = match gateway.invocations.phase(self.id, now) {
            Some(Phase::Ended(outcome)) if outcome != Outcome::Never => outcome,
            Some(_) => {
                let left = gateway.invocations.end(self.id, now).and_then(|(_, left)| left);
                return match left {
                    // It waits for looks at it.
                    Some(Duration::ZERO) => State::Later(LOOKED_AFTER),
                    Some(left) => State::Later(left),
                    None if by_hand => State::Later(FORGOTTEN_AFTER),
                    None => State::Gone,
                };
            }
            None => return State::Gone,
        };
        let Some((look, _)) = gateway.invocations.end(self.id, now) else { return State::Gone };
        let body = body(&look, ended);
        let correlation_id = look.correlation_id.map(str::to_owned);
        let signer = gateway.calls.signer.clone();
        let fault = gateway.fault_of_a_callback();
        State::Ended(Box::new(Due { body, correlation_id, signer, fault }))
    }

    async fn send(&self, message: &str, body: &Bytes, signer: Option<&Signer>) -> Option<u16> {
        let time = Timestamp::now().as_second();
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.place.target.parse().ok()?;
        let headers = request.headers_mut();
        headers.insert(HOST, self.place.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(message).ok()?);
        headers.insert("webhook-timestamp", time.into());
        if let Some(signer) = signer {
            headers.insert("webhook-signature", signer.sign(message, time, body).try_into().ok()?);
        }
        timeout(PATIENCE, exchange(&self.place.addresses, request)).await.ok()?.ok()
    }
}

fn body(look: &Look<'_>, outcome: Outcome) -> Bytes {
    let body = Body {
        invocation_id: look.id.to_string(),
        action_id: &look.action.id,
        correlation_id: look.correlation_id,
        status: match outcome {
            Outcome::Failed => "FAILED",
            Outcome::Cancelled => "CANCELLED",
            Outcome::Completed | Outcome::Never => "COMPLETED",
        },
        completed_at: Timestamp::now().to_string(),
    };
    serde_json::to_vec(&body).unwrap_or_default().into()
}

/// The status of the answer.
async fn exchange(addresses: &[SocketAddr], request: Request<Full<Bytes>>) -> io::Result<u16> {
    let stream = TcpStream::connect(addresses).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answered = async {
        let status = sender.send_request(request).await.map(|answer| answer.status().as_u16());
        // Nothing more is sent on it.
        drop(sender);
        status
    };
    let (answer, _) = tokio::join!(answered, connection);
    answer.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_are_called() {
        for url in
            ["http://127.0.0.1:8080/a?b=c", "http://[::1]:9/a", "http://localhost/a", "http://127.1.2.3/"]
        {
            assert!(Place::of(url).is_some(), "{url}");
        }
        for url in [
            "https://127.0.0.1/a",
            "http://10.0.0.1/a",
            "http://0.0.0.0/a",
            "http://169.254.169.254/latest",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost.example.com/",
            "http://example.com/",
            "file:///etc/passwd",
        ] {
            assert!(Place::of(url).is_none(), "{url}");
        }
        let place = Place::of("http://127.0.0.1:8080/a?b=c").unwrap();
        assert_eq!((place.target.as_str(), place.host.to_str().unwrap()), ("/a?b=c", "127.0.0.1:8080"));
    }

    /// The example of the specification's own reference implementations.
    #[test]
    fn what_is_sent_is_signed_as_standard_webhooks_says() {
        let signer = Signer::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(Signer::of("whsec_c2hvcnQ=").is_none() && Signer::of("no base64").is_none());
    }
}
