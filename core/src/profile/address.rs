//! Where a request goes, in the form in which it is sent.
//!
//! A URL is parsed and normalized once, when a client is made; of each invocation only the path is put together. The
//! promise: an address is what parsing the filled-in URL would have given.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use url::{Position, Url};

use super::UrlTemplate;
use super::template::Piece;
use crate::error::{Error, ErrorKind, Result};

/// Scheme, host and port.
#[derive(Debug, PartialEq)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// The same as the header `Host` says it.
    pub(crate) host: HeaderValue,
}

/// Where one request goes.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) origin: Arc<Origin>,
    pub(crate) path: PathAndQuery,
}

impl Address {
    /// # Errors
    /// [`ErrorKind::Config`] where there is no host in it.
    pub(crate) fn of(url: &Url) -> Result<Address> {
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let origin = Origin {
            scheme: Scheme::try_from(url.scheme()).map_err(|_| no_url())?,
            authority: Authority::try_from(authority).map_err(|_| no_url())?,
            host: HeaderValue::try_from(authority).map_err(|_| no_url())?,
        };
        let path = url[Position::BeforePath..Position::AfterQuery].to_owned();
        Ok(Address { origin: Arc::new(origin), path: path_of(path)? })
    }

    /// For those who need more of it than its parts.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where it is no URL, which would be a defect.
    pub(crate) fn url(&self) -> Result<Url> {
        Url::parse(&format!("{}://{}{}", self.origin.scheme, self.origin.authority, self.path))
            .map_err(|_| no_url())
    }

    /// The whole of it, as HTTP/2 and a connector want it.
    pub(crate) fn uri(&self) -> Option<Uri> {
        let Origin { scheme, authority, .. } = &*self.origin;
        let uri = Uri::builder().scheme(scheme.clone()).authority(authority.clone());
        uri.path_and_query(self.path.clone()).build().ok()
    }
}

/// The addresses of one kind of request: their origin, and the path with its holes.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// With every hole marked.
    sample: Address,
    path: UrlTemplate,
}

impl Route {
    /// Normalizes the template as a URL is. A hole is followed through that as a mark, which is as much a part of a segment
    /// as what will fill it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where it makes no URL.
    pub(crate) fn new(template: &UrlTemplate) -> Result<Route> {
        let marks: Vec<(&str, String)> =
            template.holes().enumerate().map(|(n, name)| (name, format!("hole-{n}-of-this-url"))).collect();
        let values: Vec<(&str, &str)> = marks.iter().map(|(name, mark)| (*name, mark.as_str())).collect();
        let sample = Address::of(&Url::parse(&template.fill(&values)).map_err(|_| no_url())?)?;
        let mut pieces = Vec::new();
        let mut rest = sample.path.as_str();
        for hole in template.holes() {
            // One that stands there twice has its first mark twice.
            let (_, mark) = marks.iter().find(|(name, _)| *name == hole).ok_or_else(no_url)?;
            let (before, behind) = rest.split_once(mark.as_str()).ok_or_else(no_url)?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Hole(hole.to_owned()));
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Route { path: UrlTemplate(pieces), sample })
    }

    /// With these in its holes.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where they make no URL.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> Result<Address> {
        if self.path.holes().next().is_none() {
            return Ok(self.sample.clone());
        }
        // What a path calls "here" and "above" is a step in it, however it is encoded.
        if values.iter().any(|(_, value)| matches!(*value, "." | "..")) {
            return Err(no_url());
        }
        Ok(Address { origin: self.sample.origin.clone(), path: path_of(self.path.fill(values))? })
    }
}

fn path_of(text: String) -> Result<PathAndQuery> {
    PathAndQuery::from_maybe_shared(Bytes::from(text)).map_err(|_| no_url())
}

fn no_url() -> Error {
    Error::new(ErrorKind::Config, "the base URL and the profile do not make a URL")
}

#[cfg(test)]
mod tests {
    use super::super::template::pieces;
    use super::*;

    fn route(text: &str) -> Route {
        Route::new(&UrlTemplate(pieces(text).unwrap())).unwrap()
    }

    #[test]
    fn an_address_is_what_parsing_the_filled_in_url_would_have_given() {
        for template in [
            "https://h/{a}/x?c={b}",
            "https://EXAMPLE.com:443/a/../b/{a}/{b}",
            "http://[::1]:8080/ü/{a}?q=ä b&c={b}&a={a}",
            "http://127.0.0.1:80/{a}#fragment",
            "https://bücher.example/{a}.{b}/",
            "http://h?{a}={b}",
            "http://h/fixed",
        ] {
            let template = UrlTemplate(pieces(template).unwrap());
            let route = Route::new(&template).unwrap();
            for (a, b) in [
                ("7", "c-1"),
                ("a/../b?é#", "c&d=e f"),
                ("...", "%2e%2E"),
                ("", "x"),
                ("hole-1-of-this-url", "y"),
            ] {
                let values = [("a", a), ("b", b)];
                let parsed = Url::parse(&template.fill(&values)).unwrap();
                let address = route.fill(&values).unwrap();
                let without_fragment = &parsed[..Position::AfterQuery];
                assert_eq!(address.url().unwrap().as_str(), without_fragment);
                assert_eq!(address.uri().unwrap().to_string(), without_fragment);
                assert_eq!(address.origin.host, parsed[Position::BeforeHost..Position::AfterPort]);
            }
        }
    }

    #[test]
    fn a_step_in_a_path_fills_no_hole_of_it() {
        for step in [".", ".."] {
            assert_eq!(route("https://h/a/{a}").fill(&[("a", step)]).unwrap_err().kind(), ErrorKind::Config);
        }
    }
}
