//! A connection to a gateway: name, TCP, TLS, and which HTTP the two sides agree on, all within one time limit.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Scheme, Uri};
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiAddrs, GaiResolver, Name};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::failure::{Failure, Stage};
use crate::cause::Unresolved;
use crate::config::Transport as Options;
use crate::profile::Address;

/// Dead peers are noticed as the other way notices them.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 3;
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a request is handed to. The connection itself is a task of its own and ends with this.
pub(super) enum Sender {
    /// One request at a time.
    One(http1::SendRequest<Full<Bytes>>),
    /// As many as the gateway allows.
    Many(http2::SendRequest<Full<Bytes>>),
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    within: Duration,
}

impl Connector {
    pub(super) fn new(options: &Options, tls: ClientConfig) -> Connector {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(options.connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(USER_TIMEOUT));
        Connector { tcp, tls: TlsConnector::from(Arc::new(tls)), within: options.connect_timeout }
    }

    /// A connection of its own. Whatever happens here, nothing was sent.
    pub(super) async fn connect(&self, address: &Address) -> Result<Sender, Failure> {
        match tokio::time::timeout(self.within, self.shake_hands(address)).await {
            Ok(Ok(sender)) => Ok(sender),
            Ok(Err(error)) => Err(Failure::of(&*error, Stage::Connecting)),
            Err(_) => Err(Failure::late(Stage::Connecting)),
        }
    }

    async fn shake_hands(
        &self,
        address: &Address,
    ) -> Result<Sender, Box<dyn std::error::Error + Send + Sync>> {
        let uri = address.uri().unwrap_or_default();
        let stream = self.tcp.clone().call(uri.clone()).await?;
        if address.origin.scheme != Scheme::HTTPS {
            return Ok(one(stream).await?);
        }
        let stream = self.tls.connect(server_name(&uri)?, stream.into_inner()).await?;
        let agreed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let stream = TokioIo::new(stream);
        Ok(if agreed { many(stream).await? } else { one(stream).await? })
    }
}

async fn one(stream: impl Read + Write + Unpin + Send + 'static) -> hyper::Result<Sender> {
    let (sender, connection) = http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(Sender::One(sender))
}

async fn many(stream: impl Read + Write + Unpin + Send + 'static) -> hyper::Result<Sender> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
    tokio::spawn(connection);
    Ok(Sender::Many(sender))
}

fn server_name(uri: &Uri) -> io::Result<ServerName<'static>> {
    let host = uri.host().unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(io::Error::other)
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("within", &self.within).finish_non_exhaustive()
    }
}

/// The system's, with errors that say by their type that it was the name.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = Unresolved;
    type Future = Pin<Box<dyn Future<Output = Result<GaiAddrs, Unresolved>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unresolved>> {
        self.0.poll_ready(cx).map_err(Unresolved)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let asking = self.0.call(name);
        Box::pin(async { asking.await.map_err(Unresolved) })
    }
}
