//! A record as the report reads it: the fields that it counts, and nothing that it does not know.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

/// Text that is borrowed from the line wherever it has no escapes.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Seen<'a> {
    #[serde(borrow)]
    pub(super) ts: Text<'a>,
    #[serde(borrow)]
    pub(super) host: Text<'a>,
    #[serde(borrow)]
    pub(super) run: Text<'a>,
    #[serde(borrow)]
    pub(super) event: Text<'a>,
    #[serde(borrow)]
    pub(super) actor: Text<'a>,
    #[serde(borrow, default)]
    pub(super) action_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) action_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) correlation_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) invocation_id: Option<Text<'a>>,
    #[serde(default)]
    pub(super) attempt: Option<u32>,
    #[serde(borrow, default)]
    pub(super) status: Option<Text<'a>>,
    #[serde(default)]
    pub(super) timings: Timings,
    #[serde(borrow, default)]
    pub(super) note: Option<Text<'a>>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(default)]
pub(super) struct Timings {
    pub(super) invoke_ms: Option<f64>,
    pub(super) duration_ms: Option<f64>,
}

/// Microseconds since 1970, as records count them.
pub(super) type Micros = i64;

impl Seen<'_> {
    /// When it was written; none for a time of another century, which no clock that can be believed has shown.
    pub(super) fn at(&self) -> Option<Micros> {
        const CENTURY: std::ops::Range<Micros> = 946_684_800_000_000..4_102_444_800_000_000;
        let at = self.ts.parse::<Timestamp>().ok()?.as_microsecond();
        CENTURY.contains(&at).then_some(at)
    }
}
