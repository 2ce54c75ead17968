//! What a disk, or somebody with access to it, can do.

use super::*;

#[test]
fn links_are_never_followed() {
    let (elsewhere, target) = closed_segment(3);
    let files = fs::read_dir(elsewhere.path()).unwrap().count();
    let directory = tempfile::tempdir().unwrap();
    let link = directory.path().join("20200101T000000.000000Z-1-0123456789ab.jsonl");
    symlink(&target, &link).unwrap();
    let trail = open(directory.path());
    trail.append(&Entry::new(Event::Started)).unwrap();
    let found = trail.verify();
    assert_eq!((found.records, found.problems.len()), (1, 1), "{found:?}");
    assert!(found.problems[0].what.contains("it is a symbolic link"), "{found:?}");
    let lines: Vec<_> = trail.records(&Filter::default()).unwrap().collect();
    assert_eq!((lines.len(), lines[0].is_err(), lines[1].is_ok()), (2, true, true));
    // Others are recovered all the same; what the log says of this one is an error.
    assert_eq!(trail.unfinished().unwrap(), []);
    refused(trail.export(&elsewhere.path().join("export"), ExportFormat::Json, &Filter::default()));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), files, "no half export is left");
}

#[test]
fn a_pipe_in_the_directory_makes_nobody_wait() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("20200101T000000.000000Z-1-0123456789ab.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let trail = open(directory.path());
    assert!(trail.verify().problems[0].what.contains("it is no regular file"));
}

#[test]
fn a_deleted_directory_is_no_false_acknowledgement() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("trail");
    let trail = open(&directory);
    trail.append(&Entry::new(Event::Started)).unwrap();
    fs::remove_dir_all(&directory).unwrap();
    let error = refused(trail.append(&Entry::new(Event::Sending)));
    assert!(error.message().contains("the segment was deleted"), "{error}");
    let name = trail.directory().unwrap().display().to_string();
    assert!(error.hint().unwrap().contains(&format!("`{name}` exists")), "{error}");
    fs::create_dir(&directory).unwrap();
    assert_eq!(refused(trail.append(&Entry::new(Event::Sending))).message(), error.message());
    let found = trail.verify();
    assert!(found.problems[0].what.contains("it is missing, and this process wrote it"), "{found:?}");
    // A new client does work.
    open(&directory).append(&Entry::new(Event::Sending)).unwrap();
}

#[test]
fn a_short_write_is_no_false_acknowledgement_and_is_cut() {
    const ACKNOWLEDGED: &str = "acknowledged: ";
    if let Some(directory) = child() {
        let trail = open(&directory);
        let mut count = 0;
        while trail.append(&entry(Event::Started, &format!("c-{count}"))).is_ok() {
            count += 1;
        }
        refused(trail.append(&entry(Event::Started, "again")));
        refused(trail.flush());
        println!("{ACKNOWLEDGED}{count}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let limits = "trap '' XFSZ; ulimit -f 9;";
    let output = again(
        module_path!(),
        "a_short_write_is_no_false_acknowledgement_and_is_cut",
        directory.path(),
        limits,
    )
    .output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    let count = output.lines().find_map(|line| line.strip_prefix(ACKNOWLEDGED)).expect(&output);
    let found = verify(directory.path());
    assert!(found.ok, "{found:?}");
    assert_eq!((found.records.to_string().as_str(), found.cut), (count, 1));
    assert!(found.records > 5);
}
