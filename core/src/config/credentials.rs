//! How a client is let in: which credentials the profile's grant takes, and what is wrong with those that were given.

use secrecy::{ExposeSecret, SecretString};

use super::table::spec;
use super::{Mistakes, Options};
use crate::auth::SharedSource;
use crate::profile::{GrantKind, Profile};

/// How to be let in. Holds secrets; its `Debug` shows none.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// RFC 6749 §4.4.
    Client(OAuthClient),
    /// RFC 6749 §4.3, with an access key as the user.
    Password(OAuthClient, AccessKey),
    /// An access key as JSON, without a client.
    AccessKey(AccessKey),
    /// A token that somebody else keeps fresh.
    Token(SecretString),
    /// The caller's own code, which is asked for tokens.
    Source(SharedSource),
}

/// A client of the token service.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// The client.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
    /// `post`, `basic` or `query`.
    pub auth: String,
    /// The scopes that are asked for.
    pub scope: Option<String>,
}

/// The access key of a user.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The key.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
}

const CLIENT: [&str; 2] = ["client_id", "client_secret"];
const KEY: [&str; 2] = ["access_key_id", "access_key_secret"];

/// Which credentials were given as arguments: what the environment says may be meant for somebody else.
#[derive(Debug)]
pub(super) struct Explicit(Vec<&'static str>);

impl Explicit {
    /// To be asked before the environment is read.
    pub(super) fn of(options: &Options) -> Explicit {
        let names = CLIENT.into_iter().chain(KEY).chain(["client_auth", "scope"]);
        Explicit(names.filter(|name| options.has(name)).collect())
    }
}

impl Options {
    fn has(&self, name: &str) -> bool {
        match name {
            "client_id" => self.client_id.is_some(),
            "client_secret" => self.client_secret.is_some(),
            "access_key_id" => self.access_key_id.is_some(),
            "access_key_secret" => self.access_key_secret.is_some(),
            "client_auth" => self.client_auth.is_some(),
            "scope" => self.scope.is_some(),
            _ => false,
        }
    }

    /// Whether a token was given, in whatever form.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some() || self.token_source.is_some()
    }

    /// Whether a part of a client or of an access key was given.
    pub(super) fn has_secrets(&self) -> bool {
        CLIENT.iter().chain(&KEY).any(|name| self.has(name))
    }
}

/// What the grant of the profile takes. Without a profile nobody knows, and nothing is said to be missing.
pub(super) fn credentials(
    options: &mut Options,
    explicit: &Explicit,
    profile: Option<&Profile>,
    mistakes: &mut Mistakes,
) -> Credentials {
    let grant = profile.map(|profile| profile.token.grant);
    let needed: &[&str] = match grant {
        Some(GrantKind::ClientCredentials) => &CLIENT,
        Some(GrantKind::Password) => &[CLIENT[0], CLIENT[1], KEY[0], KEY[1]],
        Some(GrantKind::AccessKey) => &KEY,
        None => &[],
    };
    if options.has_token() {
        return token(options, explicit, needed, mistakes);
    }
    for option in needed.iter().filter(|option| !options.has(option)) {
        let variable = spec(option).and_then(|spec| spec.env).unwrap_or_default();
        mistakes.add(option, "required", format!("is required: give it, or set `{variable}`"));
    }
    let without_client = grant == Some(GrantKind::AccessKey);
    for option in explicit.0.iter().filter(|_| grant.is_some()) {
        let unused = match *option {
            "client_auth" | "scope" => without_client,
            option => !needed.contains(&option),
        };
        if unused {
            let names: Vec<_> = needed.iter().map(|name| format!("`{}`", mistakes.name(name))).collect();
            let rule = format!("is not used by this profile, which takes {}", names.join(", "));
            mistakes.add(option, "unused", rule);
        }
    }
    let client = client(options, profile, without_client, mistakes);
    let key = AccessKey {
        id: options.access_key_id.take().unwrap_or_default(),
        secret: options.access_key_secret.take().unwrap_or_default(),
    };
    match grant {
        Some(GrantKind::Password) => Credentials::Password(client, key),
        Some(GrantKind::AccessKey) => Credentials::AccessKey(key),
        Some(GrantKind::ClientCredentials) | None => Credentials::Client(client),
    }
}

fn client(
    options: &mut Options,
    profile: Option<&Profile>,
    unused: bool,
    mistakes: &mut Mistakes,
) -> OAuthClient {
    let said = options.client_auth.take().filter(|_| !unused);
    let contract = profile.map(|profile| &profile.token);
    let auth = said.or_else(|| contract.map(|c| c.client_auth.clone())).unwrap_or_default();
    if !["post", "basic", "query"].contains(&auth.as_str()) && profile.is_some() {
        mistakes.add("client_auth", "invalid", "must be `post`, `basic` or `query`");
    }
    OAuthClient {
        id: options.client_id.take().unwrap_or_default(),
        secret: options.client_secret.take().unwrap_or_default(),
        auth,
        scope: options.scope.take().or_else(|| contract.and_then(|c| c.scope.clone())),
    }
}

/// A token in whatever form excludes what tokens are fetched with.
fn token(
    options: &mut Options,
    explicit: &Explicit,
    needed: &[&'static str],
    mistakes: &mut Mistakes,
) -> Credentials {
    let given = CLIENT
        .iter()
        .chain(&KEY)
        .filter(|name| explicit.0.contains(name) || (needed.contains(name) && options.has(name)));
    let names: Vec<_> = given.map(|name| format!("`{}`", mistakes.name(name))).collect();
    if !names.is_empty() {
        let rule = format!("excludes {}; give one or the other", names.join(" and "));
        mistakes.add("token", "conflict", rule);
    }
    match (options.token.take(), options.token_source.take()) {
        (Some(_), Some(source)) => {
            mistakes.add("token", "conflict", "is given twice, as text and as a function");
            Credentials::Source(source)
        }
        (None, Some(source)) => Credentials::Source(source),
        (token, None) => {
            let token = token.unwrap_or_default();
            if !is_bearer(token.expose_secret()) {
                mistakes.add("token", "invalid", "must be a bearer token: visible ASCII without spaces");
            }
            Credentials::Token(token)
        }
    }
}

/// RFC 6750 §2.1, and no more than visible ASCII: nothing that could end a header.
pub(crate) fn is_bearer(token: &str) -> bool {
    !token.is_empty() && token.len() <= 16_384 && token.bytes().all(|b| (0x21..=0x7e).contains(&b))
}
