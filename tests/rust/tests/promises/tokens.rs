//! The token against a service that ends its own tokens and that authenticates in every way. What a broken one does to
//! it is in `tests/faults/tests/token`.

use std::time::Duration;

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::future::join_all;

use crate::ground::{builder, client, invariants, request};

#[tokio::test]
async fn a_token_that_runs_out_under_load_fails_nobody() {
    let sandbox = Sandbox::start(SandboxOptions {
        token_lifetime: Duration::from_secs(1),
        ..SandboxOptions::default()
    });
    let sandbox = sandbox.unwrap();
    let client = client(&sandbox);
    for round in 0..6 {
        let runs = (0..20).map(|n| client.run(request(&format!("run-{round}-{n}"))));
        for result in join_all(runs).await {
            assert!(result.unwrap().ok);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let fetched = sandbox.totals().token;
    assert!((2..=6).contains(&fetched), "{fetched} tokens in two seconds of a lifetime of one");
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn every_client_authentication_is_decoded_exactly_by_the_service() {
    for auth in ["post", "basic", "query"] {
        let secret = "a+b%/:é".to_owned();
        let options = SandboxOptions { client_secret: Some(secret), ..SandboxOptions::default() };
        let sandbox = Sandbox::start(options).unwrap();
        let client = builder(&sandbox).client_auth(auth).build().unwrap();
        assert!(client.run(request("run")).await.unwrap().ok, "{auth}");
        invariants(&sandbox, &client);
    }
}
