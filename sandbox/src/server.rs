//! The gateway's sockets: one thread, one loopback port, HTTP/1.1, any number of connections.
//!
//! Whatever a fault does to a connection is done here, on the socket itself: hyper gives it back, and it is closed,
//! reset or fed half an answer.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::console::{self, Sent};
use crate::error::SandboxError;
use crate::faults::Close;
use crate::gateway::{Decision, Gateway, Received};

/// As many connections as may wait to be accepted; beyond it a kernel drops the handshake and clients wait a second.
const BACKLOG: u32 = 4096;
/// A body that is too large is read up to here, so that the refusal arrives instead of a reset.
const DRAINED_BYTES: u64 = 64 * 1024 * 1024;

/// The state, shared between the server's thread and whoever holds the sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<Gateway>>);

impl Shared {
    pub(crate) fn new(gateway: Gateway) -> Self {
        Shared(Arc::new(Mutex::new(gateway)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Gateway> {
        // A panic in another thread is that thread's failure; the counters are still the best there is.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server that is running. Dropping it leaves it running; [`Server::stop`] ends it.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<Infallible>,
    thread: JoinHandle<()>,
    process: u32,
}

impl Server {
    /// Listens, then serves on a thread of its own.
    pub(crate) fn start(port: u16, gateway: Shared) -> Result<Self, SandboxError> {
        let failed = |what: String| move |source| SandboxError::Listen { what, source };
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed("the sandbox's runtime cannot be built".into()))?;
        let listener =
            listen(&runtime, port).map_err(failed(format!("`port` {port} cannot be listened on")))?;
        let address = listener.local_addr().map_err(failed(format!("`port` {port} has no address")))?;
        let (stop, stopped) = oneshot::channel::<Infallible>();
        let thread = thread::Builder::new()
            .name("cxone-sandbox".into())
            .spawn(move || {
                // Ends when the sender is dropped; dropping the runtime then closes every connection.
                runtime.block_on(async {
                    tokio::select! {
                        _ = stopped => {}
                        () = accept(&listener, &gateway) => {}
                    }
                });
            })
            .map_err(failed("the sandbox's thread cannot be started".into()))?;
        let running = Running { stop, thread, process: std::process::id() };
        Ok(Server { address, running: Mutex::new(Some(running)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and every connection. When it returns, the thread is gone.
    pub(crate) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { stop, thread, process }) = running else { return };
        drop(stop);
        // After a fork the thread is the parent's: a child that waited for it would wait for ever.
        if process == std::process::id() {
            let _ = thread.join();
        }
    }
}

fn listen(runtime: &Runtime, port: u16) -> io::Result<TcpListener> {
    let _inside = runtime.enter();
    let socket = TcpSocket::new_v4()?;
    // On Windows the option means that somebody else may take the port as well.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

async fn accept(listener: &TcpListener, gateway: &Shared) {
    let mut connection = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let gateway = gateway.clone();
                tokio::spawn(serve(stream, connection, gateway));
                connection += 1;
            }
            // Out of file descriptors, most likely: connections that end will free some.
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(stream: TcpStream, number: u64, gateway: Shared) {
    // Without it small answers wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let gateway = gateway.clone();
        let answer: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(answer(request, number, gateway));
        answer
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let stream = connection.into_parts().io.into_inner();
    if let Err(error) = ended
        && let Some(cut) = error.source().and_then(|source| source.downcast_ref::<Cut>())
    {
        cut.apply(stream).await;
    }
}

async fn answer(request: Request<Incoming>, connection: u64, gateway: Shared) -> Result<Response<Sent>, Cut> {
    let (head, body) = request.into_parts();
    if console::owns(head.uri.path()) {
        let token = gateway.lock().console_token();
        if let Some(token) = token {
            return Ok(console::answer(head, body, &token, &gateway).await);
        }
    }
    // A peer that goes away in the middle of its request has asked for nothing.
    let limit = gateway.lock().body_limit();
    let (body, body_bytes) = read(body, limit).await.map_err(|_| Cut::Close)?;
    let received =
        Received { method: head.method, uri: head.uri, headers: head.headers, body, body_bytes, connection };
    let (decision, call) = {
        let mut gateway = gateway.lock();
        (gateway.decide(&received, Instant::now()), gateway.calls.take())
    };
    if let Some(call) = call {
        tokio::spawn(call.run(gateway.clone()));
    }
    let Decision { reply, delay, drip, close } = decision;
    if !delay.is_zero() {
        sleep(delay).await;
    }
    if !drip.is_zero() {
        return Err(Cut::Drip { wire: reply.into_wire().0, pause: drip });
    }
    match close {
        None => Ok(reply.into_response().map(Sent::Whole)),
        Some(Close::BeforeRequest | Close::AfterRequest) => Err(Cut::Close),
        Some(Close::Reset) => Err(Cut::Reset),
        Some(Close::MidHead) => {
            let (mut wire, head) = reply.into_wire();
            wire.truncate(head / 2);
            Err(Cut::Part(wire))
        }
        Some(Close::MidResponse) => {
            let (mut wire, head) = reply.into_wire();
            wire.truncate(head + (wire.len() - head) / 2);
            Err(Cut::Part(wire))
        }
    }
}

/// The body, of which no more is kept than it takes to know that it is too large, and its length.
async fn read(mut body: Incoming, limit: usize) -> Result<(Bytes, u64), hyper::Error> {
    let mut kept = BytesMut::new();
    let mut length: u64 = 0;
    while length <= DRAINED_BYTES
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame?.into_data() else { continue };
        if kept.len() <= limit {
            kept.extend_from_slice(&data);
        }
        length += data.len() as u64;
    }
    Ok((kept.freeze(), length))
}

/// An end of a connection that is no answer.
#[derive(Debug)]
enum Cut {
    /// FIN.
    Close,
    /// RST.
    Reset,
    /// These bytes, then FIN.
    Part(Vec<u8>),
    /// These bytes, one at a time, then FIN.
    Drip { wire: Vec<u8>, pause: Duration },
}

impl Cut {
    /// A peer that has gone already makes every step of this fail, and that is fine.
    async fn apply(&self, mut stream: TcpStream) {
        match self {
            Cut::Close => {}
            Cut::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Cut::Part(wire) => {
                let _ = stream.write_all(wire).await;
            }
            Cut::Drip { wire, pause } => {
                for byte in wire {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    sleep(*pause).await;
                }
            }
        }
        let _ = stream.shutdown().await;
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sandbox was told to cut the connection")
    }
}

impl Error for Cut {}
