//! What `cxone-actions check` promises, with the command as a process.
#![expect(clippy::unwrap_used, reason = "a test ends where its promise breaks")]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const POLICY: &str = r#"
[[action]]
id = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
name = "create-case"
rate = "10/60s"
when = [{ days = ["mon-fri"], from = "08:00", to = "18:00", zone = "Europe/Berlin" }]
[action.inputs]
customerId = { type = "string", required = true, max_length = 64 }
priority = { type = "integer", minimum = 1, maximum = 5 }
"#;

/// A Monday morning in Berlin.
const OPEN: &str = "2026-11-23T09:00:00Z";

struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Ground {
        let ground = Ground(tempfile::tempdir().unwrap());
        std::fs::write(ground.0.path().join("policy.toml"), POLICY).unwrap();
        // As in a slim container: of time zones the system has UTC at most (RFC 8536: one type, no transitions).
        let zones = ground.0.path().join("zones");
        std::fs::create_dir(&zones).unwrap();
        let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        let utc = [&b"TZif"[..], &[0; 16], &counts, &[0; 6], b"UTC\0"].concat();
        std::fs::write(zones.join("UTC"), utc).unwrap();
        ground
    }

    fn check(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cxone-actions"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CXONE_")) {
            command.env_remove(name);
        }
        let mut running = command
            .current_dir(self.0.path())
            .env("TZDIR", self.0.path().join("zones"))
            .arg("check")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that reads nothing may have ended.
        let _ = running.stdin.take().unwrap().write_all(stdin.as_bytes());
        running.wait_with_output().unwrap()
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_request_has_a_verdict_with_its_reasons_and_a_refused_one_ends_with_3() {
    let requests = concat!(
        r#"{"actionId":"create-case","inputs":{"customerId":"CANARY","priority":1}}"#,
        "\n\n",
        r#"{"actionId":"A1B2C3D4-E5F6-7890-ABCD-EF1234567890","inputs":{"priority":9,"note":"CANARY"}}"#,
        "\n",
        r#"{"actionId":"create-csae","inputs":{}}"#,
        "\nno json\n",
    );
    let ground = Ground::new();
    let arguments = ["-", "--policy", "policy.toml", "--at", OPEN, "--output", "jsonl"];
    let output = ground.check(&arguments, requests);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(!format!("{output:?}").contains("CANARY"));
    let verdicts: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), 4);
    assert_eq!((&verdicts[0]["allowed"], &verdicts[0]["action_name"]), (&true.into(), &"create-case".into()));
    assert!(verdicts[0]["reasons"].to_string().contains("mon-fri 08:00-18:00 Europe/Berlin"));
    let paths: Vec<_> = verdicts[1]["violations"].as_array().unwrap().iter().map(|v| &v["path"]).collect();
    assert_eq!(paths, ["/inputs/priority", "/inputs/note", "/inputs/customerId"]);
    assert!(verdicts[2]["reasons"].to_string().contains("did you mean `create-case`?"));
    assert_eq!((&verdicts[3]["kind"], &verdicts[3]["index"]), (&"validation".into(), &3.into()));

    let output = ground.check(&["-", "--policy", "policy.toml", "--at", OPEN], requests);
    let said = text(&output.stdout);
    for part in [
        "request 1: allowed, create-case (a1b2c3d4-e5f6-7890-abcd-ef1234567890)\n",
        "  the inputs keep its rules\n",
        "request 2: refused, create-case",
        "  `inputs.priority` must be at most 5\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(text(&output.stderr).contains("3 requests are refused"));
}

#[test]
fn the_same_requests_are_refused_at_another_time_and_it_says_when_it_opens() {
    let ground = Ground::new();
    let one = r#"[{"actionId": "create-case", "inputs": {"customerId": "C"}}]"#;
    std::fs::write(ground.0.path().join("one.json"), one).unwrap();
    let at = |time| ground.check(&["one.json", "--policy", "policy.toml", "--at", time], "");
    assert_eq!(at(OPEN).status.code(), Some(0));
    let closed = at("2026-11-21T12:00:00+01:00");
    assert_eq!(closed.status.code(), Some(3));
    let said = text(&closed.stdout);
    assert!(said.contains("it opens Monday 2026-11-23 08:00 Europe/Berlin"), "{said}");
}

#[test]
fn a_policy_alone_is_checked_by_file_line_and_key() {
    let ground = Ground::new();
    let good = ground.check(&["--policy", "policy.toml"], "");
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(text(&good.stdout).contains("policy.toml: can be used; digest "), "{good:?}");
    let wrong =
        POLICY.replace("10/60s", "ten").replace("Europe/Berlin", "Europe/Berln").replace("name", "nmae");
    std::fs::write(ground.0.path().join("wrong.toml"), wrong).unwrap();
    let bad = ground.check(&["--policy", "wrong.toml"], "");
    assert_eq!(bad.status.code(), Some(2));
    let said = text(&bad.stderr);
    for part in [
        "`action[0].nmae` is not known; did you mean `name`? (wrong.toml, line 4)",
        "`action[0].rate` must be invocations per time in quotes, as in `10/60s` (wrong.toml, line 5)",
        "`action[0].when[0].zone` must be a time zone such as `Europe/Berlin` or `UTC`; did you mean `Europe/Berlin`? (wrong.toml, line 6)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_cannot_be_checked_ends_with_2() {
    let ground = Ground::new();
    std::fs::write(ground.0.path().join("empty.jsonl"), "\n").unwrap();
    for (arguments, part) in [
        (&[][..], "nothing to check"),
        (&["absent.json"], "`absent.json` cannot be read"),
        (&["empty.jsonl"], "has no requests"),
        (&["-", "--policy", "absent.toml"], "absent.toml"),
        (&["-", "--profile", "gatway"], "did you mean `gateway`?"),
        (&["-", "--at", "tomorrow"], "--at"),
    ] {
        let output = ground.check(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
        assert!(text(&output.stderr).contains(part), "{arguments:?} {output:?}");
    }
}
