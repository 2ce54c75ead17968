//! A limited history: segments whose last record is older than so many days are removed, the oldest first.
//!
//! One promise: a record of the trail names each segment that is removed, and its end, before it is gone; and what a
//! living process writes is never removed.

use std::fs;
use std::io;

use jiff::{SignedDuration, Timestamp};

use super::inner::Inner;
use super::log::Head;
use super::record::{Record, timestamp_text};
use super::segment::{self, Segment};
use super::{Event, index};
use crate::telemetry::TARGET;

/// How the `note` of a removal begins; the segment, the number of its last record, and the hash of that follow.
pub(super) const REMOVED: &str = "retention removed";

pub(super) fn remove(inner: &Inner) {
    let Some(days) = inner.retention_days else { return };
    let Ok(until) = Timestamp::now().checked_sub(SignedDuration::from_hours(24 * i64::from(days))) else {
        return;
    };
    if let Err(error) = remove_until(inner, &timestamp_text(until)) {
        tracing::warn!(target: TARGET, "old segments of the audit trail cannot be removed: {error}");
    }
}

fn remove_until(inner: &Inner, until: &str) -> io::Result<()> {
    let Some(directory) = &inner.directory else { return Ok(()) };
    for segment in segment::list(directory)? {
        // What begins later ends later, too.
        if segment.start.as_str() >= until {
            break;
        }
        // What cannot be read is for `verify` to name, and not for us to remove.
        let Ok(Some(head)) = end_before(&segment, until) else { continue };
        inner.note(Event::Gap, &format!("{REMOVED} {} {} {}", segment.name, head.seq, head.hash));
        match fs::remove_file(&segment.path) {
            Ok(()) => {}
            // Another process is about the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let _ = fs::remove_file(index::path(directory, &segment.name));
    }
    Ok(())
}

/// The end of a segment that nobody writes any more, and whose last record is older than this.
fn end_before(segment: &Segment, until: &str) -> io::Result<Option<Head>> {
    if segment.is_held()? {
        return Ok(None);
    }
    let Some(line) = segment.last_line()? else { return Ok(None) };
    let Ok(record) = Record::parse(&line) else { return Ok(None) };
    let hash = record.hash.as_ref().map(|hash| hash.as_str().to_owned()).unwrap_or_default();
    Ok((&*record.ts < until).then_some(Head { seq: record.seq, hash }))
}
