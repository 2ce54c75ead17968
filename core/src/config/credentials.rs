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

impl Credentials {
    /// What must never be printed.
    pub(crate) fn secrets(&self) -> Vec<SecretString> {
        match self {
            Credentials::Client(client) => vec![client.secret.clone()],
            Credentials::Password(client, key) => vec![client.secret.clone(), key.secret.clone()],
            Credentials::AccessKey(key) => vec![key.secret.clone()],
            Credentials::Token(token) => vec![token.clone()],
            Credentials::Source(_) => Vec::new(),
        }
    }
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
    if mistakes.unread("token") {
        return Credentials::Token(SecretString::default());
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::auth::BearerToken;
    use crate::config::{Config, Dialect};

    const GATEWAY: &str = include_str!("../profile/gateway.toml");

    /// The options with everything that is not about credentials, under a profile with this grant.
    fn resolved(grant: &str, given: &Value, with: fn(Options) -> Options) -> Result<Credentials, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mine.toml");
        let text = GATEWAY.replace("grant = \"client_credentials\"", &format!("grant = \"{grant}\""));
        std::fs::write(&path, text).unwrap();
        let mut all = json!({"baseUrl": "https://api.example.com", "profile": path.to_str().unwrap()});
        all.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
        let options = Options::from_json(&all.to_string(), Dialect::Node).unwrap();
        Config::resolve(with(options)).map(|config| config.credentials).map_err(|error| {
            let mistakes = error.violations().iter().map(|v| format!("{}: {}", v.path, v.code));
            assert!(!error.to_string().contains("s3cr3t"), "{error}");
            mistakes.collect::<Vec<_>>().join(", ")
        })
    }

    fn plain(options: Options) -> Options {
        options
    }

    fn sourced(options: Options) -> Options {
        options.with_token_source(|| async { Ok::<_, String>(BearerToken::new("t")) })
    }

    #[test]
    fn each_grant_takes_its_own_credentials_and_says_at_once_what_is_missing_or_not_its_own() {
        let client = json!({"clientId": "id", "clientSecret": "s3cr3t"});
        let key = json!({"accessKeyId": "key", "accessKeySecret": "s3cr3t"});
        let both = json!({"clientId": "id", "clientSecret": "s3cr3t", "accessKeyId": "key", "accessKeySecret": "s3cr3t"});
        let none = json!({});
        let cases = [
            ("client_credentials", &client, ""),
            ("client_credentials", &none, "clientId: required, clientSecret: required"),
            ("client_credentials", &both, "accessKeyId: unused, accessKeySecret: unused"),
            (
                "client_credentials",
                &key,
                "clientId: required, clientSecret: required, accessKeyId: unused, accessKeySecret: unused",
            ),
            ("password", &both, ""),
            ("password", &client, "accessKeyId: required, accessKeySecret: required"),
            ("password", &key, "clientId: required, clientSecret: required"),
            ("access_key", &key, ""),
            ("access_key", &both, "clientId: unused, clientSecret: unused"),
            (
                "access_key",
                &client,
                "accessKeyId: required, accessKeySecret: required, clientId: unused, clientSecret: unused",
            ),
        ];
        for (grant, given, says) in cases {
            let credentials = resolved(grant, given, plain);
            assert_eq!(credentials.as_ref().map_or_else(String::as_str, |_| ""), says, "{grant} {given}");
            let took = matches!(
                (grant, credentials),
                ("client_credentials", Ok(Credentials::Client(_)))
                    | ("password", Ok(Credentials::Password(..)))
                    | ("access_key", Ok(Credentials::AccessKey(_)))
            );
            assert_eq!(took, says.is_empty());
        }
        let needless =
            json!({"accessKeyId": "key", "accessKeySecret": "s3cr3t", "scope": "x", "clientAuth": "basic"});
        assert_eq!(
            resolved("access_key", &needless, plain).unwrap_err(),
            "clientAuth: unused, scope: unused"
        );
    }

    #[test]
    fn a_token_in_whatever_form_excludes_what_tokens_are_fetched_with() {
        let token = json!({"token": "t"});
        let grants = ["client_credentials", "password", "access_key"];
        for grant in grants {
            assert!(matches!(resolved(grant, &token, plain), Ok(Credentials::Token(_))));
            assert!(matches!(resolved(grant, &json!({}), sourced), Ok(Credentials::Source(_))));
            for excluded in ["clientId", "clientSecret", "accessKeyId", "accessKeySecret"] {
                let with = json!({"token": "t", excluded: "s3cr3t"});
                assert_eq!(resolved(grant, &with, plain).unwrap_err(), "token: conflict", "{excluded}");
                let with = json!({ excluded: "s3cr3t" });
                assert_eq!(resolved(grant, &with, sourced).unwrap_err(), "token: conflict", "{excluded}");
            }
        }
        assert_eq!(resolved("password", &token, sourced).unwrap_err(), "token: conflict", "twice");
    }

    #[test]
    fn no_way_of_printing_credentials_shows_a_secret() {
        let both = json!({"clientId": "id", "clientSecret": "s3cr3t", "accessKeyId": "key", "accessKeySecret": "s3cr3t"});
        let shown = format!("{:?}", resolved("password", &both, plain).unwrap());
        assert!(shown.contains("key") && !shown.contains("s3cr3t"), "{shown}");
    }
}
