//! What `cxone-actions audit` promises, with the command as a process.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

mod report;
mod trails;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use trails::{Segment, of_a_client};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CXONE_")) {
        command.env_remove(name);
    }
    command.arg("audit");
    command
}

fn audit(arguments: &[&str], directory: &Path) -> Output {
    let (first, rest) = arguments.split_first().unwrap();
    command().arg(first).arg(directory).args(rest).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a command that must succeed prints.
fn printed(arguments: &[&str], directory: &Path) -> String {
    let output = audit(arguments, directory);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

fn segments(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
    segments.sort();
    segments
}

#[test]
fn what_is_shown_and_exported_is_what_the_client_wrote_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    of_a_client(&trail, |builder| builder);
    let written = segments(&trail).iter().map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
    assert_eq!(printed(&["show", "--output", "jsonl"], &trail), written);
    let array: Vec<Value> = serde_json::from_str(&printed(&["show", "--output", "json"], &trail)).unwrap();
    assert_eq!(array.len(), written.lines().count());
    let last = printed(&["show", "--output", "jsonl", "--last", "2"], &trail);
    assert_eq!(last.lines().collect::<Vec<_>>(), written.lines().skip(array.len() - 2).collect::<Vec<_>>());
    for (file, lines) in [("a.jsonl", array.len()), ("a.json", array.len() + 2), ("a.csv", array.len() + 1)] {
        let path = folder.path().join(file);
        printed(&["export", "-o", path.to_str().unwrap()], &trail);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), lines, "{file}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("a.jsonl")).unwrap(), written);
    let table = printed(&["show"], &trail);
    for word in ["order-0", "COMPLETED", "FAILED", "svc-billing", "TIME (UTC)"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[test]
fn records_are_found_by_each_of_their_ids_and_words() {
    let folder = tempfile::tempdir().unwrap();
    of_a_client(folder.path(), |builder| builder);
    let count = |filter: &[&str]| {
        let arguments = [&["show", "--output", "jsonl"], filter].concat();
        printed(&arguments, folder.path()).lines().count()
    };
    assert_eq!(count(&["--event", "started"]), 3);
    assert_eq!(count(&["--event", "terminal", "--status", "FAILED"]), 1);
    assert_eq!(count(&["--event", "terminal", "--action", &trails::ACTION.to_uppercase()]), 2);
    assert_eq!(count(&["--event", "sending", "--correlation-id", "order-1"]), 1);
    assert_eq!(count(&["--event", "started", "--actor", "svc-billing"]), 3);
    assert_eq!(count(&["--actor", "somebody else"]), 0);
    assert_eq!(count(&["--until", "2026-01-01"]), 0);
    assert_eq!(count(&["--since", "2026-01-01", "--event", "closed"]), 1);
}

#[test]
fn what_cannot_be_asked_for_ends_with_the_exit_code_of_its_kind_and_says_what_can() {
    let folder = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let files = ["short", "link", "pipe"].map(|name| other.path().join(name));
    let [short, link, pipe] = files.each_ref().map(|path| path.to_str().unwrap());
    fs::write(short, "short\n").unwrap();
    std::os::unix::fs::symlink(short, link).unwrap();
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    let cases: &[(&[&str], i32, &str)] = &[
        (&["show", "--event", "send"], 2, "use one of started"),
        (&["show", "--since", "yesterday"], 2, "2026-11-22T15:00:00Z"),
        (&["show", "--since", "2026-02-01", "--until", "2026-01-01"], 2, "`since` must not be later"),
        (&["export", "-o", "trail.xlsx"], 2, "--format"),
        (&["report", "-o", "/"], 2, "is a directory"),
        (&["report", "-o", "/nowhere/report.html"], 2, "/nowhere/report.html"),
        (&["report", "-o", link], 2, "`-o -` writes to stdout"),
        (&["report", "-o", pipe], 2, "`-o -` writes to stdout"),
        (&["report", "-o", short, "--checkpoints", short], 2, "it holds the checkpoints"),
        (&["export", "--format", "csv", "-o", link], 2, "`audit export` without `-o` writes to stdout"),
        (&["export", "--format", "csv", "-o", short, "--checkpoints", short], 2, "it holds the checkpoints"),
        (&["verify", "--key-file", "/nowhere/key"], 2, "/nowhere/key"),
        (&["verify", "--key-file", short], 2, "at least 16 bytes"),
        (&["verify", "--checkpoints", "/nowhere/checkpoints"], 2, "/nowhere/checkpoints"),
        (&["report", "-o", "-", "--checkpoints", "/nowhere/checkpoints"], 2, "/nowhere/checkpoints"),
    ];
    for (arguments, code, hint) in cases {
        let output = audit(arguments, folder.path());
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(*code), 0), "{arguments:?}: {said}");
        assert!(said.contains(hint), "{arguments:?}: {said}");
    }
    assert!(fs::symlink_metadata(link).unwrap().is_symlink() && fs::read(short).unwrap() == b"short\n");
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 3);
    for arguments in [&["show"] as &[_], &["verify"], &["report", "-o", "-"], &["export", "-o", "a.csv"]] {
        let output = audit(arguments, &folder.path().join("nothing"));
        assert_eq!(output.status.code(), Some(7), "{arguments:?}");
        assert!(text(&output.stderr).contains("`audit` option"), "{}", text(&output.stderr));
    }
    let by_environment = command().arg("verify").env("CXONE_AUDIT_DIR", folder.path()).output().unwrap();
    assert_eq!(by_environment.status.code(), Some(0), "{}", text(&by_environment.stderr));
}

#[test]
fn reading_changes_nothing_in_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    of_a_client(&trail, |builder| builder);
    let state = || {
        let mut files: Vec<_> = fs::read_dir(&trail)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap(), path))
            .collect();
        files.sort_by(|one, other| one.2.cmp(&other.2));
        files
    };
    let before = state();
    printed(&["show"], &trail);
    printed(&["verify"], &trail);
    printed(&["report", "-o", "-"], &trail);
    printed(&["export", "-o", folder.path().join("a.csv").to_str().unwrap()], &trail);
    assert_eq!(state(), before);
}

#[test]
fn verifying_ends_with_1_and_names_the_place_where_the_trail_is_not_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    of_a_client(folder.path(), |builder| builder);
    let whole: Value =
        serde_json::from_str(&printed(&["verify", "--output", "json"], folder.path())).unwrap();
    assert_eq!((&whole["ok"], &whole["problems"]), (&json!(true), &json!([])));
    assert!(printed(&["verify"], folder.path()).ends_with("the chain holds\n"));
    let path = &segments(folder.path())[0];
    let written = fs::read_to_string(path).unwrap();
    fs::write(path, written.replacen("order-1", "order-9", 1)).unwrap();
    let line = written.lines().position(|line| line.contains("order-1")).unwrap() + 1;
    let output = audit(&["verify"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let name = path.file_name().unwrap().to_str().unwrap();
    let place = text(&output.stdout).lines().find(|said| said.contains("it was edited")).unwrap();
    assert!(place.contains(name) && place.contains(&format!(" {line} ")), "{place}");
    let json = audit(&["verify", "--output", "json"], folder.path());
    assert_eq!(json.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        (&found["problems"][0]["segment"], &found["problems"][0]["line"]),
        (&json!(name), &json!(line))
    );
}

#[test]
fn a_tail_that_was_cut_off_is_seen_by_the_checkpoints_that_are_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, elsewhere) = (folder.path().join("trail"), folder.path().join("checkpoints"));
    of_a_client(&trail, |builder| builder.audit_checkpoints(&elsewhere));
    let checkpoints = ["verify", "--output", "json", "--checkpoints", elsewhere.to_str().unwrap()];
    let whole: Value = serde_json::from_str(&printed(&checkpoints, &trail)).unwrap();
    assert!(whole["anchored"].as_u64().unwrap() > 0, "{whole}");
    let page = printed(&["report", "-o", "-", "--checkpoints", elsewhere.to_str().unwrap()], &trail);
    assert!(page.contains("it is anchored"), "the page does not say that the trail is anchored");
    let path = segments(&trail).pop().unwrap();
    let lines = fs::read_to_string(&path).unwrap();
    let kept: String = lines.split_inclusive('\n').take(4).collect();
    fs::write(&path, kept).unwrap();
    assert_eq!(audit(&checkpoints, &trail).status.code(), Some(1));
    let without = audit(&["verify"], &trail);
    assert_eq!(
        without.status.code(),
        Some(0),
        "nothing in the directory can tell: {}",
        text(&without.stdout)
    );
}

#[test]
fn a_keyed_trail_holds_for_those_who_have_the_key_and_for_nobody_with_another() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, file) = (folder.path().join("trail"), folder.path().join("key"));
    let key = "an auditor's key of enough bytes";
    fs::write(&file, format!("{key}\n")).unwrap();
    of_a_client(&trail, |builder| builder.audit_key(key));
    let with = ["verify", "--output", "json", "--key-file", file.to_str().unwrap()];
    let checked: Value = serde_json::from_str(&printed(&with, &trail)).unwrap();
    assert_eq!(checked["unchecked"], 0);
    let by_environment = command().arg("verify").arg(&trail).env("CXONE_AUDIT_KEY", key).output().unwrap();
    assert!(text(&by_environment.stdout).ends_with("the chain holds\n"));
    // As for clients, the key itself comes before the file that holds one.
    let both = command()
        .arg("verify")
        .arg(&trail)
        .env("CXONE_AUDIT_KEY", key)
        .env("CXONE_AUDIT_KEY_FILE", "/nowhere/key")
        .output()
        .unwrap();
    assert_eq!(both.stdout, by_environment.stdout);
    let by_file = command().arg("verify").arg(&trail).env("CXONE_AUDIT_KEY_FILE", &file).output().unwrap();
    assert_eq!(by_file.stdout, by_environment.stdout);
    let without: Value = serde_json::from_str(&printed(&["verify", "--output", "json"], &trail)).unwrap();
    assert_eq!(without["unchecked"], without["records"]);
    let said = printed(&["verify"], &trail);
    let sealed = format!("but the seals of {} were not checked", without["records"]);
    assert!(said.contains(&sealed) && !said.contains("the chain holds"), "{said}");
    let page = printed(&["report", "-o", "-"], &trail);
    assert!(page.contains("content was not checked") && !page.contains("The chain holds"));
    fs::write(&file, "another key of enough bytes\n").unwrap();
    let foreign = audit(&with, &trail);
    assert_eq!(foreign.status.code(), Some(1));
    assert!(text(&foreign.stdout).contains("it is sealed with the key"), "{}", text(&foreign.stdout));
}

#[test]
fn no_text_of_a_trail_moves_the_cursor_of_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::new(folder.path(), 1);
    let evil = "\u{1b}[2J\u{7}\u{202e}gone\nevil";
    let fields = json!({"action_id": evil, "correlation_id": evil, "status": evil, "note": evil});
    segment.add(0, "poll_failed", evil, &fields);
    segment.write();
    for arguments in [&["show"] as &[_], &["verify"], &["show", "--output", "jsonl"]] {
        let said = printed(arguments, folder.path());
        let unseen = said.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        // The exact lines are what they are: JSON escapes control characters, and nothing else.
        assert!(unseen.is_none_or(|c| c == '\u{202e}' && arguments.len() > 1), "{arguments:?}: {unseen:?}");
    }
}

#[test]
fn help_says_what_each_command_does() {
    for name in ["show", "export", "verify", "report"] {
        let output = command().args([name, "--help"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let said = text(&output.stdout);
        assert!(said.contains("CXONE_AUDIT_DIR"), "{name}");
        assert!(said.contains(&format!("Example: cxone-actions audit {name} ")), "{name}: {said}");
    }
}

#[test]
fn an_export_without_a_file_is_what_the_file_would_hold() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    of_a_client(&trail, |builder| builder);
    for format in ["jsonl", "json", "csv"] {
        let path = folder.path().join("copy");
        printed(&["export", "--format", format, "-o", path.to_str().unwrap(), "--event", "started"], &trail);
        let file = fs::read_to_string(&path).unwrap();
        assert!(file.contains("order-0"));
        assert_eq!(printed(&["export", "--format", format, "--event", "started"], &trail), file, "{format}");
        assert_eq!(printed(&["export", "--format", format, "-o", "-", "--event", "started"], &trail), file);
    }
    let lines = printed(&["export"], &trail);
    assert_eq!(lines, printed(&["show", "--output", "jsonl"], &trail));
}

#[test]
fn who_has_seen_enough_of_an_export_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::new(folder.path(), 1);
    for n in 0..5000 {
        segment.add(n, "started", "svc", &json!({"correlation_id": format!("c{n}")}));
    }
    segment.write();
    let script = r#""$0" audit export "$1" | head -n 1; exit "${PIPESTATUS[0]}""#;
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_cxone-actions")])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
    assert_eq!(text(&output.stdout).lines().count(), 1);
}

#[test]
fn checkpoints_are_never_replaced_by_a_copy_of_what_they_speak_of() {
    let folder = tempfile::tempdir().unwrap();
    let (trail, elsewhere) = (folder.path().join("trail"), folder.path().join("checkpoints.jsonl"));
    of_a_client(&trail, |builder| builder.audit_checkpoints(&elsewhere));
    let before = fs::read(&elsewhere).unwrap();
    let path = elsewhere.to_str().unwrap();
    let export = || {
        let mut export = command();
        export.arg("export").arg(&trail).args(["-o", path]);
        export
    };
    let ways = [
        export(),
        {
            let mut export = export();
            export.args(["--checkpoints", path]);
            export
        },
        {
            let mut export = export();
            export.env("CXONE_AUDIT_CHECKPOINTS", path);
            export
        },
    ];
    for mut way in ways {
        let output = way.output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("checkpoints of"), "{}", text(&output.stderr));
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
    }
}

#[test]
fn on_a_terminal_no_line_is_longer_than_it_is_wide() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::new(folder.path(), 1);
    for n in 0..3 {
        let note = "a long story ".repeat(8);
        segment.add(
            n,
            "poll_failed",
            "svc-billing",
            &json!({"correlation_id": format!("order-{n}"), "note": note}),
        );
    }
    let path = segment.path.clone();
    let lines = segment.write();
    fs::write(path, lines.replacen("svc-billing", "svc-another", 1)).unwrap();
    for name in ["show", "verify"] {
        let line = format!(
            "stty rows 40 cols 70; {} audit {name} {}",
            env!("CARGO_BIN_EXE_cxone-actions"),
            folder.path().display()
        );
        let output = Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
        let said = text(&output.stdout).replace('\r', "");
        let widest =
            said.lines().filter(|line| !line.starts_with("error")).map(|line| line.chars().count()).max();
        assert!(said.contains("svc") || said.contains("it was edited"), "{said}");
        assert!(widest.unwrap() <= 70, "{name}: {said}");
    }
}
