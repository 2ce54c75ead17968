//! Who may ask the console: a page of its own, or a program on this machine.
//!
//! A browser carries any page's requests to a loopback address. Three things keep strangers out: the name in `Host` must
//! be a loopback one (a name of a stranger's that was bound to 127.0.0.1 is not), a request that a browser says comes
//! from another site is refused, and an order needs the token that stands in the page.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{self, HeaderName};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method};

use crate::grant::is_json;

/// Where an order carries the token of the page. A browser asks before it lets another site send such a header.
const TOKEN: &str = "x-console-token";
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Nothing, or why a request is not answered.
pub(super) fn check(head: &Parts, token: &str) -> Result<(), &'static str> {
    let host = host(head).ok_or("the host must be `localhost` or a loopback address")?;
    if let Some(origin) = only(&head.headers, &header::ORIGIN)? {
        let own = origin.strip_prefix("http://").is_some_and(|said| said.eq_ignore_ascii_case(host));
        if !own {
            return Err("the origin must be the console's own");
        }
    }
    // A link to the page is followed from anywhere; nothing else is fetched from elsewhere.
    let is_page = head.uri.path() == "/" && head.method == Method::GET;
    match only(&head.headers, &SITE)? {
        None | Some("same-origin" | "none") => {}
        Some(_) if is_page => {}
        Some(_) => return Err("another site must not ask the console"),
    }
    if head.method == Method::GET || head.method == Method::HEAD {
        return Ok(());
    }
    if !same(only(&head.headers, &HeaderName::from_static(TOKEN))?.unwrap_or_default(), token) {
        return Err("the header `X-Console-Token` must be the token of this console");
    }
    if is_json(&head.headers) { Ok(()) } else { Err("the content type must be `application/json`") }
}

/// The one value of a header, or none.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, &'static str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err("a header comes twice");
    }
    first.map(|value| value.to_str().map_err(|_| "a header is no text")).transpose()
}

/// The host that is asked for, where it is a name of this machine's alone.
fn host(head: &Parts) -> Option<&str> {
    let host = only(&head.headers, &header::HOST).ok()??;
    let authority: Authority = host.parse().ok()?;
    let elsewhere = head.uri.authority().is_some_and(|other| *other != authority);
    let name = authority.host();
    let is_loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
        || name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|name| name.parse() == Ok(Ipv6Addr::LOCALHOST));
    (is_loopback && !elsewhere && !host.contains('@')).then_some(host)
}

/// Whether both are the same, in a time that does not tell how much of them is.
fn same(one: &str, other: &str) -> bool {
    let differs = one.bytes().zip(other.bytes()).fold(0, |so_far, (one, other)| so_far | (one ^ other));
    one.len() == other.len() && differs == 0
}
