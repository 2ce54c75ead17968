//! Trails to read: one that a real client wrote, and ones that are written here as the documentation describes them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cxone_actions::{ActionRequest, Client, ClientBuilder};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const FAILS: &str = "00000000-0000-4000-8000-000000000001";

/// Runs three calls against a gateway, one of which fails, and is refused a fourth.
pub(crate) fn of_a_client(directory: &Path, configure: impl FnOnce(ClientBuilder) -> ClientBuilder) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    runtime.block_on(async {
        let builder = Client::builder()
            .base_url(sandbox.base_url())
            .client_id(sandbox.client_id())
            .client_secret(sandbox.client_secret())
            .poll_interval(std::time::Duration::from_millis(5))
            .actor("svc-billing")
            .audit(directory);
        let client = configure(builder).build().unwrap();
        for n in 0..2 {
            let request = ActionRequest::new(ACTION)
                .input("customerId", "CUST-998877")
                .input("orderReference", "ORD-2023-1122")
                .correlation_id(format!("order-{n}"));
            client.run(request).await.unwrap();
        }
        client.run(ActionRequest::new(FAILS).correlation_id("order-2")).await.unwrap();
        client.run(ActionRequest::new("no action")).await.unwrap_err();
        client.shutdown(std::time::Duration::from_secs(5)).await;
    });
    sandbox.close();
}

/// A segment that is being written.
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    lines: String,
    seq: u64,
    prev: String,
}

impl Segment {
    /// `n` tells segments of one directory apart.
    pub(crate) fn new(directory: &Path, n: u64) -> Segment {
        let path = directory.join(format!("20261122T15122{n}.123456Z-4711-9f86d081884c.jsonl"));
        Segment { path, lines: String::new(), seq: 0, prev: "0".repeat(64) }
    }

    /// One record at so many milliseconds of that day; `fields` stand behind the actor.
    pub(crate) fn add(&mut self, ms: u64, event: &str, actor: &str, fields: &Value) {
        self.seq += 1;
        let (seconds, ms) = (ms / 1000, ms % 1000);
        let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        let fields = fields.to_string();
        let fields = &fields[1..fields.len() - 1];
        let comma = if fields.is_empty() { "" } else { "," };
        let covered = format!(
            r#"{{"v":1,"seq":{},"ts":"2026-11-22T{h:02}:{m:02}:{s:02}.{ms:03}000Z","host":"app-7","pid":4711,"run":"9f86d081884c","event":"{event}","actor":{}{comma}{fields},"prev":"{}""#,
            self.seq,
            json!(actor),
            self.prev
        );
        self.prev = Sha256::digest(&covered).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = writeln!(self.lines, r#"{covered},"hash":"{}"}}"#, self.prev);
    }

    /// Gives back the lines, which are on the disk now.
    pub(crate) fn write(self) -> String {
        fs::write(&self.path, &self.lines).unwrap();
        self.lines
    }
}
