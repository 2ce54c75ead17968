//! The gateway, in a process of its own, so that what it costs is not counted.

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

/// A gateway that is running; it ends with this.
pub(crate) struct Gateway {
    process: Child,
    access: Value,
}

impl Gateway {
    pub(crate) fn start() -> Gateway {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("gateway")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Gateway { process, access: serde_json::from_str(&line).unwrap() }
    }

    pub(crate) fn said(&self, name: &str) -> &str {
        self.access[name].as_str().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
