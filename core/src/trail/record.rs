//! What one record says, and how it is written: fields in one fixed order, absent ones omitted, every text bounded.
//!
//! A record never holds a value of an input or an output: only the names of inputs, sizes, and a keyed digest.

use std::fmt;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Event;
use super::key::Key;
use crate::error::Executed;

/// The version of the record format, the field `v`.
pub(super) const VERSION: u8 = 1;
/// The longest text of one field. Ids are far shorter; a longer text is cut and ends with `…`.
const MAX_TEXT: usize = 4096;
/// As many names of inputs as one record lists, and their bytes; then it says how many more there are.
const MAX_KEYS: usize = 256;
const MAX_KEY_BYTES: usize = 8192;

/// How long things took, in milliseconds. Written with at most three decimals.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timings {
    /// Waiting for a permit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_ms: Option<f64>,
    /// One attempt, from its first byte to its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<f64>,
    /// From the call to the gateway's acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke_ms: Option<f64>,
    /// From the call to the terminal state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

impl Timings {
    /// To whole microseconds; a value that is no number says nothing, and a record of nothing is left out.
    pub(crate) fn rounded(self) -> Option<Timings> {
        let round = |ms: Option<f64>| ms.filter(|ms| ms.is_finite()).map(|ms| (ms * 1000.0).round() / 1000.0);
        let timings = Timings {
            queue_ms: round(self.queue_ms),
            attempt_ms: round(self.attempt_ms),
            invoke_ms: round(self.invoke_ms),
            duration_ms: round(self.duration_ms),
        };
        (timings != Timings::default()).then_some(timings)
    }
}

/// What the caller of [`Trail::append`](super::Trail::append) knows of an event; the trail adds the rest.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What happened.
    pub event: Event,
    /// The action, in canonical form.
    pub action_id: Option<&'a str>,
    /// The action's name in the policy.
    pub action_name: Option<&'a str>,
    /// The logical invocation.
    pub correlation_id: Option<&'a str>,
    /// The gateway's id of the invocation.
    pub invocation_id: Option<&'a str>,
    /// Which send it was, from 1.
    pub attempt: Option<u32>,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    /// The gateway's status word.
    pub status: Option<&'a str>,
    /// The word of the error's kind.
    pub kind: Option<&'a str>,
    /// Whether the action was executed.
    pub executed: Option<Executed>,
    /// The names of the inputs, never their values.
    pub input_keys: Option<&'a [String]>,
    /// What [`Trail::digest`](super::Trail::digest) makes of the inputs.
    pub input_digest: Option<&'a str>,
    /// The size of the body that is sent.
    pub bytes: Option<u64>,
    /// How long it took.
    pub timings: Option<Timings>,
    /// The caller's result handler is owed the result; only of a terminal state.
    pub due: bool,
    /// One line for a person.
    pub note: Option<&'a str>,
}

impl Entry<'_> {
    /// An entry that says nothing but the event.
    pub fn new(event: Event) -> Self {
        Entry {
            event,
            action_id: None,
            action_name: None,
            correlation_id: None,
            invocation_id: None,
            attempt: None,
            http_status: None,
            status: None,
            kind: None,
            executed: None,
            input_keys: None,
            input_digest: None,
            bytes: None,
            timings: None,
            due: false,
            note: None,
        }
    }
}

/// Text that is borrowed from the line wherever it has no escapes.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who writes: the same in all records of one trail.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) host: String,
    pub(super) pid: u32,
    pub(super) run: String,
    pub(super) actor: String,
    /// The auditor's, with which the records are sealed.
    pub(super) key: Option<Key>,
}

/// One line, read or to be written. The order of these fields is the order on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record<'a> {
    pub(super) v: u8,
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) ts: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) host: Cow<'a, str>,
    pub(super) pid: u32,
    #[serde(borrow)]
    pub(super) run: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) actor: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) action_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) action_name: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) invocation_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) http_status: Option<u16>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) executed: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) input_keys: Option<Vec<Text<'a>>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) input_digest: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timings: Option<Timings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<bool>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<Text<'a>>,
    /// Names the auditor's key with which the hash is made; none where there is none.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) prev: Cow<'a, str>,
    /// None while it is being written: the chain adds it over the bytes of all the others.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<Text<'a>>,
}

impl<'a> Record<'a> {
    /// The record of `entry`. A `link` to another segment is written behind the entry's own note.
    pub(super) fn new(
        origin: &'a Origin,
        entry: &Entry<'a>,
        seq: u64,
        ts: &'a str,
        prev: &'a str,
        link: Option<&'a str>,
    ) -> Self {
        let text = |value: Option<&'a str>| value.map(|value| Text(clip(value, MAX_TEXT)));
        let note = match (entry.note, link) {
            (Some(note), Some(link)) => Some(Text(format!("{}; {link}", clip(note, MAX_TEXT)).into())),
            (note, None) => text(note),
            (None, link) => text(link),
        };
        Record {
            v: VERSION,
            seq,
            ts: ts.into(),
            host: origin.host.as_str().into(),
            pid: origin.pid,
            run: origin.run.as_str().into(),
            event: entry.event.as_str().into(),
            actor: clip(&origin.actor, MAX_TEXT),
            action_id: text(entry.action_id),
            action_name: text(entry.action_name),
            correlation_id: text(entry.correlation_id),
            invocation_id: text(entry.invocation_id),
            attempt: entry.attempt,
            http_status: entry.http_status,
            status: text(entry.status),
            kind: text(entry.kind),
            executed: text(entry.executed.map(Executed::as_str)),
            input_keys: entry.input_keys.map(keys),
            input_digest: text(entry.input_digest),
            bytes: entry.bytes,
            timings: entry.timings.and_then(Timings::rounded),
            due: entry.due.then_some(true),
            note,
            key: text(origin.key.as_ref().map(Key::id)),
            prev: prev.into(),
            hash: None,
        }
    }

    /// Reads one line, newline excluded. Fields of later versions are passed over.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, NoRecord> {
        serde_json::from_slice(line).map_err(|error| NoRecord::new(&error))
    }

    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        self.ts.parse().ok()
    }
}

/// RFC 3339 in UTC with microseconds, always equally long, so that texts sort as times do.
pub(super) fn timestamp_text(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// The text, or as much of it as fits, with `…` for the rest.
pub(super) fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

fn keys(names: &[String]) -> Vec<Text<'_>> {
    let mut listed = Vec::with_capacity(names.len().min(MAX_KEYS));
    let mut bytes = 0;
    for name in names.iter().take(MAX_KEYS) {
        bytes += name.len();
        if bytes > MAX_KEY_BYTES {
            break;
        }
        listed.push(Text(Cow::Borrowed(name.as_str())));
    }
    if listed.len() < names.len() {
        listed.push(Text(Cow::Owned(format!("… {} more", names.len() - listed.len()))));
    }
    listed
}

/// Why a line is no record, without a line of its own: whoever reads a segment knows which one it is.
#[derive(Debug)]
pub(super) struct NoRecord(String);

impl NoRecord {
    fn new(error: &serde_json::Error) -> NoRecord {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        NoRecord(reason.to_owned())
    }
}

impl fmt::Display for NoRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoRecord {}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(entry: &Entry<'_>, actor: &str) -> String {
        let origin = Origin { host: "h".into(), pid: 7, run: "r".into(), actor: actor.into(), key: None };
        serde_json::to_string(&Record::new(&origin, entry, 1, "t", "p", None)).unwrap()
    }

    #[test]
    fn absent_fields_are_omitted_and_present_ones_stand_in_the_documented_order() {
        let bare = line(&Entry::new(Event::Closed), "svc");
        let bare_expected = r#"{"v":1,"seq":1,"ts":"t","host":"h","pid":7,"run":"r","event":"closed","actor":"svc","prev":"p"}"#;
        assert_eq!(bare, bare_expected);
        let keys = ["customerId".to_owned()];
        let full = Entry {
            action_id: Some("a"),
            action_name: Some("create-case"),
            correlation_id: Some("c"),
            invocation_id: Some("i"),
            attempt: Some(1),
            http_status: Some(202),
            status: Some("PENDING"),
            kind: Some("rejected"),
            executed: Some(Executed::Yes),
            input_keys: Some(&keys),
            input_digest: Some("d"),
            bytes: Some(120),
            timings: Some(Timings { queue_ms: Some(0.0), invoke_ms: Some(12.345_678), ..Timings::default() }),
            note: Some("n"),
            ..Entry::new(Event::Accepted)
        };
        let full_expected = concat!(
            r#"{"v":1,"seq":1,"ts":"t","host":"h","pid":7,"run":"r","event":"accepted","actor":"svc","action_id":"a","#,
            r#""action_name":"create-case","correlation_id":"c","invocation_id":"i","attempt":1,"http_status":202,"#,
            r#""status":"PENDING","kind":"rejected","executed":"yes","input_keys":["customerId"],"input_digest":"d","#,
            r#""bytes":120,"timings":{"queue_ms":0.0,"invoke_ms":12.346},"note":"n","prev":"p"}"#,
        );
        assert_eq!(line(&full, "svc"), full_expected);
    }

    #[test]
    fn no_record_outgrows_the_longest_line_that_is_read() {
        let long = "\u{1}".repeat(600_000);
        let keys: Vec<String> = (0..100_000).map(|n| format!("\u{1}\u{1}{n}")).collect();
        let text = Some(long.as_str());
        let entry = Entry {
            action_id: text,
            action_name: text,
            correlation_id: text,
            invocation_id: text,
            status: text,
            kind: text,
            input_keys: Some(&keys),
            input_digest: text,
            note: text,
            ..Entry::new(Event::Invalid)
        };
        assert!(line(&entry, &long).len() < super::super::segment::MAX_LINE / 2);
    }

    #[test]
    fn a_list_of_keys_that_is_cut_says_how_many_more_there_are() {
        let names: Vec<String> = (0..300).map(|n| format!("k{n}")).collect();
        let listed = keys(&names);
        assert_eq!(listed.len(), MAX_KEYS + 1);
        assert_eq!(listed[MAX_KEYS].as_str(), "… 44 more");
    }

    #[test]
    fn times_that_are_no_numbers_are_left_out() {
        let timings =
            Timings { queue_ms: Some(f64::NAN), attempt_ms: Some(f64::INFINITY), ..Timings::default() };
        assert_eq!(timings.rounded(), None);
    }

    #[test]
    fn a_clipped_text_ends_between_characters() {
        assert_eq!(clip("aéé", 2), "a…");
        assert_eq!(clip("aéé", 3), "aé…");
        assert_eq!(clip("aéé", 5), "aéé");
    }
}
