//! What `cxone-actions profiles` promises, with the command as a process.
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

use std::process::{Command, Output};

fn profiles(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cxone-actions")).arg("profiles").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn each_listed_profile_can_be_printed_and_what_is_printed_can_be_used() {
    let list = profiles(&["--output", "json"]);
    let list: Vec<serde_json::Value> = serde_json::from_slice(&list.stdout).unwrap();
    assert!(list.len() >= 4);
    let folder = tempfile::tempdir().unwrap();
    for profile in &list {
        let name = profile["name"].as_str().unwrap();
        assert!(text(&profiles(&[]).stdout).contains(name));
        let printed = profiles(&[name]);
        assert_eq!(printed.status.code(), Some(0));
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, &printed.stdout).unwrap();
        let checked = profiles(&[path.to_str().unwrap()]);
        assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    }
}

#[test]
fn a_file_that_cannot_work_ends_with_2_and_every_mistake_by_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let broken = text(&profiles(&["gateway"]).stdout)
        .replace("grant = \"client_credentials\"", "grant = \"magic\"")
        .replace("/{invocation_id}", "");
    std::fs::write(&path, broken).unwrap();
    let checked = profiles(&[path.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(2));
    let said = text(&checked.stderr);
    for part in ["token.grant", "poll.url", "mine.toml, line "] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let unknown = profiles(&["gatway"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean `gateway`?"), "{}", text(&unknown.stderr));
}
