//! From what was said to what holds: the environment, the profile and the defaults filled in, and everything checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::audit::audit;
use super::callback::{CallbackSecret, callbacks};
use super::credentials::{Credentials, Explicit, credentials};
use super::table::{COUNT_RULE, OPTIONS};
use super::transport::{Transport, extra_ca_file, transport};
use super::{AuditSettings, Delivery, Mistakes, Options, PolicySource, Validate};
use crate::callback::Verifier;
use crate::contract::ActionIdRule;
use crate::contract::pointer::nearest;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Policy;
use crate::profile::{Missing, Profile, RateLimit, Routes, url_rule};

/// What holds for one client. Holds secrets; its `Debug` shows none.
#[derive(Debug)]
pub struct Config {
    /// Where what is sent.
    pub(crate) routes: Routes,
    /// The wire contract.
    pub profile: Profile,
    /// How to be let in.
    pub credentials: Credentials,
    /// Who may call what.
    pub policy: Arc<Policy>,
    /// Where it was read from; none where every action is allowed.
    pub policy_source: Option<PolicySource>,
    /// How often its file may be looked at.
    pub policy_refresh: Option<Duration>,
    /// Where the durable trail is.
    pub audit: Option<PathBuf>,
    /// How it is kept.
    pub audit_settings: AuditSettings,
    /// Who acts.
    pub actor: String,
    /// Deadline of one invoke, poll or run.
    pub timeout: Duration,
    /// A fixed time between two looks.
    pub poll_interval: Option<Duration>,
    /// Sends of one invocation.
    pub max_attempts: u32,
    /// What may be done about an ambiguous POST.
    pub delivery: Delivery,
    /// HTTP requests at once.
    pub max_in_flight: u32,
    /// Callers waiting for a permit.
    pub max_queued: u32,
    /// Sends per time.
    pub rate_limit: Option<RateLimit>,
    /// What inputs are checked against before they are sent.
    pub validate: Validate,
    /// Hosts that a callback may name.
    pub callback_hosts: Vec<String>,
    /// What proves callbacks; none where the path alone does.
    pub(crate) callback_verifier: Option<Verifier>,
    /// What they are signed with.
    pub(crate) callback_secrets: Vec<SecretString>,
    /// How bytes travel.
    pub transport: Transport,
    /// Where spans are sent.
    pub traces: Option<Url>,
}

impl Config {
    /// Fills in what was not said and checks everything.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with every mistake at once.
    pub fn resolve(mut options: Options) -> Result<Config> {
        let mut mistakes = Mistakes::after(options.dialect, std::mem::take(&mut options.unread));
        let explicit_region = options.region.is_some();
        let explicit_base = options.base_url.is_some();
        let explicit_ca = options.ca_file.is_some() || mistakes.unread("ca_file");
        let explicit = Explicit::of(&options);
        let about_the_trail = options.of_the_durable_trail();
        let explicit_refresh = options.policy_refresh.is_some();
        let explicit_callbacks = options.callback_secret.is_some();
        if !options.without_environment {
            options.fill_from_environment(&mut mistakes);
        }
        let profile = if mistakes.unread("profile") {
            Err(Error::new(ErrorKind::Config, "`profile` cannot be read"))
        } else {
            Profile::load(options.profile.as_deref().unwrap_or("gateway"))
                .inspect_err(|error| mistakes.absorb("profile", error))
        };
        let ids = profile.as_ref().map_or(ActionIdRule::Name, |profile| profile.invoke.action_id);
        let policy =
            load_policy(options.policy.as_ref(), ids).inspect_err(|error| mistakes.absorb("policy", error));
        if let (Ok(profile), true) = (&profile, explicit_region) {
            refuse_an_unused_region(profile, explicit_base, &mut mistakes);
        }
        let routes = match &profile {
            Ok(profile) => routes(&options, profile, &mut mistakes),
            Err(_) => None,
        };
        if let (Ok(profile), Some(Validate::Schema)) = (&profile, options.validate)
            && profile.schema.is_none()
        {
            let rule = "cannot be `schema`: the profile does not say where an action's schema is";
            mistakes.add("validate", "invalid", rule);
        }
        let credentials = credentials(&mut options, &explicit, profile.as_ref().ok(), &mut mistakes);
        // Only the builder takes them unread.
        let counts = [
            ("max_attempts", options.max_attempts),
            ("max_in_flight", options.max_in_flight),
            ("max_queued", options.max_queued),
        ];
        for (name, _) in counts.iter().filter(|(_, count)| *count == Some(0)) {
            mistakes.add(name, "invalid", COUNT_RULE);
        }
        let rate_limit = options.rate_limit.as_deref().and_then(|text| rate_limit(text, &mut mistakes));
        let from_a_file = matches!(options.policy, Some(PolicySource::File(_))) || mistakes.unread("policy");
        if explicit_refresh && !from_a_file {
            mistakes.add("policy_refresh", "unused", "is about a policy in a file; give its path");
        }
        let extra_ca = extra_ca_file(&options, explicit_ca, &mut mistakes);
        let transport = transport(&mut options, extra_ca, profile.as_ref().ok(), &mut mistakes);
        let audit_settings = audit(&mut options, &about_the_trail, &mut mistakes);
        let callbacks = callbacks(&options, explicit_callbacks, profile.as_ref().ok(), &mut mistakes);
        let traces = options.traces.as_deref().and_then(|text| collector(text, &mut mistakes));
        mistakes.into_result()?;
        let profile = profile?;
        Ok(Config {
            // Where nothing is wrong there are routes; said without a panic all the same.
            routes: routes.ok_or_else(|| Error::new(ErrorKind::Config, "there is no URL to send to"))?,
            rate_limit: rate_limit.or(profile.limits.rate),
            validate: options.validate.unwrap_or_default(),
            profile,
            credentials,
            policy: Arc::new(policy?),
            policy_source: options.policy,
            policy_refresh: options.policy_refresh,
            audit: options.audit,
            audit_settings,
            actor: options.actor.unwrap_or_else(process_owner),
            timeout: options.timeout.unwrap_or(Duration::from_secs(120)),
            poll_interval: options.poll_interval,
            max_attempts: options.max_attempts.unwrap_or(4),
            delivery: options.delivery.unwrap_or_default(),
            max_in_flight: options.max_in_flight.unwrap_or(64),
            max_queued: options.max_queued.unwrap_or(1024),
            callback_hosts: options.callback_hosts.unwrap_or_default(),
            callback_verifier: callbacks,
            callback_secrets: options.callback_secret.map(CallbackSecret::into_secrets).unwrap_or_default(),
            transport,
            traces,
        })
    }
}

impl Options {
    fn is_set(&self, name: &str) -> bool {
        match name {
            "base_url" => self.base_url.is_some(),
            "profile" => self.profile.is_some(),
            "region" => self.region.is_some(),
            "client_id" => self.client_id.is_some() || self.has_token(),
            "client_secret" => self.client_secret.is_some() || self.has_token(),
            "token" => self.has_token() || self.has_secrets(),
            "client_auth" => self.client_auth.is_some(),
            "scope" => self.scope.is_some(),
            "policy" => self.policy.is_some(),
            "audit" => self.audit.is_some(),
            "actor" => self.actor.is_some(),
            "durability" => self.durability.is_some(),
            "audit_key" => self.audit_key.is_some(),
            "audit_checkpoints" => self.audit_checkpoints.is_some(),
            "traces" => self.traces.is_some(),
            "timeout" => self.timeout.is_some(),
            "rate_limit" => self.rate_limit.is_some(),
            // The proxy's variables and their exceptions are read by the HTTP library itself.
            "proxy" => true,
            "ca_file" => self.ca_file.is_some(),
            "callback_secret" => self.callback_secret.is_some(),
            "access_key_id" => self.access_key_id.is_some() || self.has_token(),
            "access_key_secret" => self.access_key_secret.is_some() || self.has_token(),
            _ => true,
        }
    }

    /// An explicit argument wins over the environment; explicit credentials win over every kind in the environment.
    fn fill_from_environment(&mut self, mistakes: &mut Mistakes) {
        let unset: Vec<_> = OPTIONS.iter().filter(|spec| !self.is_set(spec.name)).collect();
        for spec in unset {
            let Some(variable) = spec.env else { continue };
            if let Some(value) = environment(variable, mistakes)
                && let Err(rule) = self.set_text(spec.name, value)
            {
                mistakes.add_named(variable, "invalid", format!("`{variable}` in the environment {rule}"));
            }
        }
    }
}

/// A variable, or the content of the file that `…_FILE` names, as secrets are mounted in containers.
pub(crate) fn environment(variable: &str, mistakes: &mut Mistakes) -> Option<String> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(value) = given(variable) {
        return Some(value);
    }
    let by_file = format!("{variable}_FILE");
    let path = given(&by_file).filter(|_| variable.starts_with("CXONE_"))?;
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()).filter(|text| !text.is_empty()),
        Err(error) => {
            mistakes.add_named(
                &by_file,
                "unreadable",
                format!("`{by_file}` names a file that cannot be read: {error}"),
            );
            None
        }
    }
}

fn refuse_an_unused_region(profile: &Profile, explicit_base: bool, mistakes: &mut Mistakes) {
    let base_url = mistakes.name("base_url");
    if !profile.takes_region() {
        mistakes.add("region", "unused", format!("is not used by this profile; give `{base_url}`"));
    } else if explicit_base {
        let rule = format!("excludes `{base_url}`, which stands for every host; give one or the other");
        mistakes.add("region", "conflict", rule);
    }
}

fn load_policy(source: Option<&PolicySource>, ids: ActionIdRule) -> Result<Policy> {
    source.map_or_else(|| Ok(Policy::open()), |source| Policy::load(source, ids))
}

/// Nothing but scheme, host, port and path.
fn base_url(given: Option<&str>, mistakes: &mut Mistakes) -> Option<String> {
    let text = given?;
    let rule = url_rule(text).or_else(|| text.contains('?').then_some("must not have a query"));
    if let Some(rule) = rule {
        mistakes.add("base_url", "invalid", rule);
    }
    // A wrong one is not a missing one.
    let url = Url::parse(text).map_or_else(|_| text.to_owned(), String::from);
    Some(url.trim_end_matches('/').to_owned())
}

/// The region as the profile's URLs say it: its own word, or what stands behind its name.
fn region(options: &Options, profile: &Profile, mistakes: &mut Mistakes) -> Option<String> {
    let said = options.region.as_deref()?;
    if let Some((_, value)) = profile.regions.iter().find(|(name, value)| name == said || value == said) {
        return Some(value.clone());
    }
    let plain = said.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    if profile.regions.is_empty() && plain {
        return Some(said.to_owned());
    }
    let names = profile.regions.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let rule = match (profile.regions.is_empty(), nearest(said, names)) {
        (true, _) => "must be a part of a host name: A-Z a-z 0-9 . -".to_owned(),
        (false, Some(near)) => format!("is not one that the profile lists; did you mean `{near}`?"),
        (false, None) => {
            let all: Vec<_> = profile.regions.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("must be one that the profile lists: {}", all.join(", "))
        }
    };
    mistakes.add("region", "invalid", rule);
    // A wrong one is not a missing one, and makes no URL.
    Some("invalid".to_owned())
}

/// The URLs; none where an option that they need is missing or wrong.
fn routes(options: &Options, profile: &Profile, mistakes: &mut Mistakes) -> Option<Routes> {
    let base_url = base_url(options.base_url.as_deref(), mistakes);
    let region = region(options, profile, mistakes);
    match profile.missing(base_url.as_deref(), region.as_deref()) {
        Some(Missing::BaseUrl) => {
            mistakes.add("base_url", "required", "is required: give it, or set `CXONE_BASE_URL`");
            None
        }
        Some(Missing::Region) => {
            let instead = mistakes.name("base_url");
            let rule = format!("is required: give it, set `CXONE_REGION`, or give `{instead}`");
            mistakes.add("region", "required", rule);
            None
        }
        // What is wrong with the base URL has been said.
        None if base_url.as_deref().is_some_and(|url| url_rule(url).is_some()) => None,
        None => profile
            .routes(base_url.as_deref(), region.as_deref())
            .inspect_err(|error| mistakes.absorb("base_url", error))
            .ok(),
    }
}

/// Where spans are sent: no credentials in it, since it is shown.
fn collector(text: &str, mistakes: &mut Mistakes) -> Option<Url> {
    let plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && plain(url));
    if url.is_none() {
        mistakes.add("traces", "invalid", "must be the URL of a collector, as in http://localhost:4318");
    }
    url
}

fn rate_limit(text: &str, mistakes: &mut Mistakes) -> Option<RateLimit> {
    let limit = RateLimit::parse(text);
    if limit.is_none() {
        mistakes.add("rate_limit", "invalid", "must be sends per time, as in `300/60s`");
    }
    limit
}

/// The owner of this process, as the trail says it where nobody said better.
fn process_owner() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(user_id)
}

/// Containers and daemons often have no user in their environment, but an id always.
#[cfg(unix)]
fn user_id() -> String {
    format!("uid:{}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn user_id() -> String {
    "unknown".to_owned()
}
