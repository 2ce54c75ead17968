//! What `cxone-actions sandbox` promises, with the command as a process.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cxone-actions"))
        .arg("sandbox")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (child, stdout)
}

fn finished(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cxone-actions")).args(arguments).output().unwrap()
}

/// Asks for a token as whoever exported the variables would, and gives back the status line.
fn ask_for_a_token(base_url: &str, client_id: &str, client_secret: &str) -> String {
    let encoded: String = client_secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let form = format!("grant_type=client_credentials&client_id={client_id}&client_secret={encoded}");
    let mut stream = TcpStream::connect(base_url.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /api/v2/oauth/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/x-www-form-urlencoded";
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{form}", form.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn it_prints_what_to_export_serves_and_ends_well_on_either_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let (mut child, mut stdout) = start(&[]);
        let mut values = Vec::new();
        for name in ["CXONE_BASE_URL", "CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET"] {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let value = line.strip_prefix(&format!("export {name}=")).unwrap();
            values.push(value.trim_end_matches('\n').to_owned());
        }
        let [base_url, client_id, client_secret] = <[String; 3]>::try_from(values).unwrap();
        assert_eq!(ask_for_a_token(&base_url, &client_id, &client_secret), "HTTP/1.1 200 OK");

        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "", "stdout holds what to export and nothing else");
        assert!(TcpStream::connect(base_url.strip_prefix("http://").unwrap()).is_err());
    }
}

#[test]
fn json_output_is_one_object_and_the_seed_decides_it() {
    let credentials = |seed: &str| {
        let (mut child, mut stdout) =
            start(&["--output", "json", "--seed", seed, "--profile", "gateway", "--port", "0"]);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap();
        let json: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| json.get(name).and_then(Value::as_str).unwrap().to_owned();
        assert!(text("CXONE_BASE_URL").starts_with("http://127.0.0.1:"));
        (text("CXONE_CLIENT_ID"), text("CXONE_CLIENT_SECRET"))
    };
    assert_eq!(credentials("7"), credentials("7"));
    assert_ne!(credentials("7"), credentials("8"));
}

#[test]
fn each_profile_exports_what_the_library_needs_to_speak_it() {
    let usual = ["CXONE_BASE_URL", "CXONE_CLIENT_ID", "CXONE_CLIENT_SECRET"];
    let access_key = ["CXONE_ACCESS_KEY_ID", "CXONE_ACCESS_KEY_SECRET"];
    for (profile, key) in [
        ("gateway", [].as_slice()),
        ("genesys-data-action", &[]),
        ("genesys-flow", &[]),
        ("cxone-extraction", &access_key),
    ] {
        let (mut child, mut stdout) = start(&["--output", "json", "--profile", profile]);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        child.wait().unwrap();
        let exported: Value = serde_json::from_str(&line).unwrap();
        let exported = exported.as_object().unwrap();
        // The usual profile needs no word.
        let named = (profile != "gateway").then_some("CXONE_PROFILE");
        let expected: Vec<_> = usual.into_iter().chain(named).chain(key.iter().copied()).collect();
        assert_eq!(exported.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{profile}");
        assert_eq!(exported.get("CXONE_PROFILE").and_then(Value::as_str), named.map(|_| profile));
        for name in key {
            let value = exported.get(*name).and_then(Value::as_str).unwrap();
            assert!(value.ends_with("====") && value.len() == 56, "{name}");
        }
    }
}

#[test]
fn what_cannot_work_is_said_on_stderr_with_the_exit_code_for_it() {
    let (mut child, mut stdout) = start(&["--output", "json"]);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let json: Value = serde_json::from_str(&line).unwrap();
    let taken =
        json.get("CXONE_BASE_URL").and_then(Value::as_str).unwrap().rsplit(':').next().unwrap().to_owned();
    let cases: &[(&[&str], &str)] = &[
        (&["sandbox", "--port", &taken], "cannot be listened on"),
        (
            &["sandbox", "--profile", "genesys"],
            "gateway, genesys-data-action, genesys-flow, cxone-extraction",
        ),
        (&["sandbox", "--port", "70000"], "70000"),
        (&["sandbox", "--sed", "1"], "--seed"),
        (&["sandbx"], "sandbox"),
        (&[], "Usage: cxone-actions"),
    ];
    for (arguments, text) in cases {
        let output = finished(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(text), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap();
}

#[test]
fn help_and_version_are_results() {
    for (argument, text) in [("--help", "sandbox"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let output = finished(&[argument]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8(output.stdout).unwrap().contains(text));
        assert!(output.stderr.is_empty());
    }
}
