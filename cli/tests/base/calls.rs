//! `run` and `poll`: the request that leaves, the exit code of each end, and what Ctrl-C leaves behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Output, Stdio};

use cxone_actions_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::ground::{ACTION, FAILS, Ground, NEVER_ENDS, sandbox, text};

const POLICY: &str = r#"
[[action]]
id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
name = "create-case"
[action.inputs]
customerId = { type = "string", required = true }
priority = { type = "integer", minimum = 1, maximum = 5 }
urgent = { type = "boolean" }
note = {}
"#;

fn command(ground: &Ground, sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = ground.command(arguments);
    command.envs(sandbox.environ());
    command
}

fn run(ground: &Ground, sandbox: &Sandbox, arguments: &[&str]) -> Output {
    command(ground, sandbox, arguments).output().unwrap()
}

/// The inputs of the last invocation that the gateway saw.
fn inputs_seen(sandbox: &Sandbox) -> Value {
    let seen = sandbox.requests();
    let last = seen.iter().rev().find(|seen| seen.method == "POST" && seen.body.contains("inputs")).unwrap();
    serde_json::from_str::<Value>(&last.body).unwrap()["inputs"].clone()
}

#[test]
fn inputs_are_what_the_policy_says_and_json_and_files_are_what_they_are() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    ground.write("policy.toml", POLICY);
    ground.write("note", "two\nlines");
    let arguments = [
        "run",
        "create-case",
        "--policy",
        "policy.toml",
        "-i",
        "customerId=007",
        "-i",
        "priority=1",
        "-i",
        "urgent=true",
        "-i",
        "note=@note",
    ];
    let output = run(&ground, &sandbox, &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        inputs_seen(&sandbox),
        json!({"customerId": "007", "priority": 1, "urgent": true, "note": "two\nlines"})
    );
    // The policy's name of the action, and no word of the inputs' values on stderr.
    assert!(text(&output.stdout).contains(&format!("create-case ({ACTION})")), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let mut arguments = arguments.to_vec();
    arguments.extend(["-i", "x:=CANARY", "-i", "priority=2"]);
    arguments[7] = "priority=CANARY";
    let output = run(&ground, &sandbox, &arguments);
    assert_eq!(output.status.code(), Some(3));
    for part in ["`-i priority` must be a whole number", "`-i x` must be JSON"] {
        assert!(text(&output.stderr).contains(part), "{part} {output:?}");
    }
    assert!(!format!("{output:?}").contains("CANARY"));
    let checked =
        ground.run(&["check", "--action", "create-case", "--policy", "policy.toml", "-i", "priority=9"]);
    assert_eq!(checked.status.code(), Some(3));
    assert!(text(&checked.stdout).contains("`inputs.priority` must be at most 5"), "{checked:?}");
}

#[test]
fn inputs_from_stdin_keep_their_digits_and_give_way_to_those_of_the_command_line() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    let mut child = command(
        &ground,
        &sandbox,
        &["run", ACTION, "--inputs", "-", "-i", "customerId=over", "-i", "issueType=b"],
    )
    .stdin(Stdio::piped())
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let given = r#"{"customerId": "under", "amount": 12345678901234567890.10}"#;
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    let seen = sandbox.requests();
    let body = &seen.iter().find(|seen| seen.body.contains("inputs")).unwrap().body;
    assert!(
        body.contains("12345678901234567890.10") && body.contains("over") && !body.contains("under"),
        "{body}"
    );
}

#[test]
fn the_exit_code_says_what_became_of_it() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    let inputs = ["-i", "customerId=C", "-i", "issueType=b"];
    let told = |action: &str, flags: &[&str]| {
        let arguments: Vec<&str> = ["run", action].iter().chain(&inputs).chain(flags).copied().collect();
        run(&ground, &sandbox, &arguments)
    };
    assert_eq!(told(ACTION, &[]).status.code(), Some(0));
    let failed = told(FAILS, &["--color", "always"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).contains("\u{1b}[31mFAILED\u{1b}[0m"), "{failed:?}");
    assert_eq!(told("00000000-0000-4000-8000-000000000002", &[]).status.code(), Some(1));
    assert_eq!(told(ACTION, &["--max-attempts", "0"]).status.code(), Some(2));
    assert_eq!(told("no-uuid", &[]).status.code(), Some(3));
    let wrong = told(ACTION, &["--max-attempts", "0", "--output", "json"]);
    let said: Value = serde_json::from_str(text(&wrong.stderr)).unwrap();
    assert_eq!((wrong.status.code(), &said["error"]["kind"]), (Some(2), &json!("config")));
    ground.write("wrong", "no secret of this gateway");
    assert_eq!(told(ACTION, &["--client-secret-file", "wrong"]).status.code(), Some(4));
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 3600}), 1).unwrap();
    assert_eq!(told(ACTION, &[]).status.code(), Some(5));
    let late = told(NEVER_ENDS, &["--timeout", "3"]);
    assert_eq!(late.status.code(), Some(6), "{late:?}");
    assert!(text(&late.stderr).contains("cxone-actions poll cxr1."), "{late:?}");
    assert_eq!(told(ACTION, &["--base-url", "http://127.0.0.1:1"]).status.code(), Some(7));
    sandbox.inject("invoke", json!({"close": "after_request"}), 1).unwrap();
    let unknown = told(ACTION, &["--output", "json"]);
    assert_eq!(unknown.status.code(), Some(8), "{unknown:?}");
    let said: Value = serde_json::from_str(text(&unknown.stderr)).unwrap();
    assert_eq!(
        (&said["error"]["executed"], &said["error"]["kind"]),
        (&json!("unknown"), &json!("outcome_unknown"))
    );
    assert_eq!(text(&unknown.stdout), "");
}

#[test]
fn what_was_not_waited_for_is_polled_by_its_token_its_id_or_what_run_printed() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    let arguments =
        ["run", ACTION, "-i", "customerId=C", "-i", "issueType=b", "--no-wait", "--output", "json"];
    let accepted = run(&ground, &sandbox, &arguments);
    let invocation: Value = serde_json::from_str(text(&accepted.stdout)).unwrap();
    for target in [&invocation["resume_token"], &invocation["invocation_id"], &invocation] {
        let mut child = command(&ground, &sandbox, &["poll", "-", "--output", "jsonl"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let target = target.as_str().map_or_else(|| target.to_string(), str::to_owned);
        child.stdin.take().unwrap().write_all(target.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let result: Value = serde_json::from_str(text(&output.stdout)).unwrap();
        assert_eq!(result["invocation_id"], invocation["invocation_id"]);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_it_waits_tells_the_token_and_the_command_that_goes_on() {
    use rustix::process::{Pid, Signal, kill_process};
    let (ground, sandbox) = (Ground::new(), sandbox());
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        sandbox.clear();
        let mut child =
            command(&ground, &sandbox, &["run", NEVER_ENDS, "--poll-interval", "0.02", "--actor=a b"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
        while !sandbox.requests().iter().any(|seen| seen.method == "GET") {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let command_line = said.lines().last().unwrap().trim();
        assert!(command_line.starts_with("cxone-actions poll cxr1."), "{said}");
        assert!(
            command_line.ends_with("--poll-interval=0.02 '--actor=a b'")
                || command_line.contains("'--actor=a b'"),
            "{said}"
        );
        let words = command_line.strip_prefix("cxone-actions ").unwrap();
        let again = format!("'{}' {words} --timeout 2", env!("CARGO_BIN_EXE_cxone-actions"));
        let again = Command::new("sh").args(["-c", &again]).envs(sandbox.environ()).output().unwrap();
        assert_eq!(again.status.code(), Some(6), "it runs still: {again:?}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_the_answer_waits_for_it_and_names_what_was_accepted() {
    use rustix::process::{Pid, Signal, kill_process};
    let (ground, sandbox) = (Ground::new(), sandbox());
    sandbox.inject("invoke", json!({"delay": 3.0}), 1).unwrap();
    let mut child = command(&ground, &sandbox, &["run", NEVER_ENDS]).stderr(Stdio::piped()).spawn().unwrap();
    while !sandbox.requests().iter().any(|seen| seen.body.contains("inputs")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("Ctrl-C again ends at once"));
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.last().unwrap().trim().starts_with("cxone-actions poll "), "{rest:?}");
    let sent = sandbox.requests().iter().filter(|seen| seen.body.contains("inputs")).count();
    assert_eq!(sent, 1, "{rest:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_while_it_waits_for_stdin() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt;
    let ground = Ground::new();
    for arguments in [&["run", ACTION, "--sandbox", "--inputs", "-"][..], &["poll", "-", "--sandbox"]] {
        let mut child = ground.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // Until it reads: one that hears the signal before ends as well.
        std::thread::sleep(std::time::Duration::from_millis(300));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(2), "{arguments:?}");
    }
}

#[test]
fn who_has_read_enough_ends_it_quietly() {
    let ground = Ground::new();
    for arguments in [&["config", "show"][..], &["completion", "bash"], &["man"], &["profiles"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = ground.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn what_became_of_it_is_said_also_where_nobody_reads_the_rest() {
    let (ground, sandbox) = (Ground::new(), sandbox());
    ground.write("rows.jsonl", &format!("{}\n", json!({"actionId": FAILS, "inputs": {}})));
    ground.write("wrong.jsonl", "{}\n");
    let cases: [(&[&str], i32); 4] = [
        (&["run", FAILS, "-i", "customerId=C"], 1),
        (&["batch", "rows.jsonl"], 1),
        (&["batch", "wrong.jsonl", "--dry-run"], 3),
        (&["check", "wrong.jsonl"], 3),
    ];
    for (arguments, code) in cases {
        for format in ["table", "jsonl"] {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let out = format!("--out={format}.out");
            let more = if arguments[0] == "batch" {
                vec!["--output", format, &out]
            } else {
                vec!["--output", format]
            };
            let status =
                command(&ground, &sandbox, &[arguments, &more].concat()).stdout(writer).status().unwrap();
            assert_eq!(status.code(), Some(code), "{arguments:?} {format}");
        }
    }
}
