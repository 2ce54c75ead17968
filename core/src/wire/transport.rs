//! One exchange: a request out, one bounded answer in, or a failure that says whether anything was sent.
//!
//! There are two ways. Where nothing stands between, requests go straight over hyper (see [`super::plain`]), which costs less.
//! reqwest takes whatever goes through a proxy. Both have the same trust, limits and times, and the same tests. reqwest's own
//! retries and redirects are off: both would send a body again behind our back.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::redirect;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::failure::{Failure, Stage};
use super::plain::Plain;
use super::tls;
use crate::config::Transport as Options;
use crate::error::{Error, ErrorKind, Result};
use crate::profile::Address;

/// An answer longer than this is not one that an action gives.
pub(super) const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// So long a connection may rest: gateways close theirs after a minute.
pub(super) const REST: Duration = Duration::from_secs(50);
pub(super) const USER_AGENT: &str = concat!("cxone-actions/", env!("CARGO_PKG_VERSION"));

/// Sends requests. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    /// Taken away at the end, and with them the connections that are idle: a client that is closed may be kept for long.
    ways: Arc<ArcSwapOption<Ways>>,
    request_timeout: Duration,
}

#[derive(Debug)]
struct Ways {
    general: reqwest::Client,
    /// There is none where something stands between, or may.
    plain: Option<Arc<Plain>>,
}

/// A request of an invocation.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) address: Address,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What came back, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text; empty where it is not UTF-8, which no JSON is.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

impl Transport {
    pub(crate) fn new(options: &Options) -> Result<Transport> {
        let tls = tls::client_config(options)?;
        let plain = options.goes_straight().then(|| Plain::new(options, tls.clone()));
        let ways = Ways { general: general(options, tls)?, plain };
        let ways = Arc::new(ArcSwapOption::from_pointee(ways));
        Ok(Transport { ways, request_timeout: options.request_timeout })
    }

    /// Keeps no connection any more, but for what is on the wire.
    pub(crate) fn close(&self) {
        self.ways.store(None);
    }

    /// Sends once, a request that was prepared for the straight way.
    pub(crate) fn exchange(&self, request: Request) -> impl Future<Output = Result<Answer, Failure>> {
        self.exchange_within(request, self.request_timeout)
    }

    /// [`Transport::exchange`] that ends by then at the latest.
    pub(crate) fn exchange_by(
        &self,
        request: Request,
        until: Instant,
    ) -> impl Future<Output = Result<Answer, Failure>> {
        let left = until.saturating_duration_since(Instant::now());
        self.exchange_within(request, left.min(self.request_timeout))
    }

    async fn exchange_within(&self, request: Request, within: Duration) -> Result<Answer, Failure> {
        let ways = self.ways.load_full().ok_or_else(Failure::ended)?;
        if let Some(plain) = &ways.plain {
            return plain.exchange(request, within).await;
        }
        let Request { method, address, headers, body } = request;
        let url = address.url().map_err(|error| Failure::of(&error, Stage::Connecting))?;
        let mut request = reqwest::Request::new(method, url);
        *request.headers_mut() = headers;
        if !body.is_empty() {
            *request.body_mut() = Some(body.into());
        }
        // Boxed, so that the straight way does not carry its size along.
        Box::pin(around(&ways.general, request, within)).await
    }

    /// Sends once. `within` shortens the request timeout, for a look at the end of a deadline.
    pub(crate) async fn send(
        &self,
        request: reqwest::Request,
        within: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let time = within.map_or(self.request_timeout, |limit| limit.min(self.request_timeout));
        let ways = self.ways.load_full().ok_or_else(Failure::ended)?;
        match &ways.plain {
            Some(plain) => plain.exchange(Request::of(request)?, time).await,
            None => around(&ways.general, request, time).await,
        }
    }
}

impl Request {
    /// The same, for the straight way.
    fn of(mut request: reqwest::Request) -> Result<Request, Failure> {
        let address = Address::of(request.url()).map_err(|error| Failure::of(&error, Stage::Connecting))?;
        let mut headers = std::mem::take(request.headers_mut());
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let body = Bytes::copy_from_slice(body);
        Ok(Request { method: request.method().clone(), address, headers, body })
    }
}

/// The way around whatever stands between.
async fn around(
    general: &reqwest::Client,
    mut request: reqwest::Request,
    time: Duration,
) -> Result<Answer, Failure> {
    *request.timeout_mut() = Some(time);
    let response = general.execute(request).await.map_err(|error| refine(error, Stage::Sent))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = read(response).await?;
    Ok(Answer { status, headers, body })
}

fn general(options: &Options, tls: rustls::ClientConfig) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(REST)
        .tcp_nodelay(true)
        .user_agent(USER_AGENT);
    if options.loopback {
        builder = builder.no_proxy();
    }
    if let Some(proxy) = &options.proxy {
        let proxy = reqwest::Proxy::all(proxy.expose_secret()).map_err(|_| {
            Error::new(ErrorKind::Config, "`proxy` must be a URL such as http://proxy.example:3128")
        })?;
        builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_env()));
    }
    if options.http1_only {
        builder = builder.http1_only();
    }
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Config, format!("the HTTP client cannot be built: {}", error.without_url()))
    })
}

/// Reads up to the bound: the request's timeout goes on running, so a drip ends too.
async fn read(mut response: reqwest::Response) -> Result<Bytes, Failure> {
    // Asked now, because it is what is left: half-way through, it equals what has come.
    let whole = response.content_length();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| refine(error, Stage::Answering))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Failure::too_long(LONGEST_ANSWER));
        }
        if body.is_empty() && whole == u64::try_from(chunk.len()).ok() {
            return Ok(chunk);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn refine(error: reqwest::Error, stage: Stage) -> Failure {
    let error = error.without_url();
    let unsent = stage == Stage::Sent && (error.is_connect() || error.is_builder());
    let stage = if unsent { Stage::Connecting } else { stage };
    if error.is_timeout() { Failure::late(stage) } else { Failure::of(&error, stage) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invocations_go_straight_where_nothing_stands_between() {
        let options = Options {
            request_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            proxy: None,
            ca_file: None,
            extra_ca_file: None,
            client_cert: None,
            http1_only: false,
            loopback: true,
            one_way: false,
        };
        let straight = |options: &Options| {
            Transport::new(options).unwrap().ways.load_full().is_some_and(|ways| ways.plain.is_some())
        };
        assert!(straight(&options));
        assert!(!straight(&Options { proxy: Some("http://proxy.example:3128".into()), ..options.clone() }));
        assert!(!straight(&Options { one_way: true, ..options }));
    }
}
