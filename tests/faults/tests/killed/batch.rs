//! A batch of thousands that is worked off by processes that are killed at random moments, one after the other.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use cxone_actions::trail::{Filter, Trail, UnfinishedState};
use fastrand::Rng;
use serde_json::{Value, json};

use crate::processes::{GatewayProcess, User};

/// `CRASH_CALLS=50000 CRASH_KILLS=2000 CRASH_SEED=7` makes it longer and other.
fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What the trail says of each correlation id.
#[derive(Debug, Default, Clone, Copy)]
struct Said {
    accepted: bool,
    terminal: bool,
    delivered: u32,
}

fn said(trail: &Trail) -> HashMap<String, Said> {
    let mut said: HashMap<String, Said> = HashMap::new();
    for line in trail.records(&Filter::default()).unwrap() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let Some(id) = record["correlation_id"].as_str() else { continue };
        let said = said.entry(id.to_owned()).or_default();
        match record["event"].as_str().unwrap() {
            "accepted" => said.accepted = true,
            "terminal" => said.terminal = true,
            "delivered" => said.delivered += 1,
            _ => {}
        }
    }
    said
}

/// After every death: the chain holds, and nothing that is unfinished is called better than it is.
fn look(directory: &Path, gateway: &mut GatewayProcess) {
    let Ok(trail) = Trail::read_only(directory) else { return };
    let verification = trail.verify();
    assert!(verification.ok, "{verification:?}");
    let left = trail.unfinished().unwrap();
    let executions = gateway.executions();
    for left in left {
        let times = executions.get(&left.correlation_id).copied().unwrap_or_default();
        match left.state {
            UnfinishedState::Unsent => assert_eq!(times, 0, "{left:?}"),
            UnfinishedState::Unknown => assert!(times <= 1, "{left:?}"),
            UnfinishedState::Accepted => assert_eq!(times, 1, "{left:?}"),
        }
    }
}

/// Where in its life a process is killed.
fn wait_for_its_time(user: &mut User, random: &mut Rng, life: Duration) -> &'static str {
    let (phase, least) = match random.u8(0..10) {
        0 => ("before it was open", Duration::from_millis(15)),
        1 => ("while it recovered", Duration::from_millis(25)),
        _ => ("at work", life),
    };
    let up = match phase {
        "at work" => user.says("working"),
        "while it recovered" => user.says("open"),
        _ => true,
    };
    assert!(up, "it ended by itself");
    std::thread::sleep(least.mul_f64(random.f64()));
    phase
}

/// Kills the processes of a batch, one after the other, and judges what became of every call.
fn killed_again_and_again(seed: u64, segment_bytes: Option<&str>) {
    let seed = seed + number("CRASH_SEED", 0);
    let kills = number("CRASH_KILLS", 200);
    let calls = usize::try_from(number("CRASH_CALLS", 5_000)).unwrap();
    let mut random = Rng::with_seed(seed);
    println!("seed {seed}, {calls} calls, {kills} kills");
    let mut gateway = GatewayProcess::start(&json!({"gateway": {"pending_looks": 2}}));
    let place = tempfile::tempdir().unwrap();
    let (directory, taken) = (place.path().join("trail"), place.path().join("taken"));
    let access = gateway.environment().map(|(name, value)| (name, value.to_owned()));
    let mut environment: Vec<(&str, &str)> =
        access.iter().map(|(name, value)| (*name, value.as_str())).collect();
    environment.extend(segment_bytes.map(|bytes| ("SEGMENT_BYTES", bytes)));

    let began = Instant::now();
    let mut moments: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut at_work, mut worked_off) = (Duration::ZERO, 0);
    for kill in 0..kills {
        // So long a life that the batch lasts for all of them.
        let share = (calls - worked_off) as f64 / (kills - kill) as f64;
        let pace = if worked_off == 0 { 500.0 } else { worked_off as f64 / at_work.as_secs_f64() };
        let life = Duration::from_secs_f64(2.0 * share / pace);
        let mut user = User::start(&environment, &directory, &taken, calls);
        let phase = wait_for_its_time(&mut user, &mut random, life);
        let gone = user.kill();
        *moments.entry(if gone { "after its work" } else { phase }).or_default() += 1;
        if phase == "at work" {
            at_work += life / 2;
        }
        look(&directory, &mut gateway);
        worked_off = std::fs::read_to_string(&taken).unwrap_or_default().lines().count().min(calls);
    }
    let user = User::start(&environment, &directory, &taken, calls);
    assert!(user.ends_well(), "the last one, which nobody kills, brings it to an end");
    look(&directory, &mut gateway);
    let verdict = judge(&directory, &taken, calls, &mut gateway);
    // Each process has begun one; where they are small, it went on in others.
    let segments = Trail::read_only(&directory).unwrap().verify().segments;
    assert!(segment_bytes.is_none() || segments > kills + 10, "{segments} segments");
    println!(
        "seed {seed}: {kills} kills ({moments:?}) in {:.1} s; {verdict}; {segments} segments",
        began.elapsed().as_secs_f64()
    );
}

/// Every call is in exactly one known state, and the gateway's own count agrees.
fn judge(directory: &Path, taken: &Path, calls: usize, gateway: &mut GatewayProcess) -> String {
    let trail = Trail::read_only(directory).unwrap();
    let (said, executions) = (said(&trail), gateway.executions());
    let unfinished = trail.unfinished().unwrap();
    let unknown: HashSet<_> = unfinished.iter().map(|left| left.correlation_id.as_str()).collect();
    assert!(unfinished.iter().all(|left| left.state == UnfinishedState::Unknown), "{unfinished:?}");
    let mut handled: HashMap<&str, u32> = HashMap::new();
    let taken = std::fs::read_to_string(taken).unwrap();
    for id in taken.lines() {
        *handled.entry(id).or_default() += 1;
    }
    let (mut completed, mut again, mut nobody_knows, mut executed_unknown) = (0, 0, 0, 0);
    for id in (0..calls).map(|n| format!("call-{n}")) {
        let times = executions.get(&id).copied().unwrap_or_default();
        assert!(times <= 1, "`{id}` was executed {times} times");
        let said = said.get(&id).copied().unwrap_or_default();
        assert!(
            said.terminal != unknown.contains(id.as_str()),
            "`{id}` is not in exactly one state: {said:?}"
        );
        assert!(!said.accepted || said.terminal, "`{id}` was accepted and is lost");
        if said.terminal {
            assert_eq!(times, 1, "`{id}` ended and was not executed");
            let took = handled.get(id.as_str()).copied().unwrap_or_default();
            assert!(took >= 1 && said.delivered >= 1, "the result of `{id}` was not delivered");
            completed += 1;
            again += u64::from(took > 1);
        } else {
            nobody_knows += 1;
            executed_unknown += times;
        }
    }
    assert_eq!(executions.len(), completed + executed_unknown as usize, "something else was executed");
    format!(
        "{completed} completed once, {nobody_knows} unknown ({executed_unknown} of them executed, once), 0 executed twice, \
         0 accepted lost, {again} delivered again"
    )
}

#[test]
fn two_hundred_kills_execute_nothing_twice_and_lose_nothing_that_was_accepted() {
    killed_again_and_again(1, None);
}

#[test]
fn two_hundred_kills_while_segments_rotate_execute_nothing_twice_and_lose_nothing() {
    killed_again_and_again(2, Some("65536"));
}
