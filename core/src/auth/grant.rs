//! What a token request says: RFC 6749 §4.4 (client credentials), §4.3 (an access key as the user), or an access key as
//! JSON, as NICE CXone takes it. The client authenticates as §2.3.1 says.
//!
//! A secret goes into the body or the `Authorization` header. `query` puts it into the URL, where proxies log it; it
//! exists for gateways that know nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::config::{AccessKey, Credentials, OAuthClient};
use crate::error::{Error, ErrorKind, Result};

/// What to ask a token service for, and how.
#[derive(Debug)]
pub(super) enum Grant {
    ClientCredentials(OAuthClient),
    Password(OAuthClient, AccessKey),
    AccessKey(AccessKey),
}

impl Grant {
    /// None where no token service is asked.
    pub(super) fn of(credentials: &Credentials) -> Option<Grant> {
        match credentials {
            Credentials::Client(client) => Some(Grant::ClientCredentials(client.clone())),
            Credentials::Password(client, key) => Some(Grant::Password(client.clone(), key.clone())),
            Credentials::AccessKey(key) => Some(Grant::AccessKey(key.clone())),
            Credentials::Token(_) | Credentials::Source(_) => None,
        }
    }

    /// The scopes that are asked for.
    pub(super) fn scope(&self) -> Option<&str> {
        self.client().and_then(|client| client.scope.as_deref())
    }

    /// What to look at when the service refuses.
    pub(super) fn wrong(&self) -> &'static str {
        match self {
            Grant::ClientCredentials(_) => "check `client_id`, `client_secret` and `client_auth`",
            Grant::Password(..) => {
                "check `client_id`, `client_secret` and `client_auth`, and `access_key_id` and `access_key_secret`"
            }
            Grant::AccessKey(_) => "check `access_key_id` and `access_key_secret`",
        }
    }

    pub(super) fn request(&self, mut url: Url) -> Result<reqwest::Request> {
        let mut authorization = None;
        let (kind, body) = match self {
            Grant::AccessKey(key) => {
                let body = json!({"accessKeyId": key.id, "accessKeySecret": key.secret.expose_secret()});
                ("application/json", body.to_string())
            }
            Grant::ClientCredentials(client) | Grant::Password(client, _) => {
                let mut form = Serializer::new(String::new());
                self.ask(&mut form);
                match client.auth.as_str() {
                    "basic" => authorization = Some(basic(client)?),
                    "query" => {
                        identify(&mut url.query_pairs_mut(), client);
                    }
                    _ => {
                        identify(&mut form, client);
                    }
                }
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        let mut request = reqwest::Request::new(Method::POST, url);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    fn ask(&self, form: &mut Serializer<'_, String>) {
        match self {
            Grant::Password(_, key) => {
                form.append_pair("grant_type", "password")
                    .append_pair("username", &key.id)
                    .append_pair("password", key.secret.expose_secret());
            }
            _ => {
                form.append_pair("grant_type", "client_credentials");
            }
        }
        if let Some(scope) = self.scope() {
            form.append_pair("scope", scope);
        }
    }

    /// The error without the secrets, in every form in which they were sent: a service may echo what it was sent.
    pub(super) fn taken_out_of(&self, error: Error) -> Error {
        let client = self.client().map(|client| (&client.id, client.secret.expose_secret()));
        let key = self.key().map(|key| (&key.id, key.secret.expose_secret()));
        let forms: Vec<String> = client
            .into_iter()
            .chain(key)
            .flat_map(|(id, secret)| {
                [
                    STANDARD.encode(pair(id, secret)),
                    STANDARD.encode(format!("{id}:{secret}")),
                    encode(secret),
                    utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
                    secret.to_owned(),
                ]
            })
            .collect();
        error.without(forms.iter().map(String::as_str))
    }

    fn client(&self) -> Option<&OAuthClient> {
        match self {
            Grant::ClientCredentials(client) | Grant::Password(client, _) => Some(client),
            Grant::AccessKey(_) => None,
        }
    }

    fn key(&self) -> Option<&AccessKey> {
        match self {
            Grant::Password(_, key) | Grant::AccessKey(key) => Some(key),
            Grant::ClientCredentials(_) => None,
        }
    }
}

fn identify<T: url::form_urlencoded::Target>(form: &mut Serializer<'_, T>, client: &OAuthClient) {
    form.append_pair("client_id", &client.id).append_pair("client_secret", client.secret.expose_secret());
}

fn basic(client: &OAuthClient) -> Result<HeaderValue> {
    let pair = pair(&client.id, client.secret.expose_secret());
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| Error::new(ErrorKind::Config, "the client credentials do not fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined, or a colon in the id would split it.
fn pair(id: &str, secret: &str) -> String {
    format!("{}:{}", encode(id), encode(secret))
}

fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a+b%/:é";
    const KEY_SECRET: &str = "K3Y/s3cr3t====";

    fn client(auth: &str) -> OAuthClient {
        OAuthClient {
            id: "id:1".into(),
            secret: SECRET.into(),
            auth: auth.into(),
            scope: Some("read write".into()),
        }
    }

    fn key() -> AccessKey {
        AccessKey { id: "KEY====".into(), secret: KEY_SECRET.into() }
    }

    fn sent(grant: &Grant) -> (reqwest::Request, String) {
        let request = grant.request(Url::parse("https://gateway.example/token").unwrap()).unwrap();
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default().to_vec();
        (request, String::from_utf8(body).unwrap())
    }

    #[test]
    fn a_secret_is_never_in_the_url_unless_query_was_chosen() {
        let grants = [
            Grant::ClientCredentials(client("post")),
            Grant::ClientCredentials(client("basic")),
            Grant::Password(client("post"), key()),
            Grant::Password(client("basic"), key()),
            Grant::AccessKey(key()),
        ];
        for grant in grants {
            assert_eq!(sent(&grant).0.url().query(), None, "tutorial defect S2, {grant:?}");
        }
        let (request, body) = sent(&Grant::ClientCredentials(client("query")));
        assert!(request.url().query().is_some_and(|query| query.contains("client_secret=")));
        assert!(!body.contains("client_secret"));
    }

    #[test]
    fn client_credentials_are_a_form_that_asks_for_json() {
        let (request, body) = sent(&Grant::ClientCredentials(client("post")));
        assert_eq!(
            request.headers()[CONTENT_TYPE],
            "application/x-www-form-urlencoded",
            "tutorial defect S3"
        );
        assert_eq!(request.headers()[ACCEPT], "application/json");
        assert_eq!(
            body,
            "grant_type=client_credentials&scope=read+write&client_id=id%3A1&client_secret=a%2Bb%25%2F%3A%C3%A9"
        );
    }

    #[test]
    fn basic_encodes_both_parts_before_joining_them() {
        let (request, body) = sent(&Grant::ClientCredentials(client("basic")));
        let header = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let pair = STANDARD.decode(header.strip_prefix("Basic ").unwrap()).unwrap();
        assert_eq!(pair, b"id%3A1:a%2Bb%25%2F%3A%C3%A9");
        assert!(!body.contains("client_secret"));
    }

    #[test]
    fn an_access_key_is_the_user_of_the_password_grant_and_its_equals_signs_are_encoded() {
        let (request, body) = sent(&Grant::Password(client("basic"), key()));
        assert!(request.headers().contains_key(AUTHORIZATION));
        assert_eq!(
            body,
            "grant_type=password&username=KEY%3D%3D%3D%3D&password=K3Y%2Fs3cr3t%3D%3D%3D%3D&scope=read+write"
        );
    }

    #[test]
    fn an_access_key_alone_is_a_json_object_without_any_client() {
        let (request, body) = sent(&Grant::AccessKey(key()));
        assert_eq!(request.headers()[CONTENT_TYPE], "application/json");
        assert!(!request.headers().contains_key(AUTHORIZATION));
        assert_eq!(body, r#"{"accessKeyId":"KEY====","accessKeySecret":"K3Y/s3cr3t===="}"#);
    }

    #[test]
    fn no_form_in_which_a_secret_was_sent_is_left_in_an_error() {
        let grant = Grant::Password(client("basic"), key());
        let (request, body) = sent(&grant);
        let header = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let echoed = format!("bad request: {body} with {header}, {SECRET} and {KEY_SECRET}");
        let error = grant.taken_out_of(Error::new(ErrorKind::Auth, echoed)).to_string();
        let basic = STANDARD.encode(pair("id:1", SECRET));
        for form in [SECRET, KEY_SECRET, "a%2Bb%25%2F%3A%C3%A9", "K3Y%2Fs3cr3t", &basic] {
            assert!(!error.contains(form), "`{form}` stands in: {error}");
        }
        assert!(!format!("{grant:?}").contains("s3cr3t"));
    }
}
