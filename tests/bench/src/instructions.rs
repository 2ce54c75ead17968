//! How many instructions an invocation takes: a figure that no other load on the machine moves.
//!
//! The core runs under callgrind, with policy and trail, 64 at once; the gateway does not. Two runs differ in nothing but
//! how many invocations they measure, so that what is left of their difference is what an invocation takes.
//!
//! The processor that valgrind makes believe has no instructions for SHA-256, which most real ones have: what the trail's
//! chain costs there in software is named apart.

use std::path::Path;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::sandbox::Running;

const AT_ONCE: usize = 64;
const WARMUP: usize = 256;
const RUNS: [usize; 2] = [1_000, 3_000];

/// A long copy is one instruction in glibc, `rep movsb`, of which valgrind counts each byte: with this it is a loop of vectors.
const COPIES: &str = "glibc.cpu.x86_rep_movsb_threshold=1073741824";

/// What lies in the tree.
#[derive(Debug, Serialize, Deserialize)]
struct Recorded {
    instructions_per_invocation: u64,
    bound_percent: u64,
}

/// What callgrind counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counted {
    all: u64,
    sha256: u64,
}

/// Measures, and compares with what is recorded in `figure` or writes it.
pub(crate) fn measure(directory: &Path, figure: &Path, record: bool) -> ExitCode {
    let gateway = Running::start("gateway");
    let [short, long] = RUNS.map(|invocations| run(&gateway, directory, invocations));
    let between = (RUNS[1] - RUNS[0]) as u64;
    let all = (long.all - short.all) / between;
    let sha256 = (long.sha256 - short.sha256) / between;
    println!("{all} instructions per invocation, policy and trail on, {AT_ONCE} at once");
    println!(
        "of them {sha256} are SHA-256 in software ({} %), {} the rest",
        sha256 * 100 / all,
        all - sha256
    );
    if record {
        let recorded = Recorded { instructions_per_invocation: all, bound_percent: 5 };
        std::fs::write(figure, serde_json::to_string_pretty(&recorded).unwrap() + "\n").unwrap();
        println!("recorded in {}", figure.display());
        return ExitCode::SUCCESS;
    }
    let recorded: Recorded = serde_json::from_slice(&std::fs::read(figure).unwrap()).unwrap();
    let before = recorded.instructions_per_invocation;
    let most = before + before * recorded.bound_percent / 100;
    println!("recorded are {before}, allowed {most}: {:+.1} %", (all as f64 / before as f64 - 1.0) * 100.0);
    if all > most {
        println!("more than is allowed; `make instructions RECORD=1` records it where that is meant");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn run(gateway: &Running, directory: &Path, invocations: usize) -> Counted {
    let trail = tempfile::tempdir_in(directory).unwrap();
    let profile = directory.join(format!("callgrind.{invocations}.out"));
    let case = json!({
        "base_url": gateway.said("base_url"),
        "client_id": gateway.said("client_id"),
        "client_secret": gateway.said("client_secret"),
        "action_id": gateway.said("action_id"),
        "concurrency": AT_ONCE,
        "invocations": invocations,
        "payload": 200,
        "directory": trail.path(),
        "mode": "run",
        "warmup": WARMUP,
    });
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-line=no"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["drive-core", &case.to_string()])
        .env_remove("CXONE_TRACES")
        .env("GLIBC_TUNABLES", COPIES)
        .output();
    let ran = ran.unwrap_or_else(|error| panic!("valgrind cannot be run: {error}"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    counted(&std::fs::read_to_string(&profile).unwrap())
}

/// Adds up a profile: its cost lines are `position cost`, each belongs to the function named last, and the one behind
/// `calls=` is the cost of what was called, which stands at its own place once more. A name is spelled out once.
fn counted(profile: &str) -> Counted {
    let mut counted = Counted::default();
    let mut hashes = std::collections::HashSet::new();
    let (mut here, mut of_a_call) = (false, false);
    for line in profile.lines() {
        if let Some((kind, name)) = line.split_once("fn=") {
            let id = name.split(' ').next().unwrap_or_default();
            if name.contains("sha2") {
                hashes.insert(id);
            }
            if kind.is_empty() {
                here = hashes.contains(id);
            }
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost: u64 = line.split(' ').nth(1).and_then(|cost| cost.parse().ok()).unwrap_or_default();
            if !std::mem::take(&mut of_a_call) {
                counted.all += cost;
                counted.sha256 += if here { cost } else { 0 };
            }
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_added_up_without_what_was_called() {
        let profile = "\
positions: line
events: Ir

fn=(1) main
0 10
cfn=(2) sha2::sha256::compress
calls=3 0
0 500

fn=(2)
0 500
+0 7

totals: 517
";
        assert_eq!(counted(profile), Counted { all: 517, sha256: 507 });
    }
}
