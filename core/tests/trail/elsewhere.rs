//! Checkpoints: the end of the chain, told to another place.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use cxone_actions::config::AuditSettings;
use cxone_actions::trail::{Checkpoint, SharedSink};

use super::*;

fn noting_in(directory: &Path, file: &Path) -> Trail {
    let settings = AuditSettings { checkpoints: Some(file.to_owned()), ..AuditSettings::default() };
    Trail::open_with(directory, "svc-billing".to_owned(), &settings).unwrap()
}

fn telling(directory: &Path, sink: SharedSink) -> Trail {
    let settings = AuditSettings { checkpoint_sink: Some(sink), ..AuditSettings::default() };
    Trail::open_with(directory, "svc-billing".to_owned(), &settings).unwrap()
}

fn noted(file: &Path) -> Vec<Checkpoint> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits for something that happens in the background, at most ten seconds.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "it did not come to this: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn write(trail: &Trail, count: usize) {
    for n in 0..count {
        trail.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
    }
}

#[test]
fn every_checkpoint_names_a_record_that_is_there_and_the_last_one_is_the_end() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("checkpoints");
    let trail = noting_in(directory.path(), &file);
    write(&trail, 10);
    trail.flush().unwrap();
    assert_eq!(noted(&file).first().map(|checkpoint| checkpoint.seq), Some(10), "at a flush");
    write(&trail, 1_500);
    until("a thousand records", || noted(&file).iter().any(|checkpoint| checkpoint.seq >= 1_000));
    trail.close();
    assert_eq!(mode(&file), 0o600);
    let lines = records(&trail, "{}");
    assert!(lines.iter().any(|record| record["event"] == "checkpoint"));
    let noted = noted(&file);
    for checkpoint in &noted {
        let record = lines.iter().find(|record| record["seq"] == checkpoint.seq).unwrap();
        assert_eq!(record["hash"], *checkpoint.hash);
        assert_eq!(Some(&checkpoint.segment), trail.segment().as_ref());
        assert_eq!(
            (&record["run"], &record["host"]),
            (&checkpoint.run.as_str().into(), &checkpoint.host.as_str().into())
        );
    }
    let end = lines.last().unwrap();
    assert_eq!((end["event"].as_str(), &end["seq"]), (Some("closed"), &noted.last().unwrap().seq.into()));
    let found = trail.verify();
    assert!(found.ok, "{found:?}");
}

#[test]
fn a_segment_is_noted_when_it_ends() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = elsewhere.path().join("checkpoints");
    let settings =
        AuditSettings { checkpoints: Some(file.clone()), segment_bytes: 4_000, ..AuditSettings::default() };
    let trail = Trail::open_with(directory.path(), "svc-billing".to_owned(), &settings).unwrap();
    write(&trail, 100);
    trail.close();
    let segments = fs::read_dir(directory.path()).unwrap();
    let segments =
        segments.map(|entry| entry.unwrap().path()).filter(|path| path.extension() == Some("jsonl".as_ref()));
    for path in segments {
        let text = fs::read_to_string(&path).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let noted = noted(&file);
        let newest = noted.iter().filter(|checkpoint| checkpoint.segment == name).max_by_key(|c| c.seq);
        assert_eq!(newest.map(|checkpoint| checkpoint.hash.as_str()), last["hash"].as_str(), "{name}");
    }
    assert!(trail.verify().ok);
}

#[test]
fn a_function_is_told_in_order_and_the_end_too() {
    let directory = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let sink =
        SharedSink::new(move |checkpoint: &Checkpoint| tell.send(checkpoint.clone()).map_err(|_| "gone"));
    let trail = telling(directory.path(), sink);
    write(&trail, 5);
    trail.flush().unwrap();
    let first = told.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(first.seq >= 5);
    write(&trail, 3);
    trail.close();
    let rest: Vec<_> = told.try_iter().collect();
    let end = records(&trail, "{}").pop().unwrap();
    assert_eq!(rest.last().map(|checkpoint| checkpoint.hash.as_str()), end["hash"].as_str());
    assert!(rest.iter().all(|checkpoint| checkpoint.seq > first.seq));
}

#[test]
fn what_takes_no_note_is_said_once_and_stops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (tell, told) = mpsc::channel();
    let sink = SharedSink::new(move |checkpoint: &Checkpoint| {
        let _ = tell.send(checkpoint.seq);
        Err::<(), _>("VaultSealed")
    });
    let trail = telling(directory.path(), sink);
    for _ in 0..3 {
        write(&trail, 5);
        trail.flush().unwrap();
        told.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    trail.close();
    let said = records(&trail, r#"{"event":"checkpoint"}"#);
    assert_eq!(said.len(), 1, "{said:?}");
    let note = said[0]["note"].as_str().unwrap();
    assert!(note.contains("cannot be noted") && note.ends_with("VaultSealed"), "{note}");
    assert_eq!(records(&trail, r#"{"event":"started"}"#).len(), 15);
}

#[test]
fn a_function_that_never_returns_holds_up_nobody_for_long() {
    let directory = tempfile::tempdir().unwrap();
    let (enter, entered) = mpsc::channel();
    let sink = SharedSink::new(move |_: &Checkpoint| {
        let _ = enter.send(());
        loop {
            std::thread::park();
        }
        #[expect(unreachable_code, reason = "it has to say what it would return")]
        Ok::<(), String>(())
    });
    let trail = telling(directory.path(), sink);
    write(&trail, 1);
    trail.flush().unwrap();
    entered.recv_timeout(Duration::from_secs(10)).unwrap();
    write(&trail, 2_000);
    let began = Instant::now();
    trail.close();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(events(&records(&trail, "{}")).last(), Some(&"closed"));
    let left = open(directory.path()).unfinished().unwrap();
    assert_eq!(left.len(), 2_000, "the lock was given back");
}

#[test]
fn a_place_for_checkpoints_that_cannot_work_is_refused_when_the_client_is_opened() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let link = elsewhere.path().join("link");
    symlink(elsewhere.path().join("file"), &link).unwrap();
    let cases = [
        (directory.path().join("checkpoints"), "it is in the directory of the trail"),
        (elsewhere.path().to_owned(), "cannot be used"),
        (elsewhere.path().join("missing/file"), "No such file"),
        (link, "cannot be used"),
    ];
    for (file, expected) in cases {
        let settings = AuditSettings { checkpoints: Some(file), ..AuditSettings::default() };
        let error = refused(Trail::open_with(directory.path(), "svc".to_owned(), &settings));
        assert!(error.message().contains(expected), "{error}");
    }
}
