//! The sandbox, in a process of its own, so that what it costs is not counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};

/// Serves until its standard input ends.
pub(crate) fn serve() {
    let sandbox = Sandbox::start(SandboxOptions { requests_kept: 1, ..SandboxOptions::default() }).unwrap();
    let access = json!({
        "base_url": sandbox.base_url(), "client_id": sandbox.client_id(), "client_secret": sandbox.client_secret(),
    });
    println!("{access}");
    std::io::stdout().flush().unwrap();
    std::io::stdin().lock().lines().for_each(drop);
}

/// One that is running; it ends with this.
pub(crate) struct Running {
    process: Child,
    access: Value,
}

impl Running {
    pub(crate) fn start(which: &str) -> Running {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(which)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Running { process, access: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn said(&self, name: &str) -> &str {
        self.access[name].as_str().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
