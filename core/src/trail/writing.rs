//! How the log goes on from one segment to the next, and how it goes on after a disk that failed. Times are given, so
//! that nobody waits for a day to end.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::log::{Ended, Log, Sink};
use super::record::{Origin, Record};
use super::run::{self, Run};
use super::segment::{self, Segment, Written};
use super::syncer::{self, Group};
use super::{Entry, Event, Power, Trail, Verification, witness};
use crate::config::{AuditFailure, AuditSettings};
use crate::error::ErrorKind;

pub(super) const NOON: &str = "2026-11-22T12:00:00Z";
const MIDNIGHT: &str = "2026-11-23T00:00:00Z";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn origin() -> Origin {
    Origin { host: "h".into(), pid: 7, run: "0f86d081884c".into(), actor: "a".into(), key: None }
}

/// A log that tries a new segment whenever something is written.
fn log(directory: &Path, segment_bytes: u64) -> Log {
    let directory = segment::directory(directory).unwrap();
    let run = Run::begin(directory, segment_bytes, &origin()).unwrap();
    let mut log = Log::new(Sink::Run(Box::new(run)), None);
    log.retry = Duration::ZERO;
    log
}

/// One whose segment is a device that this name stands for.
pub(super) fn log_on(device: &str, directory: &Path) -> Log {
    let directory = segment::directory(directory).unwrap();
    let name = segment::name(at(NOON), 7, "0f86d081884c");
    symlink(device, directory.join(&name)).unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(directory.join(&name)).unwrap();
    let run = Run::of(directory, 64 << 20, run::Current::new(name, Arc::new(Written::new(file))));
    let mut log = Log::new(Sink::Run(Box::new(run)), None);
    log.retry = Duration::ZERO;
    log
}

fn started(log: &mut Log, time: &str) -> Result<(), Ended> {
    log.append_at(&origin(), &Entry::new(Event::Started), at(time))
}

fn run(log: &Log) -> &Run {
    let Sink::Run(run) = &log.sink else { panic!("a log in a directory") };
    run
}

/// The events of each segment, and the notes of first records.
fn segments(directory: &Path) -> Vec<(Vec<String>, Option<String>)> {
    let regular = |segment: &Segment| segment.open().is_ok();
    let read = |segment: Segment| {
        let text = std::fs::read_to_string(segment.path).unwrap();
        let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let events = records.iter().map(|record| record["event"].as_str().unwrap().to_owned()).collect();
        (events, records[0]["note"].as_str().map(str::to_owned))
    };
    segment::list(directory).unwrap().into_iter().filter(regular).map(read).collect()
}

fn verified(directory: &Path) -> Verification {
    Trail::read_only(directory).unwrap().verify()
}

#[test]
fn the_first_record_of_a_new_day_begins_a_segment_that_names_the_end_of_the_one_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log(directory.path(), 64 << 20);
    for time in ["2026-11-22T00:00:00Z", "2026-11-22T23:59:59.999999Z", MIDNIGHT, "2026-11-23T00:00:01Z"] {
        started(&mut log, time).unwrap();
    }
    let before = run(&log).complete.first().unwrap();
    let link = witness::link(&before.name, &before.head);
    let two = || vec!["started".to_owned(); 2];
    assert_eq!(segments(directory.path()), [(two(), None), (two(), Some(link))]);
    assert!(verified(directory.path()).ok);
}

#[test]
fn a_clock_that_is_set_back_begins_no_segment_and_every_later_segment_has_the_later_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log(directory.path(), 2_000);
    let mut names = Vec::new();
    for n in 0..60 {
        let time = at(MIDNIGHT) - SignedDuration::from_mins(n);
        log.append_at(&origin(), &Entry::new(Event::Started), time).unwrap();
        names.push(run(&log).current.name.clone());
    }
    names.dedup();
    assert!(names.len() > 5 && names.is_sorted(), "{names:?}");
    // By size alone: fewer than the days that the clock went to and fro.
    let records = segments(directory.path()).iter().map(|(events, _)| events.len()).sum::<usize>();
    assert_eq!(records, 60);
    assert!(verified(directory.path()).ok);
}

#[test]
fn no_segment_outgrows_its_size_and_none_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log(directory.path(), 1_000);
    let long = "n".repeat(3_000);
    for note in ["", &long, "", "", &long, &long, ""] {
        let entry = Entry { note: Some(note), ..Entry::new(Event::Config) };
        log.append(&origin(), &entry).unwrap();
    }
    for segment in segment::list(directory.path()).unwrap() {
        let text = std::fs::read_to_string(segment.path).unwrap();
        // A record that is longer than a segment has one of its own.
        assert!(text.len() <= 1_000 || text.lines().count() == 1, "{}", text.lines().count());
    }
    assert!(segments(directory.path()).iter().all(|(events, _)| !events.is_empty()));
    assert!(verified(directory.path()).ok);
}

#[test]
fn after_a_full_disk_a_new_segment_says_how_many_records_are_missing() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log_on("/dev/full", directory.path());
    log.retry = Duration::from_secs(3600);
    for _ in 0..3 {
        assert!(matches!(started(&mut log, NOON), Err(Ended::Broken(_))));
    }
    log.retry = Duration::ZERO;
    started(&mut log, NOON).unwrap();
    started(&mut log, NOON).unwrap();
    let expected = ["gap", "started", "started"].map(str::to_owned).to_vec();
    assert_eq!(segments(directory.path()), [(expected, Some("3 records are missing".to_owned()))]);
}

#[test]
fn a_file_that_failed_is_never_touched_again_and_the_gap_is_linked_to_its_last_acknowledged_record() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log(directory.path(), 64 << 20);
    started(&mut log, NOON).unwrap();
    let (name, head) = (run(&log).current.name.clone(), log.head.clone());
    let path = directory.path().join(&name);
    // Somebody else wrote to it.
    let foreign = [std::fs::read(&path).unwrap(), b"{\"v\":1,\"se".to_vec()].concat();
    std::fs::write(&path, &foreign).unwrap();
    log.retry = Duration::from_secs(3600);
    assert!(started(&mut log, NOON).is_err());
    log.retry = Duration::ZERO;
    started(&mut log, NOON).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), foreign);
    let gap = format!("1 records are missing; {}", witness::link(&name, &head));
    let newest = segment::list(directory.path()).unwrap().pop().unwrap();
    let text = std::fs::read_to_string(&newest.path).unwrap();
    let first = Record::parse(text.lines().next().unwrap().as_bytes()).unwrap();
    assert_eq!((&*first.event, first.note.unwrap().as_str()), ("gap", gap.as_str()));
    assert!(newest.is_held().unwrap(), "the run lives in its new segment");
    let complete: Vec<_> =
        log.close_at(&origin(), at(NOON)).into_iter().map(|complete| complete.name).collect();
    assert_eq!(complete, [newest.name], "nothing is said of the end of a segment that failed");
}

#[test]
fn a_deleted_directory_is_never_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("trail");
    let mut log = log(&directory, 64 << 20);
    started(&mut log, NOON).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    for _ in 0..3 {
        assert!(started(&mut log, NOON).is_err());
    }
    assert!(!directory.exists());
    std::fs::create_dir(&directory).unwrap();
    started(&mut log, NOON).unwrap();
    let (events, note) = segments(&directory).remove(0);
    assert_eq!(events, ["gap", "started"]);
    assert!(note.unwrap().starts_with("3 records are missing; after "));
}

#[test]
fn a_new_segment_is_tried_no_sooner_than_five_seconds_after_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log_on("/dev/full", directory.path());
    log.retry = Log::new(Sink::Nowhere, None).retry;
    assert_eq!(log.retry, Duration::from_secs(5));
    for _ in 0..10 {
        assert!(started(&mut log, NOON).is_err());
    }
    assert!(segments(directory.path()).is_empty());
}

#[test]
fn a_log_that_is_broken_when_it_is_closed_says_what_is_missing_if_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let mut log = log_on("/dev/full", directory.path());
    log.retry = Duration::from_secs(3600);
    assert!(started(&mut log, NOON).is_err());
    assert_eq!(log.close(&origin()).len(), 1);
    let (events, note) = segments(directory.path()).remove(0);
    assert_eq!(
        (events, note.as_deref()),
        (vec!["gap".to_owned(), "closed".to_owned()], Some("1 records are missing"))
    );
    assert!(matches!(started(&mut log, NOON), Err(Ended::Closed)));
}

/// A trail on a device that takes writes and cannot be synced, at `power`.
fn at_power(directory: &Path, failure: AuditFailure) -> Trail {
    let mut trail = Trail::new(origin_here(), Some(directory.to_owned()), log_on("/dev/null", directory));
    trail.failure = failure;
    let group = Arc::new(Group::new());
    let thread = syncer::start(Arc::clone(&trail.inner), Arc::clone(&group)).unwrap();
    trail.power = Some(Power { group, thread: Mutex::new(Some(thread)) });
    trail
}

pub(super) fn origin_here() -> Origin {
    Origin { pid: std::process::id(), ..origin() }
}

#[tokio::test]
async fn what_the_disk_did_not_take_is_no_false_acknowledgement() {
    let directory = tempfile::tempdir().unwrap();
    let trail = at_power(directory.path(), AuditFailure::FailClosed);
    trail.inner.log().retry = Duration::from_secs(3600);
    let position = trail.append(&Entry::new(Event::Sending)).unwrap();
    let error = trail.settled(position).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, crate::error::Executed::No));
    assert!(trail.append(&Entry::new(Event::Sending)).is_err());
    // A new segment is on a disk that works. What was lost stays lost.
    trail.inner.log().retry = Duration::ZERO;
    let later = trail.append(&Entry::new(Event::Sending)).unwrap();
    trail.settled(later).await.unwrap();
    assert!(trail.settled(position).await.is_err());
    trail.closed().await;
    assert_eq!(segments(directory.path())[0].0, ["gap", "sending", "closed"]);
}

#[tokio::test]
async fn what_another_sync_learned_of_the_disk_is_no_false_acknowledgement_either() {
    let directory = tempfile::tempdir().unwrap();
    let trail = at_power(directory.path(), AuditFailure::FailClosed);
    trail.inner.log().retry = Duration::from_secs(3600);
    let position = trail.append(&Entry::new(Event::Sending)).unwrap();
    assert!(trail.flush().is_err());
    assert!(
        trail.settled(position).await.is_err(),
        "the next sync has nothing to do with that file any more"
    );
    trail.inner.log().retry = Duration::ZERO;
    let later = trail.append(&Entry::new(Event::Sending)).unwrap();
    trail.settled(later).await.unwrap();
    assert!(trail.settled(position).await.is_err());
    trail.closed().await;
}

#[test]
fn a_sync_that_fails_at_the_close_is_told_to_who_asks_afterwards() {
    let directory = tempfile::tempdir().unwrap();
    let trail =
        Trail::new(origin_here(), Some(directory.path().to_owned()), log_on("/dev/null", directory.path()));
    trail.append(&Entry::new(Event::Started)).unwrap();
    trail.close();
    assert!(trail.flush().is_err());
}

#[tokio::test]
async fn who_asked_to_go_on_goes_on_and_what_is_missing_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let trail = at_power(directory.path(), AuditFailure::ContinueWithGap);
    trail.inner.log().retry = Duration::from_secs(3600);
    for _ in 0..5 {
        let position = trail.append(&Entry::new(Event::Sending)).unwrap();
        trail.settled(position).await.unwrap();
    }
    trail.closed().await;
    let (events, note) = segments(directory.path()).remove(0);
    assert_eq!(events, ["gap", "closed"]);
    assert!(
        note.unwrap().starts_with("4 records are missing; after "),
        "the first was written, and not synced"
    );
}

#[test]
fn what_is_lost_is_counted_for_ever_and_is_a_problem_until_a_gap_says_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut trail =
        Trail::new(origin_here(), Some(directory.path().to_owned()), log_on("/dev/full", directory.path()));
    trail.failure = AuditFailure::ContinueWithGap;
    trail.inner.log().retry = Duration::from_secs(3600);
    let name = trail.segment().unwrap();
    let said = |trail: &Trail| {
        let found = trail.verify();
        let problems = found.problems.into_iter();
        problems.map(|p| (p.segment, p.what)).find(|(_, what)| what.contains("could not be written"))
    };
    for (n, what) in [(1, "1 record could not be written"), (2, "2 records could not be written")] {
        trail.append(&Entry::new(Event::Started)).unwrap();
        assert_eq!((trail.lost(), said(&trail)), (n, Some((name.clone(), what.to_owned()))));
        assert!(!trail.verify().ok);
    }
    let hint = trail.flush().unwrap_err();
    assert!(hint.hint().unwrap().starts_with("invocations go on without records"), "{hint:?}");
    trail.inner.log().retry = Duration::ZERO;
    trail.append(&Entry::new(Event::Started)).unwrap();
    assert_eq!((trail.lost(), said(&trail)), (2, None), "a gap says it");
    assert_eq!(segments(directory.path())[0].1.as_deref(), Some("2 records are missing"));
}

/// The lines of the program's log, as one text.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Said {
    /// What is logged while this is done.
    fn of(work: impl FnOnce()) -> String {
        let said = Said::default();
        let writer = said.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(said.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn a_gap_is_told_to_who_reads_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let said = Said::of(|| {
        let mut log = log_on("/dev/full", directory.path());
        assert!(started(&mut log, NOON).is_err());
        started(&mut log, NOON).unwrap();
    });
    assert!(said.contains("ERROR") && said.contains("event=\"gap\""), "{said}");
    assert!(said.contains("1 records are missing"), "{said}");
}

#[test]
fn a_trail_that_ends_while_the_disk_is_full_leaves_its_losses_in_the_log_and_with_who_verifies() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("trail");
    let settings = AuditSettings { failure: AuditFailure::ContinueWithGap, ..AuditSettings::default() };
    let said = Said::of(|| {
        let trail = Trail::open_with(&path, "svc".into(), &settings).unwrap();
        trail.append(&Entry::new(Event::Started)).unwrap();
        // No segment can be begun where there is no directory.
        std::fs::remove_dir_all(&path).unwrap();
        for _ in 0..3 {
            trail.append(&Entry::new(Event::Sending)).unwrap();
        }
        trail.close();
        trail.close();
        assert_eq!(trail.lost(), 3);
        let problem = trail.verify().problems.pop().unwrap();
        assert_eq!(problem.segment, trail.segment().unwrap());
        assert_eq!(problem.what, "3 records could not be written");
    });
    let lines: Vec<_> = said.lines().filter(|line| line.contains("3 records could not be written")).collect();
    assert!(lines.len() == 1 && lines[0].contains("ERROR"), "{said}");
}
