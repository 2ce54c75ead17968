//! A row of segments: how it grows, what others see of it while it grows, and how long it is kept.

use std::sync::atomic::{AtomicBool, Ordering};

use cxone_actions::config::AuditSettings;

use super::*;

fn in_rows(directory: &Path, segment_bytes: u64) -> Trail {
    let settings = AuditSettings { segment_bytes, ..AuditSettings::default() };
    Trail::open_with(directory, "svc-billing".to_owned(), &settings).unwrap()
}

fn files(directory: &Path, ending: &str) -> Vec<String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_row_of_segments_is_one_history() {
    let directory = tempfile::tempdir().unwrap();
    let trail = in_rows(directory.path(), 4_000);
    const COUNT: usize = 200;
    for n in 0..COUNT {
        trail.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
    }
    let segments = files(directory.path(), ".jsonl");
    assert!(segments.len() > 10, "{segments:?}");
    assert!(segments.iter().all(|name| fs::metadata(directory.path().join(name)).unwrap().len() <= 4_000));
    assert_eq!(trail.segment().as_ref(), segments.last());
    let ids: Vec<_> = records(&trail, "{}").iter().map(|r| r["correlation_id"].to_string()).collect();
    assert_eq!(ids, (0..COUNT).map(|n| format!("\"c-{n}\"")).collect::<Vec<_>>());
    let found = trail.verify();
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records, found.segments), (COUNT as u64, segments.len() as u64));
    trail.close();
    let indexes: Vec<_> = segments.iter().map(|name| format!("{name}.index")).collect();
    assert_eq!(files(directory.path(), ".index"), indexes, "each is sealed");
    for name in &indexes {
        assert_eq!(mode(&directory.path().join(name)), 0o600);
    }
    // Whoever takes one away, or cuts its end off, is found out.
    let victim = directory.path().join(&segments[5]);
    let whole = fs::read(&victim).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&victim, &whole[..=last]).unwrap();
    let found = verify(directory.path());
    assert!(found.problems.iter().any(|problem| problem.what.contains("cut short")), "{found:?}");
    fs::remove_file(&victim).unwrap();
    let found = verify(directory.path());
    assert!(found.problems.iter().any(|problem| problem.what.contains("it is missing")), "{found:?}");
}

#[test]
fn a_run_that_goes_on_in_another_segment_is_never_taken_for_dead_or_broken() {
    let directory = tempfile::tempdir().unwrap();
    let writer = in_rows(directory.path(), 2_000);
    let reader = open(directory.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3_000 {
                writer.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut looks = 0;
        while !done.load(Ordering::SeqCst) || looks == 0 {
            assert_eq!(reader.unfinished().unwrap(), [], "its writer lives");
            let found = reader.verify();
            assert!(found.ok, "{found:?}");
            let found = writer.verify();
            assert!(found.ok, "{found:?}");
            looks += 1;
        }
    });
    assert_eq!(records(&reader, r#"{"event":"started"}"#).len(), 3_000);
    drop(writer);
    for _ in 0..5_000 {
        if reader.unfinished().unwrap().len() == 3_000 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("a run that is over is still taken for alive: {}", reader.unfinished().unwrap().len());
}

#[test]
fn a_process_that_is_killed_while_it_rotates_leaves_a_history_that_holds() {
    if let Some(directory) = child() {
        let trail = in_rows(&directory, 1_500);
        for n in 0u64.. {
            trail.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
            println!("{n}");
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "a_process_that_is_killed_while_it_rotates_leaves_a_history_that_holds";
    let mut written = 0;
    for lines in [1, 7, 40, 300, 900] {
        let mut process = again(module_path!(), test, directory.path(), "").spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let numbers = output.lines().map_while(|line| line.unwrap().trim().parse::<u64>().ok().or(Some(0)));
        let acknowledged = numbers.take(lines + 3).max().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        written += acknowledged;
        let found = verify(directory.path());
        assert!(found.ok && found.records >= written, "{found:?}");
        let left = open(directory.path()).unfinished().unwrap().len();
        assert!(left as u64 >= acknowledged, "{left} of {acknowledged}");
    }
}

#[test]
fn a_key_seals_what_it_writes_and_makes_digests_equal_over_runs() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let keyed = |directory: &Path, key: &str| {
        let settings = AuditSettings { key: Some(key.into()), ..AuditSettings::default() };
        Trail::open_with(directory, "svc-billing".to_owned(), &settings).unwrap()
    };
    let key = "an auditor's key, kept elsewhere";
    let (first, second, third) =
        (keyed(one.path(), key), keyed(other.path(), key), keyed(other.path(), "another auditor's"));
    assert_eq!(first.digest(b"{}"), second.digest(b"{}"));
    assert_ne!(first.digest(b"{}"), third.digest(b"{}"));
    first.append(&entry(Event::Started, "c-1")).unwrap();
    let line = fs::read_to_string(path(&first)).unwrap();
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(record["key"].as_str().map(str::len), Some(8));
    assert!(!line.contains("auditor"), "{line}");
    assert!(!format!("{first:?}").contains("auditor"));
    assert!(first.verify().ok, "{:?}", first.verify());
    // Whoever has the key can check it with the program in the documentation, and nobody without it.
    let secret = one.path().join("key");
    for (held, expected) in [(key, true), ("another auditor's", false)] {
        fs::write(&secret, format!("{held}\n")).unwrap();
        let program = chain::program();
        let output =
            Command::new("python3").args(["-c", &program]).arg(one.path()).arg(&secret).output().unwrap();
        assert_eq!(output.status.success(), expected, "{output:?}");
    }
}
