//! What a sandbox is told before it starts. Everything has a default, and everything is checked before a port is
//! opened.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;

use crate::actions::Action;
use crate::error::SandboxError;
use crate::parse;

/// The scope that an invocation needs.
pub const SCOPE_WRITE: &str = "integration:actions:write";
/// The scope that a poll needs.
pub const SCOPE_READ: &str = "integration:actions:read";

/// What a sandbox is told before it starts.
///
/// ```
/// use std::time::Duration;
/// use cxone_actions_sandbox::SandboxOptions;
///
/// let options = SandboxOptions { seed: 7, token_lifetime: Duration::from_secs(90), ..SandboxOptions::default() };
/// let same = SandboxOptions::from_json(r#"{"seed": 7, "token_lifetime": 90}"#)?;
/// assert_eq!(options.token_lifetime, same.token_lifetime);
/// # Ok::<(), cxone_actions_sandbox::SandboxError>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SandboxOptions {
    /// The wire contract that is served. There is one: `gateway`.
    pub profile: String,
    /// Decides the credentials, the tokens and the invocation ids: the same seed gives the same ones in the same order.
    pub seed: u64,
    /// The loopback port; 0 is any free one.
    pub port: u16,
    /// Actions beyond those known out of the box. One with a known id replaces it.
    pub actions: Vec<Action>,
    /// How long a token is good for, and what `expires_in` says. An hour.
    #[serde(deserialize_with = "parse::seconds")]
    pub token_lifetime: Duration,
    /// How long an action takes that says nothing else. 50 ms.
    #[serde(deserialize_with = "parse::seconds")]
    pub complete_after: Duration,
    /// The client's id. Made from the seed where it is absent.
    pub client_id: Option<String>,
    /// The client's secret. Made from the seed where it is absent, of characters that have to be percent-encoded.
    #[serde(deserialize_with = "parse::secret")]
    pub client_secret: Option<String>,
    /// The scopes that the client may have: [`SCOPE_WRITE`] and [`SCOPE_READ`].
    pub scopes: Vec<String>,
    /// How many requests are remembered for [`Sandbox::requests`](crate::Sandbox::requests); older ones are
    /// forgotten. 10,000, and never more than 32 MiB of them.
    pub requests_kept: usize,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            profile: String::from("gateway"),
            seed: 0,
            port: 0,
            actions: Vec::new(),
            token_lifetime: Duration::from_secs(3600),
            complete_after: Duration::from_millis(50),
            client_id: None,
            client_secret: None,
            scopes: vec![SCOPE_WRITE.into(), SCOPE_READ.into()],
            requests_kept: 10_000,
        }
    }
}

impl SandboxOptions {
    /// Options as a JSON object with the names of the fields; durations are numbers of seconds, and an action is
    /// `{"id", "name", "required", "outcome", "outputs", "echo", "error_message", "complete_after",
    /// "complete_after_polls", "at_once"}`. An unknown name is an error.
    pub fn from_json(text: &str) -> Result<Self, SandboxError> {
        serde_json::from_str(text).map_err(|error| SandboxError::Options(format!("sandbox options: {error}")))
    }

    /// Everything that cannot work, except what only the operating system knows.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let mistake = |what: String| Err(SandboxError::Options(what));
        if self.profile != "gateway" {
            return mistake(format!("`profile` must be `gateway`, got `{}`", self.profile));
        }
        for (name, value) in [("client_id", &self.client_id), ("client_secret", &self.client_secret)] {
            if value.as_ref().is_some_and(String::is_empty) {
                return mistake(format!("`{name}` must not be empty, leave it out to have one made"));
            }
        }
        for scope in &self.scopes {
            if scope != SCOPE_WRITE && scope != SCOPE_READ {
                return mistake(format!(
                    "`scopes` may hold `{SCOPE_WRITE}` and `{SCOPE_READ}`, got `{scope}`"
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SandboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("profile", &self.profile)
            .field("seed", &self.seed)
            .field("port", &self.port)
            .field("actions", &self.actions)
            .field("token_lifetime", &self.token_lifetime)
            .field("complete_after", &self.complete_after)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret.as_ref().map(|_| "***"))
            .field("scopes", &self.scopes)
            .field("requests_kept", &self.requests_kept)
            .finish()
    }
}
