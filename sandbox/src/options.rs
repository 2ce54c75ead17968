//! What a sandbox is told before it starts. Everything has a default, and everything is checked before a port is
//! opened.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::actions::Action;
use crate::callback::Signer;
use crate::error::SandboxError;
use crate::parse::{Members, Mistakes, one_of};
use crate::profile;
use crate::rate::Rate;

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
#[derive(Clone)]
pub struct SandboxOptions {
    /// The wire contract that is served: one of [`PROFILES`](crate::PROFILES). `gateway`.
    pub profile: String,
    /// Decides the credentials, the tokens and the invocation ids: the same seed gives the same ones in the same order.
    pub seed: u64,
    /// The loopback port; 0 is any free one.
    pub port: u16,
    /// Actions beyond those known out of the box. One with a known id replaces it.
    pub actions: Vec<Action>,
    /// A file of further actions, TOML or JSON: `[[actions]]` with the members that [`SandboxOptions::from_json`] names.
    /// Read once, when the sandbox starts.
    pub actions_file: Option<PathBuf>,
    /// How long a token is good for, and what `expires_in` says. An hour.
    pub token_lifetime: Duration,
    /// How long an action takes that says nothing else. 50 ms.
    pub complete_after: Duration,
    /// How long a gateway that answers with the result waits for an action before it answers 504. 60 s.
    pub action_timeout: Duration,
    /// The client's id. Made from the seed where it is absent.
    pub client_id: Option<String>,
    /// The client's secret. Made from the seed where it is absent, in the way of the profile's vendor.
    pub client_secret: Option<String>,
    /// The id of the access key, for the profile whose tokens need one. Made from the seed where it is absent.
    pub access_key_id: Option<String>,
    /// The secret of the access key. Made from the seed where it is absent.
    pub access_key_secret: Option<String>,
    /// What the client may do: [`SCOPE_WRITE`] and [`SCOPE_READ`].
    pub scopes: Vec<String>,
    /// How many requests are taken in which time, `"300/60s"` or `"none"`, instead of the profile's own rate.
    pub rate_limit: Option<String>,
    /// Whether an invocation whose correlation id was executed already is answered with the first one instead of
    /// being executed again. No gateway is known to do so without being asked: false.
    pub deduplicate: bool,
    /// What callbacks are signed with, as Standard Webhooks says: `whsec_` and base64 of at least 16 bytes. Not signed
    /// where it is absent.
    pub callback_secret: Option<String>,
    /// How many requests are remembered for [`Sandbox::requests`](crate::Sandbox::requests); older ones are
    /// forgotten. 10,000, and never more than 32 MiB of them.
    pub requests_kept: usize,
    /// Whether a console for people is served at `/`, with its own API below `/-/`. False: whoever embeds a sandbox
    /// in a test asks for nothing there.
    pub console: bool,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            profile: String::from("gateway"),
            seed: 0,
            port: 0,
            actions: Vec::new(),
            actions_file: None,
            token_lifetime: Duration::from_secs(3600),
            complete_after: Duration::from_millis(50),
            action_timeout: Duration::from_secs(60),
            client_id: None,
            client_secret: None,
            access_key_id: None,
            access_key_secret: None,
            scopes: vec![SCOPE_WRITE.into(), SCOPE_READ.into()],
            rate_limit: None,
            deduplicate: false,
            callback_secret: None,
            requests_kept: 10_000,
            console: false,
        }
    }
}

impl SandboxOptions {
    /// Options as a JSON object with the names of the fields; durations are numbers of seconds, and an action is
    /// `{"id", "name", "required", "outcome", "outputs", "echo", "error_message", "complete_after",
    /// "complete_after_polls", "at_once", "time", "failure_rate", "errors", "cancel_rate", "input_schema",
    /// "output_schema"}`. Its `time` is a number, `{"min", "max"}` or `{"median", "p99"}`, its `errors` are
    /// `{"message", "weight"}`.
    ///
    /// # Errors
    /// [`SandboxError::Options`] names the member that is unknown or cannot be what it is.
    pub fn from_json(text: &str) -> Result<Self, SandboxError> {
        Self::read(text).map_err(SandboxError::Options)
    }

    fn read(text: &str) -> Result<Self, String> {
        let usual = Self::default();
        let mut members = Members::read("the options of a sandbox", String::new(), text)?;
        let options = SandboxOptions {
            profile: members.text("profile")?.unwrap_or(usual.profile),
            seed: members.whole("seed", 0, u64::MAX)?.unwrap_or(usual.seed),
            port: members
                .whole("port", 0, u16::MAX.into())?
                .and_then(|port| port.try_into().ok())
                .unwrap_or(usual.port),
            actions: members
                .list("actions")?
                .iter()
                .enumerate()
                .map(|(place, action)| match Action::read(place, action.get()) {
                    (action, mistakes) if mistakes.is_empty() => Ok(action),
                    (_, mistakes) => Err(Mistakes::told(mistakes)),
                })
                .collect::<Result<_, _>>()?,
            actions_file: members.text("actions_file")?.map(Into::into),
            token_lifetime: members.seconds("token_lifetime")?.unwrap_or(usual.token_lifetime),
            complete_after: members.seconds("complete_after")?.unwrap_or(usual.complete_after),
            action_timeout: members.seconds("action_timeout")?.unwrap_or(usual.action_timeout),
            client_id: members.text("client_id")?,
            client_secret: members.text("client_secret")?,
            access_key_id: members.text("access_key_id")?,
            access_key_secret: members.text("access_key_secret")?,
            scopes: members.texts("scopes")?.unwrap_or(usual.scopes),
            rate_limit: members.text("rate_limit")?,
            deduplicate: members.truth("deduplicate")?,
            callback_secret: members.text("callback_secret")?,
            requests_kept: members
                .whole("requests_kept", 0, u32::MAX.into())?
                .and_then(|kept| kept.try_into().ok())
                .unwrap_or(usual.requests_kept),
            console: members.truth("console")?,
        };
        members.end()?;
        Ok(options)
    }

    /// Everything that cannot work, except what only the profile or the operating system knows.
    pub(crate) fn check(&self) -> Result<(), SandboxError> {
        let mistake = |what: String| Err(SandboxError::Options(what));
        if profile::by_name(&self.profile).is_none() {
            let known = one_of(profile::PROFILES.iter().copied());
            return mistake(format!("`profile` must be {known}, got `{}`", self.profile));
        }
        for (name, value) in [
            ("client_id", &self.client_id),
            ("client_secret", &self.client_secret),
            ("access_key_id", &self.access_key_id),
            ("access_key_secret", &self.access_key_secret),
        ] {
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
        if self.callback_secret.as_deref().is_some_and(|secret| Signer::of(secret).is_none()) {
            return mistake("`callback_secret` must be `whsec_` and base64 of at least 16 bytes".into());
        }
        match &self.rate_limit {
            Some(text) if Rate::parse(text).is_none() => {
                mistake(format!("`rate_limit` must be a rate such as `300/60s`, or `none`, got `{text}`"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for SandboxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxOptions")
            .field("profile", &self.profile)
            .field("seed", &self.seed)
            .field("port", &self.port)
            .field("actions", &self.actions)
            .field("actions_file", &self.actions_file)
            .field("token_lifetime", &self.token_lifetime)
            .field("complete_after", &self.complete_after)
            .field("action_timeout", &self.action_timeout)
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret.as_ref().map(|_| "***"))
            .field("access_key_id", &self.access_key_id)
            .field("access_key_secret", &self.access_key_secret.as_ref().map(|_| "***"))
            .field("scopes", &self.scopes)
            .field("rate_limit", &self.rate_limit)
            .field("deduplicate", &self.deduplicate)
            .field("callback_secret", &self.callback_secret.as_ref().map(|_| "***"))
            .field("requests_kept", &self.requests_kept)
            .field("console", &self.console)
            .finish()
    }
}
