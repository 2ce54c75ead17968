//! The drivers: one process for one measurement, told by one JSON text what to do, saying one JSON line of what it took.

mod core;
mod floor;
mod hyper;
mod raw;

use std::fs::read_to_string;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::load::cpu;

/// What is measured, as the orchestrator words it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Case {
    base_url: String,
    client_id: String,
    client_secret: String,
    action_id: String,
    ca_file: Option<PathBuf>,
    concurrency: usize,
    invocations: usize,
    payload: usize,
    directory: PathBuf,
    mode: Mode,
    warmup: usize,
    /// Connections that a client may have; as many as invocations where nothing is said.
    #[serde(default)]
    connections: usize,
    /// Milliseconds that the action is known to take.
    #[serde(default)]
    hold_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// So many tasks, each of which runs one after another.
    Run,
    RunMany,
}

/// The inputs of each invocation; the note pads them.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    customer_id: &'static str,
    order_reference: &'static str,
    priority: u8,
    note: String,
}

/// The body of a POST as a user writes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    action_id: &'a str,
    inputs: &'a Inputs,
    correlation_id: String,
}

/// What a measurement says.
#[derive(Debug, Serialize)]
struct Said {
    cpu_us: f64,
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
    peak_kb: u64,
    grew_kb: u64,
    ended: usize,
}

impl Case {
    fn connections(&self) -> usize {
        if self.connections == 0 { self.concurrency } else { self.connections }
    }

    /// Padded so that the body that carries them has about `payload` bytes.
    fn inputs(&self) -> Inputs {
        let mut inputs = Inputs {
            customer_id: "CUST-998877",
            order_reference: "ORD-2023-1122",
            priority: 1,
            note: String::new(),
        };
        let bare = self.body(&inputs).len();
        inputs.note = "x".repeat(self.payload.saturating_sub(bare));
        inputs
    }

    fn body(&self, inputs: &Inputs) -> Vec<u8> {
        let body = Body { action_id: &self.action_id, inputs, correlation_id: Uuid::new_v4().to_string() };
        serde_json::to_vec(&body).unwrap()
    }

    fn form(&self) -> String {
        let scope = "integration%3Aactions%3Awrite+integration%3Aactions%3Aread";
        format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={scope}",
            self.client_id, self.client_secret
        )
    }
}

/// How many are left to begin, and how long those took that ended.
#[derive(Debug)]
struct Round {
    left: AtomicUsize,
    took: Mutex<Vec<Duration>>,
}

impl Round {
    /// Room for all that is going to be noted is there beforehand, so that it is not counted as the client's.
    fn of(invocations: usize) -> Round {
        let mut took = vec![Duration::from_nanos(1); invocations];
        took.clear();
        Round { left: AtomicUsize::new(invocations), took: Mutex::new(took) }
    }

    /// How many tasks have something to do: others would only leave their memory behind.
    fn tasks(&self, concurrency: usize) -> usize {
        concurrency.min(self.left.load(Ordering::Relaxed))
    }

    /// Whether there is another one to begin.
    fn next(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn ended(&self, took: Duration) {
        self.took.lock().unwrap().push(took);
    }
}

/// Begun just before the measured part.
#[derive(Debug)]
struct Meter {
    resident: u64,
    cpu: Duration,
    began: Instant,
}

impl Meter {
    fn begin() -> Meter {
        Meter { resident: memory("VmRSS"), cpu: cpu(), began: Instant::now() }
    }

    fn end(&self, round: Round) -> Said {
        let (wall, cpu) = (self.began.elapsed(), cpu().saturating_sub(self.cpu));
        let peak_kb = memory("VmHWM");
        let mut took = round.took.into_inner().unwrap();
        took.sort_unstable();
        let ended = took.len();
        let at = |place: usize| took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e6);
        Said {
            cpu_us: cpu.as_secs_f64() * 1e6 / ended as f64,
            per_second: ended as f64 / wall.as_secs_f64(),
            p50_us: at(ended / 2),
            p99_us: at(ended * 99 / 100),
            peak_kb,
            grew_kb: peak_kb.saturating_sub(self.resident),
            ended,
        }
    }
}

/// `VmHWM` or `VmRSS` of this process in KiB.
fn memory(name: &str) -> u64 {
    let status = read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Drives and says what it took; fails where not every invocation completed.
pub(crate) fn drive(which: &str, text: &str) -> ExitCode {
    crate::limits::raise_open_files();
    let case: Case = serde_json::from_str(text).unwrap();
    let said = match which {
        "drive-core" => core::drive(&case),
        "drive-hyper" => hyper::drive(&case),
        _ => raw::drive(&case),
    };
    println!("{}", serde_json::to_string(&said).unwrap());
    if said.ended == case.invocations { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
