//! A folder with a file of rows, a gateway, and the command.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const CREATE_CASE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
pub(crate) const FAILS: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const ECHO: &str = "00000000-0000-4000-8000-000000000003";
pub(crate) const NEVER_ENDS: &str = "00000000-0000-4000-8000-000000000005";

/// No promise needs longer; a machine that is busy may.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Night {
    pub(crate) folder: TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) file: PathBuf,
    pub(crate) out: PathBuf,
    profile: String,
}

/// What one run said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Night {
    pub(crate) fn new(name: &str, rows: impl AsRef<[u8]>) -> Night {
        Night::with(
            name,
            rows,
            SandboxOptions { complete_after: Duration::ZERO, ..SandboxOptions::default() },
        )
    }

    pub(crate) fn with(name: &str, rows: impl AsRef<[u8]>, options: SandboxOptions) -> Night {
        let folder = tempfile::tempdir().unwrap();
        let (file, out) = (folder.path().join(name), folder.path().join("out.jsonl"));
        fs::write(&file, rows).unwrap();
        let profile = options.profile.clone();
        Night { folder, sandbox: Sandbox::start(options).unwrap(), file, out, profile }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `batch FILE -o OUT` and more.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        self.command_of(&self.file, &self.out, more)
    }

    pub(crate) fn command_of(&self, file: &Path, out: &Path, more: &[&str]) -> Command {
        let mut command = self.other(&["batch"]);
        command.arg(file).arg("-o").arg(out).args(["--poll-interval", "0.005", "--output", "json"]);
        command.args(more);
        command
    }

    /// Another command, with the same settings.
    pub(crate) fn other(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
        command.args(args).current_dir(self.folder.path()).env_clear();
        command
            .env("CXONE_BASE_URL", self.sandbox.base_url())
            .env("CXONE_CLIENT_ID", self.sandbox.client_id())
            .env("CXONE_CLIENT_SECRET", self.sandbox.client_secret())
            .env("CXONE_PROFILE", &self.profile)
            .env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, more: &[&str]) -> Said {
        self.command(more).output().unwrap().into()
    }

    /// The lines of the results by row; it is an error of theirs if a row has two.
    pub(crate) fn results(&self) -> BTreeMap<u64, Value> {
        lines(&self.out)
    }

    /// How often the trail says that this happened.
    pub(crate) fn recorded(&self, event: &str) -> usize {
        self.records("out.jsonl.trail", event).len()
    }

    /// What a trail says of this event.
    pub(crate) fn records(&self, trail: &str, event: &str) -> Vec<Value> {
        let Ok(segments) = fs::read_dir(self.path(trail)) else { return Vec::new() };
        // Beside the segments there are files that are renamed while they are looked at.
        let texts = segments.map(|segment| fs::read_to_string(segment.unwrap().path()).unwrap_or_default());
        let texts: Vec<_> = texts.collect();
        let records = texts.iter().flat_map(|text| text.lines());
        // The last line may be on its way still.
        let records = records.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        records.filter(|record| record["event"] == event).collect()
    }

    /// Until the gateway has executed so many.
    pub(crate) fn executed(&self, at_least: u64) {
        until(|| self.sandbox.totals().executions >= at_least);
    }
}

pub(crate) fn lines(out: &Path) -> BTreeMap<u64, Value> {
    let mut rows = BTreeMap::new();
    for line in fs::read_to_string(out).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let index = line["index"].as_u64().unwrap();
        assert!(rows.insert(index, line).is_none(), "row {index} has two lines");
    }
    rows
}

pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "it did not come so far");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Rows of JSON Lines: what `inputs` says of each.
pub(crate) fn rows(action: &str, count: usize, inputs: impl Fn(usize) -> Value) -> String {
    (0..count).map(|n| format!("{}\n", json!({ "actionId": action, "inputs": inputs(n) }))).collect()
}

pub(crate) fn customers(count: usize) -> String {
    rows(CREATE_CASE, count, |n| json!({ "customerId": format!("CUST-{n:06}") }))
}
