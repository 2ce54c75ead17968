//! Every option once: its names, its unit, its environment variable, its default. The bindings' documentation and the
//! parity test are read from this table.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use super::{AuditFailure, Delivery, Durability, Mistakes, Options, PolicySource, Validate};
use crate::error::{Error, ErrorKind, Result};

/// How a language writes option names and durations. It decides nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// `snake_case`, `Duration`.
    #[default]
    Rust,
    /// `snake_case`, seconds.
    Python,
    /// `camelCase`, milliseconds in names that end in `Ms`.
    Node,
}

/// What an option's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A non-empty string.
    Text,
    /// A string that is never shown.
    Secret,
    /// A string that is never shown, or a function that gives one.
    Token,
    /// A path.
    Path,
    /// A positive time.
    Duration,
    /// A positive whole number.
    Count,
    /// True or false.
    Flag,
    /// A list of strings.
    Texts,
    /// A string that is never shown, or a list of such.
    Secrets,
    /// A path, or the policy itself.
    Policy,
}

/// One option.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct OptionSpec {
    /// Its name in Rust and Python.
    pub name: &'static str,
    /// Its name in Node.
    pub node: &'static str,
    /// The environment variable that stands in for it.
    pub env: Option<&'static str>,
    /// What its value looks like.
    pub shape: Shape,
    /// The default: a number (of seconds, where it is a duration), one of its words, or a sentence.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
}

impl OptionSpec {
    /// The name as this language writes it.
    pub fn name_in(&self, dialect: Dialect) -> &'static str {
        if dialect == Dialect::Node { self.node } else { self.name }
    }
}

macro_rules! options {
    ($($name:ident $node:literal $env:expr, $shape:ident, $default:literal, $doc:literal;)+) => {
        /// Every option, in the order of the documentation.
        pub const OPTIONS: &[OptionSpec] = &[$(OptionSpec {
            name: stringify!($name), node: $node, env: $env, shape: Shape::$shape, default: $default, doc: $doc,
        },)+];
    };
}

options! {
    base_url "baseUrl" Some("CXONE_BASE_URL"), Text, "none", "where the gateway is: https, or http on a loopback address; needed where the profile has no region";
    profile "profile" Some("CXONE_PROFILE"), Text, "gateway", "the wire contract: a built-in name or a path to a TOML file";
    region "region" Some("CXONE_REGION"), Text, "none", "fills `{region}` in a profile's URLs, as in `eu-west-1` or `mypurecloud.ie`; an explicit `base_url` stands for every host of the profile";
    client_id "clientId" Some("CXONE_CLIENT_ID"), Text, "none", "OAuth client id";
    client_secret "clientSecret" Some("CXONE_CLIENT_SECRET"), Secret, "none", "OAuth client secret";
    access_key_id "accessKeyId" Some("CXONE_ACCESS_KEY_ID"), Text, "none", "access key, where the profile's grant uses one";
    access_key_secret "accessKeySecret" Some("CXONE_ACCESS_KEY_SECRET"), Secret, "none", "the access key's secret";
    token "token" Some("CXONE_TOKEN"), Token, "none", "instead of credentials: a bearer token that somebody else keeps fresh, or a function, sync or async, that gives one";
    client_auth "clientAuth" Some("CXONE_CLIENT_AUTH"), Text, "the profile's", "how the client authenticates at the token service; `query` puts the secret into a URL and is unsafe";
    scope "scope" Some("CXONE_SCOPE"), Text, "the profile's", "OAuth scopes, separated by spaces";
    policy "policy" Some("CXONE_POLICY"), Policy, "every action is allowed", "who may call what: a file, or the same structure";
    policy_refresh "policyRefreshMs" None, Duration, "never by itself", "a policy file that changed is read again, looked at no more often than this";
    audit "audit" Some("CXONE_AUDIT_DIR"), Path, "in memory, the last 10,000 records", "directory of the durable audit trail";
    actor "actor" Some("CXONE_ACTOR"), Text, "the owner of the process", "who acts, as the trail says it";
    durability "durability" Some("CXONE_DURABILITY"), Text, "process", "what a record of the trail survives: the death of the process, or the loss of power";
    audit_failure "auditFailure" None, Text, "fail_closed", "while the trail cannot be written: nothing is sent, or it goes on and says how many records are missing";
    audit_key "auditKey" Some("CXONE_AUDIT_KEY"), Secret, "none", "seals the trail's records (HMAC-SHA256), at least 16 bytes";
    audit_checkpoints "auditCheckpoints" Some("CXONE_AUDIT_CHECKPOINTS"), Path, "none", "a file elsewhere that is told the head of the chain, so that a cut tail is seen; or a function that is told it";
    audit_segment_bytes "auditSegmentBytes" None, Count, "67108864", "the size at which a segment of the trail is ended and the next begun, at least 65,536";
    audit_retention_days "auditRetentionDays" None, Count, "kept for ever", "segments of the trail that ended so many days ago are removed";
    timeout "timeoutMs" Some("CXONE_TIMEOUT"), Duration, "120", "deadline of one `invoke`, `poll` or `run`, from the call; a result handler has 30 s of its own";
    request_timeout "requestTimeoutMs" None, Duration, "the profile's: 30 s, 65 s for Genesys data actions", "one HTTP attempt, with its body";
    connect_timeout "connectTimeoutMs" None, Duration, "5", "one connection, with TLS; half of a `request_timeout` that is below 10 s";
    poll_interval "pollIntervalMs" None, Duration, "adaptive", "a fixed time between two looks";
    max_attempts "maxAttempts" None, Count, "4", "sends of one invocation";
    delivery "delivery" None, Text, "at_most_once", "what may be done about a POST whose outcome is unknown";
    max_in_flight "maxInFlight" None, Count, "64", "HTTP requests at once";
    max_queued "maxQueued" None, Count, "1024", "callers waiting for a permit";
    rate_limit "rateLimit" Some("CXONE_RATE_LIMIT"), Text, "the profile's", "sends per time, as in `300/60s`";
    validate "validate" None, Text, "contract", "what inputs are checked against before they are sent: contract and policy, or the gateway's JSON Schema besides";
    callback_hosts "callbackHosts" None, Texts, "any public https host", "hosts that `callback_url` may name";
    callback_secret "callbackSecret" Some("CXONE_CALLBACK_SECRET"), Secrets, "none", "what callbacks are signed with: `whsec_` and base64, or what the profile's own scheme takes; a list while one takes the place of another, with spaces between them in the environment";
    proxy "proxy" Some("HTTPS_PROXY"), Secret, "none", "proxy URL; `NO_PROXY` lists what goes around it";
    ca_file "caFile" Some("SSL_CERT_FILE"), Path, "the platform's", "certificates to trust, PEM; in Node, where none are given in code, those of `NODE_EXTRA_CA_CERTS` besides";
    client_cert "clientCert" None, Path, "none", "client certificate and key, PEM";
    http1_only "http1Only" None, Flag, "the profile's", "never speak HTTP/2";
    traces "traces" Some("CXONE_TRACES"), Text, "none", "where spans are sent: the URL of an OTLP/HTTP collector";
}

/// The option of this name in Rust.
pub(super) fn spec(name: &str) -> Option<&'static OptionSpec> {
    OPTIONS.iter().find(|spec| spec.name == name)
}

impl Options {
    /// Reads what a binding hands over: a JSON object whose names and units are the dialect's.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with every unknown name and every value of the wrong shape.
    pub fn from_json(text: &str, dialect: Dialect) -> Result<Options> {
        let mut options = Options::read(text, dialect);
        Mistakes::after(dialect, std::mem::take(&mut options.unread)).into_result().map(|()| options)
    }

    /// The same for who opens a client of them: what could not be read is said then, with whatever else cannot work.
    #[must_use]
    pub fn read(text: &str, dialect: Dialect) -> Options {
        let mut mistakes = Mistakes::new(dialect);
        let mut options = Options { dialect, ..Options::default() };
        let object = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_else(|_| {
            mistakes.add_named("", "type", "the options must be one JSON object".to_owned());
            Map::new()
        });
        for (key, value) in &object {
            match OPTIONS.iter().find(|spec| spec.name_in(dialect) == key) {
                Some(_) if value.is_null() => {}
                Some(spec) => options.take(spec, value, &mut mistakes),
                None => mistakes.add_named(key, "unknown_option", unknown(key, dialect)),
            }
        }
        options.unread = mistakes.into_list();
        options
    }

    fn take(&mut self, spec: &OptionSpec, value: &Value, mistakes: &mut Mistakes) {
        let outcome = match spec.shape {
            Shape::Text | Shape::Secret | Shape::Path => {
                text(value).and_then(|v| self.set_text(spec.name, v))
            }
            Shape::Token => text(value)
                .map_err(|rule| rule.replace("must be a string,", "must be a string or a function,"))
                .and_then(|v| self.set_text(spec.name, v)),
            Shape::Duration => duration(value, self.dialect).map(|v| self.set_duration(spec.name, v)),
            Shape::Count => count(value).map(|v| self.set_count(spec.name, v)),
            Shape::Flag => {
                value.as_bool().ok_or("must be true or false".to_owned()).map(|v| self.http1_only = Some(v))
            }
            Shape::Texts => texts(value).map(|v| self.callback_hosts = Some(v)),
            Shape::Secrets => secrets(value).map(|v| self.callback_secret = Some(v.into())),
            Shape::Policy => policy(value).map(|v| self.policy = Some(v)),
        };
        if let Err(rule) = outcome {
            mistakes.add(spec.name, "invalid", rule);
        }
    }

    /// Sets an option that is written as text, from an argument or from the environment.
    pub(super) fn set_text(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "base_url" => self.base_url = Some(value),
            "profile" => self.profile = Some(value),
            "region" => self.region = Some(value),
            "client_id" => self.client_id = Some(value),
            "client_secret" => self.client_secret = Some(value.into()),
            "access_key_id" => self.access_key_id = Some(value),
            "access_key_secret" => self.access_key_secret = Some(value.into()),
            "token" => self.token = Some(value.into()),
            "client_auth" => self.client_auth = Some(value),
            "scope" => self.scope = Some(value),
            "policy" => self.policy = Some(PolicySource::File(PathBuf::from(value))),
            "audit" => self.audit = Some(PathBuf::from(value)),
            "actor" => self.actor = Some(value),
            "audit_key" => self.audit_key = Some(value.into()),
            "audit_checkpoints" => self.audit_checkpoints = Some(PathBuf::from(value)),
            "traces" => self.traces = Some(value),
            "durability" => {
                let known = Durability::from_word(&value);
                self.durability = Some(known.ok_or("must be `process` or `power`".to_owned())?);
            }
            "audit_failure" => {
                let known = AuditFailure::from_word(&value);
                self.audit_failure =
                    Some(known.ok_or("must be `fail_closed` or `continue_with_gap`".to_owned())?);
            }
            "delivery" => {
                let known = Delivery::from_word(&value);
                self.delivery =
                    Some(known.ok_or("must be `at_most_once`, `idempotent` or `at_least_once`".to_owned())?);
            }
            "validate" => {
                self.validate = Some(match value.as_str() {
                    "contract" => Validate::Contract,
                    "schema" => Validate::Schema,
                    _ => return Err("must be `contract` or `schema`".to_owned()),
                });
            }
            "rate_limit" => self.rate_limit = Some(value),
            "proxy" => self.proxy = Some(value.into()),
            "ca_file" => self.ca_file = Some(PathBuf::from(value)),
            "client_cert" => self.client_cert = Some(PathBuf::from(value)),
            "callback_secret" => {
                self.callback_secret =
                    Some(value.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into());
            }
            "timeout" => {
                let seconds = value.parse::<f64>().map_err(|_| "must be a number of seconds".to_owned())?;
                self.timeout = Some(positive(seconds)?);
            }
            _ => return Err("cannot be given as text".to_owned()),
        }
        Ok(())
    }

    fn set_duration(&mut self, name: &str, value: Duration) {
        match name {
            "timeout" => self.timeout = Some(value),
            "request_timeout" => self.request_timeout = Some(value),
            "connect_timeout" => self.connect_timeout = Some(value),
            "policy_refresh" => self.policy_refresh = Some(value),
            _ => self.poll_interval = Some(value),
        }
    }

    fn set_count(&mut self, name: &str, value: u32) {
        match name {
            "max_attempts" => self.max_attempts = Some(value),
            "max_in_flight" => self.max_in_flight = Some(value),
            "audit_segment_bytes" => self.audit_segment_bytes = Some(value),
            "audit_retention_days" => self.audit_retention_days = Some(value),
            _ => self.max_queued = Some(value),
        }
    }
}

fn text(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some("") => Err("must not be empty".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("must be a string, got {}", shape_of(value))),
    }
}

fn duration(value: &Value, dialect: Dialect) -> Result<Duration, String> {
    let unit = if dialect == Dialect::Node { "milliseconds" } else { "seconds" };
    let number =
        value.as_f64().ok_or_else(|| format!("must be a number of {unit}, got {}", shape_of(value)))?;
    positive(if dialect == Dialect::Node { number / 1000.0 } else { number })
}

/// A time that a deadline can be made of: above zero, at most a year.
pub(super) fn positive(seconds: f64) -> Result<Duration, String> {
    const YEAR: f64 = 366.0 * 86_400.0;
    if seconds > 0.0 && seconds <= YEAR {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("must be above zero and at most a year".to_owned())
    }
}

/// Of every option that counts something.
pub(super) const COUNT_RULE: &str = "must be a whole number from 1 to 4294967295";

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole and not below zero; what is beyond 64 bits is beyond 32 too"
)]
fn count(value: &Value) -> Result<u32, String> {
    let number =
        value.as_u64().or_else(|| value.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0).map(|f| f as u64));
    match number.and_then(|n| u32::try_from(n).ok()) {
        Some(0) | None => Err(COUNT_RULE.to_owned()),
        Some(n) => Ok(n),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let list =
        value.as_array().ok_or_else(|| format!("must be a list of strings, got {}", shape_of(value)))?;
    list.iter()
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|_| "must be a list of non-empty strings".to_owned())
}

/// One, or several while one takes the place of another.
fn secrets(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::Array(list) if !list.is_empty() => texts(value),
        Value::Array(_) => Err("must not be an empty list".to_owned()),
        Value::String(_) => text(value).map(|secret| vec![secret]),
        _ => Err(format!("must be a string or a list of strings, got {}", shape_of(value))),
    }
}

fn policy(value: &Value) -> Result<PolicySource, String> {
    match value {
        Value::String(path) if !path.is_empty() => Ok(PolicySource::File(PathBuf::from(path))),
        Value::Object(object) if !object.contains_key(FOREIGN) => Ok(PolicySource::Json(value.to_string())),
        _ => Err(format!("must be a path or a policy with `action`, got {}", shape_of(value))),
    }
}

impl PolicySource {
    /// What a binding hands over: the JSON text of a path, or of the policy itself.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for anything else.
    pub fn from_json(text: &str) -> Result<PolicySource> {
        let value = serde_json::from_str(text).unwrap_or_default();
        policy(&value).map_err(|rule| Error::new(ErrorKind::Config, format!("`policy` {rule}")))
    }
}

/// The key under which a binding names the type of a value that JSON cannot say.
const FOREIGN: &str = "$foreign";

fn shape_of(value: &Value) -> &str {
    match value {
        Value::Object(object) if object.contains_key(FOREIGN) => {
            object.get(FOREIGN).and_then(Value::as_str).unwrap_or("something else")
        }
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn unknown(key: &str, dialect: Dialect) -> String {
    let plain = |s: &str| s.replace('_', "").to_lowercase();
    let near = OPTIONS.iter().map(|spec| spec.name_in(dialect)).find(|name| {
        let (a, b) = (plain(key), plain(name));
        a == b
            || a.trim_end_matches("ms") == b.trim_end_matches("ms")
            || strsim::damerau_levenshtein(&a, &b) <= 2
    });
    match near {
        Some(name) => format!("`{key}` is not an option; did you mean `{name}`?"),
        None => format!("`{key}` is not an option"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_defaults_of_the_table_are_those_that_hold() {
        let mut given = Options::from_json(r#"{"token":"of-somebody-else"}"#, Dialect::Rust).unwrap();
        given.base_url = Some("http://127.0.0.1:9".to_owned());
        let config = Config::resolve(given).unwrap();
        let seconds = |time: Duration| time.as_secs_f64().to_string();
        let holds = [
            ("profile", config.profile.name.clone()),
            ("durability", config.audit_settings.durability.as_str().to_owned()),
            ("audit_failure", config.audit_settings.failure.as_str().to_owned()),
            ("audit_segment_bytes", config.audit_settings.segment_bytes.to_string()),
            ("timeout", seconds(config.timeout)),
            ("connect_timeout", seconds(config.transport.connect_timeout)),
            ("max_attempts", config.max_attempts.to_string()),
            ("delivery", config.delivery.as_str().to_owned()),
            ("max_in_flight", config.max_in_flight.to_string()),
            ("max_queued", config.max_queued.to_string()),
            ("validate", config.validate.as_str().to_owned()),
        ];
        for (name, value) in &holds {
            assert_eq!(spec(name).unwrap().default, value, "{name}");
        }
        // What is a number or a word is compared above, so that none goes unseen.
        let plain = |spec: &&OptionSpec| spec.default != "none" && !spec.default.contains(' ');
        let compared = OPTIONS.iter().filter(plain).filter(|spec| spec.name != "poll_interval").count();
        assert_eq!(compared, holds.len());
        assert_eq!(config.transport.request_timeout, Duration::from_secs(30));
        let data_action = crate::profile::Profile::load("genesys-data-action").unwrap();
        assert_eq!(data_action.limits.request_timeout, Some(Duration::from_secs(65)));
    }
}
