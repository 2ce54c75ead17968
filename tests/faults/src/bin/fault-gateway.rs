//! The gateway as a process, for tests in other languages.
//!
//! The first line on stdin is its script; the first on stdout says how to reach it. After that every line `counters` is
//! answered with one line of JSON, and every line `executions` with those alone. It ends with its stdin.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use cxone_actions_faults::Gateway;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let _ = writeln!(io::stderr(), "fault-gateway: {what}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let mut lines = io::stdin().lock().lines().map(|line| line.map_err(|error| error.to_string()));
    let script = lines.next().unwrap_or_else(|| Err("there is no script on stdin".to_owned()))?;
    let gateway = Gateway::from_json(&script)?;
    say(&gateway.access())?;
    for line in lines {
        match line?.as_str() {
            "counters" => say(&gateway.counters())?,
            "executions" => say(&serde_json::json!(gateway.all_executions()))?,
            other => return Err(format!("no such command: {other}")),
        }
    }
    gateway.stop();
    Ok(())
}

fn say(what: &serde_json::Value) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{what}").and_then(|()| stdout.flush()).map_err(|error| error.to_string())
}
