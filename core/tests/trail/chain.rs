//! What was altered is named with its place.

use super::*;

#[test]
fn every_alteration_is_named_with_its_place() {
    type Case<'a> = (&'a str, fn(&mut Vec<String>), &'a [(u64, &'a str)]);
    let cases: &[Case<'_>] = &[
        ("untouched", |_| (), &[]),
        ("edited", |l| l[2] = l[2].replace("c-3", "c-9"), &[(3, "it was edited")]),
        ("a flipped bit", |l| l[4] = l[4].replacen("svc", "svb", 1), &[(5, "it was edited")]),
        ("edited hash", |l| l[2] = l[2].replace("\"}", "0\"}"), &[(3, "it is no record")]),
        (
            "edited and sealed anew",
            |l| reseal(&mut l[2], "c-3", "c-9"),
            &[(4, "it does not follow the record")],
        ),
        ("deleted", |l| drop(l.remove(2)), &[(3, "record 3 is missing before it")]),
        ("two deleted", |l| drop(l.drain(2..4)), &[(3, "records 3 to 4 are missing before it")]),
        ("the first deleted", |l| drop(l.remove(0)), &[(1, "record 1 is missing before it")]),
        (
            "inserted: a copy",
            |l| l.insert(3, l[1].clone()),
            &[(4, "it is record 2 where record 4 belongs"), (5, "record 3 is missing")],
        ),
        (
            "inserted: a forgery",
            |l| {
                let mut forged = l[2].clone();
                reseal(&mut forged, "c-3", "c-9");
                l.insert(3, forged);
            },
            &[(4, "it is record 3 where record 4 belongs"), (5, "it does not follow the record")],
        ),
        (
            "swapped",
            |l| l.swap(2, 3),
            &[
                (3, "record 3 is missing before it"),
                (4, "it is record 3 where"),
                (5, "record 4 is missing before it"),
            ],
        ),
        ("a line that is no record", |l| l[3] = "{}".into(), &[(4, "it is no record")]),
        ("an inserted line that is no record", |l| l.insert(3, String::new()), &[(4, "it is no record")]),
        ("the last one is no record", |l| *l.last_mut().unwrap() = "null".into(), &[(7, "it is no record")]),
        ("a line beyond all bounds", |l| l[3] = "x".repeat(3 << 20), &[(4, "it is longer than any record")]),
        ("white space", |l| l[3].push(' '), &[(4, "it is no record")]),
        ("NULs", |l| l[3] = "\0".repeat(100), &[(4, "it is no record")]),
    ];
    for (name, alter, expected) in cases {
        let (directory, path) = closed_segment(7);
        let mut lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        alter(&mut lines);
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let found = verify(directory.path());
        let places: Vec<_> = found.problems.iter().map(|problem| problem.line).collect();
        let wanted: Vec<_> = expected.iter().map(|(line, _)| *line).collect();
        assert_eq!(places, wanted, "{name}: {found:?}");
        for (Problem { segment, what, .. }, (_, part)) in found.problems.iter().zip(*expected) {
            assert_eq!(*segment, path.file_name().unwrap().to_str().unwrap());
            assert!(what.contains(part), "{name}: {what}");
        }
        assert_eq!(found.ok, expected.is_empty(), "{name}");
    }
}

/// What a forger can do who knows the chain rule.
fn reseal(line: &mut String, from: &str, to: &str) {
    let content = line[..line.len() - 75].replace(from, to);
    let hash = <sha2::Sha256 as sha2::Digest>::digest(content.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    *line = format!("{content},\"hash\":\"{hash}\"}}");
}

#[test]
fn a_segment_that_was_cut_short_or_removed_is_named_by_the_one_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for n in 0..3 {
        let trail = open(directory.path());
        let note = format!("start {n}");
        trail.append(&Entry { note: Some(&note), ..Entry::new(Event::Config) }).unwrap();
        trail.append(&entry(Event::Started, "c")).unwrap();
        trail.close();
        paths.push(path(&trail));
    }
    assert!(verify(directory.path()).ok);
    let name = |n: usize| paths[n].file_name().unwrap().to_str().unwrap().to_owned();

    let whole = fs::read_to_string(&paths[1]).unwrap();
    let without_last = whole.lines().take(2).map(|line| format!("{line}\n")).collect::<String>();
    fs::write(&paths[1], without_last).unwrap();
    let found = verify(directory.path()).problems;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].segment.clone(), found[0].line), (name(1), 3));
    assert!(
        found[0].what.contains(&format!("it was cut short: `{}` names its record 3", name(2))),
        "{found:?}"
    );

    // A chain that is whole in itself, and is not the one that was written.
    fs::write(&paths[1], fs::read(&paths[0]).unwrap()).unwrap();
    let found = verify(directory.path()).problems;
    assert!(found.iter().any(|problem| problem.what.contains("it was written by run")), "{found:?}");
    assert!(found.iter().any(|problem| problem.what.contains("is not the record that")), "{found:?}");

    fs::remove_file(&paths[1]).unwrap();
    let found = verify(directory.path()).problems;
    assert_eq!((found.len(), found[0].segment.clone(), found[0].line), (1, name(1), 0));
    assert!(found[0].what.contains("it is missing: named by"), "{found:?}");

    // Keeping a year of logs means to delete the oldest segments, which is no forgery.
    fs::remove_file(&paths[0]).unwrap();
    assert!(verify(directory.path()).ok);
}

#[test]
fn who_has_a_key_believes_no_removal_that_is_not_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let key = Some("0123456789abcdef".to_owned().into());
    let settings = AuditSettings { key, ..AuditSettings::default() };
    for _ in 0..2 {
        let trail = Trail::open_with(directory.path(), "svc".into(), &settings).unwrap();
        trail.append(&entry(Event::Started, "c")).unwrap();
        trail.close();
    }
    let oldest = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    fs::remove_file(oldest.min().unwrap()).unwrap();
    let found = Trail::read_only_with(directory.path(), &settings).unwrap().verify();
    assert!(!found.ok && found.problems[0].what.contains("it is missing"), "{found:?}");
}

#[test]
fn bytes_of_somebody_else_are_a_problem_in_a_segment_that_is_being_written() {
    for junk in ["junk\n", "junk"] {
        let directory = tempfile::tempdir().unwrap();
        let trail = open(directory.path());
        trail.append(&entry(Event::Started, "c")).unwrap();
        assert!(trail.verify().ok);
        let mut file = fs::OpenOptions::new().append(true).open(path(&trail)).unwrap();
        file.write_all(junk.as_bytes()).unwrap();
        assert!(!trail.verify().ok, "{junk:?}");
    }
}

#[test]
fn a_torn_last_line_is_cut_and_an_empty_segment_is_fine() {
    let (directory, path) = closed_segment(4);
    let whole = fs::read(&path).unwrap();
    for length in (whole.len() - 100..whole.len()).chain([3]) {
        fs::write(&path, &whole[..length]).unwrap();
        let found = verify(directory.path());
        let records = if length == 3 { 0 } else { 3 };
        assert!(found.ok, "{found:?}");
        assert_eq!((found.records, found.cut, found.segments), (records, 1, 1));
        let reader = Trail::read_only(directory.path()).unwrap();
        assert_eq!(records, reader.records(&Filter::default()).unwrap().map(Result::unwrap).count() as u64);
    }
    fs::write(&path, "").unwrap();
    let found = verify(directory.path());
    assert!(found.ok);
    assert_eq!((found.records, found.cut, found.segments), (0, 0, 1));
    // A new segment goes on behind either.
    let trail = open(directory.path());
    trail.append(&Entry::new(Event::Started)).unwrap();
    assert!(trail.verify().ok);
}

#[test]
fn a_torn_line_in_the_middle_is_a_problem() {
    let (directory, path) = closed_segment(4);
    let whole = fs::read_to_string(&path).unwrap();
    let (first, rest) = whole.split_once('\n').unwrap();
    fs::write(&path, format!("{}\n{rest}", &first[..first.len() - 10])).unwrap();
    let found = verify(directory.path());
    assert_eq!((found.ok, found.cut, found.problems[0].line), (false, 0, 1));
}

#[test]
fn what_is_cut_from_the_segment_being_written_is_seen_and_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let trail = open(directory.path());
    for n in 0..5 {
        trail.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
    }
    let whole = fs::read_to_string(path(&trail)).unwrap();
    let four = whole.lines().take(4).map(|line| format!("{line}\n")).collect::<String>();
    fs::OpenOptions::new().write(true).open(path(&trail)).unwrap().set_len(four.len() as u64).unwrap();
    let found = trail.verify();
    assert!(found.problems[0].what.contains("does not end with record 5"), "{found:?}");
    let error = refused(trail.append(&entry(Event::Sending, "c-5")));
    assert!(error.message().contains("bytes where"), "{error}");
    assert_eq!(fs::read_to_string(path(&trail)).unwrap(), four);
}

#[test]
fn the_chain_can_be_checked_with_the_few_lines_of_python_in_the_documentation() {
    let program = program();
    let check = |directory: &Path| {
        let mut python = Command::new("python3");
        python.arg("-").arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut python = python.spawn().expect("python3 is needed for this test");
        python.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
        let output = python.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (directory, path) = closed_segment(50);
    let trail = open(directory.path());
    trail
        .append(&Entry { note: Some("\",\"hash\":\" ü \u{1} \u{2028}"), ..Entry::new(Event::Config) })
        .unwrap();
    let (sound, output) = check(directory.path());
    assert!(sound && output.contains("51 records"), "{output}");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("c-17", "c-71")).unwrap();
    let (sound, output) = check(directory.path());
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(!sound && output.contains(&format!("{name}:17")), "{output}");
}

/// The program in the documentation that checks a trail.
pub(super) fn program() -> String {
    let documentation = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trail.md");
    let documentation = fs::read_to_string(documentation).unwrap();
    let (_, program) = documentation.split_once("```python\n").unwrap();
    program.split_once("```").unwrap().0.to_owned()
}
