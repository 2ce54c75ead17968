//! The directory of the trail.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cxone_actions::{ActionRequest, Client};

use crate::world::{Said, command, examined, sandbox};

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

/// A trail of one call, and the client that has it open.
async fn written(directory: &Path) -> (cxone_actions_sandbox::Sandbox, Client) {
    let sandbox = sandbox();
    let client = Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .poll_interval(Duration::from_millis(5))
        .audit(directory)
        .build()
        .unwrap();
    let request =
        ActionRequest::new(ACTION).input("customerId", "CUST-1").input("orderReference", "ORD-2023-1122");
    client.run(request.correlation_id("order-1")).await.unwrap();
    (sandbox, client)
}

fn of(directory: &Path) -> Said {
    let sandbox = sandbox();
    examined(&sandbox, &[("CXONE_AUDIT_DIR", directory.to_str().unwrap())], &[])
}

fn names(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_directory_that_others_write_to_is_verified_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_gateway, client) = runtime.block_on(written(&trail));
    let before = names(&trail);
    // Its writer lives, and holds its segment.
    let said = of(&trail);
    let tried = format!("write to `{}`", trail.display());
    // A disk that is busy with others is warned of.
    let state = said.checks("trail.directory")[0]["state"].as_str().unwrap();
    assert!(["ok", "warning"].contains(&state), "{:#}", said.all);
    said.says("trail.directory", state, &tried, "it can be written and locked; the disk took", "");
    said.says("trail.chain", "ok", "verify the records", "in 1 segments: the chain holds", "");
    assert_eq!(said.code, 0);
    assert_eq!(names(&trail), before, "something was left in it");
    runtime.block_on(client.shutdown(Duration::from_secs(5)));
    assert_eq!(of(&trail).code, 0);
}

#[test]
fn a_directory_that_is_not_there_yet_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let said = of(&folder.path().join("a/b"));
    said.says("trail.directory", "ok", "", "is not there yet, and can be made", "");
    assert!(names(folder.path()).is_empty() && said.code == 0);
}

#[test]
fn a_record_that_was_changed_is_named_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_sandbox, client) = written(folder.path()).await;
        client.shutdown(Duration::from_secs(5)).await;
    });
    let name = names(folder.path())
        .into_iter()
        .find(|name| Path::new(name).extension().is_some_and(|end| end == "jsonl"))
        .unwrap();
    let path = folder.path().join(&name);
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(&path, lines.replacen("order-1", "order-9", 1)).unwrap();
    let said = of(folder.path());
    said.says(
        "trail.chain",
        "failed",
        "",
        &format!("it is not what was written, at 1 places; `{name}`, line"),
        "audit verify",
    );
    assert_eq!(said.code, 7);
}

#[test]
fn a_place_that_cannot_be_written_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [file.clone(), file.join("trail")] {
        let said = of(&place);
        said.says("trail.directory", "failed", "", "it cannot be written", "is no directory");
        assert_eq!(said.code, 7);
    }
    let trail = folder.path().join("trail");
    fs::create_dir(&trail).unwrap();
    fs::set_permissions(&trail, fs::Permissions::from_mode(0o555)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let sandbox = sandbox();
    let mut command = command(&["doctor", "--output", "json"]);
    if rustix::process::getuid().is_root() {
        // Nothing is forbidden to root, and whoever is somebody else may not get to where this was built.
        let copy = folder.path().join("cxone-actions");
        assert!(Command::new("cp").arg(command.get_program()).arg(&copy).status().unwrap().success());
        command = Command::new(copy);
        command.args(["doctor", "--output", "json"]).env_clear().uid(65_534).gid(65_534);
    }
    command.current_dir("/").envs(sandbox.environ()).env("CXONE_AUDIT_DIR", &trail);
    let said = Said::of(&command.output().unwrap());
    said.says("trail.directory", "failed", "", "Permission denied", "let this user write to");
    assert_eq!((said.code, sandbox.totals().executions), (7, 0));
}

/// Runs what follows in a process in which every `fdatasync` fails for want of room (ENOSPC), as where a disk is full. The
/// kernel does that, by a filter of system calls.
const FULL: &str = r#"
import ctypes, os, struct, sys
arch, fsync, fdatasync = {"x86_64": (0xC000003E, 74, 75), "aarch64": (0xC00000B7, 82, 83)}[os.uname().machine]
load, equal, leave, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | 28
steps = [(load, 0, 0, 4), (equal, 0, 3, arch), (load, 0, 0, 0), (equal, 2, 0, fsync), (equal, 1, 0, fdatasync),
         (leave, 0, 0, allow), (leave, 0, 0, refuse)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn a_disk_that_is_full_says_so_and_nothing_is_left_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let sandbox = sandbox();
    let output = Command::new("python3")
        .args(["-c", FULL, env!("CARGO_BIN_EXE_cxone-actions"), "doctor", "--output", "json"])
        .current_dir(folder.path())
        .envs(sandbox.environ())
        .env("CXONE_AUDIT_DIR", folder.path())
        .output()
        .unwrap();
    let said = Said::of(&output);
    said.says("trail.directory", "failed", "", "No space left on device", "make room on the disk");
    assert_eq!(said.code, 7);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_for_checkpoints_is_tried_without_being_made_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    fs::create_dir(&trail).unwrap();
    let with = |file: &Path| {
        let sandbox = sandbox();
        let (trail, file) = (trail.to_str().unwrap(), file.to_str().unwrap());
        examined(&sandbox, &[("CXONE_AUDIT_DIR", trail), ("CXONE_AUDIT_CHECKPOINTS", file)], &[])
    };
    let elsewhere = folder.path().join("checkpoints");
    with(&elsewhere).says("trail.checkpoints", "ok", "", "it is not there yet, and can be made", "");
    assert!(!elsewhere.exists());
    let inside = with(&trail.join("checkpoints"));
    inside.says(
        "trail.checkpoints",
        "failed",
        "",
        "it is in the directory of the trail",
        "name a file elsewhere",
    );
    assert_eq!(inside.code, 7);
    let nowhere = with(Path::new("/nowhere/checkpoints"));
    nowhere.says(
        "trail.checkpoints",
        "failed",
        "open the checkpoints `/nowhere",
        "cannot be written",
        "append",
    );
}
