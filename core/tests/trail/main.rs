//! What the audit trail promises, on real files, with real processes that really die.

#![cfg(unix)] // signals, modes and links
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

mod chain;
mod disk;
mod elsewhere;
mod export;
mod processes;
mod records;
mod recovery;
mod rows;
mod schema;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cxone_actions::config::AuditSettings;
use cxone_actions::trail::{Entry, Event, ExportFormat, Filter, Problem, Timings, Trail, Verification};
use cxone_actions::{Error, ErrorKind, Executed};
use serde_json::Value;
use tempfile::TempDir;

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";

fn open(directory: &Path) -> Trail {
    Trail::open(directory, "svc-billing".to_owned()).unwrap()
}

fn entry(event: Event, correlation_id: &str) -> Entry<'_> {
    Entry { action_id: Some(ACTION), correlation_id: Some(correlation_id), ..Entry::new(event) }
}

fn records(trail: &Trail, filter: &str) -> Vec<Value> {
    let lines = trail.records(&Filter::from_json(filter).unwrap()).unwrap();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn events(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["event"].as_str().unwrap()).collect()
}

fn path(trail: &Trail) -> PathBuf {
    trail.directory().unwrap().join(trail.segment().unwrap())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn refused<T: std::fmt::Debug>(result: Result<T, Error>) -> Error {
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No));
    error
}

/// A directory with one closed segment of `count` records, the last of them `closed`.
fn closed_segment(count: usize) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let trail = open(directory.path());
    for n in 1..count {
        trail.append(&entry(Event::Started, &format!("c-{n}"))).unwrap();
    }
    trail.close();
    let path = path(&trail);
    (directory, path)
}

fn verify(directory: &Path) -> Verification {
    Trail::read_only(directory).unwrap().verify()
}

/// A test of this module again, in a process of its own, where [`child`] gives the directory.
fn again(module: &str, test: &str, directory: &Path, limits: &str) -> Command {
    let (_, module) = module.split_once("::").unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limits} exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    command
        .args(["--exact", &format!("{module}::{test}"), "--nocapture"])
        .env("TRAIL_OF_THE_CHILD", directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn child() -> Option<PathBuf> {
    std::env::var_os("TRAIL_OF_THE_CHILD").map(PathBuf::from)
}
