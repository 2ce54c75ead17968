//! What callbacks are signed with, and whether the profile can make anything of it.

use std::fmt;

use secrecy::SecretString;

use super::{Mistakes, Options};
use crate::callback::Verifier;
use crate::profile::Profile;

/// What callbacks are signed with: one secret, or several while one takes the place of another. `Debug` shows none.
#[derive(Clone, Default)]
pub struct CallbackSecret(Vec<SecretString>);

impl CallbackSecret {
    pub(super) fn into_secrets(self) -> Vec<SecretString> {
        self.0
    }
}

impl From<&str> for CallbackSecret {
    fn from(secret: &str) -> Self {
        CallbackSecret(vec![secret.into()])
    }
}

impl From<String> for CallbackSecret {
    fn from(secret: String) -> Self {
        CallbackSecret(vec![secret.into()])
    }
}

impl From<Vec<String>> for CallbackSecret {
    fn from(secrets: Vec<String>) -> Self {
        CallbackSecret(secrets.into_iter().map(Into::into).collect())
    }
}

impl fmt::Debug for CallbackSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSecret").field("secrets", &self.0.len()).finish_non_exhaustive()
    }
}

/// What proves callbacks; none where no secret was given. A secret in the environment may be meant for another profile.
pub(super) fn callbacks(
    options: &Options,
    explicit: bool,
    profile: Option<&Profile>,
    mistakes: &mut Mistakes,
) -> Option<Verifier> {
    let (CallbackSecret(secrets), profile) = (options.callback_secret.as_ref()?, profile?);
    if !profile.invoke.body.takes_callback() {
        if explicit {
            let rule = "is not used by this profile, which takes no callback URL; leave it out and poll";
            mistakes.add("callback_secret", "unused", rule);
        }
        return None;
    }
    Verifier::new(&profile.callback, secrets)
        .inspect_err(|rule| mistakes.add("callback_secret", "invalid", rule))
        .ok()
}
