//! The questions that may be asked of a token service and of a gateway without anything being executed.

use std::time::{Duration, SystemTime};

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use super::Probe;
use super::open::nothing_to_ask;
use crate::auth::Asking;
use crate::config::Credentials;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Answer, reason_at};

/// What came back for one question.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The status.
    pub status: u16,
    /// What the body is.
    pub body: Body,
    /// What the answer says of itself, without what it was sent.
    pub said: Option<String>,
    /// The gateway's name for the exchange.
    pub request_id: Option<String>,
    /// How far its clock is ahead of ours, in seconds, within one; none where it does not say.
    pub ahead: Option<f64>,
}

/// What the body of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A value in JSON.
    Json,
    /// A page for people.
    Page,
    /// Something else.
    Other,
}

/// A token that a token service issued, or that was given.
pub struct Issued {
    value: SecretString,
    /// How long it serves; none where it was given.
    pub lifetime: Option<Duration>,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// What became of asking for a token.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The token, or why there is none.
    pub outcome: Result<Issued>,
    /// The scopes that the service says it granted, where it says so.
    pub granted: Option<String>,
    /// What came back; none where nothing did.
    pub heard: Option<Heard>,
}

impl Probe {
    /// Whether a token service is asked for tokens.
    pub fn asks_for_tokens(&self) -> bool {
        self.asking.is_some()
    }

    /// Whether there is anything to be let in with.
    pub fn has_credentials(&self) -> bool {
        self.has_credentials
    }

    /// The scopes that are asked for.
    pub fn scope(&self) -> Option<&str> {
        self.asking.as_ref()?.scope()
    }

    /// Where tokens are asked for, without its query: what the profile says, or what its OpenID configuration says.
    ///
    /// # Errors
    /// What the OpenID configuration, or its absence, says; [`ErrorKind::Config`] where no token service is asked.
    pub async fn token_url(&self) -> Result<Url> {
        let asking = self.asking.as_ref().ok_or_else(nothing_to_ask)?;
        asking.place(&self.transport).await
    }

    /// The token that was given; none where one has to be asked for.
    pub fn given_token(&self) -> Option<Issued> {
        match &self.config.credentials {
            Credentials::Token(token) => Some(Issued { value: token.clone(), lifetime: None }),
            _ => None,
        }
    }

    /// Asks this place for a token, once. `client_auth` is another way for the client to say who it is than the options'.
    pub async fn token(&self, at: &Url, client_auth: Option<&str>, within: Duration) -> TokenAnswer {
        let other = client_auth.and_then(|auth| {
            let credentials = with_client_auth(&self.config.credentials, auth)?;
            Asking::of(&credentials, &self.config.routes.token)
        });
        let Some(asking) = other.as_ref().or(self.asking.as_ref()) else {
            return TokenAnswer { outcome: Err(nothing_to_ask()), granted: None, heard: None };
        };
        let began = SystemTime::now();
        let told = asking.once(&self.transport, at.clone(), within).await;
        let heard = told.answer.as_ref().map(|answer| self.heard(answer, began, &[]));
        TokenAnswer {
            outcome: told.outcome.map(|(value, lifetime)| Issued { value, lifetime: Some(lifetime) }),
            granted: told.granted,
            heard,
        }
    }

    /// What of the gateway can be looked at without executing anything: an invocation, or an action's schema, that does not
    /// exist. None where the profile knows neither.
    pub fn looks_at(&self) -> Option<(&'static str, String)> {
        let (what, url) = self.look_url()?;
        Some((what, shown(&url)))
    }

    fn look_url(&self) -> Option<(&'static str, Url)> {
        let nobody = Uuid::new_v4().to_string();
        let routes = &self.config.routes;
        let invocation = routes.poll(&nobody).map(|address| ("an invocation", address));
        let (what, address) =
            invocation.or_else(|_| Ok::<_, Error>(("an action", routes.schema(&nobody)?))).ok()?;
        Some((what, address.url().ok()?))
    }

    /// Looks at an invocation, or an action, that does not exist: a GET with a random id.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where no answer came, [`ErrorKind::Config`] where there is nothing to look at.
    pub async fn look(&self, token: &Issued, within: Duration) -> Result<Heard> {
        let Some((_, url)) = self.look_url() else {
            return Err(Error::new(ErrorKind::Config, "the profile has nothing that can be looked at"));
        };
        let secret = token.value.expose_secret();
        let mut header = HeaderValue::try_from(format!("Bearer {secret}"))
            .map_err(|_| Error::new(ErrorKind::Auth, "the token does not fit into a header"))?;
        header.set_sensitive(true);
        let mut request = reqwest::Request::new(Method::GET, url);
        request.headers_mut().insert(AUTHORIZATION, header);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        let began = SystemTime::now();
        match self.transport.send(request, Some(within)).await {
            Ok(answer) => Ok(self.heard(&answer, began, &[secret])),
            Err(failure) => {
                let error = Error::new(ErrorKind::Unavailable, failure.what.clone())
                    .with_hint(failure.hint("check what stands between, and ask the gateway's operator"))
                    .caused_by(failure.cause);
                Err(error.without([secret]))
            }
        }
    }

    fn heard(&self, answer: &Answer, began: SystemTime, secrets: &[&str]) -> Heard {
        let reason = reason_at(answer, &self.config.profile.errors);
        let own = self.config.credentials.secrets();
        let own = own.iter().map(ExposeSecret::expose_secret);
        let all: Vec<&str> = secrets.iter().copied().chain(own).collect();
        let without = |text: String| {
            let error = Error::new(ErrorKind::Protocol, text).without(all.iter().copied());
            error.message().to_owned()
        };
        Heard {
            status: answer.status,
            body: body(answer),
            said: reason.message.or(reason.code).map(&without),
            request_id: reason.request_id.map(&without),
            ahead: ahead(answer, began),
        }
    }
}

fn body(answer: &Answer) -> Body {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = answer.text().trim_start();
    if answer.body.is_empty() {
        Body::Empty
    } else if kind.to_ascii_lowercase().contains("html") || text.starts_with('<') {
        Body::Page
    } else if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        Body::Json
    } else {
        Body::Other
    }
}

/// The header says the second in which the answer was made, somewhere between the question and now.
fn ahead(answer: &Answer, began: SystemTime) -> Option<f64> {
    let date = httpdate::parse_http_date(answer.headers.get(DATE)?.to_str().ok()?).ok()?;
    let since = |time: SystemTime| {
        time.duration_since(SystemTime::UNIX_EPOCH).map(|time| time.as_secs_f64()).unwrap_or_default()
    };
    Some(since(date) + 0.5 - f64::midpoint(since(began), since(SystemTime::now())))
}

fn with_client_auth(credentials: &Credentials, auth: &str) -> Option<Credentials> {
    let mut credentials = credentials.clone();
    match &mut credentials {
        Credentials::Client(client) | Credentials::Password(client, _) => auth.clone_into(&mut client.auth),
        _ => return None,
    }
    Some(credentials)
}

/// Without a query, which may hold more than anybody should see.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}
