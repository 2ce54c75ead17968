//! Which callback URLs a request may carry. The gateway will call them from inside somebody's network, so what is not
//! plainly a public https address is refused unless its host is listed. Decided on the text, without a look-up.

use url::{Host, Url};

use super::Violation;
use super::pointer::{self, quoted};

const PATH: &str = "/callbackUrl";
const MAX_LENGTH: usize = 2048;
const PLAIN_IPV4: &str = "must write an IPv4 address as four decimal numbers, such as `127.0.0.1`";

/// Names that are none of the public's (RFC 6761, RFC 6762 appendix G, RFC 7686, RFC 8375, ICANN's `.internal`, what
/// systems have in their own tables, and a cluster's services).
const PRIVATE_SUFFIXES: [&str; 16] = [
    "localhost",
    "localdomain",
    "localdomain4",
    "localdomain6",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
    "svc",
    "test",
    "invalid",
    "onion",
];

/// The hosts that a callback URL may name. Empty: any public https host.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallbackHosts(Vec<Listed>);

#[derive(Debug, Clone)]
struct Listed {
    host: Host<String>,
    /// None: any port.
    port: Option<u16>,
}

impl CallbackHosts {
    /// Reads the option `callback_hosts`: `host`, `host:port`, `[::1]`, `[::1]:port`.
    pub(crate) fn parse(entries: &[String]) -> Result<Self, Vec<Violation>> {
        let mut hosts = Vec::new();
        let mut violations = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            match listed(entry) {
                Ok(host) => hosts.push(host),
                Err(rule) => violations.push(Violation::new(
                    "callback_hosts",
                    "callback_host",
                    format!("`callback_hosts[{position}]` {rule}"),
                )),
            }
        }
        if violations.is_empty() { Ok(CallbackHosts(hosts)) } else { Err(violations) }
    }

    /// Adds every reason for which `text` cannot be a callback URL.
    pub(crate) fn check(&self, text: &str, violations: &mut Vec<Violation>) {
        let mut refuse = |code: &str, rule: &str| {
            violations.push(Violation::new(PATH, code, format!("{} {rule}", pointer::name(PATH))));
        };
        let (url, authority) = match parse(text) {
            Ok(parsed) => parsed,
            Err((code, rule)) => return refuse(code, rule),
        };
        let host = url.host().map(|host| host.to_owned());
        let port = url.port_or_known_default();
        let spelled = host.as_ref().is_none_or(|host| is_spelled_plainly(host, authority));
        let listed = spelled && host.as_ref().is_some_and(|host| self.lists(host, port));
        let local_http = url.scheme() == "http" && listed && host.as_ref().is_some_and(is_loopback);
        if url.scheme() != "https" && !local_http {
            refuse(
                "url_scheme",
                "must begin with `https://`; `http://` is for a loopback host in `callback_hosts`",
            );
        }
        let Some(host) = host.filter(|_| ["http", "https"].contains(&url.scheme())) else { return };
        if authority.contains('@') {
            refuse(
                "url_user_info",
                "must not carry a user name or a password; let the path hold a secret of its own",
            );
        }
        if url.fragment().is_some() {
            refuse("url_fragment", "must not have a fragment; leave out what follows `#`");
        }
        if listed {
            return;
        }
        if !spelled && self.lists(&host, port) {
            return refuse("url_host", PLAIN_IPV4);
        }
        if !self.0.is_empty() {
            let rule = format!(
                "names the host {}, which is not in `callback_hosts`; list it there",
                shown(&host, port)
            );
            return refuse("url_host", &rule);
        }
        if host.to_string().ends_with('.') {
            refuse("url_host", "must not have a host that ends in a dot; leave the dot out");
        } else if let Some(rule) = private(&host) {
            refuse("url_host", &format!("{rule}, or list the host in `callback_hosts`"));
        }
        // Below 1024 live the protocols that a request could be smuggled into: mail, shells, name services.
        if port.is_some_and(|port| port != 443 && port < 1024) && !local_http && url.port().is_some() {
            refuse("url_port", "must use port 443 or one from 1024, or list `host:port` in `callback_hosts`");
        }
    }

    fn lists(&self, host: &Host<String>, port: Option<u16>) -> bool {
        self.0.iter().any(|listed| listed.host == *host && (listed.port.is_none() || listed.port == port))
    }
}

/// The URL, and its authority as it was written: two readers of a lenient text may see two hosts.
fn parse(text: &str) -> Result<(Url, &str), (&'static str, &'static str)> {
    let syntax = |rule| ("url_syntax", rule);
    if text.len() > MAX_LENGTH {
        return Err(("url_too_long", "must be at most 2048 characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\<>\"{}|^`".contains(&byte)) {
        return Err(syntax("must hold only the characters of RFC 3986; percent-encode the others"));
    }
    let url = Url::parse(text).map_err(|error| {
        syntax(match error {
            url::ParseError::RelativeUrlWithoutBase => {
                "must be absolute, such as `https://hooks.example.com/done`"
            }
            _ => "must be a URL such as `https://hooks.example.com/done`",
        })
    })?;
    if url.scheme() != "https" && url.scheme() != "http" {
        return Ok((url, ""));
    }
    // `https:host`, `https:/host` and `https:///host` are read as `https://host` by some, and otherwise by others. So is a
    // host with an escape or with any of the signs that URLs are put together with.
    let after_scheme = text.get(url.scheme().len()..).and_then(|rest| rest.strip_prefix("://"));
    let authority = after_scheme.and_then(|rest| rest.split(['/', '?', '#']).next());
    let plain = match url.host() {
        Some(Host::Domain(name)) => is_plain_name(name),
        Some(_) => true,
        None => false,
    };
    match authority {
        Some(authority) if plain && !authority.is_empty() && !authority.contains('%') => Ok((url, authority)),
        _ => Err(syntax("must have a plain host after `https://`")),
    }
}

/// Whether it is a name as DNS has them, with a dot behind it or without.
fn is_plain_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(letter)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// Whether an IPv4 address is written as everybody writes it. `0177.0.0.1` is one host to some and another to others.
fn is_spelled_plainly(host: &Host<String>, written: &str) -> bool {
    let Host::Ipv4(address) = host else { return true };
    let written = written.rsplit('@').next().unwrap_or(written);
    written.split(':').next() == Some(address.to_string().as_str())
}

/// Why a host that nobody listed cannot be called.
fn private(host: &Host<String>) -> Option<&'static str> {
    let Host::Domain(name) = host else {
        return Some("must name its host, not an IP address; use a public name");
    };
    let inside = PRIVATE_SUFFIXES.iter().any(|suffix| {
        name.strip_suffix(suffix).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    if inside || !name.contains('.') {
        return Some("must name a public host; use a full public name");
    }
    None
}

fn is_loopback(host: &Host<String>) -> bool {
    match host {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.to_canonical().is_loopback(),
    }
}

fn shown(host: &Host<String>, port: Option<u16>) -> String {
    let host = quoted(&host.to_string());
    let host = host.trim_matches('"');
    match port {
        Some(port) if port != 443 => format!("`{host}:{port}`"),
        _ => format!("`{host}`"),
    }
}

fn listed(entry: &str) -> Result<Listed, &'static str> {
    if entry.contains("://") || entry.contains(['/', '?', '#', '@', '\\', '%']) {
        return Err("must be a host or `host:port`, not a URL");
    }
    if entry.contains('*') {
        return Err("must be one host, without a wildcard; list every host");
    }
    if !entry.is_ascii() || entry.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()) {
        return Err("must be a host in ASCII letters; write an international name in its `xn--` form");
    }
    let (name, port) = match entry.rfind(':') {
        Some(colon) if !entry.ends_with(']') => {
            let (name, port) = entry.split_at(colon);
            (name, Some(port.get(1..).unwrap_or_default()))
        }
        _ => (entry, None),
    };
    if name.contains(':') && !name.starts_with('[') {
        return Err("must put an IPv6 address in brackets, such as `[::1]:8443`");
    }
    let port = match port {
        None => None,
        Some(digits) => match digits.parse::<u16>() {
            Ok(port) if port > 0 && digits.bytes().all(|b| b.is_ascii_digit()) => Some(port),
            _ => return Err("must have a port from 1 to 65535 after the colon"),
        },
    };
    match Host::parse(name) {
        Ok(Host::Domain(name)) if name.ends_with('.') => Err("must not end in a dot"),
        Ok(host) if !is_spelled_plainly(&host, name) => Err(PLAIN_IPV4),
        Ok(host) if !matches!(&host, Host::Domain(name) if !is_plain_name(name)) => Ok(Listed { host, port }),
        _ => Err("must be a host such as `hooks.example.com`, or `host:port`"),
    }
}
