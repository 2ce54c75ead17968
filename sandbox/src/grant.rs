//! The token endpoint: `POST /api/v2/oauth/token` of RFC 6749 §4.4 (client credentials).
//!
//! The client may say who it is in the form body, in HTTP Basic, or in the URL's query; exactly one of them. The
//! last is what RFC 6749 §2.3.1 forbids and old tutorials do, so a sandbox has to know it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

use crate::reply::Reply;
use crate::tokens::Scopes;

/// Who may have a token, and for what.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) scopes: Scopes,
}

/// The scopes to grant, or the refusal.
pub(crate) fn decide(
    known: &Credentials,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Scopes, Reply> {
    let in_query = Parameters::parse(query.unwrap_or_default().as_bytes())?;
    let in_body = match body {
        b"" => Parameters::default(),
        form if is_form(headers) => Parameters::parse(form)?,
        _ => return Err(invalid_request("the body must be `application/x-www-form-urlencoded`")),
    };
    authenticate(known, &in_query, &in_body, headers)?;

    let grant_type = one_of("grant_type", &in_body.grant_type, &in_query.grant_type)?;
    match grant_type {
        Some("client_credentials") => {}
        Some(_) => {
            let what = "`grant_type` must be `client_credentials`";
            return Err(Reply::oauth(StatusCode::BAD_REQUEST, "unsupported_grant_type", what));
        }
        None => return Err(invalid_request("`grant_type` is missing")),
    }
    grant(known.scopes, one_of("scope", &in_body.scope, &in_query.scope)?)
}

/// The parameters that the endpoint looks at. RFC 6749 §3.2: unknown ones are ignored, none may come twice.
#[derive(Default)]
struct Parameters {
    grant_type: Option<String>,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Parameters {
    fn parse(text: &[u8]) -> Result<Self, Reply> {
        let mut parameters = Parameters::default();
        for (name, value) in form_urlencoded::parse(text) {
            let place = match name.as_ref() {
                "grant_type" => &mut parameters.grant_type,
                "scope" => &mut parameters.scope,
                "client_id" => &mut parameters.client_id,
                "client_secret" => &mut parameters.client_secret,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(invalid_request(&format!("`{name}` is given twice")));
            }
        }
        Ok(parameters)
    }
}

/// A parameter that may stand in the body or in the query, but not in both.
fn one_of<'a>(
    name: &str,
    body: &'a Option<String>,
    query: &'a Option<String>,
) -> Result<Option<&'a str>, Reply> {
    match (body, query) {
        (Some(_), Some(_)) => Err(invalid_request(&format!("`{name}` is given twice"))),
        (one, other) => Ok(one.as_deref().or(other.as_deref())),
    }
}

fn authenticate(
    known: &Credentials,
    query: &Parameters,
    body: &Parameters,
    headers: &HeaderMap,
) -> Result<(), Reply> {
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
        _ => return Err(invalid_request("more than one client authentication (RFC 6749 §2.3 allows one)")),
    }
    let by_header = basic.is_some();
    let (client_id, client_secret) = match basic {
        Some(credentials) => match credentials {
            Some((id, secret)) => (Some(id), Some(secret)),
            None => (None, None),
        },
        None if body.client_secret.is_some() => (body.client_id.clone(), body.client_secret.clone()),
        None => (query.client_id.clone(), query.client_secret.clone()),
    };
    let right = client_id.as_deref() == Some(known.client_id.as_str())
        && client_secret.as_deref() == Some(known.client_secret.as_str());
    if right { Ok(()) } else { Err(invalid_client(by_header, "unknown client, or wrong secret")) }
}

/// Id and secret of a Basic header, each of them form-encoded before they were joined (RFC 6749 §2.3.1).
fn basic_credentials(value: &HeaderValue) -> Option<(String, String)> {
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let joined = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

/// RFC 6749 §3.3: without a wish, all that the client may have; with one, what of it the client may have.
fn grant(allowed: Scopes, wish: Option<&str>) -> Result<Scopes, Reply> {
    let refused = |what: &str| Err(Reply::oauth(StatusCode::BAD_REQUEST, "invalid_scope", what));
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

/// What the body is said to be, without parameters such as the charset.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

fn invalid_request(description: &str) -> Reply {
    Reply::oauth(StatusCode::BAD_REQUEST, "invalid_request", description)
}

/// RFC 6749 §5.2: 401 and the scheme where the client tried the header, 400 otherwise.
fn invalid_client(by_header: bool, description: &str) -> Reply {
    if !by_header {
        return Reply::oauth(StatusCode::BAD_REQUEST, "invalid_client", description);
    }
    Reply::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"sandbox\""))
}
