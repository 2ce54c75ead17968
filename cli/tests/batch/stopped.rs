//! Stopped by somebody: once waits, twice does not, and both go on later.

use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use cxone_actions_sandbox::SandboxOptions;
use rustix::process::Signal;

use super::Night;
use super::night::{Said, customers, signal, until};

const ROWS: usize = 300;

fn slow(complete_after: u64) -> Night {
    let complete_after = Duration::from_millis(complete_after);
    Night::with("rows.jsonl", customers(ROWS), SandboxOptions { complete_after, ..SandboxOptions::default() })
}

fn ends_well(night: &Night) {
    let said = night.run(&["--resume"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!((night.results().len(), night.sandbox.totals().most_executions), (ROWS, 1));
}

#[test]
fn one_signal_waits_for_what_is_under_way_and_says_how_to_go_on() {
    for (stop, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let night = slow(300);
        let child = night.command(&["--concurrency", "16"]).spawn().unwrap();
        night.executed(20);
        signal(&child, stop);
        let said: Said = child.wait_with_output().unwrap().into();
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.stderr.contains("once more stops at once"), "{said:?}");
        assert!(said.stderr.contains("batch ") && said.stderr.contains("out.jsonl --resume"), "{said:?}");
        // What was begun has ended, and its end is written down.
        let executions = night.sandbox.totals().executions;
        assert_eq!(u64::try_from(night.results().len()).unwrap(), executions);
        assert!(executions < 300 && said.stdout.contains(&format!("\"completed\":{executions}")), "{said:?}");
        ends_well(&night);
    }
}

#[test]
fn a_second_signal_stops_at_once_and_the_next_run_looks_after_what_was_under_way() {
    let night = slow(60_000);
    let mut child = night.command(&["--concurrency", "16"]).spawn().unwrap();
    until(|| night.recorded("accepted") >= 16);
    signal(&child, Signal::INT);
    // Two at once may be one: it has heard the first when it says so.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("once more stops at once")));
    signal(&child, Signal::INT);
    let said: Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.code, Some(130), "{said:?}");
    assert_eq!((night.results().len(), night.sandbox.totals().executions), (0, 16));
    // The gateway forgets nothing; those of the first run are only looked at.
    let said = night.run(&["--resume", "--limit", "16", "--timeout", "2"]);
    assert_eq!((said.code, night.sandbox.totals().executions), (Some(6), 16), "{said:?}");
    assert!(said.stderr.contains("some rows have no result yet") && night.results().is_empty(), "{said:?}");
}

#[test]
fn a_batch_is_run_by_one_process_at_a_time() {
    let night = slow(300);
    let child = night.command(&["--concurrency", "4"]).spawn().unwrap();
    night.executed(4);
    let said = night.run(&["--resume"]);
    assert_eq!(said.code, Some(2));
    assert!(said.stderr.contains("is being written by another process"), "{said:?}");
    signal(&child, Signal::INT);
    child.wait_with_output().unwrap();
    ends_well(&night);
}

#[test]
fn a_limit_takes_up_so_many_rows_and_the_rest_later() {
    let night = slow(0);
    for (run, done) in [(0, 100), (1, 200)] {
        let resume: &[&str] = if run == 0 { &[] } else { &["--resume"] };
        let said = night.run(&[resume, &["--limit", "100"]].concat());
        assert_eq!((said.code, night.results().len()), (Some(0), done), "{said:?}");
        assert!(said.stderr.contains("rows are left; go on"), "{said:?}");
    }
    let said = night.run(&["--resume", "--ordered", "--concurrency", "40"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let text = fs::read_to_string(&night.out).unwrap();
    let order: Vec<usize> =
        text.lines().map(|line| line.split([':', ',']).nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(order, (0..ROWS).collect::<Vec<_>>());
    ends_well(&night);
}
