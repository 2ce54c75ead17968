//! The body of an invocation: what the gateway accepts as one, and why it refuses the rest.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use url::Url;
use uuid::Uuid;

/// The body of a POST to `…/invocations`. Unknown and repeated fields are refused, as a misspelt `callbackURL` must be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body<'a> {
    action_id: String,
    #[serde(borrow)]
    inputs: &'a RawValue,
    #[serde(default)]
    correlation_id: Option<String>,
    #[serde(default)]
    callback_url: Option<String>,
}

/// An invocation that the gateway understands.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) action_id: Uuid,
    pub(crate) inputs: &'a RawValue,
    pub(crate) input_names: HashSet<String>,
    pub(crate) correlation_id: Option<String>,
}

impl<'a> Ask<'a> {
    /// Reads a body; the error says what is wrong with it, without the value of an input.
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, String> {
        let text = str::from_utf8(body).map_err(|_| "the body must be UTF-8".to_owned())?;
        if !text.trim_start().starts_with('{') {
            return Err("the body must be a JSON object".into());
        }
        let Body { action_id, inputs, correlation_id, callback_url } =
            serde_json::from_str(text).map_err(|error| format!("the body must be an invocation: {error}"))?;
        let action_id = Uuid::parse_str(&action_id).map_err(|_| "`actionId` must be a UUID".to_owned())?;
        if !inputs.get().starts_with('{') {
            return Err("`inputs` must be an object".into());
        }
        let Inputs(input_names) =
            serde_json::from_str(inputs.get()).map_err(|error| format!("`inputs`: {error}"))?;
        if correlation_id.as_deref().is_some_and(|id| !is_correlation_id(id)) {
            return Err("`correlationId` must be 1 to 128 of `A-Za-z0-9._:-`".into());
        }
        if callback_url.is_some_and(|url| Url::parse(&url).is_err()) {
            return Err("`callbackUrl` must be an absolute URL".into());
        }
        Ok(Ask { action_id, inputs, input_names, correlation_id })
    }
}

/// The correlation id of a body, however wrong the rest of it is.
pub(crate) fn correlation_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Only {
        correlation_id: Option<String>,
    }
    serde_json::from_slice::<Only>(body).ok()?.correlation_id
}

fn is_correlation_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'))
}

/// The names of inputs, once it is certain that each comes once and holds a string, a number, a boolean or null.
struct Inputs(HashSet<String>);

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Primitives;

        impl<'de> Visitor<'de> for Primitives {
            type Value = HashSet<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = HashSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    let value = map.next_value::<&RawValue>()?;
                    if value.get().starts_with(['{', '[']) {
                        return Err(de::Error::custom(
                            "a value must be a string, a number, a boolean or null",
                        ));
                    }
                    if !names.insert(name) {
                        return Err(de::Error::custom("a name comes twice"));
                    }
                }
                Ok(names)
            }
        }

        deserializer.deserialize_map(Primitives).map(Inputs)
    }
}
