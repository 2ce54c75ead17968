//! A token, as the options and the profile ask for one, and what it allows.

use cxone_actions::ErrorKind;
use cxone_actions::config::Credentials;
use cxone_actions::probe::{Body, Issued, Probe, TokenAnswer};
use cxone_actions::profile::{GrantKind, TokenTemplate};

use super::PATIENCE;
use super::check::Check;
use crate::plain::plain;

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) checks: Vec<Check>,
    pub(super) token: Option<Issued>,
    /// How far the service's clock is ahead of ours.
    pub(super) ahead: Option<f64>,
}

pub(super) async fn checks(probe: &Probe, way: bool) -> Asked {
    let mut asked = Asked::default();
    let check = Check::of("token", "token", "ask for a token");
    if !probe.has_credentials() {
        asked.checks.push(check.skipped("there are no credentials that can be used"));
        return asked;
    }
    if !probe.asks_for_tokens() {
        let check = Check::of("token", "token", "look at the credentials");
        asked.checks.push(check.passed("a token is given: the gateway says whether it takes it"));
        asked.token = probe.given_token();
        return asked;
    }
    if !way {
        asked.checks.push(check.skipped("there is no way to the token service"));
        return asked;
    }
    let contract = &probe.config().profile.token;
    let found = probe.token_url();
    let discovery = matches!(contract.endpoint, TokenTemplate::Discover(..))
        .then(|| Check::of("token", "discovery", "read the OpenID configuration"));
    let url = match (tokio::time::timeout(PATIENCE, found).await, discovery) {
        (Ok(Ok(url)), discovery) => {
            let said = format!("tokens are asked for at `{}`", without_query(&url));
            asked.checks.extend(discovery.map(|check| check.passed(said)));
            url
        }
        (Ok(Err(error)), discovery) => {
            asked.checks.push(discovery.unwrap_or(check).failed_by(&error));
            return asked;
        }
        (Err(_), discovery) => {
            let check = discovery.unwrap_or(check);
            let todo = "try again later, or ask the operator of the token service";
            asked.checks.push(check.failed(ErrorKind::Unavailable, "no answer in time", todo));
            return asked;
        }
    };
    let tried = format!("ask `{}` for a token by {}", without_query(&url), grant(probe));
    let check = Check::of("token", "token", tried);
    let answer = probe.token(&url, None, PATIENCE).await;
    asked.ahead = answer.heard.as_ref().and_then(|heard| heard.ahead);
    let missing = missing(probe, &answer);
    let (check, scopes) = match &answer.outcome {
        Ok(token) => {
            let serves = token.lifetime.map(|time| format!(" that serves for {} s", time.as_secs()));
            let said = format!("a bearer token{}", serves.unwrap_or_default());
            let check = if by_query(probe) {
                check.warned(
                    format!("{said}; the secret went in the URL, where proxies log it"),
                    "set `client_auth` to `post` or `basic` if the service takes it",
                )
            } else {
                check.passed(said)
            };
            (check, scopes(probe, &answer, &missing))
        }
        // A token came, and does not allow what is needed.
        Err(_) if !missing.is_empty() => (check.passed("a bearer token"), scopes(probe, &answer, &missing)),
        Err(error) => {
            let todo = match other_way(probe, &url, &answer).await {
                Some(way) => format!("set `client_auth` to `{way}`: asked so, the service issues a token"),
                None => error.hint().unwrap_or("ask the operator of the token service").to_owned(),
            };
            let page = answer.heard.as_ref().is_some_and(|heard| heard.body == Body::Page);
            let page = if page { "; it is a web page, of a portal or of another server" } else { "" };
            let said = format!("{}{page}", error.message());
            let why = "there is no token";
            let scopes = Check::of("token", "scopes", "compare the scopes of the token").skipped(why);
            (check.failed(error.kind(), said, todo), scopes)
        }
    };
    asked.checks.extend([check, scopes]);
    asked.token = answer.outcome.ok();
    asked
}

/// The grant, by the words of the profile.
fn grant(probe: &Probe) -> String {
    let client_auth = match &probe.config().credentials {
        Credentials::Client(client) | Credentials::Password(client, _) => format!(", `{}`", client.auth),
        _ => String::new(),
    };
    let grant = match probe.config().profile.token.grant {
        GrantKind::ClientCredentials => "client_credentials",
        GrantKind::Password => "password",
        GrantKind::AccessKey => "access_key",
    };
    format!("`{grant}`{client_auth}")
}

fn by_query(probe: &Probe) -> bool {
    matches!(&probe.config().credentials,
        Credentials::Client(client) | Credentials::Password(client, _) if client.auth == "query")
}

/// Whether the service would know the client if it said otherwise who it is. The URL is never tried for that.
async fn other_way(probe: &Probe, url: &url::Url, answer: &TokenAnswer) -> Option<&'static str> {
    let refused = answer.heard.as_ref().is_some_and(|heard| matches!(heard.status, 400 | 401));
    let other = match &probe.config().credentials {
        Credentials::Client(client) | Credentials::Password(client, _) if refused => {
            if client.auth == "basic" { "post" } else { "basic" }
        }
        _ => return None,
    };
    let answer = probe.token(url, Some(other), PATIENCE).await;
    answer.outcome.is_ok().then_some(other)
}

/// What is asked for, and was not granted.
fn missing(probe: &Probe, answer: &TokenAnswer) -> Vec<String> {
    let Some(granted) = &answer.granted else { return Vec::new() };
    let granted: Vec<_> = granted.split_whitespace().collect();
    let asked = probe.scope().unwrap_or_default().split_whitespace();
    asked.filter(|scope| !granted.contains(scope)).map(str::to_owned).collect()
}

fn scopes(probe: &Probe, answer: &TokenAnswer, missing: &[String]) -> Check {
    let asked = probe.scope().unwrap_or_default();
    let check = Check::of(
        "token",
        "scopes",
        match asked {
            "" => "ask for no scope".to_owned(),
            asked => format!("ask for the scopes `{asked}`"),
        },
    );
    let granted = answer.granted.as_deref().map(|granted| plain(granted, 400));
    match (granted, missing) {
        (_, [_, ..]) => check.failed(
            ErrorKind::Auth,
            format!("the token service did not grant `{}`", missing.join(" ")),
            "attach what is missing to the OAuth client, or ask for less with `scope`",
        ),
        (Some(granted), []) if granted.is_empty() => check.passed("the service granted none"),
        (Some(granted), []) => check.passed(format!("the service granted `{granted}`")),
        (None, []) => {
            check.passed("the service does not say what it granted, which is everything (RFC 6749)")
        }
    }
}

fn without_query(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}
