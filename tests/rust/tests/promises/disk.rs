//! Fault 41: the disk does not take what the trail wants to write. Nothing is acknowledged that is not there, nothing is
//! sent, and what was accepted is looked after.

use std::process::Command;
use std::time::Duration;

use cxone_actions::config::{AuditFailure, Durability};
use cxone_actions::trail::Filter;
use cxone_actions::{CallOptions, Client, ErrorKind, Executed};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

use crate::ground::{builder, invariants, request, sandbox};

/// Until a call succeeds, at most ten seconds: a broken trail tries a new segment every five.
async fn until_it_runs(client: &Client) -> u64 {
    let mut refused = 0;
    for n in 0..400 {
        match client.run(request(&format!("again-{n}"))).await {
            Ok(result) => {
                assert!(result.ok);
                return refused;
            }
            Err(error) => {
                assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No));
                refused += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the trail did not come back");
}

fn records(client: &Client, event: &str) -> Vec<Value> {
    let filter = Filter::from_json(&json!({ "event": event }).to_string()).unwrap();
    let lines = client.audit().records(&filter).unwrap();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn a_deleted_directory_stops_the_sending_and_not_the_polling_and_says_what_is_missing_when_it_is_back()
{
    let sandbox = sandbox();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trail");
    let client = builder(&sandbox).audit(&path).build().unwrap();
    let invocation = client.invoke(request("accepted")).await.unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    let sent = sandbox.totals().invoke;
    for n in 0..3 {
        let error = client.run(request(&format!("refused-{n}"))).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No));
    }
    assert!(client.poll(invocation.into(), CallOptions::default()).await.unwrap().ok, "polls go on");
    assert_eq!(sandbox.totals().invoke, sent, "nothing is sent without a record");
    let counts = client.metrics().counts;
    assert!(counts.conserved() && counts.rejected == 3 && counts.completed == 1, "{counts:?}");
    std::fs::create_dir(&path).unwrap();
    until_it_runs(&client).await;
    let gaps = records(&client, "gap");
    assert_eq!((gaps.len(), &gaps[0]["seq"]), (1, &json!(1)), "{gaps:?}");
    let note = gaps[0]["note"].as_str().unwrap();
    let (missing, rest) = note.split_once(" records are missing; after ").unwrap();
    assert!(missing.parse::<u64>().unwrap() >= 4, "{note}");
    assert_eq!(rest.split(' ').count(), 3, "{note}");
    let counts = client.metrics().counts;
    assert!(counts.conserved(), "{counts:?}");
    assert!(sandbox.totals().most_executions <= 1);
}

#[tokio::test]
async fn who_asked_to_go_on_is_served_and_the_gap_is_counted() {
    let sandbox = sandbox();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trail");
    let client = builder(&sandbox).audit(&path).audit_failure(AuditFailure::ContinueWithGap).build().unwrap();
    client.run(request("before")).await.unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    for n in 0..5 {
        assert!(client.run(request(&format!("gap-{n}"))).await.unwrap().ok);
        assert_eq!(sandbox.executions(&format!("gap-{n}")), 1);
    }
    std::fs::create_dir(&path).unwrap();
    client.shutdown(Duration::from_secs(5)).await;
    let gaps = records(&client, "gap");
    let note = gaps[0]["note"].as_str().unwrap();
    // Four of each: started, sending, accepted and terminal.
    let missing = note.split(' ').next().unwrap().parse::<u64>().unwrap();
    assert!((20..100).contains(&missing), "{note}");
    assert_eq!(records(&client, "closed").len(), 1);
}

/// Whether nothing that was written waits for the disk: then there is nothing to wait for.
fn is_on_the_disk(client: &Client) -> bool {
    client.audit().settle().now_or_never().is_some_and(|settled| settled.is_ok())
}

#[tokio::test]
async fn at_power_every_answer_is_on_the_disk_and_one_sync_serves_many() {
    let sandbox = sandbox();
    let directory = tempfile::tempdir().unwrap();
    let client = builder(&sandbox).audit(directory.path()).durability(Durability::Power).build().unwrap();
    let calls = (0..200).map(|n| client.run(request(&format!("c-{n}"))));
    for result in futures_util::future::join_all(calls).await {
        assert!(result.unwrap().ok);
    }
    for n in 0..20 {
        assert!(client.run(request(&format!("alone-{n}"))).await.unwrap().ok);
        assert!(is_on_the_disk(&client), "the result came before the disk had its record");
    }
    let invocation = client.invoke(request("invoked")).await.unwrap();
    assert!(is_on_the_disk(&client), "the invocation was handed over before the disk had its record");
    assert!(client.poll(invocation.into(), CallOptions::default()).await.unwrap().ok);
    assert!(is_on_the_disk(&client));
    invariants(&sandbox, &client);
    client.shutdown(Duration::from_secs(5)).await;
    invariants(&sandbox, &client);
}

/// Runs what follows in a process in which every `fsync` and `fdatasync` fails with an error of the device (EIO), as they
/// do where a disk dies. The kernel does that, by a filter of system calls.
const WITHOUT_A_DISK: &str = r#"
import ctypes, os, struct, sys
arch, fsync, fdatasync = {"x86_64": (0xC000003E, 74, 75), "aarch64": (0xC00000B7, 82, 83)}[os.uname().machine]
load, equal, leave, allow, refuse = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | 5
steps = [(load, 0, 0, 4), (equal, 0, 3, arch), (load, 0, 0, 0), (equal, 2, 0, fsync), (equal, 1, 0, fdatasync),
         (leave, 0, 0, allow), (leave, 0, 0, refuse)]
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
filter = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(program)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, filter, 0, 0) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[tokio::test]
async fn a_disk_that_does_not_sync_is_no_false_acknowledgement() {
    const TEST: &str = "disk::a_disk_that_does_not_sync_is_no_false_acknowledgement";
    if let Ok(gateway) = std::env::var("GATEWAY_OF_THE_CHILD") {
        let told: Value = serde_json::from_str(&gateway).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        let client = |failure| {
            Client::builder()
                .base_url(text("base_url"))
                .client_id(text("client_id"))
                .client_secret(text("client_secret"))
                .poll_interval(Duration::from_millis(10))
                .audit(text("directory"))
                .durability(Durability::Power)
                .audit_failure(failure)
                .build()
                .unwrap()
        };
        let strict = client(AuditFailure::FailClosed);
        for n in 0..3 {
            let error = strict.run(request(&format!("refused-{n}"))).await.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Audit, Executed::No), "{error}");
        }
        assert!(strict.audit().flush().is_err());
        let accepted = text("accepted");
        assert!(
            strict.poll(accepted.as_str().into(), CallOptions::default()).await.unwrap().ok,
            "polls go on"
        );
        strict.shutdown(Duration::from_secs(1)).await;
        let lenient = client(AuditFailure::ContinueWithGap);
        assert!(lenient.run(request("served")).await.unwrap().ok);
        lenient.shutdown(Duration::from_secs(1)).await;
        return;
    }
    let sandbox = sandbox();
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = builder(&sandbox).build().unwrap();
    let accepted = elsewhere.invoke(request("accepted")).await.unwrap();
    let told = json!({
        "base_url": sandbox.base_url(), "client_id": sandbox.client_id(), "client_secret": sandbox.client_secret(),
        "directory": directory.path(), "accepted": accepted.invocation_id,
    });
    let mut child = Command::new("python3");
    child.args(["-c", WITHOUT_A_DISK]).arg(std::env::current_exe().unwrap()).args(["--exact", TEST]);
    child.env("GATEWAY_OF_THE_CHILD", told.to_string());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for n in 0..3 {
        assert_eq!(sandbox.executions(&format!("refused-{n}")), 0);
    }
    assert_eq!(sandbox.executions("served"), 1);
    let found = cxone_actions::trail::Trail::read_only(directory.path()).unwrap().verify();
    assert!(found.ok, "{found:?}");
}
