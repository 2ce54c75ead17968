//! A limited history: segments whose last record is older than so many days are removed, the oldest first.
//!
//! One promise: the disk has a record that names each segment and its end before that segment is gone, and what a living
//! process writes is never removed.

use std::fs;
use std::io;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::inner::Inner;
use super::log::Head;
use super::record::{Record, timestamp_text};
use super::segment::{self, Segment};
use super::{Event, index};
use crate::telemetry::TARGET;

/// How the `note` of a removal begins; the segment, the number of its last record, and the hash of that follow.
pub const RETENTION_REMOVED: &str = "retention removed";

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
    let mut named = Vec::new();
    for segment in segment::list(directory)? {
        // What begins later ends later, too.
        if segment.start.as_str() >= until {
            break;
        }
        // What cannot be read is for `verify` to name, and not for us to remove.
        let Ok(Some(head)) = end_before(&segment, until) else { continue };
        // What no record names is kept until one does.
        if !inner
            .note(Event::Gap, &format!("{RETENTION_REMOVED} {} {} {}", segment.name, head.seq, head.hash))
        {
            break;
        }
        named.push(segment);
    }
    if named.is_empty() {
        return Ok(());
    }
    // A removal may reach the disk before the record that was written before it.
    inner.sync().map_err(io::Error::other)?;
    named.iter().try_for_each(|segment| remove_segment(directory, segment))
}

fn remove_segment(directory: &Path, segment: &Segment) -> io::Result<()> {
    match fs::remove_file(&segment.path) {
        Ok(()) => {}
        // Another process is about the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let _ = fs::remove_file(index::path(directory, &segment.name));
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

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::config::AuditSettings;
    use crate::trail::log::{Log, Sink};
    use crate::trail::record::{Entry, Origin};
    use crate::trail::run::{Current, Run};
    use crate::trail::writing::{NOON, at, log_on, origin_here};
    use crate::trail::{Filter, Trail, clock};

    /// A segment of a single invocation that began at this time: its name, its end, and the log that wrote it.
    fn written(directory: &Path, run: &str, began: Timestamp) -> (String, Head, Log) {
        let origin = Origin { run: run.into(), ..origin_here() };
        let path = segment::directory(directory).unwrap();
        let name = segment::name(began, origin.pid, run);
        let file = Arc::new(segment::Written::new(segment::create_locked(&path, &name).unwrap()));
        let current = Current::new(name.clone(), file);
        let mut log = Log::new(Sink::Run(Box::new(Run::of(path, 64 << 20, current))), None);
        for event in [Event::Started, Event::Closed] {
            log.append_at(&origin, &Entry::new(event), began).unwrap();
        }
        (name, log.head.clone(), log)
    }

    /// The same by a process that is gone.
    fn left(directory: &Path, run: &str, began: Timestamp) -> (String, Head) {
        let (name, head, mut log) = written(directory, run, began);
        log.release();
        (name, head)
    }

    fn days_ago(days: i64) -> Timestamp {
        clock::now() - SignedDuration::from_hours(24 * days)
    }

    fn names(directory: &Path) -> Vec<String> {
        segment::list(directory).unwrap().into_iter().map(|segment| segment.name).collect()
    }

    #[test]
    fn what_no_record_can_name_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (old, _) = left(directory.path(), "000000000001", days_ago(40));
        let trail = Trail::open(directory.path(), "svc".into()).unwrap();
        let until = timestamp_text(days_ago(30));
        trail.inner.log().break_off("the disk is full".into());
        remove_until(&trail.inner, &until).unwrap();
        assert!(names(directory.path()).contains(&old), "no record names it");
        trail.inner.log().retry = Duration::ZERO;
        remove_until(&trail.inner, &until).unwrap();
        assert!(!names(directory.path()).contains(&old), "a new segment names it");
        trail.close();
        assert!(trail.verify().ok, "{:?}", trail.verify());
    }

    #[test]
    fn what_the_disk_has_no_name_of_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (old, _) = left(directory.path(), "000000000001", at(NOON) - SignedDuration::from_hours(24));
        let device = Trail::new(
            origin_here(),
            Some(directory.path().to_owned()),
            log_on("/dev/null", directory.path()),
        );
        assert!(remove_until(&device.inner, &timestamp_text(at(NOON))).is_err());
        assert!(names(directory.path()).contains(&old));
    }

    #[test]
    fn what_is_kept_no_longer_is_named_before_it_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let (old, head) = left(directory.path(), "000000000001", days_ago(40));
        let (living, _, _held) = written(directory.path(), "000000000002", days_ago(39));
        let (young, _) = left(directory.path(), "000000000003", days_ago(20));
        let settings = AuditSettings { retention_days: Some(30), ..AuditSettings::default() };
        let trail = Trail::open_with(directory.path(), "svc".into(), &settings).unwrap();
        let gone = || !directory.path().join(&old).exists();
        for _ in 0..5_000 {
            if gone() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        trail.close();
        assert_eq!(names(directory.path()), [living, young, trail.segment().unwrap()]);
        let gap = format!("{RETENTION_REMOVED} {old} {} {}", head.seq, head.hash);
        let notes: Vec<_> = trail
            .records(&Filter { event: Some(Event::Gap), ..Filter::default() })
            .unwrap()
            .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["note"].to_string())
            .collect();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].contains(&gap), "{notes:?}");
    }
}
