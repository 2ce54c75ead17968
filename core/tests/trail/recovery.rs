//! What is unfinished is found by indexes: what is read does not grow with the history.

use std::os::unix::process::ExitStatusExt;

use cxone_actions::trail::UnfinishedState;

use super::*;

const INVOCATIONS: usize = 250_000;
const UNFINISHED: usize = 1_000;

/// A million records of one run: every so often an invocation is left where `n % 3` says. Ends by a signal.
fn write_and_die(directory: &Path) {
    let settings = AuditSettings { segment_bytes: 8 << 20, ..AuditSettings::default() };
    let trail = Trail::open_with(directory, "svc-billing".to_owned(), &settings).unwrap();
    for n in 0..INVOCATIONS {
        let (correlation, invocation) = (format!("c-{n}"), format!("i-{n}"));
        let accepted = Entry { invocation_id: Some(&invocation), ..entry(Event::Accepted, &correlation) };
        let steps = [
            entry(Event::Started, &correlation),
            entry(Event::Sending, &correlation),
            accepted,
            Entry { event: Event::Terminal, ..accepted },
        ];
        let many = if n % (INVOCATIONS / UNFINISHED) == 0 { 1 + n % 3 } else { 4 };
        for step in steps.iter().take(many) {
            trail.append(step).unwrap();
        }
    }
    // Its last index is written in the background.
    let indexes = || fs::read_dir(directory).unwrap().filter(is_index).count();
    let segments = || segments_of(directory).len();
    while indexes() + 1 < segments() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    std::process::abort();
}

fn is_index(entry: &std::io::Result<fs::DirEntry>) -> bool {
    let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
    Path::new(&name).extension().is_some_and(|extension| extension == "index") && !name.starts_with('.')
}

fn segments_of(directory: &Path) -> Vec<PathBuf> {
    let mut segments: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    segments.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    segments.sort();
    segments
}

/// How many bytes this process has read, from the disk or from its cache.
fn bytes_read() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_unfinished_among_a_million_records_are_found_without_reading_those() {
    if let Some(directory) = child() {
        if segments_of(&directory).is_empty() {
            write_and_die(&directory);
        }
        let before = bytes_read();
        let left = Trail::read_only(&directory).unwrap().unfinished().unwrap();
        let read = bytes_read() - before;
        println!("\nresult: {}", serde_json::json!([left, read]));
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "a_thousand_unfinished_among_a_million_records_are_found_without_reading_those";
    let run = || again(module_path!(), test, directory.path(), "").output().unwrap();
    assert!(run().status.signal().is_some());
    let recovered = || {
        let output = String::from_utf8(run().stdout).unwrap();
        let line = output.lines().find_map(|line| line.strip_prefix("result: ")).expect(&output);
        let result: (Vec<Value>, u64) = serde_json::from_str(line).unwrap();
        result
    };
    let segments = segments_of(directory.path());
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let (all, last) = (segments.iter().map(length).sum::<u64>(), length(segments.last().unwrap()));
    assert!(segments.len() > 20 && all > 200 << 20, "{} segments, {all} bytes", segments.len());

    // The last segment has no index: its writer died.
    let (left, read) = recovered();
    let words: Vec<_> = left.iter().map(|one| one["state"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..INVOCATIONS)
        .step_by(INVOCATIONS / UNFINISHED)
        .map(|n| {
            [UnfinishedState::Unsent, UnfinishedState::Unknown, UnfinishedState::Accepted][n % 3].as_str()
        })
        .collect();
    assert_eq!(words, expected, "in the order of time");
    assert!(read < last + all / 25, "{read} of {all} bytes were read");

    // Without indexes the same is found, and everything is read.
    for path in &segments {
        let _ = fs::remove_file(format!("{}.index", path.display()));
    }
    let (slowly, read) = recovered();
    assert_eq!(slowly, left);
    assert!(read >= all, "{read} of {all} bytes were read");

    // A client that may write makes them again, and then they are all that is read.
    let trail = open(directory.path());
    assert_eq!(trail.unfinished().unwrap().len(), UNFINISHED);
    trail.close();
    let (again, read) = recovered();
    assert_eq!(again, left);
    assert!(read < all / 25, "{read} of {all} bytes were read");
}

#[test]
fn an_index_that_does_not_say_what_its_records_say_is_named_and_one_that_does_not_fit_is_ignored() {
    let (directory, path) = closed_segment(4);
    let index = PathBuf::from(format!("{}.index", path.display()));
    assert!(index.exists() && mode(&index) == 0o600);
    assert!(verify(directory.path()).ok);
    assert_eq!(Trail::read_only(directory.path()).unwrap().unfinished().unwrap().len(), 3);

    // Whoever hides an unfinished invocation in an index seals it as well as we do.
    let forged = forged(
        &fs::read_to_string(&index).unwrap(),
        "\"correlation_id\":\"c-2\"",
        "\"correlation_id\":\"c-1\"",
    );
    fs::write(&index, forged).unwrap();
    let found = verify(directory.path());
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert!(found.problems[0].what.contains("its index does not say what its records say"), "{found:?}");
    assert_eq!(found.problems[0].line, 0);

    // One that was damaged, or that is of another length, is as good as none.
    for damaged in ["", "{}\n", "\0\0\0\0", &fs::read_to_string(&index).unwrap().replace("c-3", "c-4")] {
        fs::write(&index, damaged).unwrap();
        assert!(verify(directory.path()).ok);
        assert_eq!(Trail::read_only(directory.path()).unwrap().unfinished().unwrap().len(), 3);
    }
    fs::remove_file(&index).unwrap();
    symlink(&path, &index).unwrap();
    assert_eq!(Trail::read_only(directory.path()).unwrap().unfinished().unwrap().len(), 3);
}

/// Both lines of an index after a change of the first.
fn forged(index: &str, from: &str, to: &str) -> String {
    let mut prev = String::new();
    let mut lines = String::new();
    for line in index.lines() {
        let content = &line[..line.len() - 75];
        let before = content.find("\"prev\":\"").map(|at| &content[at + 8..at + 72]);
        let content = before.map_or(content.to_owned(), |before| content.replace(before, &prev));
        let content = content.replace(from, to);
        let hash = <sha2::Sha256 as sha2::Digest>::digest(content.as_bytes());
        prev = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push_str(&format!("{content},\"hash\":\"{prev}\"}}\n"));
    }
    lines
}

/// How each invocation is listed, by its correlation id.
fn states(trail: &Trail) -> Vec<(String, &'static str, Option<String>)> {
    let left = trail.unfinished().unwrap().into_iter();
    let mut states: Vec<_> =
        left.map(|one| (one.correlation_id, one.state.as_str(), one.invocation_id)).collect();
    states.sort();
    states
}

#[test]
fn a_trail_that_does_not_hold_is_never_listed_as_better_than_it_is() {
    type Attack = fn(&mut Vec<String>);
    type Case<'a> = (&'a str, Attack, &'a [(&'a str, &'a str)]);
    // c-1 was sent, c-2 was accepted, c-3 ended, c-4 was only started.
    let whole: &[_] = &[("c-1", "unknown"), ("c-2", "accepted"), ("c-4", "unsent")];
    let doubtful: &[_] = &[("c-1", "unknown"), ("c-2", "accepted"), ("c-4", "unknown")];
    let all: &[_] = &[("c-1", "unknown"), ("c-2", "accepted"), ("c-3", "accepted"), ("c-4", "unknown")];
    let sent: &[_] = &[("c-1", "unknown"), ("c-2", "unknown"), ("c-3", "accepted"), ("c-4", "unknown")];
    let cases: &[Case<'_>] = &[
        ("untouched", |_| (), whole),
        ("sending removed", |l| drop(l.remove(1)), all),
        ("accepted removed", |l| drop(l.remove(4)), sent),
        ("garbled", |l| l[1] = "\0\0".into(), all),
        ("too long", |l| l[1] = "x".repeat(3 << 20), all),
        ("accepted is another's", |l| l[4] = l[4].replace("c-2", "c-1"), sent),
        ("the end is another's", |l| l[8] = l[8].replace("c-3", "c-2"), all),
        ("an end behind all", |l| l.push(l[8].replace("c-3", "c-2")), doubtful),
        ("an end without a seal", |l| l.push(unsealed(&l[8], "c-3", "c-2")), doubtful),
    ];
    for key in [None, Some("an auditor's key, kept elsewhere")] {
        let settings = AuditSettings { key: key.map(Into::into), ..AuditSettings::default() };
        for (name, attack, expected) in cases {
            let directory = tempfile::tempdir().unwrap();
            let trail = Trail::open_with(directory.path(), "svc-billing".to_owned(), &settings).unwrap();
            let story = [
                (Event::Started, 1),
                (Event::Sending, 1),
                (Event::Started, 2),
                (Event::Sending, 2),
                (Event::Accepted, 2),
                (Event::Started, 3),
                (Event::Sending, 3),
                (Event::Accepted, 3),
                (Event::Terminal, 3),
                (Event::Started, 4),
            ];
            for (event, n) in story {
                let (correlation, invocation) = (format!("c-{n}"), format!("i-{n}"));
                let invocation = matches!(event, Event::Accepted | Event::Terminal).then_some(&*invocation);
                trail.append(&Entry { invocation_id: invocation, ..entry(event, &correlation) }).unwrap();
            }
            let path = path(&trail);
            drop(trail);
            let mut lines: Vec<String> =
                fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
            attack(&mut lines);
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            let reader = Trail::read_only_with(directory.path(), &settings).unwrap();
            let found = states(&reader);
            let words: Vec<_> = found.iter().map(|(id, state, _)| (id.as_str(), *state)).collect();
            assert_eq!(words, *expected, "{name}, key {key:?}");
            for (id, state, invocation) in &found {
                let own = id.replace("c-", "i-");
                assert_eq!(invocation.as_ref(), (*state == "accepted").then_some(&own), "{name}");
            }
        }
    }
}

/// The line about something else, with the hash that it then has to have without a key, and without the name of one.
fn unsealed(line: &str, from: &str, to: &str) -> String {
    let mut record = line[..line.len() - 75].replace(from, to);
    if let Some(at) = record.find("\"key\":\"") {
        record.replace_range(at..at + 17, "");
    }
    let hash = <sha2::Sha256 as sha2::Digest>::digest(record.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{record},\"hash\":\"{hash}\"}}")
}

#[test]
fn an_index_that_was_sealed_without_the_key_is_not_believed_by_who_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let settings =
        AuditSettings { key: Some("an auditor's key, kept elsewhere".into()), ..AuditSettings::default() };
    let trail = Trail::open_with(directory.path(), "svc-billing".to_owned(), &settings).unwrap();
    trail.append(&entry(Event::Started, "c-1")).unwrap();
    trail.append(&entry(Event::Sending, "c-1")).unwrap();
    trail.close();
    let index = PathBuf::from(format!("{}.index", path(&trail).display()));
    let sealed = fs::read_to_string(&index).unwrap();
    fs::write(&index, forged(&sealed, "\"sending\"", "\"started\"")).unwrap();
    let reader = Trail::read_only_with(directory.path(), &settings).unwrap();
    assert_eq!(states(&reader), [("c-1".to_owned(), "unknown", None)]);
    let again = Trail::open_with(directory.path(), "svc-billing".to_owned(), &settings).unwrap();
    assert_eq!(again.unfinished().unwrap().len(), 1);
    assert_eq!(fs::read_to_string(&index).unwrap(), sealed, "it was made again, with the key");
}
