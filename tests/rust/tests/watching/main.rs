//! What somebody sees who watches a client: spans, log events, numbers. Against a real gateway on loopback.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

mod events;
mod numbers;
mod spans;

use std::time::Duration;

use cxone_actions::{ActionRequest, Client, ClientBuilder};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};

const CREATE_CASE: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/// What nobody who watches may see.
const INPUT: &str = "CANARY-998877";

fn sandbox() -> Sandbox {
    Sandbox::start(SandboxOptions::default()).unwrap()
}

fn builder(sandbox: &Sandbox) -> ClientBuilder {
    Client::builder()
        .base_url(sandbox.base_url())
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .poll_interval(Duration::from_millis(10))
}

fn request() -> ActionRequest {
    ActionRequest::new(CREATE_CASE)
        .input("customerId", INPUT)
        .input("orderReference", "ORD-2023-1122")
        .input("priority", 1)
}

/// Fails where a text that somebody may see has what nobody may see.
fn says_no_secret(text: &str, sandbox: &Sandbox) {
    for secret in [sandbox.client_secret(), "Bearer ", INPUT, "ORD-2023-1122"] {
        assert!(!text.contains(secret), "`{secret}` stands in {text}");
    }
}
