//! Copies for others.

use super::*;

#[test]
fn an_export_is_complete_exact_and_opens_in_a_spreadsheet_as_text() {
    let directory = tempfile::tempdir().unwrap();
    let trail = open(directory.path());
    let keys = ["a,\"b".to_owned()];
    let evil = Entry {
        note: Some("=cmd|'/c calc'!A1"),
        input_keys: Some(&keys),
        ..entry(Event::Invalid, "@SUM(1)")
    };
    trail
        .append(&Entry { timings: Some(Timings { queue_ms: Some(0.5), ..Timings::default() }), ..evil })
        .unwrap();
    trail.append(&entry(Event::Started, "c-2")).unwrap();
    let target = directory.path().join("export.out");
    let export = |format: &str| {
        assert_eq!(trail.export(&target, format.parse().unwrap(), &Filter::default()).unwrap(), 2);
        fs::read_to_string(&target).unwrap()
    };
    assert_eq!(export("jsonl"), fs::read_to_string(path(&trail)).unwrap());
    let array: Vec<Value> = serde_json::from_str(&export("json")).unwrap();
    assert_eq!(array, records(&trail, "{}"));
    let table = export("csv");
    let mut table = csv::Reader::from_reader(table.as_bytes());
    let header = table.headers().unwrap().clone();
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    let cell = |row: usize, name: &str| {
        rows[row].get(header.iter().position(|column| column == name).unwrap()).unwrap()
    };
    assert_eq!(cell(0, "correlation_id"), "'@SUM(1)");
    assert_eq!(cell(0, "note"), "'=cmd|'/c calc'!A1");
    assert_eq!(cell(0, "input_keys"), r#"["a,\"b"]"#);
    assert_eq!(cell(0, "queue_ms"), "0.5");
    assert_eq!((cell(1, "seq"), cell(1, "event"), cell(1, "note")), ("2", "started", ""));
    assert_eq!(cell(1, "hash"), array[1]["hash"]);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "the segment and the export");
}

#[test]
fn an_export_of_nothing_is_a_well_formed_file_of_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let trail = Trail::in_memory("a".into());
    let target = directory.path().join("export");
    for (format, expected) in [("jsonl", ""), ("json", "[]")] {
        trail.export(&target, format.parse().unwrap(), &Filter::default()).unwrap();
        let text = fs::read_to_string(&target).unwrap();
        assert_eq!(text.split_whitespace().collect::<String>(), expected);
    }
    trail.export(&target, ExportFormat::Csv, &Filter::default()).unwrap();
    assert!(fs::read_to_string(&target).unwrap().starts_with("v,seq,ts,host,pid,run,event,actor,"));
}

#[test]
fn an_export_never_replaces_a_segment() {
    let directory = tempfile::tempdir().unwrap();
    let trail = open(directory.path());
    trail.append(&Entry::new(Event::Started)).unwrap();
    let before = fs::read(path(&trail)).unwrap();
    for target in [path(&trail), directory.path().to_owned(), "/".into(), directory.path().join("..")] {
        let error = trail.export(&target, ExportFormat::Json, &Filter::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert_eq!("xml".parse::<ExportFormat>().unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(fs::read(path(&trail)).unwrap(), before);
}

#[test]
fn an_export_replaces_files_and_nothing_else() {
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let checkpoints = elsewhere.path().join("checkpoints");
    let settings = AuditSettings { checkpoints: Some(checkpoints.clone()), ..AuditSettings::default() };
    let trail = Trail::open_with(directory.path(), "a".into(), &settings).unwrap();
    trail.append(&Entry::new(Event::Started)).unwrap();
    trail.flush().unwrap();
    let noted = fs::read(&checkpoints).unwrap();
    assert!(!noted.is_empty());
    let at = |name: &str| elsewhere.path().join(name);
    fs::write(at("precious"), "precious").unwrap();
    symlink(at("precious"), at("link")).unwrap();
    symlink(at("nothing"), at("dangling")).unwrap();
    symlink(elsewhere.path(), at("itself")).unwrap();
    assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    let index = format!("{}.index", trail.segment().unwrap());
    let targets = [
        (at("link"), "no regular file"),
        (at("dangling"), "no regular file"),
        (at("pipe"), "no regular file"),
        (checkpoints.clone(), "the checkpoints of the trail"),
        (at("itself").join("checkpoints"), "the checkpoints of the trail"),
        (directory.path().join(&index), "the index of a segment"),
        (at(&index), "the index of a segment"),
    ];
    for (target, hint) in targets {
        let before = fs::symlink_metadata(&target).map(|there| there.file_type()).ok();
        let error = trail.export(&target, ExportFormat::Jsonl, &Filter::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
        let after = fs::symlink_metadata(&target).map(|there| there.file_type()).ok();
        assert_eq!(after, before, "{}", target.display());
    }
    assert_eq!(
        (fs::read(&checkpoints).unwrap(), fs::read(at("precious")).unwrap()),
        (noted, b"precious".into())
    );
    assert_eq!(trail.export(&at("precious"), ExportFormat::Jsonl, &Filter::default()).unwrap(), 2);
}
