//! What `metrics` and `demo` promise, with the command as a process.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use cxone_actions::{ActionRequest, Client};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
const FAILS: &str = "00000000-0000-4000-8000-000000000001";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CXONE_")) {
        command.env_remove(name);
    }
    // Where no settings of anybody's are.
    command.args(arguments).current_dir("/");
    command
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A trail of three results, one of which is a failure, and one refusal; and what its client counted.
fn written(directory: &Path) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sandbox = Sandbox::start(SandboxOptions::default()).unwrap();
    runtime.block_on(async {
        let client = Client::builder()
            .base_url(sandbox.base_url())
            .client_id(sandbox.client_id())
            .client_secret(sandbox.client_secret())
            .poll_interval(Duration::from_millis(5))
            .audit(directory)
            .build()
            .unwrap();
        for n in 0..2 {
            let request = ActionRequest::new(ACTION)
                .input("customerId", "CUST-998877")
                .input("orderReference", "ORD-2023-1122")
                .correlation_id(format!("order-{n}"));
            client.run(request).await.unwrap();
        }
        client.run(ActionRequest::new(FAILS)).await.unwrap();
        client.run(ActionRequest::new("no action")).await.unwrap_err();
        let counted = serde_json::to_value(client.metrics()).unwrap();
        client.shutdown(Duration::from_secs(5)).await;
        counted
    })
}

#[test]
fn a_trail_has_the_numbers_that_its_client_counted() {
    let folder = tempfile::tempdir().unwrap();
    let counted = written(folder.path());
    let audit = folder.path().to_str().unwrap();
    let json = text(&command(&["metrics", "--audit", audit, "--output", "json"]).output().unwrap());
    let read: Value = serde_json::from_str(&json).unwrap();
    let same = [
        "started",
        "completed",
        "failed",
        "cancelled",
        "rejected",
        "aborted",
        "unknown",
        "in_flight",
        "denied",
        "invalid",
        "retries",
        "success_rate",
    ];
    for name in same {
        assert_eq!(read[name], counted[name], "{name}: {read}");
    }
    assert_eq!(read["started"], 3);
    for name in ["invoke_latency", "duration"] {
        assert_eq!(read[name]["count"], counted[name]["count"]);
        let (ours, theirs) =
            (read[name]["p95_ms"].as_f64().unwrap(), counted[name]["p95_ms"].as_f64().unwrap());
        assert!((ours - theirs).abs() <= theirs * 0.03 + 0.01, "{name}: {ours} instead of {theirs}");
    }
    let actions = |value: &Value| value["by_action"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let (mut ours, mut theirs) = (actions(&read), actions(&counted));
    ours.sort();
    theirs.sort();
    assert_eq!(ours, theirs);
    let table = text(&command(&["metrics", "--audit", audit]).output().unwrap());
    for word in ["ACTION", "all actions", ACTION, "P95 MS", "success 66.67 %"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let by_environment = command(&["metrics"]).env("CXONE_AUDIT_DIR", audit).output().unwrap();
    assert_eq!(text(&by_environment), table);
}

#[test]
fn prometheus_is_told_what_a_trail_knows_and_no_zero_for_what_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let audit = folder.path().to_str().unwrap();
    let said = text(&command(&["metrics", "--audit", audit, "--output", "prometheus"]).output().unwrap());
    for sample in [
        format!("cxone_invocations_total{{action=\"{ACTION}\",outcome=\"completed\"}} 2"),
        format!("cxone_invocations_total{{action=\"{FAILS}\",outcome=\"failed\"}} 1"),
        format!("cxone_duration_seconds_count{{action=\"{ACTION}\"}} 2"),
        "cxone_requests_invalid_total 1".to_owned(),
    ] {
        assert!(said.lines().any(|line| line == sample), "{sample} is not in\n{said}");
    }
    for unknown in
        ["cxone_polls", "cxone_token_refreshes", "cxone_audit_lost", "cxone_callbacks_", "detached"]
    {
        assert!(!said.contains(unknown), "{unknown} is no number of a trail: {said}");
    }
}

#[test]
fn watching_shows_what_has_come_since_and_ends_with_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let audit = folder.path().to_str().unwrap();
    let mut watching =
        command(&["metrics", "--audit", audit, "--output", "json", "--watch", "--interval", "0.1"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut started = || {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        line["started"].as_u64().unwrap()
    };
    assert_eq!(started(), 3);
    written(folder.path());
    let began = Instant::now();
    while started() != 6 {
        assert!(began.elapsed() < Duration::from_secs(60), "what came since is not shown");
    }
    let pid = rustix::process::Pid::from_child(&watching);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(watching.wait().unwrap().code(), Some(130));
}

#[test]
fn a_trail_that_is_not_named_or_not_there_is_said_so() {
    for (arguments, code, hint) in [
        (&["metrics"] as &[_], 2, "name its directory with `--audit`"),
        (&["metrics", "--audit", "/nowhere"], 7, "`audit` option"),
        (&["metrics", "--audit", "/", "--interval", "0"], 2, "from 0.1 to 86400"),
    ] {
        let output = command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn the_demonstration_refuses_sends_once_learns_and_proves() {
    let folder = tempfile::tempdir().unwrap();
    let trail = folder.path().join("trail");
    let began = Instant::now();
    // What the environment says is for others.
    let mut demo = command(&["demo", "--output", "json", "--audit", trail.to_str().unwrap()]);
    let output = demo.env("CXONE_BASE_URL", "http://127.0.0.1:1").env("CXONE_TOKEN", "t").output().unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    let said: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(said["ok"], true, "{said:#}");
    let steps = said["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    for name in ["refused", "token", "accepted", "ended", "callback", "once", "trail", "report"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    let verified = command(&["audit", "verify", trail.to_str().unwrap()]).output().unwrap();
    assert!(text(&verified).contains("the chain holds"));
    let table = text(&command(&["demo"]).output().unwrap());
    for word in ["refused, sent once, learned, proved", "COMPLETED", "the chain holds", "1 denied"] {
        assert!(table.contains(word), "{word}: {table}");
    }
}

#[test]
fn help_has_an_example_for_each() {
    for name in ["doctor", "metrics", "demo"] {
        let said = text(&command(&[name, "--help"]).output().unwrap());
        assert!(said.contains(&format!("Example: cxone-actions {name} ")), "{said}");
    }
}
