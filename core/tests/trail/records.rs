//! What a record says, who may read it, and how it is found.

use super::*;

#[test]
fn a_record_tells_who_did_what_and_when_in_the_documented_order() {
    let directory = tempfile::tempdir().unwrap();
    let trail = open(directory.path());
    let keys = ["customerId".to_owned(), "priority".to_owned()];
    let sent = Entry {
        attempt: Some(1),
        http_status: Some(202),
        executed: Some(Executed::Yes),
        input_keys: Some(&keys),
        bytes: Some(179),
        timings: Some(Timings { invoke_ms: Some(41.2345), ..Timings::default() }),
        ..entry(Event::Accepted, "corr-001")
    };
    trail.append(&sent).unwrap();
    let line = fs::read_to_string(path(&trail)).unwrap();
    let record: Value = serde_json::from_str(&line).unwrap();
    let fields: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = "v seq ts host pid run event actor action_id correlation_id attempt http_status executed \
                      input_keys bytes timings prev hash";
    assert_eq!(fields.join(" "), documented);
    assert_eq!(record["actor"], "svc-billing");
    assert_eq!(record["pid"], std::process::id());
    assert_eq!(record["timings"]["invoke_ms"], 41.235);
    let ts = record["ts"].as_str().unwrap();
    assert!(ts.len() == 27 && ts.ends_with('Z'), "{ts}");
    let at: jiff::Timestamp = ts.parse().unwrap();
    assert!(at.duration_until(jiff::Timestamp::now()).as_secs() < 60);
}

#[test]
fn only_its_owner_can_read_a_trail() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("audit/trail");
    let trail = open(&directory);
    trail.append(&Entry::new(Event::Started)).unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&path(&trail)), 0o600);
    let export = parent.path().join("export.jsonl");
    trail.export(&export, ExportFormat::Jsonl, &Filter::default()).unwrap();
    assert_eq!(mode(&export), 0o600);
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_what_to_do() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, hint) in [(file.clone(), "is no directory"), (file.join("below"), "is no directory")] {
        let error = refused(Trail::open(&path, "a".into()));
        assert!(error.message().contains(&format!("`{}`", path.display())), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
    refused(Trail::read_only(&parent.path().join("nowhere")));
}

#[test]
fn records_are_found_by_every_key_of_a_filter() {
    for trail in [Trail::in_memory("svc-billing".into()), open(tempfile::tempdir().unwrap().path())] {
        let before = jiff::Timestamp::now();
        trail.append(&entry(Event::Started, "c-1")).unwrap();
        let accepted = Entry {
            invocation_id: Some("i-1"),
            action_name: Some("create-case"),
            status: Some("PENDING"),
            ..entry(Event::Accepted, "c-1")
        };
        trail.append(&accepted).unwrap();
        trail.append(&Entry { correlation_id: Some("c-2"), ..Entry::new(Event::Invalid) }).unwrap();
        let cases: &[(String, &[&str])] = &[
            ("{}".into(), &["started", "accepted", "invalid"]),
            (r#"{"event":"accepted"}"#.into(), &["accepted"]),
            (r#"{"correlation_id":"c-1"}"#.into(), &["started", "accepted"]),
            (format!(r#"{{"actionId":"{}"}}"#, ACTION.to_uppercase()), &["started", "accepted"]),
            (r#"{"invocation_id":"i-1","actor":"svc-billing"}"#.into(), &["accepted"]),
            (r#"{"actor":"somebody"}"#.into(), &[]),
            (r#"{"action_id":"create-case"}"#.into(), &["accepted"]),
            (r#"{"status":"PENDING"}"#.into(), &["accepted"]),
            (r#"{"status":"PENDING","event":"started"}"#.into(), &[]),
            (r#"{"since":"2020-01-01"}"#.into(), &["started", "accepted", "invalid"]),
            (r#"{"until":"2020-01-01"}"#.into(), &[]),
            (format!(r#"{{"since":"{before}"}}"#), &["started", "accepted", "invalid"]),
            (format!(r#"{{"until":"{before}"}}"#), &[]),
        ];
        for (filter, expected) in cases {
            assert_eq!(events(&records(&trail, filter)), *expected, "{filter}");
        }
    }
}

#[test]
fn a_line_that_is_no_record_is_an_error_in_its_place() {
    let (directory, path) = closed_segment(4);
    let lines: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    fs::write(&path, format!("{}\n{{\"oops\n{}\n", lines[0], lines[2])).unwrap();
    let reader = Trail::read_only(directory.path()).unwrap();
    let read: Vec<_> = reader.records(&Filter::default()).unwrap().collect();
    assert_eq!(read.len(), 3);
    assert_eq!((read[0].as_ref().unwrap(), read[2].as_ref().unwrap()), (&lines[0], &lines[2]));
    assert!(read[1].as_ref().unwrap_err().message().contains("line 2 cannot be read: it is no record"));
}

#[test]
fn a_closed_trail_says_so_and_can_still_be_read() {
    let directory = tempfile::tempdir().unwrap();
    for trail in [Trail::in_memory("a".into()), open(directory.path())] {
        trail.append(&Entry::new(Event::Started)).unwrap();
        trail.flush().unwrap();
        trail.close();
        trail.close();
        let error = refused(trail.append(&Entry::new(Event::Sending)));
        assert!(error.message().ends_with("is closed"), "{error}");
        trail.flush().unwrap();
        assert_eq!(events(&records(&trail, "{}")), ["started", "closed"]);
        assert!(trail.verify().ok);
    }
}

#[test]
fn reading_creates_nothing_and_writes_nothing() {
    let (directory, path) = closed_segment(3);
    let before = fs::read(&path).unwrap();
    let files = fs::read_dir(directory.path()).unwrap().count();
    let reader = Trail::read_only(directory.path()).unwrap();
    refused(reader.append(&Entry::new(Event::Started)));
    assert!(reader.verify().ok);
    assert_eq!(reader.unfinished().unwrap().len(), 2);
    reader.close();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), files);
    assert_eq!(fs::read(&path).unwrap(), before);
}
