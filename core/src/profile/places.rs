//! What a profile and an option may both say: where requests go, and how often.

use std::fmt;
use std::time::Duration;

use url::{Host, Url};

/// So many sends in such a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Sends.
    pub sends: u32,
    /// In this time.
    pub per: Duration,
}

impl RateLimit {
    /// `300/60s`, `5/s`, `10/500ms`, `100/m`.
    pub(crate) fn parse(text: &str) -> Option<RateLimit> {
        let (sends, per) = text.split_once('/')?;
        let digits = per.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match per.get(digits.len()..)? {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        let amount = if digits.is_empty() { 1.0 } else { digits.parse::<f64>().ok()? };
        let per = positive(amount * unit)?;
        Some(RateLimit { sends: sends.trim().parse().ok().filter(|n| *n > 0)?, per })
    }
}

/// As it is written: `300/60s`.
impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per.subsec_nanos() {
            0 => write!(f, "{}/{}s", self.sends, self.per.as_secs()),
            _ => write!(f, "{}/{}ms", self.sends, self.per.as_secs_f64() * 1000.0),
        }
    }
}

/// A time that a pace can be made of: above zero, at most a year.
fn positive(seconds: f64) -> Option<Duration> {
    const YEAR: f64 = 366.0 * 86_400.0;
    (seconds > 0.0 && seconds <= YEAR).then(|| Duration::from_secs_f64(seconds))
}

/// What is wrong with a URL that requests go to, if anything: `https`, or `http` on a loopback address, where no network
/// can listen in.
pub(crate) fn url_rule(text: &str) -> Option<&'static str> {
    match Url::parse(text) {
        Err(_) => Some("must be an absolute URL such as https://api.example.com"),
        Ok(url) if url.host().is_none() => Some("must name a host"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some("must not hold credentials; they have options of their own")
        }
        Ok(url) if url.fragment().is_some() => Some("must not have a fragment"),
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => Some(
            "must be https: over http the token can be read on the way; http is for loopback addresses only",
        ),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => Some("must be https"),
        Ok(_) => None,
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
