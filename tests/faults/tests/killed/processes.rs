//! The gateway and its users as processes.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// The gateway that breaks rules, as a process. It ends with this.
pub(crate) struct GatewayProcess {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
    access: Value,
}

impl GatewayProcess {
    pub(crate) fn start(script: &Value) -> GatewayProcess {
        let mut process = Command::new(env!("CARGO_BIN_EXE_fault-gateway"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        writeln!(input, "{script}").unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let access = serde_json::from_str(&output.next().unwrap().unwrap()).unwrap();
        GatewayProcess { process, input: Some(input), output, access }
    }

    /// How often each correlation id was executed.
    pub(crate) fn executions(&mut self) -> HashMap<String, u32> {
        writeln!(self.input.as_mut().unwrap(), "executions").unwrap();
        serde_json::from_str(&self.output.next().unwrap().unwrap()).unwrap()
    }

    /// The environment of its clients.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 3] {
        let said = |name: &str| self.access[name].as_str().unwrap();
        [
            ("CXONE_BASE_URL", said("base_url")),
            ("CXONE_CLIENT_ID", said("client_id")),
            ("CXONE_CLIENT_SECRET", said("client_secret")),
        ]
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// A process of a user's that will die.
pub(crate) struct User {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl User {
    /// The program of `src/bin/batch-user.rs`.
    pub(crate) fn start(environment: &[(&str, &str)], trail: &Path, taken: &Path, count: usize) -> User {
        let mut process = Command::new(env!("CARGO_BIN_EXE_batch-user"))
            .args([trail, taken])
            .arg(count.to_string())
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        User { process, output }
    }

    /// Waits until it says this; false where it ends without.
    pub(crate) fn says(&mut self, word: &str) -> bool {
        self.output.by_ref().any(|line| line.unwrap() == word)
    }

    /// `kill -9`; returns when it is gone, and says whether it was gone already.
    pub(crate) fn kill(mut self) -> bool {
        let gone = self.process.try_wait().unwrap().is_some();
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        gone
    }

    /// Waits for its own end.
    pub(crate) fn ends_well(mut self) -> bool {
        self.output.by_ref().for_each(drop);
        self.process.wait().unwrap().success()
    }
}
