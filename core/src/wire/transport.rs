//! One exchange: a request out, one bounded answer in, or a failure that says whether anything was sent.
//!
//! reqwest's own retries and redirects are off: both would send a body again behind our back. Its vague errors are
//! refined by walking their sources; only a failed connection, hyper's `canceled` and a refused stream prove that nothing
//! was processed.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use reqwest::redirect;
use rustls::AlertDescription;
use secrecy::ExposeSecret;

use super::tls;
use crate::cause::{Cause, find};
use crate::config::Transport as Options;
use crate::error::{Error, ErrorKind, Result};

/// An answer longer than this is not one that an action gives.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Sends requests. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    /// Taken away at the end, and with it the connections that are idle: a client that is closed may be kept for long.
    http: Arc<ArcSwapOption<reqwest::Client>>,
    request_timeout: Duration,
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

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Proven: not a byte of the request reached the gateway's application.
    pub(crate) unsent: bool,
    /// A certificate was refused, theirs or ours: another try would see the same one.
    pub(crate) certificate: bool,
    /// It was ours.
    ours: bool,
    /// In words, without a URL.
    pub(crate) what: String,
    /// What the system said, where it decided.
    pub(crate) cause: Option<Cause>,
}

impl Failure {
    pub(crate) fn hint<'a>(&self, otherwise: &'a str) -> &'a str {
        if self.ours {
            "nothing was sent; the gateway wants to know who calls: check `client_cert`"
        } else if self.certificate {
            "nothing was sent; check the gateway's certificate, or name its issuer with `ca_file`"
        } else {
            otherwise
        }
    }
}

impl Transport {
    pub(crate) fn new(options: &Options) -> Result<Transport> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(options)?)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(50))
            .tcp_nodelay(true)
            .user_agent(concat!("cxone-actions/", env!("CARGO_PKG_VERSION")));
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
        let http = builder.build().map_err(|error| {
            Error::new(ErrorKind::Config, format!("the HTTP client cannot be built: {}", error.without_url()))
        })?;
        let http = Arc::new(ArcSwapOption::from_pointee(http));
        Ok(Transport { http, request_timeout: options.request_timeout })
    }

    /// Keeps no connection any more, but for what is on the wire.
    pub(crate) fn close(&self) {
        self.http.store(None);
    }

    /// Sends once. `within` shortens the request timeout, for a look at the end of a deadline.
    pub(crate) async fn send(
        &self,
        mut request: reqwest::Request,
        within: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let time = within.map_or(self.request_timeout, |limit| limit.min(self.request_timeout));
        *request.timeout_mut() = Some(time);
        let http = self.http.load_full().ok_or_else(ended)?;
        let response = http.execute(request).await.map_err(|error| refine(error, true))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read(response).await?;
        Ok(Answer { status, headers, body })
    }
}

/// Nothing was sent, for nothing is sent any more.
fn ended() -> Failure {
    let what = "the client is closed".to_owned();
    Failure { unsent: true, certificate: false, ours: false, what, cause: None }
}

/// Reads up to the bound: the request's timeout goes on running, so a drip ends too.
async fn read(mut response: reqwest::Response) -> Result<Bytes, Failure> {
    // Asked now, because it is what is left: half-way through, it equals what has come.
    let whole = response.content_length();
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| refine(error, false))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Failure {
                unsent: false,
                certificate: false,
                ours: false,
                what: format!("the answer is longer than {LONGEST_ANSWER} bytes"),
                cause: None,
            });
        }
        if body.is_empty() && whole == u64::try_from(chunk.len()).ok() {
            return Ok(chunk);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn refine(error: reqwest::Error, before_answer: bool) -> Failure {
    let error = error.without_url();
    let tls = find::<rustls::Error>(&error);
    let theirs = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
    let ours = before_answer
        && matches!(tls, Some(rustls::Error::AlertReceived(alert)) if refuses_our_certificate(*alert));
    let canceled = find::<hyper::Error>(&error).is_some_and(hyper::Error::is_canceled);
    let refused = find::<h2::Error>(&error).is_some_and(is_refused_stream);
    let what = in_words(&error);
    Failure {
        unsent: before_answer && (error.is_connect() || error.is_builder() || canceled || refused || ours),
        certificate: theirs || ours,
        ours,
        cause: Cause::of_exchange(&error, &what),
        what,
    }
}

/// RFC 8446 §6.2: the handshake did not come to its end at the gateway, so that it read nothing of a request. In TLS 1.3
/// we learn of it when the request is under way already.
fn refuses_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    )
}

/// RFC 9113 §8.7: a stream that the gateway refuses so was not processed. GOAWAY proves nothing here: h2 reports it for
/// streams that the gateway has begun to process too, when the connection ends before their answer.
fn is_refused_stream(error: &h2::Error) -> bool {
    error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

/// The innermost cause tells most ("connection refused"); the outer ones only say where it surfaced.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return if error.is_connect() { "connecting took too long" } else { "no answer in time" }.to_owned();
    }
    let mut cause: &dyn StdError = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    super::reason::clean(&cause.to_string()).to_lowercase()
}
