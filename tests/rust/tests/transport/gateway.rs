//! A gateway behind TLS, made of tokio-rustls and hyper, and clients of it.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cxone_actions::{ActionRequest, Client, ClientBuilder, Error, ErrorKind, Executed};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub(crate) const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
pub(crate) const TOKEN: &str = r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#;

/// What it saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Those whose handshake came to its end.
    pub(crate) handshakes: usize,
    /// Those that showed a certificate of their own.
    pub(crate) known_clients: usize,
    pub(crate) versions: Vec<Version>,
    pub(crate) executions: HashMap<String, u32>,
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Gateway {
    pub(crate) async fn start(tls: Arc<ServerConfig>) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        tokio::spawn(accept(listener, TlsAcceptor::from(tls), seen.clone()));
        Gateway { address, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, seen: Arc<Mutex<Seen>>) {
    while let Ok((stream, _)) = listener.accept().await {
        seen.lock().unwrap().connections += 1;
        let (tls, seen) = (tls.clone(), seen.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            {
                let mut seen = seen.lock().unwrap();
                seen.handshakes += 1;
                seen.known_clients += usize::from(stream.get_ref().1.peer_certificates().is_some());
            }
            let answering = service_fn(move |request| answer(request, seen.clone()));
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answering)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Seen>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let is_token = request.uri().path().ends_with("/oauth/token");
    seen.lock().unwrap().versions.push(request.version());
    let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
    Ok(Response::new(Full::from(if is_token { TOKEN.to_owned() } else { executed(&body, &seen) })))
}

/// Executes an action at once, and says so.
pub(crate) fn executed(body: &[u8], seen: &Mutex<Seen>) -> String {
    let sent: Value = serde_json::from_slice(body).unwrap();
    let id = sent["correlationId"].as_str().unwrap();
    *seen.lock().unwrap().executions.entry(id.to_owned()).or_default() += 1;
    format!(r#"{{"invocationId":"i-{id}","status":"COMPLETED","outputs":{{}}}}"#)
}

pub(crate) fn builder(url: impl Into<String>) -> ClientBuilder {
    Client::builder().base_url(url).client_id("id").client_secret("s3cr3t")
}

pub(crate) fn request(correlation_id: &str) -> ActionRequest {
    ActionRequest::new(ACTION).correlation_id(correlation_id)
}

/// Nothing was sent, and nothing secret is said.
pub(crate) fn is_unavailable(error: &Error) {
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Unavailable, Executed::No), "{error}");
    let shown = format!("{error} {error:?} {}", error.to_json());
    for secret in ["s3cr3t", "pr0xy", "https://", "http://"] {
        assert!(!shown.contains(secret), "`{secret}` is in {shown}");
    }
}
