//! From options to what can be tried with them, also where some of them cannot work.

use secrecy::SecretString;

use super::Probe;
use crate::auth::Asking;
use crate::config::{Config, Mistakes, Options, PolicySource, environment};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Transport;

/// Refuses everything: what the client is told while its own policy is looked at by itself.
const CLOSED: &str = r#"{"action": []}"#;

/// What can be tried, and what is wrong with the options.
#[derive(Debug)]
pub struct Opened {
    /// None where nothing can be tried before the options are corrected.
    pub probe: Option<Probe>,
    /// Every mistake in the options, but for those in the policy.
    pub mistakes: Option<Error>,
    /// The policy that the options or the environment name.
    pub policy: Option<PolicySource>,
}

impl Probe {
    /// Reads the options as a client does. Where nothing but credentials is missing or wrong, the way to the gateway can be
    /// tried all the same.
    pub fn open(mut options: Options) -> Opened {
        let policy = policy_of(&mut options);
        options.policy = Some(PolicySource::Json(CLOSED.to_owned()));
        options.policy_refresh = None;
        match Probe::of(options.clone()) {
            Ok(probe) => Opened { probe: Some(probe), mistakes: None, policy },
            Err(error) => {
                let of_credentials = !error.violations().is_empty()
                    && error.violations().iter().all(|mistake| is_about_credentials(&mistake.path));
                let probe = of_credentials.then(|| Probe::of(without_credentials(options)).ok()).flatten();
                Opened { probe, mistakes: Some(error), policy }
            }
        }
    }

    fn of(options: Options) -> Result<Probe> {
        let placeholder = options.token.as_ref().is_some_and(is_placeholder);
        let config = Config::resolve(options)?;
        let transport = Transport::new(&config.transport)?;
        let asking = Asking::of(&config.credentials, &config.routes.token);
        Ok(Probe { config, transport, asking, has_credentials: !placeholder })
    }
}

/// Where the policy is that the options or the environment name.
fn policy_of(options: &mut Options) -> Option<PolicySource> {
    let named = options.policy.take();
    if named.is_some() || options.without_environment {
        return named;
    }
    // What cannot be read of a variable is said by whoever reads all of them.
    let path = environment("CXONE_POLICY", &mut Mistakes::new(options.dialect))?;
    Some(PolicySource::File(path.into()))
}

/// No token that anybody was given.
const PLACEHOLDER: &str = "none";

fn is_placeholder(token: &SecretString) -> bool {
    secrecy::ExposeSecret::expose_secret(token) == PLACEHOLDER
}

/// A token stands in for all of them, and keeps the environment's out.
fn without_credentials(mut options: Options) -> Options {
    options.client_id = None;
    options.client_secret = None;
    options.access_key_id = None;
    options.access_key_secret = None;
    options.client_auth = None;
    options.scope = None;
    options.token_source = None;
    options.token = Some(PLACEHOLDER.to_owned().into());
    options.unread.retain(|mistake| !is_about_credentials(&mistake.path));
    options
}

/// Whether an option of this name, or a variable that stands in for it, is part of how a client is let in.
fn is_about_credentials(path: &str) -> bool {
    let name = path.strip_prefix("CXONE_").unwrap_or(path).to_ascii_lowercase();
    let name = name.strip_suffix("_file").unwrap_or(&name);
    matches!(
        name,
        "client_id"
            | "client_secret"
            | "access_key_id"
            | "access_key_secret"
            | "token"
            | "client_auth"
            | "scope"
    )
}

/// Where the options cannot be used at all.
pub(super) fn nothing_to_ask() -> Error {
    Error::new(ErrorKind::Config, "there are no credentials to ask with")
}
