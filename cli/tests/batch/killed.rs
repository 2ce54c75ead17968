//! Killed at any moment and started again: never twice.

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cxone_actions_sandbox::SandboxOptions;
use rustix::process::Signal;
use serde_json::json;

use super::night::{customers, rows, signal, until};
use super::{ECHO, Night};

/// Kills it again and again, and lets it end then. Gives back how often it was killed.
fn kill_and_go_on(night: &Night, kills: usize, slow: &[&str]) -> usize {
    let seed = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap_or(1);
    let (mut state, mut killed) = (seed, 0);
    for _ in 0..kills {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = night.command(&[&["--resume"], slow].concat()).spawn().unwrap();
        sleep(Duration::from_millis(20 + (state >> 33) % 180));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    let said = night.run(&["--resume", "--concurrency", "64"]);
    assert!(matches!(said.code, Some(0 | 8)), "{said:?}, seed {seed}");
    killed
}

/// Each row has one line, and the gateway executed it once, or nobody claims to know.
fn nothing_is_lost_or_done_twice(night: &Night, count: usize) -> usize {
    let results = night.results();
    assert_eq!(results.len(), count);
    assert!(night.sandbox.totals().most_executions <= 1);
    let mut unknown = 0;
    for line in results.values() {
        let executions = night.sandbox.executions(line["correlationId"].as_str().unwrap());
        match line["executed"].as_str().unwrap() {
            "yes" => assert_eq!((executions, &line["status"]), (1, &json!("COMPLETED")), "{line}"),
            "unknown" => {
                assert!(executions <= 1);
                unknown += 1;
            }
            other => panic!("{other}: {line}"),
        }
    }
    unknown
}

#[test]
fn a_batch_that_is_killed_at_any_moment_executes_no_row_twice_and_loses_none() {
    const ROWS: usize = 2_500;
    let slow = SandboxOptions { complete_after: Duration::from_millis(10), ..SandboxOptions::default() };
    let night = Night::with("rows.jsonl", customers(ROWS), slow);
    let killed = kill_and_go_on(&night, 36, &["--concurrency", "6"]);
    assert!(killed >= 30, "{killed}");
    let unknown = nothing_is_lost_or_done_twice(&night, ROWS);
    // What is unknown was on the wire when the process died: no more of it than could be at once.
    assert!(unknown <= killed * 6, "{unknown}");
    // A run after the end finds nothing to do.
    let executions = night.sandbox.totals().invoke;
    let said = night.run(&["--resume"]);
    assert_eq!(
        (said.code, night.sandbox.totals().invoke),
        (Some(if unknown > 0 { 8 } else { 0 }), executions)
    );
}

#[test]
fn a_gateway_that_says_a_result_only_once_is_not_asked_to_do_it_again() {
    const ROWS: usize = 400;
    let options = SandboxOptions {
        profile: "genesys-data-action".into(),
        complete_after: Duration::from_millis(10),
        ..SandboxOptions::default()
    };
    let text = rows(&format!("custom_-_{ECHO}"), ROWS, |n| json!({ "n": n }));
    let night = Night::with("rows.jsonl", text, options);
    kill_and_go_on(&night, 10, &["--concurrency", "4"]);
    nothing_is_lost_or_done_twice(&night, ROWS);
}

#[test]
fn what_was_accepted_and_not_seen_to_end_is_asked_for_and_what_is_unknown_is_left_alone() {
    let slow = SandboxOptions { complete_after: Duration::from_secs(1), ..SandboxOptions::default() };
    let night = Night::with("rows.jsonl", customers(8), slow);
    // Of one the answer is lost: nobody knows whether it was executed.
    night.sandbox.inject("invoke", json!({ "delay": 60 }), 1).unwrap();
    let child = night.command(&["--concurrency", "8"]).spawn().unwrap();
    night.executed(8);
    until(|| night.recorded("accepted") == 7);
    signal(&child, Signal::KILL);
    child.wait_with_output().unwrap();
    let posts = night.sandbox.totals().invoke;
    let said = night.run(&["--resume"]);
    assert_eq!(said.code, Some(8), "{said:?}");
    assert_eq!(night.sandbox.totals().invoke, posts, "nothing is sent again");
    let results = night.results();
    let unknown: Vec<_> = results.values().filter(|line| line["executed"] == "unknown").collect();
    assert_eq!((results.len(), unknown.len()), (8, 1));
    assert_eq!(unknown[0]["error"]["kind"], "outcome_unknown");
    // Whoever knows that his gateway deduplicates may say so, and then it is sent again, with the same id.
    let again = night.path("again.jsonl");
    let said: super::night::Said =
        night.command_of(&night.path("out.unknown.jsonl"), &again, &[]).output().unwrap().into();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(super::night::lines(&again)[&0]["correlationId"], unknown[0]["correlationId"]);
}

#[test]
fn a_row_whose_end_somebody_else_was_told_is_not_sent_again() {
    let slow = SandboxOptions { complete_after: Duration::from_secs(1), ..SandboxOptions::default() };
    for (trail, more) in [("out.jsonl.trail", &[][..]), ("shared", &["--audit", "shared"][..])] {
        let night = Night::with("rows.jsonl", customers(6), slow.clone());
        let mut before = 0;
        if trail == "shared" {
            // The same rows, and so the same ids, run before on purpose: they are not taken for those of this batch.
            let earlier = night.command_of(&night.file, &night.path("earlier.jsonl"), more).output().unwrap();
            assert!(earlier.status.success(), "{earlier:?}");
            before = 6;
        }
        // No more than these: what is on the wire when it is killed would be unknown.
        let batch = [more, &["--limit", "3"]].concat();
        let child = night.command(&batch).spawn().unwrap();
        until(|| night.records(trail, "accepted").len() >= before + 3);
        signal(&child, Signal::KILL);
        child.wait_with_output().unwrap();
        for record in night.records(trail, "accepted") {
            let id = record["invocation_id"].as_str().unwrap();
            let polled = night.other(&["poll", id, "--audit", trail]).output().unwrap();
            assert!(polled.status.success(), "{polled:?}");
        }
        let said = night.run(&["--resume"]);
        assert_eq!((said.code, night.results().len()), (Some(0), 6), "{said:?}");
        assert!(night.results().values().all(|line| line["outputs"].is_object()));
        assert_eq!(night.sandbox.totals().executions, u64::try_from(before).unwrap() + 6, "{trail}");
    }
}
