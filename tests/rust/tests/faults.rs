//! `tests/vectors/faults.json` from Rust: what a gateway does to a connection, and what becomes of the call.
//!
//! The file makes the promises, `tests/vectors/README.md` says how it is read. Here is only the gateway: raw sockets.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod exchange;

use std::path::PathBuf;

use cxone_actions_faults::{CLIENT_ID, CLIENT_SECRET, Gateway as Raw};
use exchange::{Gateway, list, run_cases, value};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_survived_as_its_case_promises() {
    run_cases(include_str!("../../vectors/faults.json"), 90, open).await;
}

struct Scripted(Raw);

fn open(_: &Value, case: &Value) -> Scripted {
    let parts = ["gateway", "script", "always"];
    let script: Value = parts
        .iter()
        .filter_map(|part| Some(((*part).to_owned(), case.get(part)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Scripted(Raw::from_json(&script.to_string()).unwrap())
}

impl Gateway for Scripted {
    fn base_url(&self) -> String {
        self.0.base_url()
    }

    fn client_id(&self) -> String {
        CLIENT_ID.to_owned()
    }

    fn client_secret(&self) -> String {
        CLIENT_SECRET.to_owned()
    }

    fn ca_file(&self) -> Option<PathBuf> {
        Some(self.0.ca_file()).filter(|path| !path.as_os_str().is_empty())
    }

    fn requests(&self) -> Vec<Value> {
        list(&value(&self.0.counters()["requests"])).to_vec()
    }

    fn executions(&self, correlation_id: &str) -> u64 {
        self.0.executions(correlation_id).into()
    }

    fn counters(&self) -> Value {
        let counters = self.0.counters();
        let altered = list(&counters["altered"]).len();
        let names = ["seen_elsewhere", "connections", "written"];
        let mut counts: Value =
            names.into_iter().map(|name| (name.to_owned(), counters[name].clone())).collect();
        counts["altered"] = json!(altered);
        counts
    }

    fn stop(&self) {
        self.0.stop();
    }
}
