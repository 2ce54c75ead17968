//! How options and faults are read from JSON: durations in seconds, text kept exactly, and no value of a secret in
//! what is said about a mistake.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;
use serde_json::value::RawValue;

/// A duration, written as a number of seconds.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let number = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(number).map_err(|_| {
        D::Error::custom(format!("a duration is a number of seconds of 0 or more, got {number}"))
    })
}

/// As [`seconds`], for a field that may be absent or null.
pub(crate) fn optional_seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    #[derive(serde::Deserialize)]
    struct Seconds(#[serde(deserialize_with = "seconds")] Duration);

    Ok(Option::<Seconds>::deserialize(deserializer)?.map(|Seconds(duration)| duration))
}

/// Any JSON, `null` included, apart from a field that is absent (which is the field's default, `None`).
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A text whose value may not appear in an error message.
pub(crate) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(D::Error::custom("`client_secret` must be a string")),
    }
}
