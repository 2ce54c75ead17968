//! How bytes travel: what was said of time limits, proxies and certificates, and what the environment says of them.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::resolve::environment;
use super::table::Dialect;
use super::{Mistakes, Options};
use crate::profile::{Profile, is_loopback};

/// Where Node is told of more certificates to trust.
pub(crate) const EXTRA_CA_CERTS: &str = "NODE_EXTRA_CA_CERTS";

/// Sends everything as it is sent through a proxy: the tests of the wire are run both ways.
const ONE_WAY: &str = "CXONE_ACTIONS_ONE_WAY";

/// Where the environment may name a proxy; `NO_PROXY` takes exceptions from it.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// How bytes travel.
#[derive(Debug, Clone)]
pub struct Transport {
    /// One HTTP attempt, with its body.
    pub request_timeout: Duration,
    /// One connection, with TLS.
    pub connect_timeout: Duration,
    /// Explicit proxy; the environment's is used where there is none, unless the gateway is on loopback.
    pub proxy: Option<SecretString>,
    /// Certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// Certificates to trust besides, where nobody said in code which ones to trust.
    pub extra_ca_file: Option<PathBuf>,
    /// Client certificate and key.
    pub client_cert: Option<PathBuf>,
    /// Never speak HTTP/2.
    pub http1_only: bool,
    /// The gateway is on this machine: the environment's proxy is for others.
    pub loopback: bool,
    /// Everything takes the way that leads around proxies too.
    pub one_way: bool,
}

impl Transport {
    /// Whether nothing stands between this machine and the gateway.
    pub(crate) fn goes_straight(&self) -> bool {
        !self.one_way && self.proxy.is_none() && (self.loopback || !a_proxy_is_in_the_environment())
    }
}

/// Fills in what was not said of it, and checks it.
pub(super) fn transport(
    options: &mut Options,
    extra_ca_file: Option<PathBuf>,
    profile: Option<&Profile>,
    mistakes: &mut Mistakes,
) -> Transport {
    let limits = profile.map(|profile| &profile.limits);
    let usual = limits.and_then(|limits| limits.request_timeout).unwrap_or(Duration::from_secs(30));
    let transport = Transport {
        request_timeout: options.request_timeout.unwrap_or(usual),
        // An explicit short request timeout takes the default of this one along.
        connect_timeout: options.connect_timeout.unwrap_or_else(|| {
            options.request_timeout.map_or(Duration::from_secs(5), |t| (t / 2).min(Duration::from_secs(5)))
        }),
        proxy: options.proxy.take(),
        ca_file: options.ca_file.take(),
        extra_ca_file,
        client_cert: options.client_cert.take(),
        http1_only: options.http1_only.or(limits.map(|limits| limits.http1_only)).unwrap_or(false),
        loopback: options
            .base_url
            .as_deref()
            .and_then(|url| Url::parse(url).ok())
            .is_some_and(|url| is_loopback(&url)),
        one_way: std::env::var_os(ONE_WAY).is_some(),
    };
    if transport.connect_timeout >= transport.request_timeout && !mistakes.unread("request_timeout") {
        let longer = mistakes.name("request_timeout");
        let rule =
            format!("must be shorter than `{longer}`: only then is a slow connection known to be unsent");
        mistakes.add("connect_timeout", "invalid", rule);
    }
    if transport.proxy.as_ref().is_some_and(|proxy| !is_proxy(proxy.expose_secret())) {
        mistakes.add("proxy", "invalid", "must be a URL such as http://proxy.example:3128");
    }
    if transport.proxy.is_none() && !transport.loopback {
        check_the_environments_proxy(mistakes);
    }
    for (option, path) in [("ca_file", &transport.ca_file), ("client_cert", &transport.client_cert)] {
        if let Some(path) = path
            && let Err(error) = std::fs::metadata(path)
        {
            mistakes.add(option, "unreadable", format!("`{}` cannot be read: {error}", path.display()));
        }
    }
    transport
}

/// What Node trusts besides, and whoever runs it expects of all that runs in it. Node itself only warns of a file that it
/// cannot read; here it is told at once, as of any other that is named. `named`: the options say in code whom to trust.
pub(super) fn extra_ca_file(options: &Options, named: bool, mistakes: &mut Mistakes) -> Option<PathBuf> {
    if options.dialect != Dialect::Node || named || !speaks_tls(options) {
        return None;
    }
    let path = PathBuf::from(environment(EXTRA_CA_CERTS, mistakes)?);
    if let Err(error) = std::fs::metadata(&path) {
        let message = format!("`{EXTRA_CA_CERTS}` names a file that cannot be read: {error}");
        mistakes.add_named(EXTRA_CA_CERTS, "unreadable", message);
    }
    Some(path)
}

/// Whether anything that is called is anywhere but in clear on this machine.
fn speaks_tls(options: &Options) -> bool {
    let clear = |url: &str| Url::parse(url).is_ok_and(|url| url.scheme() == "http");
    !options.base_url.as_deref().is_some_and(clear)
        || options.traces.as_deref().is_some_and(|url| !clear(url))
}

fn a_proxy_is_in_the_environment() -> bool {
    PROXIES.iter().any(|name| std::env::var_os(name).is_some_and(|text| !text.is_empty()))
}

/// The HTTP library reads these variables itself, and goes around a proxy that it cannot understand.
fn check_the_environments_proxy(mistakes: &mut Mistakes) {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let Some(text) = std::env::var(variable).ok().filter(|text| !text.is_empty()) else { continue };
        let url = if text.contains("://") { text } else { format!("http://{text}") };
        if !is_proxy(&url) {
            let rule = "in the environment must be a URL such as http://proxy.example:3128";
            mistakes.add_named(variable, "invalid", format!("`{variable}` {rule}"));
        }
    }
}

/// A word without a scheme would be taken for a host by the HTTP library.
fn is_proxy(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}
