//! Failures of disks and the ways of processes, where they need the inside of a trail.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::log::{Log, Memory, Sink};
use super::record::Origin;
use super::run::{self, Run};
use super::{Entry, Event, Trail, segment};
use crate::cause::Cause;
use crate::error::{Error, ErrorKind, Executed, Result};

/// A trail in a directory that is not there, whose segment is this file.
#[cfg(unix)]
fn on_file(path: &str) -> Trail {
    let file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    let directory = PathBuf::from("/var/log/actions");
    let current = run::Current::new(
        "20261122T151222.123456Z-7-9f86d081884c.jsonl".into(),
        Arc::new(segment::Written::new(file)),
    );
    let run = Run::of(directory.clone(), 64 << 20, current);
    Trail::new(Origin::here("svc".into(), None), Some(directory), Log::new(Sink::Run(Box::new(run)), None))
}

/// What the trail's segment is open as.
fn file(trail: &Trail) -> Option<std::fs::File> {
    let log = trail.inner.log();
    let Sink::Run(run) = &log.sink else { panic!("a trail in a directory") };
    run.files().next().map(|file| file.file.try_clone().unwrap())
}

fn refused<T: fmt::Debug>(result: Result<T>) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No));
    error
}

#[test]
fn a_trail_in_memory_is_not_said_to_agree_with_checkpoints() {
    let trail = Trail::in_memory("svc".into());
    trail.append(&Entry::new(Event::Started)).unwrap();
    assert!(trail.verify().ok);
    for checkpoints in ["/dev/null", "/nowhere/checkpoints"] {
        let found = trail.verify_against(Some(checkpoints.as_ref()));
        assert!(!found.ok && found.records == 1, "{found:?}");
        let [problem] = &*found.problems else { panic!("{found:?}") };
        assert!(problem.what.contains("is kept in memory"), "{problem:?}");
    }
}

#[cfg(target_os = "linux")] // the device that is always full
#[test]
fn a_full_disk_is_no_false_acknowledgement_and_ends_the_trail() {
    let trail = on_file("/dev/full");
    let first = refused(trail.append(&Entry::new(Event::Sending)));
    assert!(first.message().contains("No space left on device"), "{first}");
    assert!(
        first.hint().unwrap().contains("`/var/log/actions` exists, is writable and has space"),
        "{first}"
    );
    // Were the file tried again, the reason would be a new one: this one has no room for that.
    trail.inner.log().sink = Sink::Memory(Memory::new());
    let as_first = |error: Error| {
        assert_eq!(error.message(), first.message());
        assert_eq!(error.cause().map(Cause::code), Some("ENOSPC"), "to whoever comes");
    };
    as_first(first.clone());
    as_first(refused(trail.append(&Entry::new(Event::Sending))));
    as_first(refused(trail.flush()));
    trail.close();
    as_first(refused(trail.append(&Entry::new(Event::Sending))));
}

#[cfg(unix)]
#[test]
fn a_disk_that_does_not_sync_ends_the_trail() {
    // A character device takes writes and cannot be synced.
    let trail = on_file("/dev/null");
    trail.append(&Entry::new(Event::Started)).unwrap();
    refused(trail.flush());
    refused(trail.append(&Entry::new(Event::Sending)));
}

#[test]
fn a_child_of_fork_never_writes_into_its_parents_segment_and_lets_go_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut trail = Trail::open(directory.path(), "svc".into()).unwrap();
    trail.append(&Entry::new(Event::Started)).unwrap();
    let path = directory.path().join(trail.segment().unwrap());
    let before = std::fs::read(&path).unwrap();
    let _parents = file(&trail).unwrap();
    let inner = Arc::get_mut(&mut trail.inner).unwrap();
    inner.origin.pid = inner.origin.pid.wrapping_add(1);
    let error = refused(trail.append(&Entry::new(Event::Sending)));
    assert_eq!(error.hint(), Some("open a new client in this process"));
    assert!(!trail.verify().ok);
    trail.close();
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(file(&trail).is_none());
    assert!(segment::list(directory.path()).unwrap()[0].is_held().unwrap(), "the parent still holds it");
}

#[cfg(unix)]
#[test]
fn a_child_of_fork_that_keeps_the_file_open_does_not_keep_the_lock_of_a_closed_trail() {
    for close in [Trail::close, |_: &Trail| ()] {
        let directory = tempfile::tempdir().unwrap();
        let trail = Trail::open(directory.path(), "svc".into()).unwrap();
        trail.append(&Entry::new(Event::Started)).unwrap();
        let _childs = file(&trail).unwrap();
        let segment = segment::list(directory.path()).unwrap().remove(0);
        assert!(segment.is_held().unwrap());
        close(&trail);
        drop(trail);
        assert!(!segment.is_held().unwrap());
    }
}

#[test]
fn a_thread_that_panicked_does_not_end_the_trail_of_the_others() {
    let trail = Trail::in_memory("svc".into());
    let panicked = thread::scope(|scope| {
        let panics = || {
            let _log = trail.inner.log.lock().unwrap();
            std::panic::resume_unwind(Box::new(()));
        };
        scope.spawn(panics).join()
    });
    assert!(panicked.is_err() && trail.inner.log.is_poisoned());
    trail.append(&Entry::new(Event::Started)).unwrap();
    assert!(trail.verify().ok);
}

#[test]
fn a_digest_compares_inputs_within_a_run_and_tells_nothing_outside_of_it() {
    let (one, other) = (Trail::in_memory("svc".into()), Trail::in_memory("svc".into()));
    assert_eq!(one.digest(b"{\"pin\":1234}"), one.digest(b"{\"pin\":1234}"));
    assert_ne!(one.digest(b"{\"pin\":1234}"), one.digest(b"{\"pin\":1235}"));
    assert_ne!(one.digest(b"{\"pin\":1234}"), other.digest(b"{\"pin\":1234}"));
    assert_eq!(one.digest(b"").len(), 64);
    let key = format!("{one:?}");
    assert!(key.contains("svc") && !key.contains("Hmac"), "{key}");
}
