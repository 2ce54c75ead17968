//! What a client is told, and what it says when that cannot work.

use std::time::Duration;

use cxone_actions::profile::Profile;
use cxone_actions::{Client, Dialect, ErrorKind, Executed, Options};
use serde_json::json;

use crate::ground::{builder, invariants, request, sandbox};

/// The paths that an error about these options names.
fn mistakes(options: &serde_json::Value, dialect: Dialect) -> Vec<String> {
    let opened = Client::open(Options::read(&options.to_string(), dialect));
    let error = opened.expect_err("they were taken");
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Config, Executed::No), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    error.violations().iter().map(|violation| violation.path.clone()).collect()
}

#[test]
fn everything_that_is_missing_is_named_at_once_before_any_network() {
    assert_eq!(
        mistakes(&json!({}), Dialect::Rust),
        ["base_url", "client_id", "client_secret"],
        "tutorial defect S14"
    );
    assert_eq!(mistakes(&json!({}), Dialect::Node), ["baseUrl", "clientId", "clientSecret"]);
}

#[test]
fn every_option_that_cannot_work_is_named_as_the_language_writes_it() {
    let wrong = json!({
        "baseUrl": "https://api.example.com", "clientId": "id", "clientSecret": "s3cr3t",
        "timeoutMs": 0, "maxAttempts": 1.5, "delivery": "twice", "callbackHosts": "hooks.example.com",
        "http1Only": "yes", "time_out": 3, "policy": 7,
    });
    let named = ["timeoutMs", "maxAttempts", "delivery", "callbackHosts", "http1Only", "time_out", "policy"];
    assert_eq!(mistakes(&wrong, Dialect::Node), named, "tutorial defect S40");
    let error = Options::from_json(&json!({"client_secrte": "x"}).to_string(), Dialect::Python).unwrap_err();
    assert!(error.message().contains("did you mean `client_secret`"), "{error}");
    let short = json!({
        "base_url": "https://api.example.com", "client_id": "id", "client_secret": "s3cr3t",
        "connect_timeout": 5, "request_timeout": 5,
    });
    assert_eq!(mistakes(&short, Dialect::Python), ["connect_timeout"], "tutorial defect S16");
}

#[test]
fn what_cannot_be_read_and_what_cannot_work_is_named_at_once_and_nothing_twice() {
    let wrong = json!({
        "baseUrl": "https://api.example.com", "clientId": "id", "clientSecret": "s3cr3t",
        "rateLimit": "x", "delivery": "zz", "auditKey": "short", "callbackHosts": "x", "policyRefreshMs": 5,
    });
    let mut named = mistakes(&wrong, Dialect::Node);
    named.sort_unstable();
    // The key is short, and there is no trail that it could seal.
    assert_eq!(named, ["auditKey", "auditKey", "callbackHosts", "delivery", "policyRefreshMs", "rateLimit"]);
    // A wrong one is not a missing one, and nothing hangs on what is not known.
    let unread = json!({
        "base_url": 5, "client_id": {"$foreign": "int"}, "client_secret": "", "profile": 7, "audit": 1, "policy": 2,
        "token": true, "request_timeout": "soon", "connect_timeout": 40, "durability": "power", "policy_refresh": 5,
    });
    assert_eq!(
        mistakes(&unread, Dialect::Python),
        ["base_url", "client_id", "client_secret", "profile", "audit", "policy", "token", "request_timeout"]
    );
}

#[test]
fn a_builder_refuses_the_counts_that_an_option_refuses() {
    let builder =
        Client::builder().base_url("https://api.example.com").client_id("id").client_secret("s3cr3t");
    let error = builder.max_attempts(0).max_in_flight(0).max_queued(0).build().unwrap_err();
    let named: Vec<_> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
    assert_eq!(named, ["max_attempts", "max_in_flight", "max_queued"], "{error}");
}

#[test]
fn what_cannot_work_about_the_durable_trail_is_named_before_it_is_opened() {
    let directory = tempfile::tempdir().unwrap();
    let with = |more: serde_json::Value| {
        let mut options =
            json!({"base_url": "https://a.example", "client_id": "id", "client_secret": "s3cr3t"});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    };
    let words = json!({"audit": directory.path(), "durability": "disk", "audit_failure": "open", "policy_refresh": 0});
    assert_eq!(mistakes(&with(words), Dialect::Python), ["durability", "audit_failure", "policy_refresh"]);
    let values = json!({
        "audit": directory.path(), "audit_key": "s3cr3t", "audit_segment_bytes": 1000, "traces": "localhost:4318",
    });
    assert_eq!(mistakes(&with(values), Dialect::Python), ["audit_key", "audit_segment_bytes", "traces"]);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was opened");
    let without_a_file = json!({"policy": {"action": []}, "policy_refresh": 1});
    assert_eq!(mistakes(&with(without_a_file), Dialect::Python), ["policy_refresh"]);
    let without_a_directory = json!({"durability": "power", "audit_retention_days": 30});
    assert_eq!(mistakes(&with(without_a_directory), Dialect::Python), ["durability", "audit_retention_days"]);
}

#[test]
fn a_base_url_that_would_give_the_token_away_is_refused() {
    let refused = [
        "http://api.example.com",
        "http://10.0.0.1",
        "ftp://api.example.com",
        "https://user:s3cr3t@api.example.com",
        "https://api.example.com/?x=s3cr3t",
        "https://api.example.com/#s3cr3t",
        "api.example.com",
        "https://",
        "",
    ];
    for url in refused {
        let options = json!({"base_url": url, "client_id": "id", "client_secret": "s3cr3t"});
        assert_eq!(mistakes(&options, Dialect::Python), ["base_url"], "`{url}`, tutorial defect S13");
    }
    for url in [
        "https://api.example.com",
        "https://api.example.com/",
        "http://127.0.0.1:8080",
        "http://[::1]:1",
        "http://localhost",
    ] {
        let options = json!({"base_url": url, "client_id": "id", "client_secret": "s3cr3t"});
        let opened = Options::from_json(&options.to_string(), Dialect::Python).and_then(Client::open);
        assert!(opened.is_ok(), "`{url}`: {opened:?}");
    }
}

#[tokio::test]
async fn a_profile_in_a_file_of_ones_own_serves_like_a_built_in_one() {
    let text = include_str!("../../../../core/src/profile/gateway.toml").replace("\"gateway\"", "\"mine\"");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.toml");
    std::fs::write(&path, &text).unwrap();
    let sandbox = sandbox();
    let client = builder(&sandbox).profile(path.to_str().unwrap()).build().unwrap();
    assert!(client.run(request("mine")).await.unwrap().ok, "tutorial defect S69");
    invariants(&sandbox, &client);
    let broken = Profile::from_toml(&text.replace("accepted =", "acepted ="), "mine.toml").unwrap_err();
    assert!(broken.message().contains("acepted") && broken.message().contains("line 17"), "{broken}");
}

#[tokio::test]
async fn a_debug_print_of_a_client_shows_no_secret() {
    let sandbox = sandbox();
    let client = builder(&sandbox).timeout(Duration::from_secs(9)).build().unwrap();
    client.run(request("seen")).await.unwrap();
    let shown = format!("{client:?} {client:#?}");
    for secret in [sandbox.client_secret(), "CUST-998877", "Bearer ey"] {
        assert!(!shown.contains(secret), "tutorial defect S12");
    }
}
