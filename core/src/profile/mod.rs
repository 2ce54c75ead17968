//! The wire contract as data: where the gateway listens, what it is sent, what its answers look like, what its status
//! words mean, and what it guarantees.
//!
//! Nothing about the wire is a constant in Rust. A profile is a TOML file, the built-in ones too
//! ([`Profile::built_in`]), and one that a user writes is read by the same code. A file that cannot work is refused with
//! every mistake at once, each by file, line and key. What each key means is written in `docs/profiles.md`.

mod address;
#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
mod places;
mod read;
mod routes;
mod status;
mod template;
mod values;

use std::path::Path;
use std::time::Duration;

use crate::contract::{ActionIdRule, BodyTemplate, InputsRule};
use crate::error::{Error, ErrorKind, Result};

pub(crate) use address::{Address, Origin};
pub use places::RateLimit;
pub(crate) use places::{is_loopback, url_rule};
pub use routes::TokenEndpoint;
pub(crate) use routes::{Missing, Routes, no_schema};
pub use status::{Meaning, StatusWords};
pub use template::UrlTemplate;

const BUILT_IN: [(&str, &str); 4] = [
    ("gateway", include_str!("gateway.toml")),
    ("genesys-data-action", include_str!("genesys-data-action.toml")),
    ("genesys-flow", include_str!("genesys-flow.toml")),
    ("cxone-extraction", include_str!("cxone-extraction.toml")),
];

/// One gateway's contract.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name, as resume tokens and the trail say it.
    pub name: String,
    /// What it is for, in a line.
    pub about: Option<String>,
    /// Where the vendor documents it; none where nobody does.
    pub source: Option<String>,
    /// What each host of a URL stands for, with `{region}` in it.
    pub hosts: Vec<(String, UrlTemplate)>,
    /// What `region` may be: a name, and the value that it stands for. Empty for anything.
    pub regions: Vec<(String, String)>,
    /// How to get a token.
    pub token: TokenContract,
    /// How to submit.
    pub invoke: InvokeContract,
    /// How to look; none where the answer to the POST is the result.
    pub poll: Option<PollContract>,
    /// What status words mean.
    pub status: StatusWords,
    /// What the gateway can bear.
    pub limits: Limits,
    /// Where its errors say what, beyond the envelopes that are known anyway.
    pub errors: ErrorPlaces,
    /// Where the JSON Schema of an action is.
    pub schema: Option<SchemaContract>,
    /// How its callbacks are signed, where a secret is given.
    pub callback: SignatureContract,
}

/// How to get a token.
#[derive(Debug, Clone)]
pub struct TokenContract {
    /// Where.
    pub endpoint: TokenTemplate,
    /// Which grant.
    pub grant: GrantKind,
    /// How the client says who it is: `post`, `basic` or `query`.
    pub client_auth: String,
    /// The scopes that are asked for, separated by spaces.
    pub scope: Option<String>,
}

/// Where the token endpoint is.
#[derive(Debug, Clone)]
pub enum TokenTemplate {
    /// There.
    At(UrlTemplate),
    /// Where an OpenID configuration says, if that is its own host or one of these (`*.example.com`).
    Discover(UrlTemplate, Vec<String>),
}

/// Which grant the token service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantKind {
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3, with an access key as the user.
    Password,
    /// An access key as JSON, and no client.
    AccessKey,
}

/// How to submit.
#[derive(Debug, Clone)]
pub struct InvokeContract {
    /// Where.
    pub url: UrlTemplate,
    /// What is sent.
    pub body: BodyTemplate,
    /// What identifies an action.
    pub action_id: ActionIdRule,
    /// What an input may be.
    pub inputs: InputsRule,
    /// Statuses that mean accepted (if the answer carries a usable id) or, in a synchronous profile, completed.
    pub accepted: Vec<u16>,
    /// JSON pointer to the invocation id.
    pub id: String,
    /// What an invocation id looks like.
    pub id_form: IdForm,
    /// JSON pointer to the outputs in the answer of a synchronous profile.
    pub outputs: String,
    /// JSON pointer to what only an error of the action itself holds, in a synchronous profile: the action ran, and failed.
    pub failed: Option<String>,
    /// Statuses that prove that the request was not processed.
    pub unprocessed: Vec<u16>,
    /// Headers of every POST that carry the correlation id.
    pub correlation_headers: Vec<String>,
    /// Further headers of every POST, name and value.
    pub headers: Vec<(String, String)>,
}

/// What an invocation id looks like. It is put into a URL, so nothing in it may mean another path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdForm {
    /// 1 to 256 of `A-Z a-z 0-9 . _ ~ : -`, neither `.` nor `..`.
    Name,
    /// A UUID of 36 characters.
    Uuid,
}

/// How to look, and where an answer holds what.
#[derive(Debug, Clone)]
pub struct PollContract {
    /// Where; `{invocation_id}` is in it.
    pub url: UrlTemplate,
    /// JSON pointer to the invocation id, compared with the one that was asked for; none where answers hold none.
    pub id: Option<String>,
    /// JSON pointer to the status word.
    pub status: String,
    /// JSON pointer to the outputs.
    pub outputs: String,
    /// JSON pointer to the reason of a failure.
    pub error: String,
    /// So long after its acceptance a 404 may mean that an invocation is not visible yet.
    pub visible_within: Duration,
}

/// What the gateway can bear.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The longest body.
    pub body_bytes: usize,
    /// One HTTP attempt, with its body.
    pub request_timeout: Option<Duration>,
    /// Never speak HTTP/2.
    pub http1_only: bool,
    /// Sends per time.
    pub rate: Option<RateLimit>,
    /// Whether polls count too.
    pub rate_counts_polls: bool,
}

/// Where an error says what, as JSON pointers and header names.
#[derive(Debug, Clone, Default)]
pub struct ErrorPlaces {
    /// Its code.
    pub code: Vec<String>,
    /// Its message.
    pub message: Vec<String>,
    /// The gateway's name for the request.
    pub request_id: Vec<String>,
    /// Headers with the message.
    pub message_headers: Vec<String>,
    /// Headers with the gateway's name for the request.
    pub request_id_headers: Vec<String>,
}

/// How callbacks are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SignatureContract {
    /// As <https://www.standardwebhooks.com> says.
    #[default]
    StandardWebhooks,
    /// By one header with an HMAC in it.
    Hmac(HmacContract),
}

/// An HMAC of the body in a header; of the time, a dot and the body, where there is a header with the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HmacContract {
    /// The header.
    pub header: String,
    /// What it is made with.
    pub algorithm: HmacAlgorithm,
    /// How it is written.
    pub encoding: Encoding,
    /// What stands before it: `sha256=`.
    pub prefix: String,
    /// The header with the time, in seconds since 1970.
    pub timestamp_header: Option<String>,
    /// How far that time may be from now, to both sides.
    pub tolerance: Duration,
}

/// What an HMAC is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HmacAlgorithm {
    /// HMAC-SHA256.
    Sha256,
    /// HMAC-SHA512.
    Sha512,
}

/// How an HMAC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits.
    Hex,
    /// Base64, with padding or without.
    Base64,
}

/// Where the JSON Schema of an action is.
#[derive(Debug, Clone)]
pub struct SchemaContract {
    /// Where; `{action_id}` is in it.
    pub url: UrlTemplate,
    /// JSON pointer to the action's name.
    pub name: Option<String>,
    /// JSON pointer to the schema of the inputs.
    pub input: String,
    /// JSON pointer to the schema of the outputs.
    pub output: Option<String>,
}

impl Profile {
    /// The names of the built-in profiles.
    pub fn built_in() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The text of a built-in profile: a start for one of your own.
    pub fn text(name: &str) -> Option<&'static str> {
        BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// A built-in profile by name, or a TOML file by path.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: no such profile, an unreadable file, or every mistake in it with its line and key.
    pub fn load(name: &str) -> Result<Profile> {
        if let Some(text) = Profile::text(name) {
            return Profile::from_toml(text, name);
        }
        if Path::new(name).extension().is_none_or(|e| e != "toml") {
            let names: Vec<_> = Profile::built_in().map(|name| format!("`{name}`")).collect();
            let message = format!("`profile` must be {} or a path that ends in .toml", names.join(", "));
            let near = crate::contract::pointer::nearest(name, Profile::built_in());
            let hint =
                near.map_or_else(|| "check the spelling".to_owned(), |n| format!("did you mean `{n}`?"));
            return Err(Error::new(ErrorKind::Config, format!("{message}; {hint}")));
        }
        let text = std::fs::read_to_string(name).map_err(|error| {
            Error::new(ErrorKind::Config, format!("`profile` file `{name}` cannot be read: {error}"))
        })?;
        Profile::from_toml(&text, name)
    }

    /// Reads a profile; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with every mistake, each by line and key.
    pub fn from_toml(text: &str, origin: &str) -> Result<Profile> {
        read::read(text, origin)
    }

    /// Whether the answer to the POST is the result.
    pub fn is_synchronous(&self) -> bool {
        self.poll.is_none()
    }
}

#[cfg(test)]
mod tests;
