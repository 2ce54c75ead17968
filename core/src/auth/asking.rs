//! One question to a token service, asked once and told with everything that came back: for a diagnosis, which wants to
//! know what is there and not to survive it.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::answer::{self, Verdict, unreachable};
use super::endpoint::Endpoint;
use super::grant::Grant;
use crate::config::Credentials;
use crate::error::Error;
use crate::profile::TokenEndpoint;
use crate::wire::{Answer, Transport};

/// Whom to ask, and with which credentials.
#[derive(Debug)]
pub(crate) struct Asking {
    grant: Grant,
    endpoint: Endpoint,
}

/// What became of one question.
#[derive(Debug)]
pub(crate) struct Told {
    /// The token and how long it serves, or why there is none. Holds no secret that was sent.
    pub(crate) outcome: Result<(SecretString, Duration), Error>,
    /// The scopes that the service says it granted, where it says so.
    pub(crate) granted: Option<String>,
    /// What came back, whole; none where nothing did.
    pub(crate) answer: Option<Answer>,
}

impl Asking {
    /// None where no token service is asked.
    pub(crate) fn of(credentials: &Credentials, place: &TokenEndpoint) -> Option<Asking> {
        Some(Asking { grant: Grant::of(credentials)?, endpoint: Endpoint::new(place.clone()) })
    }

    /// The scopes that are asked for.
    pub(crate) fn scope(&self) -> Option<&str> {
        self.grant.scope()
    }

    /// Where tokens are asked for: found once, if it has to be.
    ///
    /// # Errors
    /// What the OpenID configuration, or its absence, says.
    pub(crate) async fn place(&self, transport: &Transport) -> Result<Url, Error> {
        self.endpoint.url(transport).await.map_err(|verdict| self.error(verdict))
    }

    /// Asks once.
    pub(crate) async fn once(&self, transport: &Transport, url: Url, within: Duration) -> Told {
        let none = |error| Told { outcome: Err(error), granted: None, answer: None };
        let request = match self.grant.request(url) {
            Ok(request) => request,
            Err(error) => return none(error),
        };
        let answer = match transport.send(request, Some(within)).await {
            Ok(answer) => answer,
            Err(failure) => return none(self.error(unreachable("the token service", &failure))),
        };
        let fetched = answer::read(&answer, self.grant.scope(), self.grant.wrong());
        let outcome = fetched.map(|fetched| (fetched.value, fetched.lifetime));
        Told {
            outcome: outcome.map_err(|verdict| self.error(verdict)),
            granted: granted(&answer.body),
            answer: Some(answer),
        }
    }

    fn error(&self, verdict: Verdict) -> Error {
        let (Verdict::Final(error) | Verdict::Again(error, _)) = verdict;
        self.grant.taken_out_of(error)
    }
}

fn granted(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Granted {
        scope: String,
    }
    serde_json::from_slice::<Granted>(body).ok().map(|granted| granted.scope)
}
