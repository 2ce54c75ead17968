//! A batch under a policy, with a durable trail, against the sandbox: the program of docs/rust.md. It reads `policy.toml`
//! and writes `trail` in the directory that it is started in.

#![expect(clippy::print_stdout, reason = "it says what became of the batch")]

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use cxone_actions::config::PolicySource;
use cxone_actions::{ActionRequest, Client};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::StreamExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start(SandboxOptions::default())?;
    let client = Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .policy(PolicySource::File("policy.toml".into()))
        .audit("trail")
        .actor("svc-billing")
        .build()?;

    // Read as there is room for them: a file of a million lines needs no more memory than this.
    let requests = (1..=20).map(|n| {
        ActionRequest::new("create-case")
            .input("customerId", format!("CUST-{n:04}"))
            .input("priority", if n == 13 { 9 } else { 1 })
            .correlation_id(format!("case-{n:04}"))
    });
    let mut outcomes = pin!(client.run_many(requests, 8));
    let mut completed = 0;
    while let Some(outcome) = outcomes.next().await {
        match outcome.result {
            Ok(result) if result.ok => completed += 1,
            Ok(result) => println!("{:?} {:?}", result.correlation_id, result.error_message),
            Err(error) => {
                println!(
                    "request {}: {}, executed: {}",
                    outcome.index,
                    error.kind().as_str(),
                    error.executed().as_str()
                );
                for violation in error.violations() {
                    println!("  {} {}", violation.path, violation.message);
                }
            }
        }
    }
    println!("{completed} completed, of {} that the gateway executed", sandbox.totals().executions);
    println!("the chain holds: {}", client.audit().verify().ok);
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
