//! `tests/vectors/exchanges.json` and `profiles.json` from Rust: what a gateway answers, and what becomes of the call.
//!
//! The file makes the promises, `tests/vectors/README.md` says how it is read. Here is only the gateway: the sandbox.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod exchange;

use std::path::PathBuf;

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use exchange::{Gateway, list, merged, run_cases, value};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_exchange_gives_what_its_case_promises() {
    run_cases(include_str!("../../vectors/exchanges.json"), 100, open).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_profile_gives_what_its_cases_promise() {
    run_cases(include_str!("../../vectors/profiles.json"), 40, open).await;
}

fn open(defaults: &Value, case: &Value) -> Sandbox {
    let options = merged(defaults, case, "sandbox").to_string();
    let sandbox = Sandbox::start(SandboxOptions::from_json(&options).unwrap()).unwrap();
    for order in list(&case["inject"]) {
        let times = order["times"].as_u64().map_or(1, |times| u32::try_from(times).unwrap());
        sandbox.inject(order["point"].as_str().unwrap(), order["fault"].clone(), times).unwrap();
    }
    sandbox
}

impl Gateway for Sandbox {
    fn base_url(&self) -> String {
        self.base_url().to_owned()
    }

    fn client_id(&self) -> String {
        self.client_id().to_owned()
    }

    fn client_secret(&self) -> String {
        self.client_secret().to_owned()
    }

    fn access_key(&self) -> (String, String) {
        (self.access_key_id().to_owned(), self.access_key_secret().to_owned())
    }

    fn ca_file(&self) -> Option<PathBuf> {
        None
    }

    fn requests(&self) -> Vec<Value> {
        self.requests().iter().map(value).collect()
    }

    fn executions(&self, correlation_id: &str) -> u64 {
        self.executions(correlation_id)
    }

    fn counters(&self) -> Value {
        Value::Null
    }

    fn stop(&self) {
        self.close();
    }
}
