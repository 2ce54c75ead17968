//! A port of our own that callbacks come to, and what its URL is to the gateway.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::places::Places;
use super::receiver::serve;
use super::registry::{Address, Callbacks};
use super::takes_callbacks;
use crate::cause::Cause;
use crate::error::{Error, ErrorKind, Result};
use crate::inner::{Inner, Phase};
use crate::profile::is_loopback;

/// As many connections as may wait to be accepted: what ends together calls together, and beyond it a kernel drops the
/// handshake and the caller waits a second.
const BACKLOG: u32 = 4096;

/// Where to listen for callbacks.
#[derive(Debug, Clone)]
pub struct CallbackOptions {
    /// The address or the name to listen on.
    pub host: String,
    /// The port; 0 is any free one.
    pub port: u16,
    /// What the gateway calls: needed where the host is not a loopback one, or where something stands in between.
    pub public_url: Option<String>,
}

impl Default for CallbackOptions {
    fn default() -> Self {
        CallbackOptions { host: "127.0.0.1".to_owned(), port: 0, public_url: None }
    }
}

/// A port that takes callbacks, until it or its client is closed. Cheap to clone; dropping it closes nothing.
#[derive(Debug, Clone)]
pub struct CallbackListener {
    url: Arc<str>,
    port: u16,
    closing: CancellationToken,
}

impl CallbackListener {
    /// What the gateway calls, below it: `public_url`, or where it listens. Nothing secret is in it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes no further callbacks; those that are being taken have a second. Invocations that wait for one go on as if
    /// there were none. Closing twice does nothing.
    pub fn close(&self) {
        self.closing.cancel();
    }
}

pub(super) async fn listen(inner: &Arc<Inner>, options: CallbackOptions) -> Result<CallbackListener> {
    inner.still_open()?;
    takes_callbacks(inner)?;
    let public = options.public_url.as_deref().map(public_url).transpose()?;
    let CallbackOptions { host, port, .. } = options;
    let bound = bind(host.trim_matches(['[', ']']), port).await;
    let listened = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) = listened.map_err(|error| cannot_listen(&host, port, &error))?;
    let url = match public {
        Some(url) => url,
        None if address.ip().is_loopback() => format!("http://{address}"),
        None => return Err(needs_a_public_url(&host)),
    };
    let closing = CancellationToken::new();
    let port = Port {
        listener,
        callbacks: inner.callbacks.clone(),
        expected: inner.callbacks.expect_at(url.clone()),
        closing: closing.clone(),
    };
    inner.callbacks.serving.spawn(port.accept(inner.open.subscribe()));
    Ok(CallbackListener { url: url.into(), port: address.port(), closing })
}

/// On the first of the host's addresses that can be listened on.
async fn bind(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for address in tokio::net::lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // On Windows the option means that somebody else may take the port as well.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        match socket.bind(address).and_then(|()| socket.listen(BACKLOG)) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn cannot_listen(host: &str, port: u16, error: &io::Error) -> Error {
    Error::new(ErrorKind::Config, format!("`host` {host:?} and `port` {port} cannot be listened on"))
        .with_hint("give a name or an address of this machine, and a port that is free; 0 is any")
        .caused_by(Cause::of_file(error))
}

fn needs_a_public_url(host: &str) -> Error {
    Error::new(ErrorKind::Config, format!("a public URL is required where `host` is {host:?}"))
        .with_hint("say in `public_url` by which https URL the gateway reaches this port")
}

/// The URL that paths are put below, without a slash at its end.
pub(super) fn public_url(text: &str) -> Result<String> {
    let rule = match Url::parse(text) {
        Err(_) => Some("must be an absolute URL such as `https://hooks.example.com/cxone`"),
        Ok(url) if !matches!(url.scheme(), "https" | "http") || url.host().is_none() => {
            Some("must begin with `https://` and a host")
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some("must not carry a user name or a password; the path holds a secret of its own")
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            Some("must end with a path, without `?` and `#`")
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => Some(
            "must be https: over http the path can be read on the way; http is for loopback addresses only",
        ),
        Ok(url) if url.as_str().len() > MAX_PUBLIC_URL => Some("must be at most 1024 characters"),
        Ok(url) => return Ok(url.as_str().trim_end_matches('/').to_owned()),
    };
    Err(Error::new(ErrorKind::Config, format!("the public URL {}", rule.unwrap_or_default())).with_hint(
        "give in `public_url` the one by which the gateway reaches the server that takes callbacks",
    ))
}

const MAX_PUBLIC_URL: usize = 1024;

struct Port {
    listener: TcpListener,
    callbacks: Arc<Callbacks>,
    expected: Arc<Address>,
    closing: CancellationToken,
}

impl Port {
    /// Until it is closed, its client is, or nobody has the client any more.
    async fn accept(self, mut phase: watch::Receiver<Phase>) {
        let places = Places::new();
        let over = async {
            // An error says that the client is gone.
            let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
        };
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            () = over => {}
            () = self.serve(&places) => {}
        }
        self.closing.cancel();
        self.callbacks.leave(&self.expected);
    }

    async fn serve(&self, places: &Arc<Places>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    places.room().await;
                    self.take(stream, places);
                }
                // Out of file descriptors, most likely: one that says nothing can give its own back.
                Err(_) => {
                    places.make_room();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, places: &Arc<Places>) {
        let leaves = CancellationToken::new();
        // Where all are busy there is nothing to say it with.
        let Some(place) = places.take(leaves.clone()) else { return };
        let callbacks = self.callbacks.clone();
        self.callbacks.serving.spawn(serve(stream, callbacks, place, leaves, self.closing.clone()));
    }
}
