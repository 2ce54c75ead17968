//! A record of the trail as an event for whoever reads logs, with the fields of the record.

use crate::error::Executed;
use crate::trail::{Entry, Event, RETENTION_REMOVED, Timings};

macro_rules! event {
    ($level:ident, $entry:ident) => {{
        let timings = $entry.timings.and_then(Timings::rounded).unwrap_or_default();
        tracing::$level!(
            target: super::TARGET,
            event = $entry.event.as_str(),
            action_id = $entry.action_id,
            action_name = $entry.action_name,
            correlation_id = $entry.correlation_id,
            invocation_id = $entry.invocation_id,
            attempt = $entry.attempt,
            http_status = $entry.http_status,
            status = $entry.status,
            kind = $entry.kind,
            executed = $entry.executed.map(Executed::as_str),
            bytes = $entry.bytes,
            queue_ms = timings.queue_ms,
            attempt_ms = timings.attempt_ms,
            invoke_ms = timings.invoke_ms,
            duration_ms = timings.duration_ms,
            note = $entry.note,
            "{}",
            $entry.event.as_str()
        );
    }};
}

/// Tells of a record that has been written.
pub(crate) fn tell(entry: &Entry<'_>) {
    match entry.event {
        // What was to be removed is no loss.
        Event::Gap if entry.note.is_some_and(|note| note.starts_with(RETENTION_REMOVED)) => {
            event!(debug, entry);
        }
        // Records that are missing are lost for good.
        Event::Gap => event!(error, entry),
        Event::Denied
        | Event::Invalid
        | Event::Rejected
        | Event::Unknown
        | Event::PollFailed
        | Event::CallbackFailed => event!(warn, entry),
        _ => event!(debug, entry),
    }
}
