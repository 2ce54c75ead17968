//! Files that are not as they were left, disks that are full, gateways that are down: nothing is sent that cannot be
//! written down, and nothing is taken for what it is not.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use cxone_actions_sandbox::SandboxOptions;
use rustix::process::Signal;
use serde_json::json;

use super::Night;
use super::night::{Said, customers, signal};

/// A batch of which some rows are done and some are not.
fn half_done() -> Night {
    let night = Night::new("rows.jsonl", customers(60));
    assert_eq!(night.run(&["--limit", "30"]).code, Some(0));
    night
}

#[test]
fn a_file_that_is_not_the_one_is_another_batch_and_nothing_of_it_is_sent() {
    let night = half_done();
    let (whole, sent) = (fs::read_to_string(&night.file).unwrap(), night.sandbox.totals().invoke);
    let cases = [
        (whole.replace("CUST-000045", "CUST-999999"), "it was edited, or is another file"),
        (format!("{whole}{}", customers(1)), "rows were added to it"),
        (whole.lines().skip(1).map(|line| format!("{line}\n")).collect(), "it was edited"),
        (customers(20), "it was edited"),
        (String::new(), "has no rows"),
    ];
    for (text, why) in cases {
        fs::write(&night.file, text).unwrap();
        let said = night.run(&["--resume"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(why), "{said:?}");
    }
    assert_eq!(night.sandbox.totals().invoke, sent);
    fs::write(&night.file, &whole).unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&[], "has results already: go on with `--resume`"),
        (&["--resume", "--action", "x"], "begun with other"),
        (&["--resume", "--batch-id", "x"], "another `--batch-id`"),
        (&["--resume", "--audit", "elsewhere"], "begun with the trail"),
        (&["--resume", "--base-url", "http://127.0.0.1:9"], "cannot be looked after here"),
    ];
    for (more, why) in cases {
        let said = night.run(more);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(why), "{why}: {said:?}");
    }
    assert_eq!(night.sandbox.totals().invoke, sent);
    assert_eq!((night.run(&["--resume"]).code, night.results().len()), (Some(0), 60));
    assert_eq!(night.sandbox.totals().most_executions, 1);
}

#[test]
fn with_a_name_of_its_own_a_batch_takes_rows_that_are_added_and_no_other_change() {
    let night = Night::new("rows.jsonl", customers(20));
    let named = ["--batch-id", "night of the 24th"];
    assert_eq!(night.run(&named).code, Some(0));
    let whole = customers(30);
    fs::write(&night.file, whole.replace("CUST-000003", "CUST-999999")).unwrap();
    let said = night.run(&["--resume"]);
    assert!(said.code == Some(2) && said.stderr.contains("does not begin with the rows"), "{said:?}");
    fs::write(&night.file, format!("{} {}", customers(20).trim_end(), customers(1))).unwrap();
    assert_eq!(night.run(&["--resume"]).code, Some(2));
    fs::write(&night.file, whole).unwrap();
    assert_eq!(night.run(&["--resume"]).code, Some(0));
    assert_eq!((night.results().len(), night.sandbox.totals().executions), (30, 30));
}

#[test]
fn a_torn_line_is_cut_and_any_other_damage_is_said() {
    let night = half_done();
    let mut out = OpenOptions::new().append(true).open(&night.out).unwrap();
    out.write_all(b"{\"index\":31,\"status\":\"COMP").unwrap();
    drop(out);
    let whole = fs::read_to_string(&night.out).unwrap();
    let first = whole.lines().next().unwrap();
    for (text, why) in [
        (format!("{first}\nrubbish\n"), "line 2 of"),
        (format!("{first}\n{first}\n"), "is a second result of row"),
        ("{\"index\":99,\"status\":null,\"executed\":\"no\"}\n".to_owned(), "has a result of row 99"),
    ] {
        fs::write(&night.out, text).unwrap();
        let said = night.run(&["--resume"]);
        assert!(said.code == Some(2) && said.stderr.contains(why), "{said:?}");
    }
    fs::write(&night.out, &whole).unwrap();
    assert_eq!(night.run(&["--resume"]).code, Some(0));
    assert_eq!((night.results().len(), night.sandbox.totals().most_executions), (60, 1));
}

#[test]
fn results_that_lost_whole_lines_are_made_up_for_by_asking_and_not_by_sending_again() {
    for kept in [29, 0] {
        let night = half_done();
        let whole = fs::read_to_string(&night.out).unwrap();
        let less: String = whole.lines().take(kept).map(|line| format!("{line}\n")).collect();
        fs::write(&night.out, less).unwrap();
        let said = night.run(&["--resume"]);
        assert_eq!((said.code, night.results().len()), (Some(0), 60), "{said:?}");
        let totals = night.sandbox.totals();
        assert_eq!((totals.invoke, totals.most_executions), (60, 1), "{said:?}");
    }
}

#[test]
fn what_says_what_was_sent_has_to_be_there_and_to_hold() {
    let night = half_done();
    let (out, trail) = (fs::read(&night.out).unwrap(), night.path("out.jsonl.trail"));
    let sent = night.sandbox.totals().invoke;
    let refused = |code: i32, why: &str| {
        let said = night.run(&["--resume"]);
        assert_eq!(said.code, Some(code), "{said:?}");
        assert!(said.stderr.contains(why), "{said:?}");
    };
    fs::remove_file(&night.out).unwrap();
    refused(2, "is gone: nobody can tell which rows are done");
    fs::write(&night.out, &out).unwrap();
    fs::rename(&trail, night.path("aside")).unwrap();
    refused(2, "is gone, which says what was sent");
    fs::rename(night.path("aside"), &trail).unwrap();
    let segment = fs::read_dir(&trail).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.into_iter().find(|path| path.extension().is_some_and(|e| e == "jsonl")).unwrap();
    let text = fs::read_to_string(&segment).unwrap();
    fs::write(&segment, text.replacen("\"event\":\"sending\"", "\"event\":\"pending\"", 1)).unwrap();
    refused(7, "does not hold");
    assert_eq!(night.sandbox.totals().invoke, sent);
    fs::write(&segment, text).unwrap();
    assert_eq!((night.run(&["--resume"]).code, night.results().len()), (Some(0), 60));
    fs::remove_file(night.path("out.jsonl.batch.json")).unwrap();
    refused(2, "is there already and is not a batch's");
    fs::remove_file(&night.out).unwrap();
    refused(2, "says that rows of a batch were sent");
    assert_eq!(night.sandbox.totals().executions, 60);
}

#[test]
fn where_the_results_cannot_be_written_nothing_more_is_sent_and_nothing_is_lost() {
    let night = Night::new("rows.jsonl", customers(1_500));
    // No file may grow beyond 256 KiB. Segments of the trail stay below it, the results do not.
    let command = night.command(&["--audit-segment-bytes", "65536", "--concurrency", "32"]);
    let mut limited = Command::new("sh");
    limited.arg("-c").arg("trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"");
    limited.arg(command.get_program()).args(command.get_args()).current_dir(night.folder.path());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said: Said =
        limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap().into();
    assert_eq!(said.code, Some(7), "{said:?}");
    assert!(said.stderr.contains("cannot be written") && said.stderr.contains("--resume"), "{said:?}");
    let (executed, written) = (night.sandbox.totals().executions, fs::metadata(&night.out).unwrap().len());
    assert!(executed < 1_500 && written <= 512 * 1024, "{executed}, {written}");
    let said = night.run(&["--resume"]);
    assert!(matches!(said.code, Some(0 | 8)), "{said:?}");
    assert_eq!((night.results().len(), night.sandbox.totals().most_executions), (1_500, 1));
}

#[test]
fn a_folder_that_cannot_be_written_is_said_before_anything_is_sent() {
    let night = Night::new("rows.jsonl", customers(3));
    let failed = night.path("x.failed.jsonl");
    fs::write(&failed, customers(1)).unwrap();
    let said: Said = night.command_of(&failed, &night.path("x.jsonl"), &[]).output().unwrap().into();
    assert!(said.code == Some(2) && said.stderr.contains("would be written"), "{said:?}");
    assert_eq!(fs::read_to_string(&failed).unwrap(), customers(1));
    for (out, why) in [
        ("/proc/out.jsonl", "cannot be written"),
        ("/dev/null", "must be a file"),
        ("rows.jsonl", "must not be the file of rows"),
        ("-", "must be a file"),
    ] {
        let said: Said = night.command_of(&night.file, out.as_ref(), &[]).output().unwrap().into();
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.stderr.contains(why), "{said:?}");
    }
    assert_eq!((night.sandbox.totals().invoke, fs::read_to_string(&night.file).unwrap()), (0, customers(3)));
}

#[test]
fn what_could_not_be_begun_leaves_nothing_and_what_was_begun_may_be_moved() {
    let night = Night::new("rows.jsonl", customers(20));
    let absent: Said = night.command_of("absent.jsonl".as_ref(), &night.out, &[]).output().unwrap().into();
    assert!(absent.code == Some(2) && !night.out.exists(), "{absent:?}");
    let said = night.run(&["--limit", "5", "--max-attempts", "3"]);
    assert!(
        said.stderr.contains("out.jsonl --resume ") && said.stderr.contains("--max-attempts=3"),
        "{said:?}"
    );
    fs::create_dir(night.path("elsewhere")).unwrap();
    for name in ["out.jsonl", "out.jsonl.batch.json", "out.jsonl.trail"] {
        fs::rename(night.path(name), night.path("elsewhere").join(name)).unwrap();
    }
    let moved = night.path("elsewhere/out.jsonl");
    let said: Said = night.command_of(&night.file, &moved, &["--resume"]).output().unwrap().into();
    assert_eq!((said.code, super::night::lines(&moved).len()), (Some(0), 20), "{said:?}");
    assert_eq!(night.sandbox.totals().executions, 20);
}

#[test]
fn a_file_that_shrinks_while_it_is_read_is_said_and_what_was_sent_is_written_down() {
    let slow = SandboxOptions { complete_after: Duration::from_millis(100), ..SandboxOptions::default() };
    // Longer than what is read of it at once.
    let night = Night::with("rows.jsonl", customers(9_000), slow);
    let whole = fs::read(&night.file).unwrap();
    assert!(whole.len() > 3 * (256 << 10));
    let child = night.command(&["--concurrency", "500", "--limit", "8900"]).spawn().unwrap();
    night.executed(10);
    fs::write(&night.file, &whole[..whole.len() / 2]).unwrap();
    let said: Said = child.wait_with_output().unwrap().into();
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.stderr.contains("was changed while it was read"), "{said:?}");
    let executed = night.sandbox.totals().executions;
    assert!((10..=4_600).contains(&executed), "{executed}");
    assert_eq!(u64::try_from(night.results().len()).unwrap(), executed);
}

#[test]
fn a_gateway_that_is_down_ends_the_batch_before_its_rows_are_used_up() {
    let night = Night::new("rows.jsonl", customers(400));
    night.sandbox.inject("token", json!({ "status": 401 }), 1_000).unwrap();
    let said = night.run(&[]);
    assert_eq!((said.code, night.results().len()), (Some(4), 0), "{said:?}");
    assert!(said.stderr.contains("the batch was ended"), "{said:?}");
    night.sandbox.clear();
    // One that passes is waited for, row by row, but not by all of them.
    night.sandbox.inject("token", json!({ "status": 503 }), 10_000).unwrap();
    let said = night.run(&["--resume", "--concurrency", "16", "--timeout", "0.2"]);
    assert_eq!((said.code, night.results().len()), (Some(7), 0), "{said:?}");
    assert!(said.stderr.contains("the batch was ended") && said.stdout.contains("\"left\":400"), "{said:?}");
    assert_eq!(night.sandbox.totals().executions, 0);
    night.sandbox.clear();
    assert_eq!((night.run(&["--resume"]).code, night.results().len()), (Some(0), 400));
    assert_eq!(night.sandbox.totals().most_executions, 1);
}

#[test]
fn rows_are_not_sent_while_another_run_holds_them_also_where_it_was_just_stopped() {
    let night = Night::new("rows.jsonl", customers(2_000));
    let child = night.command(&["--concurrency", "64"]).spawn().unwrap();
    night.executed(50);
    signal(&child, Signal::INT);
    // The first one may still be ending: then this one refuses, or goes on after it.
    let said = night.run(&["--resume"]);
    assert!(matches!(said.code, Some(0 | 2)), "{said:?}");
    child.wait_with_output().unwrap();
    assert_eq!(night.run(&["--resume"]).code, Some(0));
    assert_eq!((night.results().len(), night.sandbox.totals().most_executions), (2_000, 1));
}
