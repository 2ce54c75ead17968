//! A directory that the command runs in, as if nobody had ever set anything.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

pub(crate) const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
pub(crate) const FAILS: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const NEVER_ENDS: &str = "00000000-0000-4000-8000-000000000005";

pub(crate) struct Ground(tempfile::TempDir);

impl Ground {
    pub(crate) fn new() -> Ground {
        Ground(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that only its owner may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// The command, in this directory and in an empty environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_in("", arguments)
    }

    pub(crate) fn command_in(&self, below: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
        command
            .args(arguments)
            .current_dir(self.path(below))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What `config show` says of each option: name, value, origin.
    pub(crate) fn shown(command: &mut Command) -> Vec<(String, Value, String)> {
        let output = command.args(["config", "show", "--output", "jsonl"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let said = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
        lines.map(|line| (said(&line, "name"), line["value"].clone(), said(&line, "origin"))).collect()
    }
}

/// A gateway that answers quickly.
pub(crate) fn sandbox() -> Sandbox {
    let complete_after = std::time::Duration::from_millis(5);
    Sandbox::start(SandboxOptions { complete_after, ..SandboxOptions::default() }).unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Whether a program of the system is there.
pub(crate) fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory: PathBuf| Path::new(&directory).join(program).is_file())
}
