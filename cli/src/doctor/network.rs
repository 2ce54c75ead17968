//! The way to a host: its name, a connection, the proxy that leads there, and what it shows of itself.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cxone_actions::ErrorKind;
use cxone_actions::probe::{Place, Probe, Shown, Tunnel};
use jiff::Timestamp;

use super::PATIENCE;
use super::check::Check;

pub(super) const TOKEN_SERVICE: &str = "the token service";
pub(super) const DISCOVERY: &str = "the OpenID configuration";
pub(super) const GATEWAY: &str = "the gateway";

/// A certificate that ends sooner than this wants a person.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// As many addresses as are shown.
const SHOWN: usize = 4;

/// Each stands on the one before; what is left after a failure is said to be so.
pub(super) async fn checks(probe: &Arc<Probe>, place: &Place) -> Vec<Check> {
    let mut road = Road { place, checks: Vec::new() };
    road.walk(probe).await;
    road.checks
}

struct Road<'a> {
    place: &'a Place,
    checks: Vec<Check>,
}

impl Road<'_> {
    /// None where the road ends.
    async fn walk(&mut self, probe: &Arc<Probe>) -> Option<()> {
        let place = self.place.clone();
        let (host, port) = match &place.proxy {
            Some(proxy) => (proxy.host.clone(), proxy.port),
            None => (place.host.clone(), place.port),
        };
        let addresses = self.name(&host, port).await?;
        let mut stream = self.connection(addresses, port, connect_timeout(probe)).await?;
        let mut through = "";
        if let Some(proxy) = &place.proxy {
            if proxy.tls {
                self.checks.push(
                    Check::of("network", "proxy", format!("ask the proxy `{host}:{port}` to lead on"))
                        .skipped("it is spoken to with TLS: the token tries it"),
                );
                return None;
            }
            if place.tls {
                stream = self.tunnel(stream, &format!("{host}:{port}")).await?;
                through = " through the proxy";
            }
        }
        self.tls(probe, stream, through).await
    }

    async fn name(&mut self, host: &str, port: u16) -> Option<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(vec![SocketAddr::new(address, port)]);
        }
        let proxy = if self.place.proxy.is_some() { " of the proxy" } else { "" };
        let check = Check::of("network", "name", format!("look up the name{proxy} `{host}`"));
        let name = host.to_owned();
        let todo = match self.place.proxy {
            Some(_) => "check the host in `proxy` or `HTTPS_PROXY`, and this machine's resolver",
            None => {
                "check the host in `base_url` or `region`, and this machine's resolver; behind a proxy that looks names up, \
                 set `proxy`"
            }
        };
        let found = within(move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter)).await;
        match found {
            Ok(addresses) if !addresses.is_empty() => {
                let all: Vec<_> =
                    addresses.iter().take(SHOWN).map(|address| address.ip().to_string()).collect();
                let more = addresses.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                self.checks.push(check.passed(format!("{}{more}", all.join(", "))));
                Some(addresses)
            }
            Ok(_) => self.ends(check.failed(ErrorKind::Unavailable, "it has no address", todo)),
            Err(error) => {
                let said = if is_late(&error) {
                    "no answer of the resolver in time".to_owned()
                } else {
                    format!("it does not resolve: {}", words(&error))
                };
                self.ends(check.failed(ErrorKind::Unavailable, said, todo))
            }
        }
    }

    async fn connection(
        &mut self,
        addresses: Vec<SocketAddr>,
        port: u16,
        each: Duration,
    ) -> Option<TcpStream> {
        let shown = match (&self.place.proxy, addresses.first()) {
            (Some(proxy), _) => format!("the proxy `{}:{port}`", proxy.host),
            (None, _) => format!("`{}` ({})", self.place.authority(), self.place.serves.join(", ")),
        };
        let check = Check::of("network", "tcp", format!("connect to {shown}"));
        let connected = within(move || {
            let (began, mut last) = (Instant::now(), io::Error::from(io::ErrorKind::TimedOut));
            for address in addresses {
                let left = PATIENCE.saturating_sub(began.elapsed()).min(each);
                if left.is_zero() {
                    break;
                }
                match TcpStream::connect_timeout(&address, left) {
                    Ok(stream) => return Ok((stream, address)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        })
        .await;
        match connected {
            Ok((stream, address)) => {
                self.checks.push(check.passed(format!("{} took the connection", address.ip())));
                Some(stream)
            }
            Err(error) => {
                let (said, todo) = unreachable(&error, self.place.proxy.is_some());
                self.ends(check.failed(ErrorKind::Unavailable, said, todo))
            }
        }
    }

    async fn tunnel(&mut self, stream: TcpStream, proxy: &str) -> Option<TcpStream> {
        let place = self.place.clone();
        let knows = place.proxy.as_ref().is_some_and(cxone_actions::probe::Proxy::has_credentials);
        let check = Check::of(
            "network",
            "proxy",
            format!("ask the proxy `{proxy}` to lead on to `{}`", place.authority()),
        );
        let answered = within(move || {
            let mut stream = bounded(stream)?;
            place.tunnel(&mut stream).map(|tunnel| (stream, tunnel))
        })
        .await;
        let failed =
            |check: Check, said: String, todo: &str| check.failed(ErrorKind::Unavailable, said, todo);
        match answered {
            Ok((stream, Tunnel::Open)) => {
                self.checks.push(check.passed("it leads on"));
                Some(stream)
            }
            Ok((_, Tunnel::Refused(407, _))) if knows => self.ends(failed(
                check,
                "407: it does not take the user and the password that it was given".to_owned(),
                "check those in the URL of `proxy` or `HTTPS_PROXY`; special characters are percent-encoded there",
            )),
            Ok((_, Tunnel::Refused(407, _))) => self.ends(failed(
                check,
                "407: it wants to know who asks".to_owned(),
                "give user and password in the URL: `http://USER:PASSWORD@HOST:PORT`",
            )),
            Ok((_, Tunnel::Refused(status, said))) => self.ends(failed(
                check,
                format!("{status} {said}").trim_end().to_owned(),
                "ask who runs the proxy to let this host through, or name it in `NO_PROXY` if it is reached without",
            )),
            Ok((_, Tunnel::Nonsense)) => self.ends(failed(
                check,
                "what answers there is no HTTP proxy".to_owned(),
                "check host and port in `proxy` or `HTTPS_PROXY`",
            )),
            Err(error) => {
                let said = if is_late(&error) { "no answer in time".to_owned() } else { words(&error) };
                self.ends(failed(check, said, "check host and port in `proxy` or `HTTPS_PROXY`, and ask who runs it"))
            }
        }
    }

    async fn tls(&mut self, probe: &Arc<Probe>, stream: TcpStream, through: &str) -> Option<()> {
        let host = self.place.host.clone();
        let tried = format!("shake hands (TLS) with `{}`{through}", self.place.authority());
        let check = Check::of("network", "tls", tried);
        if !self.place.tls {
            self.checks.push(check.skipped("it is plain http on this machine"));
            return Some(());
        }
        let probe = Arc::clone(probe);
        let shaken = within(move || {
            let mut stream = bounded(stream)?;
            Ok(probe.shake(&host, &mut stream))
        })
        .await;
        match shaken {
            Ok(Shown { refused: Some(error), .. }) => self.ends(check.failed_by(&error)),
            Ok(shown) => {
                self.checks.push(certified(check, &shown));
                Some(())
            }
            Err(error) => {
                let said = if is_late(&error) { "no handshake in time".to_owned() } else { words(&error) };
                self.ends(check.failed(
                    ErrorKind::Unavailable,
                    said,
                    "check the port, and what stands between",
                ))
            }
        }
    }

    /// The road ends with this check.
    fn ends<T>(&mut self, check: Check) -> Option<T> {
        self.checks.push(check);
        None
    }
}

/// What a certificate that was taken says of itself.
fn certified(check: Check, shown: &Shown) -> Check {
    let names: Vec<_> = shown.names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let issuer = shown.issuer.as_deref().map(|issuer| format!(", issued by `{issuer}`")).unwrap_or_default();
    let ends = shown.ends.map(|at| format!(", good until {}", at.strftime("%Y-%m-%d"))).unwrap_or_default();
    let version = shown.version.unwrap_or("TLS");
    let said = format!("{version}; a certificate for {}{issuer}{ends}", names.join(", "));
    let left = shown.ends.map(|at| at.as_second() - Timestamp::now().as_second());
    match left {
        Some(left) if left < i64::try_from(SOON.as_secs()).unwrap_or(i64::MAX) => check.warned(
            format!("{said}: {} days from now", left / 86_400),
            "tell its operator: nothing is sent from the day on which it ends",
        ),
        _ => check.passed(said),
    }
}

fn connect_timeout(probe: &Probe) -> Duration {
    probe.config().transport.connect_timeout.min(PATIENCE)
}

/// What the system says of a connection, and what to do.
fn unreachable(error: &io::Error, proxy: bool) -> (String, &'static str) {
    let wrong = if proxy {
        "check host and port in `proxy` or `HTTPS_PROXY`"
    } else {
        "check host and port in `base_url`, and whether a firewall wants a `proxy`"
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ("refused: nothing listens there".to_owned(), wrong),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => ("no answer in time".to_owned(), wrong),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => (
            "there is no way to it from this machine".to_owned(),
            "check this machine's network, VPN and routes",
        ),
        _ => (words(error), wrong),
    }
}

/// So long for what is read and written, as far as one part of it goes; all of it ends with [`within`].
fn bounded(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Runs what blocks, and waits for it no longer than a check may take.
async fn within<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(io::Error::other("the check itself broke off")),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// What the system says, without its number.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(text).to_lowercase()
}
