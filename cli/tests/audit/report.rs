//! The page, read as text: what is on it, and what it takes to make it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use crate::trails::Segment;
use crate::{audit, printed, text};

/// The text of the page without its tags.
fn words(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut words = String::new();
    for part in body.split('<') {
        let said = part.split_once('>').map_or(part, |(_, said)| said);
        words.push_str(said);
        words.push(' ');
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_is_a_file_of_its_owners_that_is_complete_or_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    fs::create_dir(&trail).unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, "an older one").unwrap();
    let output = audit(&["report", "-o", path.to_str().unwrap(), "--title", "Refunds & cases"], &trail);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{}", text(&output.stderr));
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.starts_with("<!DOCTYPE html>") && written.ends_with("</html>"));
    assert!(written.contains("<title>Refunds &amp; cases</title>"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside it");
}

#[test]
fn what_was_kept_no_longer_is_said_as_removed_and_not_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    let gap = |note: &str| {
        let mut segment = Segment::new(folder.path(), 1);
        segment.add(0, "started", "svc", &json!({"correlation_id": "c1"}));
        segment.add(1, "gap", "svc", &json!({"note": note}));
        segment.write();
        words(&printed(&["report", "-o", "-"], folder.path()))
    };
    let removed =
        format!("retention removed 20260101T000000.000000Z-1-0f86d081884c.jsonl 7 {}", "a".repeat(64));
    assert!(gap(&removed).contains("Known to be missing 0 gaps"), "{}", gap(&removed));
    assert!(gap("3 records are missing").contains("Known to be missing 1 gap"));
}

#[test]
fn a_broken_trail_has_its_page_and_the_page_says_where_it_breaks() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::new(folder.path(), 1);
    for n in 0..2000 {
        segment.add(n, "started", "svc", &json!({"correlation_id": format!("c{n}")}));
    }
    let path = segment.path.clone();
    let lines = segment.write();
    let edited: String = lines.replace("\"started\"", "\"aborted\"");
    fs::write(&path, format!("{edited}half a reco")).unwrap();
    let output = audit(&["report", "-o", "-"], folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("the page says where"));
    let words = words(text(&output.stdout));
    for part in [
        "The chain is broken",
        "at 2,000 places",
        "1,950 more problems",
        "it was edited",
        "Cut off 1 segment",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn a_period_counts_the_calls_that_began_in_it_and_verifies_all() {
    let folder = tempfile::tempdir().unwrap();
    let mut segment = Segment::new(folder.path(), 1);
    for n in 0..10_u64 {
        let who = json!({"action_id": "a", "correlation_id": format!("c{n}")});
        segment.add(n * 60_000, "started", "svc", &who);
        segment.add(n * 60_000 + 1, "aborted", "svc", &who);
    }
    segment.write();
    let period = ["report", "-o", "-", "--since", "2026-11-22T00:04:00Z", "--until", "2026-11-22T00:07:00Z"];
    let words = words(&printed(&period, folder.path()));
    for part in ["Calls started 3", "6 in 1 segment of 20 in the trail", "20 records in 1 segment were read"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn no_memory_is_taken_for_what_has_ended_however_long_the_trail_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut seq = 0_u64;
    for n in 0..5 {
        let mut segment = Segment::new(folder.path(), n);
        for _ in 0..50_000_u64 {
            seq += 1;
            // Every name differs, and every other call is refused: nothing here may be remembered one by one.
            let action = format!("{:08}-e5f6-7890-abcd-ef1234567890", seq % 5000);
            let who = json!({"action_id": action, "correlation_id": format!("order-{seq}")});
            let at = seq * 300;
            segment.add(at, "started", &format!("actor-{seq}"), &who);
            segment.add(at + 1, "sending", "svc", &who);
            segment.add(
                at + 2,
                "denied",
                &format!("mallory-{seq}"),
                &json!({"action_id": action, "note": format!("/inputs/{seq} unknown")}),
            );
            let mut end = who.clone();
            end["status"] = json!("COMPLETED");
            end["timings"] = json!({"duration_ms": seq % 9000});
            segment.add(at + 3, "terminal", "svc", &end);
        }
        segment.write();
    }
    // A million records, 360 MB of them: whoever keeps a quarter of that dies of this limit.
    let script = r#"ulimit -v 100000; exec "$0" audit report "$1" -o -"#;
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_cxone-actions")])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = text(&output.stdout);
    assert!(page.len() < 2_000_000, "the page has {} bytes", page.len());
    let words = words(page);
    for part in [
        "Calls started 250,000",
        "100 % of 250,000 results",
        "at least 499 actors",
        "249,950 more refusals",
        "all others together",
    ] {
        assert!(words.contains(part), "{part}");
    }
    assert_eq!(page.matches("<th scope=\"row\"><span class=\"id\">").count(), 100, "actions are named");
}
