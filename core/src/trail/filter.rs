//! Which records are wanted.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Map, Value};

use super::Event;
use super::record::{Record, Text, clip};
use crate::contract::ActionIdRule;
use crate::error::{Error, ErrorKind, Result};

/// Which records are wanted: those that agree with every field that is set.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Filter {
    /// Written at this time or later.
    pub since: Option<Timestamp>,
    /// Written before this time.
    pub until: Option<Timestamp>,
    /// What happened.
    pub event: Option<Event>,
    /// The action: its id in canonical form, or the name that the policy gave it when the record was written.
    pub action_id: Option<String>,
    /// The gateway's status word.
    pub status: Option<String>,
    /// The logical invocation.
    pub correlation_id: Option<String>,
    /// The gateway's id of the invocation.
    pub invocation_id: Option<String>,
    /// Who acted.
    pub actor: Option<String>,
}

/// The keys of a filter, each with its name in Node.
const KEYS: &[(&str, &str)] = &[
    ("since", "since"),
    ("until", "until"),
    ("event", "event"),
    ("action_id", "actionId"),
    ("status", "status"),
    ("correlation_id", "correlationId"),
    ("invocation_id", "invocationId"),
    ("actor", "actor"),
];

impl Filter {
    /// Reads `{"since": "2026-11-22T15:00:00Z", "event": "sending", …}`. Every key may be absent or null; names may be
    /// written in snake_case or camelCase. An action id that is a UUID is brought into canonical form. A date without a time
    /// is its midnight in UTC.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]; the message names every key that is unknown or has a bad value.
    pub fn from_json(text: &str) -> Result<Filter> {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            Error::new(ErrorKind::Config, format!("a filter must be a JSON object: {error}"))
        })?;
        let mut filter = Filter::default();
        let mut mistakes = Vec::new();
        for (key, value) in &object {
            if let Err(mistake) = filter.set(key, value) {
                mistakes.push(mistake);
            }
        }
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since > until
        {
            mistakes.push(format!("`since` must not be later than `until`, got {since} and {until}"));
        }
        if mistakes.is_empty() {
            return Ok(filter);
        }
        let keys: Vec<_> = KEYS.iter().map(|(name, _)| format!("`{name}`")).collect();
        let hint = format!(
            "a filter has {}; times are written like 2026-11-22T15:00:00Z or, for midnight in UTC, 2026-11-22",
            keys.join(", ")
        );
        Err(Error::new(ErrorKind::Config, mistakes.join("; ")).with_hint(hint))
    }

    fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let Some((name, _)) = KEYS.iter().find(|(snake, camel)| key == *snake || key == *camel) else {
            return Err(format!("`{}` is no key of a filter", clip(key, 64)));
        };
        let text = match value {
            Value::Null => return Ok(()),
            Value::String(text) => text,
            Value::Bool(_) => return Err(format!("`{key}` must be a string, got a boolean")),
            Value::Number(_) => return Err(format!("`{key}` must be a string, got a number")),
            Value::Array(_) => return Err(format!("`{key}` must be a string, got an array")),
            Value::Object(_) => return Err(format!("`{key}` must be a string, got an object")),
        };
        let time = || {
            let wrong =
                || format!("`{key}` must be a time with its offset from UTC, got `{}`", clip(text, 64));
            moment(text).map(Some).ok_or_else(wrong)
        };
        match *name {
            "since" => self.since = time()?,
            "until" => self.until = time()?,
            "event" => self.event = Some(text.parse().map_err(|error: Error| error.to_string())?),
            "action_id" => {
                self.action_id = Some(ActionIdRule::Uuid.canonical(text).unwrap_or_else(|| text.clone()));
            }
            "status" => self.status = Some(text.clone()),
            "correlation_id" => self.correlation_id = Some(text.clone()),
            "invocation_id" => self.invocation_id = Some(text.clone()),
            _ => self.actor = Some(text.clone()),
        }
        Ok(())
    }

    pub(super) fn matches(&self, record: &Record<'_>) -> bool {
        let same = |want: &Option<String>, got: &Option<Text<'_>>| {
            want.as_deref().is_none_or(|want| got.as_ref().is_some_and(|got| got.as_str() == want))
        };
        self.event.is_none_or(|event| event.as_str() == record.event)
            && self.actor.as_ref().is_none_or(|actor| *actor == record.actor)
            && (same(&self.action_id, &record.action_id) || same(&self.action_id, &record.action_name))
            && same(&self.status, &record.status)
            && same(&self.correlation_id, &record.correlation_id)
            && same(&self.invocation_id, &record.invocation_id)
            && self.contains_time(record)
    }

    fn contains_time(&self, record: &Record<'_>) -> bool {
        if self.since.is_none() && self.until.is_none() {
            return true;
        }
        // In microseconds, as records are: what was written after a clock was read is not before it.
        record.timestamp().map(Timestamp::as_microsecond).is_some_and(|at| {
            self.since.is_none_or(|since| at >= since.as_microsecond())
                && self.until.is_none_or(|until| at < until.as_microsecond())
        })
    }
}

/// A time with its offset from UTC, or a day in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|midnight: Zoned| midnight.timestamp());
    // jiff reads a date out of any longer text that begins with one.
    let is_date = text.len() == "2026-11-22".len();
    let date = || text.parse::<Date>().ok().filter(|_| is_date).and_then(|date| midnight(date).ok());
    text.parse().ok().or_else(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_in_a_filter_is_named() {
        let cases: &[(&str, &[&str])] = &[
            ("[]", &["a filter must be a JSON object"]),
            ("{", &["a filter must be a JSON object"]),
            (
                r#"{"evnt":"sending"}"#,
                &["`evnt` is no key of a filter", "a filter has `since`, `until`, `event`"],
            ),
            (r#"{"event":"send"}"#, &["`event` must name an event, got `send`", "use one of started"]),
            (
                r#"{"since":"yesterday"}"#,
                &["`since` must be a time with its offset from UTC, got `yesterday`"],
            ),
            (r#"{"since":"2026-11-22T15:00:00"}"#, &["`since` must be a time with its offset"]),
            (r#"{"since":"2026-11-31"}"#, &["`since` must be a time with its offset", "2026-11-22"]),
            (r#"{"status":0}"#, &["`status` must be a string, got a number"]),
            (r#"{"until":1}"#, &["`until` must be a string, got a number"]),
            (
                r#"{"actor":true,"actionId":[]}"#,
                &["`actor` must be a string", "`actionId` must be a string, got an array"],
            ),
            (
                r#"{"since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}"#,
                &["`since` must not be later than `until`"],
            ),
        ];
        for (text, expected) in cases {
            let error = Filter::from_json(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            for part in *expected {
                assert!(error.to_string().contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn a_date_is_its_midnight_in_utc() {
        let day = Filter::from_json(r#"{"since":"2020-01-01","until":"2020-01-02"}"#).unwrap();
        assert_eq!(day.since, Some("2020-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(day.until, Some("2020-01-02T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn both_spellings_and_nulls_are_read() {
        let snake = Filter::from_json(
            r#"{"since":null,"until":"2026-11-22T16:00:00+01:00","action_id":"A1B2C3D4-E5F6-7890-ABCD-EF1234567890","correlation_id":"C"}"#,
        );
        let camel = Filter::from_json(
            r#"{"until":"2026-11-22T15:00:00Z","actionId":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","correlationId":"C"}"#,
        );
        assert_eq!(snake.unwrap(), camel.unwrap());
        assert_eq!(Filter::from_json("{}").unwrap(), Filter::default());
    }
}
