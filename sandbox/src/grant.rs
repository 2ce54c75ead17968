//! The token endpoint: which grant it knows, and who may have a token.
//!
//! RFC 6749 §4.4 (client credentials) and §4.3 (password, with an access key for the user). The client may say who it
//! is in the form body, in HTTP Basic, or where a profile allows it in the URL's query; exactly one of them. The last
//! is what RFC 6749 §2.3.1 forbids and old tutorials do, so a sandbox has to know it.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use url::form_urlencoded;

use crate::credentials::Credentials;
use crate::tokens::Scopes;

/// What a profile's token endpoint asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// `client_credentials`; the client also in the query; a Basic header as RFC 6749 §2.3.1 has it, form-encoded.
    ClientCredentials,
    /// `client_credentials` as vendors take it: nothing in the query, and a Basic header may hold what was not encoded.
    PlainClientCredentials,
    /// `password`: the access key is the user, beside the client as above. Its `=` must be percent-encoded.
    Password,
    /// The access key as JSON, and no client.
    AccessKey,
}

/// Why there is no token, for the profile to say.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    /// The code of RFC 6749 §5.2.
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

impl Refused {
    fn new(status: StatusCode, error: &'static str, description: impl Into<String>) -> Self {
        Refused { status, error, description: description.into() }
    }

    fn request(description: impl Into<String>) -> Self {
        Refused::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }
}

/// The scopes to grant, or the refusal.
pub(crate) fn decide(
    known: &Credentials,
    grant: Grant,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Scopes, Refused> {
    if grant == Grant::AccessKey {
        return by_access_key(known, headers, body);
    }
    let in_query = match grant {
        Grant::ClientCredentials => Parameters::parse(query.unwrap_or_default().as_bytes(), false)?,
        _ => Parameters::default(),
    };
    let in_body = match body {
        b"" => Parameters::default(),
        // What axios makes of no body at all, where it is told to speak JSON; the rest stands in the query then.
        b"null" if grant == Grant::ClientCredentials && is_json(headers) => Parameters::default(),
        form if is_form(headers) => Parameters::parse(form, grant == Grant::Password)?,
        _ => return Err(Refused::request("the body must be `application/x-www-form-urlencoded`")),
    };
    authenticate(known, grant, &in_query, &in_body, headers)?;

    let wanted = if grant == Grant::Password { "password" } else { "client_credentials" };
    match one_of("grant_type", in_body.grant_type.as_ref(), in_query.grant_type.as_ref())? {
        Some(said) if said == wanted => {}
        Some(_) => {
            let what = format!("`grant_type` must be `{wanted}`");
            return Err(Refused::new(StatusCode::BAD_REQUEST, "unsupported_grant_type", what));
        }
        None => return Err(Refused::request("`grant_type` is missing")),
    }
    if grant == Grant::Password {
        let is_key = in_body.username.as_deref() == Some(known.access_key_id.as_str())
            && in_body.password.as_deref() == Some(known.access_key_secret.as_str());
        if !is_key {
            let what = "unknown access key, or wrong secret";
            return Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_grant", what));
        }
    }
    scopes(known.scopes, one_of("scope", in_body.scope.as_ref(), in_query.scope.as_ref())?)
}

fn by_access_key(known: &Credentials, headers: &HeaderMap, body: &[u8]) -> Result<Scopes, Refused> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct AccessKey {
        access_key_id: String,
        access_key_secret: String,
    }

    if !is_json(headers) {
        return Err(Refused::request("the body must be `application/json`"));
    }
    let key: AccessKey = serde_json::from_slice(body).map_err(|_| {
        Refused::request("the body must be an object with `accessKeyId` and `accessKeySecret`")
    })?;
    if key.access_key_id != known.access_key_id || key.access_key_secret != known.access_key_secret {
        let what = "unknown access key, or wrong secret";
        return Err(Refused::new(StatusCode::UNAUTHORIZED, "invalid_grant", what));
    }
    Ok(known.scopes)
}

/// The parameters that the endpoint looks at. RFC 6749 §3.2: unknown ones are ignored, none may come twice.
#[derive(Default)]
struct Parameters {
    grant_type: Option<String>,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Parameters {
    /// `strictly` refuses a value with an `=` in it, which a form's encoding never leaves as it is.
    fn parse(text: &[u8], strictly: bool) -> Result<Self, Refused> {
        let has_equals = |pair: &[u8]| pair.splitn(3, |byte| *byte == b'=').count() > 2;
        if strictly && text.split(|byte| *byte == b'&').any(has_equals) {
            return Err(Refused::request("a value has an `=` in it that is not percent-encoded"));
        }
        let mut parameters = Parameters::default();
        for (name, value) in form_urlencoded::parse(text) {
            let place = match name.as_ref() {
                "grant_type" => &mut parameters.grant_type,
                "scope" => &mut parameters.scope,
                "client_id" => &mut parameters.client_id,
                "client_secret" => &mut parameters.client_secret,
                "username" => &mut parameters.username,
                "password" => &mut parameters.password,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Refused::request(format!("`{name}` is given twice")));
            }
        }
        Ok(parameters)
    }
}

/// A parameter that may stand in the body or in the query, but not in both.
fn one_of<'a>(
    name: &str,
    body: Option<&'a String>,
    query: Option<&'a String>,
) -> Result<Option<&'a str>, Refused> {
    match (body, query) {
        (Some(_), Some(_)) => Err(Refused::request(format!("`{name}` is given twice"))),
        (one, other) => Ok(one.or(other).map(String::as_str)),
    }
}

fn authenticate(
    known: &Credentials,
    grant: Grant,
    query: &Parameters,
    body: &Parameters,
    headers: &HeaderMap,
) -> Result<(), Refused> {
    let basic = headers.get(header::AUTHORIZATION).map(basic_credentials);
    let ways = [body.client_secret.is_some(), query.client_secret.is_some(), basic.is_some()];
    match ways.into_iter().filter(|used| *used).count() {
        0 => {
            return Err(invalid_client(
                false,
                "no client authentication: send `client_id` and `client_secret`",
            ));
        }
        1 => {}
        _ => {
            return Err(Refused::request("more than one client authentication (RFC 6749 §2.3 allows one)"));
        }
    }
    let is_client = |id: Option<&str>, secret: Option<&str>| {
        id == Some(known.client_id.as_str()) && secret == Some(known.client_secret.as_str())
    };
    let by_header = basic.is_some();
    let right = match basic {
        None if body.client_secret.is_some() => {
            is_client(body.client_id.as_deref(), body.client_secret.as_deref())
        }
        None => is_client(query.client_id.as_deref(), query.client_secret.as_deref()),
        Some(None) => false,
        Some(Some((id, secret))) => {
            is_client(form_decoded(&id).as_deref(), form_decoded(&secret).as_deref())
                || grant != Grant::ClientCredentials && is_client(Some(&id), Some(&secret))
        }
    };
    if right { Ok(()) } else { Err(invalid_client(by_header, "unknown client, or wrong secret")) }
}

/// Id and secret of a Basic header as they stand there: form-encoded before they were joined (RFC 6749 §2.3.1), or not.
fn basic_credentials(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(Cow::into_owned)
}

/// RFC 6749 §3.3: without a wish, all that the client may have; with one, what of it the client may have.
fn scopes(allowed: Scopes, wish: Option<&str>) -> Result<Scopes, Refused> {
    let refused = |what: &str| Err(Refused::new(StatusCode::BAD_REQUEST, "invalid_scope", what));
    let granted = match wish.map(|text| Scopes::parse(text.split_ascii_whitespace())) {
        None => allowed,
        Some(Ok(scopes)) => scopes.and(allowed),
        Some(Err(_)) => return refused("`scope` holds a word that this gateway does not know"),
    };
    if granted.is_empty() { refused("the client may have none of these scopes") } else { Ok(granted) }
}

/// Whether the body is said to be a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/json")
}

/// What the body is said to be, without parameters such as the charset.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// RFC 6749 §5.2: 401 and the scheme where the client tried the header, 400 otherwise.
fn invalid_client(by_header: bool, description: &str) -> Refused {
    let status = if by_header { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    Refused::new(status, "invalid_client", description)
}
