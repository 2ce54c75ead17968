//! The way to each host: straight, or through a proxy, as the client's own requests go.

use std::io::{self, Read, Write};

use http::HeaderValue;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::ExposeSecret;
use url::Url;

use super::Probe;
use crate::profile::TokenEndpoint;
use crate::wire::clean;

/// The head of a proxy's answer is shorter than this.
const LONGEST_HEAD: usize = 16 << 10;

/// A host that requests go to.
#[derive(Debug, Clone)]
pub struct Place {
    /// What is there: `the token service`, say.
    pub serves: Vec<&'static str>,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to with TLS.
    pub tls: bool,
    /// What leads there, where something does.
    pub proxy: Option<Proxy>,
}

/// What leads to a host.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is spoken to with TLS itself.
    pub tls: bool,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Whether it is told who asks.
    pub fn has_credentials(&self) -> bool {
        self.authorization.is_some()
    }
}

/// What a proxy answered to who asked it for a tunnel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tunnel {
    /// It leads on.
    Open,
    /// It answered this status, in these words.
    Refused(u16, String),
    /// It did not answer as a proxy does.
    Nonsense,
}

impl Place {
    /// `host:port`, as a name is written in a URL.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// Asks the proxy at the other end of this stream to lead here.
    ///
    /// # Errors
    /// What the stream says.
    pub fn tunnel(&self, stream: &mut (impl Read + Write)) -> io::Result<Tunnel> {
        let to = self.authority();
        let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(value) = self.proxy.as_ref().and_then(|proxy| proxy.authorization.as_ref()) {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head)?;
        stream.flush()?;
        let mut answer = Vec::new();
        let mut byte = [0];
        // One by one: what comes after the head belongs to the host behind.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() > LONGEST_HEAD || stream.read(&mut byte)? == 0 {
                break;
            }
            answer.extend_from_slice(&byte);
        }
        Ok(read(&answer))
    }
}

fn read(answer: &[u8]) -> Tunnel {
    let head = String::from_utf8_lossy(answer);
    let mut words = head.lines().next().unwrap_or_default().splitn(3, ' ');
    let (version, status, reason) = (words.next(), words.next(), words.next());
    let status = status.and_then(|status| status.parse::<u16>().ok());
    match status.filter(|_| version.is_some_and(|version| version.starts_with("HTTP/1."))) {
        Some(200..=299) => Tunnel::Open,
        Some(status) => Tunnel::Refused(status, clean(reason.unwrap_or_default())),
        None => Tunnel::Nonsense,
    }
}

fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Probe {
    /// Every host that requests go to, in the order in which a call needs them, each once.
    pub fn places(&self) -> Vec<Place> {
        let mut urls = Vec::new();
        if self.asking.is_some() || !self.has_credentials {
            urls.push(match &self.config.routes.token {
                TokenEndpoint::At(url) => ("the token service", url.clone()),
                TokenEndpoint::Discover { url, .. } => ("the OpenID configuration", url.clone()),
            });
        }
        if let Ok(url) = Url::parse(&self.config.routes.origin) {
            urls.push(("the gateway", url));
        }
        let mut places: Vec<Place> = Vec::new();
        for (serves, url) in urls {
            let Some(place) = self.place(serves, &url) else { continue };
            let same = |known: &&mut Place| known.host == place.host && known.port == place.port;
            match places.iter_mut().find(same) {
                Some(known) => known.serves.push(serves),
                None => places.push(place),
            }
        }
        places
    }

    fn place(&self, serves: &'static str, url: &Url) -> Option<Place> {
        let host = bare(url.host_str()?).to_owned();
        let proxy = self.proxy_for(url);
        Some(Place {
            serves: vec![serves],
            host,
            port: url.port_or_known_default()?,
            tls: url.scheme() == "https",
            proxy,
        })
    }

    /// As the HTTP library decides it: the option, or the environment's where the gateway is on no loopback address.
    fn proxy_for(&self, url: &Url) -> Option<Proxy> {
        let matcher = match &self.config.transport.proxy {
            Some(proxy) => {
                let list = ["NO_PROXY", "no_proxy"].iter().find_map(|name| std::env::var(name).ok());
                Matcher::builder().all(proxy.expose_secret()).no(list.unwrap_or_default()).build()
            }
            None if self.config.transport.loopback => return None,
            None => Matcher::from_env(),
        };
        let host = url.host_str()?;
        let uri = format!("{}://{}", url.scheme(), authority(bare(host), url.port_or_known_default()?));
        Proxy::of(&matcher.intercept(&uri.parse().ok()?)?)
    }
}

impl Proxy {
    fn of(leads: &Intercept) -> Option<Proxy> {
        let (uri, tls) = (leads.uri(), leads.uri().scheme_str() == Some("https"));
        let mut authorization = leads.basic_auth().cloned();
        // No way of printing it shows it.
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Some(Proxy {
            host: bare(uri.host()?).to_owned(),
            port: uri.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            authorization,
        })
    }
}

/// The address without the brackets that it has in a URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_says_is_read_whatever_it_is() {
        let refused = |status, words: &str| Tunnel::Refused(status, words.to_owned());
        for (answer, tunnel) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Tunnel::Open),
            ("HTTP/1.0 200\r\n\r\n", Tunnel::Open),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                refused(407, "Proxy Authentication Required"),
            ),
            ("HTTP/1.1 502 \u{1b}[2J\r\n\r\n", refused(502, " [2J")),
            ("SSH-2.0-OpenSSH_9.2\r\n", Tunnel::Nonsense),
            ("HTTP/1.1 soon\r\n\r\n", Tunnel::Nonsense),
            ("", Tunnel::Nonsense),
        ] {
            assert_eq!(read(answer.as_bytes()), tunnel, "{answer:?}");
        }
    }
}
