//! The URLs of one client: the profile's templates with their hosts filled in.

use url::Url;

use super::address::{Address, Route};
use super::{Profile, TokenTemplate, UrlTemplate};
use crate::error::{Error, ErrorKind, Result};

/// Where a client sends what.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    pub(crate) token: TokenEndpoint,
    invoke: Route,
    poll: Option<Route>,
    schema: Option<Route>,
    /// The path of a POST and of a look, as every one of them has it: with the names of the ids in braces.
    pub(crate) invoke_path: String,
    pub(crate) poll_path: String,
    /// The host that actions are sent to, without a trailing slash: resume tokens belong to it.
    pub(crate) origin: String,
}

/// Where tokens come from.
#[derive(Debug, Clone)]
pub enum TokenEndpoint {
    /// There.
    At(Url),
    /// Where the `token_endpoint` of an OpenID configuration says, if that is on the configuration's own host or on one
    /// of the trusted ones (`*.example.com`).
    Discover {
        /// The configuration.
        url: Url,
        /// Hosts that it may name.
        trusted: Vec<String>,
    },
}

/// What an option has to say before there are URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    BaseUrl,
    Region,
}

impl Profile {
    /// The hosts that URLs name, each with what it stands for.
    fn host(
        &self,
        name: &str,
        base_url: Option<&str>,
        region: Option<&str>,
    ) -> Option<Result<String, Missing>> {
        let own = self.hosts.iter().find(|(known, _)| known == name).map(|(_, template)| template);
        match (base_url, own) {
            (Some(base), Some(_)) => Some(Ok(base.to_owned())),
            (Some(base), None) if name == "base" => Some(Ok(base.to_owned())),
            (None, Some(template)) => {
                let filled = template.resolve(|hole| region.filter(|_| hole == "region").map(str::to_owned));
                Some(if filled.holes().next().is_some() {
                    Err(Missing::Region)
                } else {
                    Ok(filled.fill(&[]))
                })
            }
            (None, None) if name == "base" => Some(Err(Missing::BaseUrl)),
            _ => None,
        }
    }

    /// Whether any URL depends on the region.
    pub fn takes_region(&self) -> bool {
        let hosts = self.hosts.iter().map(|(_, template)| template);
        hosts.chain(self.templates()).any(|template| template.holes().any(|hole| hole == "region"))
    }

    fn templates(&self) -> impl Iterator<Item = &UrlTemplate> {
        let (TokenTemplate::At(token) | TokenTemplate::Discover(token, _)) = &self.token.endpoint;
        let poll = self.poll.as_ref().map(|poll| &poll.url);
        let schema = self.schema.as_ref().map(|schema| &schema.url);
        [token, &self.invoke.url].into_iter().chain(poll).chain(schema)
    }

    /// What has to be said before the URLs are known; nothing where all is.
    pub(crate) fn missing(&self, base_url: Option<&str>, region: Option<&str>) -> Option<Missing> {
        self.templates().flat_map(UrlTemplate::holes).find_map(|hole| match hole {
            "region" if region.is_none() => Some(Missing::Region),
            hole => self.host(hole, base_url, region).and_then(Result::err),
        })
    }

    /// The URLs, once nothing is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where the parts make no URL.
    pub(crate) fn routes(&self, base_url: Option<&str>, region: Option<&str>) -> Result<Routes> {
        let known = |hole: &str| match hole {
            "region" => region.map(str::to_owned),
            hole => self.host(hole, base_url, region).and_then(Result::ok),
        };
        let resolved = |template: &UrlTemplate| template.resolve(known);
        let token = match &self.token.endpoint {
            TokenTemplate::At(template) => TokenEndpoint::At(parse(&resolved(template).fill(&[]))?),
            TokenTemplate::Discover(template, trusted) => TokenEndpoint::Discover {
                url: parse(&resolved(template).fill(&[]))?,
                trusted: trusted.clone(),
            },
        };
        let invoke = resolved(&self.invoke.url);
        let sample = parse(&invoke.fill(&[("action_id", "a"), ("correlation_id", "c")]))?;
        let poll = self.poll.as_ref().map(|poll| resolved(&poll.url));
        Ok(Routes {
            token,
            invoke_path: path(&invoke),
            poll_path: poll.as_ref().map(path).unwrap_or_default(),
            origin: self
                .invoke
                .url
                .host_hole()
                .and_then(known)
                .unwrap_or_else(|| sample.origin().ascii_serialization()),
            invoke: Route::new(&invoke)?,
            poll: poll.as_ref().map(Route::new).transpose()?,
            schema: self.schema.as_ref().map(|schema| Route::new(&resolved(&schema.url))).transpose()?,
        })
    }
}

impl Routes {
    /// # Errors
    /// [`ErrorKind::Config`] where the parts make no URL.
    pub(crate) fn invoke(&self, action_id: &str, correlation_id: &str) -> Result<Address> {
        self.invoke.fill(&[("action_id", action_id), ("correlation_id", correlation_id)])
    }

    /// # Errors
    /// [`ErrorKind::Config`] where the parts make no URL.
    pub(crate) fn poll(&self, invocation_id: &str) -> Result<Address> {
        let route = self.poll.as_ref().ok_or_else(nothing_to_poll)?;
        route.fill(&[("invocation_id", invocation_id)])
    }

    /// # Errors
    /// [`ErrorKind::Config`] where the profile knows no schemas.
    pub(crate) fn schema(&self, action_id: &str) -> Result<Address> {
        let route = self.schema.as_ref().ok_or_else(no_schema)?;
        route.fill(&[("action_id", action_id)])
    }
}

/// The path of the URLs that the template makes.
fn path(template: &UrlTemplate) -> String {
    let names: Vec<_> = template.holes().map(|name| (name, format!("{{{name}}}"))).collect();
    let holes: Vec<_> = names.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let path = Url::parse(&template.fill(&holes)).map(|url| url.path().to_owned()).unwrap_or_default();
    // A brace is not left as it is in a URL.
    path.replace("%7B", "{").replace("%7D", "}")
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url)
        .map_err(|_| Error::new(ErrorKind::Config, "the base URL and the profile do not make a URL"))
}

pub(crate) fn no_schema() -> Error {
    Error::new(ErrorKind::Config, "the profile does not say where an action's schema is")
        .with_hint("use a profile with `[schema]`, or describe the inputs in a policy")
}

fn nothing_to_poll() -> Error {
    Error::new(ErrorKind::Config, "the profile answers at once: there is nothing to poll")
        .with_hint("hand over what `invoke` returned")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_fills_the_hosts_and_a_base_url_stands_for_all_of_them() {
        let profile = Profile::load("genesys-flow").unwrap();
        assert_eq!(profile.missing(None, None), Some(Missing::Region));
        let url =
            |routes: &Routes| routes.poll("3f2504e0-4f89-41d3-9a0c-0305e82c3301").unwrap().url().unwrap();
        let of_region = profile.routes(None, Some("mypurecloud.ie")).unwrap();
        assert_eq!(of_region.origin, "https://api.mypurecloud.ie");
        assert!(
            url(&of_region).as_str().starts_with("https://api.mypurecloud.ie/api/v2/flows/executions/3f25")
        );
        assert!(
            matches!(&of_region.token, TokenEndpoint::At(url) if url.as_str() == "https://login.mypurecloud.ie/oauth/token")
        );
        let of_base = profile.routes(Some("http://127.0.0.1:9"), None).unwrap();
        assert!(
            matches!(&of_base.token, TokenEndpoint::At(url) if url.as_str() == "http://127.0.0.1:9/oauth/token")
        );
        assert_eq!(Profile::load("gateway").unwrap().missing(None, Some("x")), Some(Missing::BaseUrl));
    }
}
