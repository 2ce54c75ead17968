//! The policy at work: names, hours, limits, and a change while calls are under way.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cxone_actions::config::PolicySource;
use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, CallOptions, Client, ErrorKind, Executed};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use futures_util::StreamExt;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::ground::{CREATE_CASE, builder, events, invariants, request, sandbox, sandbox_taking, until};

pub(crate) fn source(policy: Value) -> PolicySource {
    PolicySource::Json(policy.to_string())
}

fn records(client: &Client) -> Vec<Value> {
    let records = client.audit().records(&Filter::default()).unwrap();
    records.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn notes_of_config(client: &Client) -> Vec<String> {
    let records = records(client).into_iter().filter(|record| record["event"] == "config");
    records.map(|record| record["note"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn named(id: &str, more: Value) -> Value {
    let mut action = json!({"id": id, "name": "the-action", "inputs": "*"});
    action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"action": [action]})
}

#[tokio::test]
async fn a_name_stands_for_its_action_in_every_call() {
    const CASE: &str = "custom_-_create-case";
    let profile = "genesys-data-action".to_owned();
    let sandbox = Sandbox::start(SandboxOptions { profile, ..SandboxOptions::default() }).unwrap();
    let policy = source(named(CASE, json!({})));
    let client = builder(&sandbox).profile("genesys-data-action").policy(policy).build().unwrap();
    let by_name = || ActionRequest::new("the-action").input("customerId", "CUST-998877");
    assert_eq!(client.invoke(by_name()).await.unwrap().action_id, CASE);
    assert_eq!(client.run(by_name()).await.unwrap().action_id.as_deref(), Some(CASE));
    let many: Vec<_> = client.run_many([by_name(), by_name()], 2).collect().await;
    assert!(many.iter().all(|outcome| outcome.result.is_ok()), "{many:?}");
    assert_eq!(client.describe("the-action").await.unwrap().action_id, CASE);
    assert_eq!(client.check(by_name()).action_id.as_deref(), Some(CASE));
    let unknown = client.run(ActionRequest::new("the-acton")).await.unwrap_err();
    assert!(unknown.message().contains("did you mean `the-action`?"), "{unknown}");
    assert_eq!(client.metrics().by_action.keys().collect::<Vec<_>>(), ["the-action"]);
    for record in records(&client).iter().filter(|record| record["event"] == "terminal") {
        assert_eq!((&record["action_id"], &record["action_name"]), (&CASE.into(), &"the-action".into()));
    }
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn outside_its_hours_an_action_is_refused_before_anything_is_sent_and_inside_it_is_not() {
    let sandbox = sandbox();
    let day = |ahead: i64| {
        let at = Timestamp::now().checked_add((ahead * 24).hours()).unwrap();
        at.strftime("%a").to_string().to_lowercase()
    };
    // Far from midnight on both sides: no clock passes into the window, or out of it, during the test.
    for (days, allowed) in [(vec![day(-1), day(0), day(1)], true), (vec![day(3)], false)] {
        let policy = named(CREATE_CASE, json!({"when": [{"days": days, "zone": "UTC"}]}));
        let client = builder(&sandbox).policy(source(policy)).build().unwrap();
        let before = sandbox.totals();
        let outcome = client.run(request(&format!("timed-{allowed}"))).await;
        let verdict = client.check(request("asked"));
        assert_eq!(verdict.allowed, allowed);
        if allowed {
            assert!(outcome.unwrap().ok && verdict.opens_at.is_none());
        } else {
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Denied, Executed::No));
            assert_eq!(error.violations()[0].code, "outside_hours");
            let opens = verdict.opens_at.unwrap().to_string();
            assert!(error.message().contains(opens.split('T').next().unwrap()), "{error} {opens}");
            assert_eq!(sandbox.totals().invoke, before.invoke);
            assert_eq!(events(&client, None), ["config", "denied"], "a question is no call");
        }
        invariants(&sandbox, &client);
    }
}

#[tokio::test]
async fn a_mistake_leaves_the_policy_as_it_is_and_a_new_one_holds_at_once() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write(&format!("[[action]]\nid = \"{CREATE_CASE}\"\nname = \"first\"\ninputs = \"*\"\n"));
    let client = builder(&sandbox).policy(PolicySource::File(path.clone())).build().unwrap();
    let first = client.check(request("x")).policy.unwrap();
    assert!(client.run(request("first")).await.unwrap().ok);

    write("[[action]]\nid = \"no id\"\nrate = 7\n");
    let error = client.reload_policy(None).unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::Config, Executed::No));
    for part in ["`action[0].id`", "policy.toml, line 2", "`action[0].rate`", "policy.toml, line 3"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert_eq!(client.check(request("x")).policy.as_ref(), Some(&first));

    write("action = []\n");
    let second = client.reload_policy(None).unwrap();
    assert_eq!(client.run(request("second")).await.unwrap_err().kind(), ErrorKind::Denied);
    let third = client.reload_policy(Some(source(named(CREATE_CASE, json!({}))))).unwrap();
    assert!(client.run(request("third")).await.unwrap().ok);
    assert_eq!(client.reload_policy(None).unwrap(), third, "what was given last is read again");
    assert_eq!(
        notes_of_config(&client),
        [
            format!("profile gateway, policy {first}"),
            format!("policy {first} stays: 2 mistakes in what was read"),
            format!("policy {second}, before {first}"),
            format!("policy {third}, before {second}"),
            format!("policy {third}, before {third}"),
        ]
    );
    invariants(&sandbox, &client);

    let without = builder(&sandbox).build().unwrap();
    assert!(without.reload_policy(None).unwrap_err().message().contains("there is no policy to read again"));
    without.shutdown(Duration::from_secs(1)).await;
    assert_eq!(
        without.reload_policy(Some(source(json!({"action": []})))).unwrap_err().kind(),
        ErrorKind::Closed
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_sees_one_whole_policy_while_it_changes() {
    let sandbox = sandbox();
    // Each allows the other's input and its own name for the action; of a mixture, both or neither would be refused.
    let policy = |name: &str, input: &str| json!({"action": [{"id": CREATE_CASE, "name": name, "inputs": {input: {}}}]});
    let (one, two) = (source(policy("one", "a")), source(policy("two", "b")));
    let client = builder(&sandbox).policy(one.clone()).build().unwrap();
    let over = AtomicBool::new(false);
    let mut seen = [0, 0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for next in [&two, &one].into_iter().cycle().take_while(|_| !over.load(Ordering::Relaxed)) {
                client.reload_policy(Some(next.clone())).unwrap();
            }
        });
        while seen.iter().any(|times| *times < 200) {
            let asked = ActionRequest::new(CREATE_CASE).input("a", 1).input("b", 1);
            let verdict = client.check(asked);
            let paths: Vec<_> = verdict.violations.iter().map(|violation| violation.path.as_str()).collect();
            match (verdict.action_name.as_deref(), paths.as_slice()) {
                (Some("one"), ["/inputs/b"]) => seen[0] += 1,
                (Some("two"), ["/inputs/a"]) => seen[1] += 1,
                mixed => {
                    over.store(true, Ordering::Relaxed);
                    panic!("{mixed:?}");
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    invariants(&sandbox, &client);
}

/// Writes a file as careful editors do: nobody ever sees half of it.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

#[tokio::test]
async fn a_file_that_changed_is_seen_by_a_later_call_and_a_broken_one_changes_nothing() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let open = format!("[[action]]\nid = \"{CREATE_CASE}\"\ninputs = \"*\"\n");
    replace(&path, &open);
    let options = || builder(&sandbox).policy(PolicySource::File(path.clone()));
    let often = options().policy_refresh(Duration::from_millis(1)).build().unwrap();
    let (seldom, never) =
        (options().policy_refresh(Duration::from_secs(3600)).build().unwrap(), options().build().unwrap());
    let allowed = |client: &Client| client.check(request("x")).allowed;
    replace(&path, "action = []\n");
    until("the change is seen", || !allowed(&often)).await;
    assert!(allowed(&seldom) && allowed(&never), "the file was looked at too soon");
    assert_eq!(often.run(request("refused")).await.unwrap_err().kind(), ErrorKind::Denied);
    replace(&path, "[[action]]\nid = ");
    let mistakes = || notes_of_config(&often).iter().filter(|note| note.contains("stays")).count();
    until("the mistake is on record", || !allowed(&often) && mistakes() == 1).await;
    std::fs::remove_file(&path).unwrap();
    until("the loss is on record", || !allowed(&often) && mistakes() == 2).await;
    for _ in 0..50 {
        allowed(&often);
    }
    assert_eq!(mistakes(), 2, "what stays wrong is told once");
    // Whoever opened it would wait for a writer that never comes.
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    until("the pipe is on record", || !allowed(&often) && mistakes() == 3).await;
    replace(&path, &open);
    until("the next change is seen", || allowed(&often)).await;
    assert!(often.run(request("allowed")).await.unwrap().ok);
    invariants(&sandbox, &often);
}

/// How many were under way at once at most, by the records between `sending` and the end.
pub(crate) fn most_at_once(client: &Client) -> i32 {
    let (mut now, mut most) = (0, 0);
    for record in records(client) {
        match record["event"].as_str().unwrap() {
            "sending" => now += 1,
            "terminal" | "detached" => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[tokio::test]
async fn no_more_of_an_action_is_under_way_than_the_policy_lets_and_the_others_wait() {
    let (sandbox, slow) = sandbox_taking(Duration::from_millis(40));
    let policy = named(slow, json!({"concurrency": 3}));
    let client = builder(&sandbox).policy(source(policy)).build().unwrap();
    let requests = (0..15).map(|n| ActionRequest::new(slow).correlation_id(format!("many-{n}")));
    let outcomes: Vec<_> = client.run_many(requests, 15).collect().await;
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(most_at_once(&client), 3);
    invariants(&sandbox, &client);

    // Accepted, and nobody waits: it is the gateway's affair, and keeps no place.
    let alone = builder(&sandbox).policy(source(named(slow, json!({"concurrency": 1})))).build().unwrap();
    let slow_request = |id: &str| ActionRequest::new(slow).correlation_id(id.to_owned());
    let first = alone.invoke(slow_request("left-1")).await.unwrap();
    assert!(alone.run(slow_request("left-2")).await.unwrap().ok);
    assert!(alone.poll(first.into(), CallOptions::default()).await.unwrap().ok);
    invariants(&sandbox, &alone);
}

#[tokio::test]
async fn what_a_limit_keeps_ends_at_its_deadline_unsent_and_leaves_its_place_when_it_is_given_up() {
    let (sandbox, slow) = sandbox_taking(Duration::from_secs(30));
    let policy = named(slow, json!({"concurrency": 1}));
    let client = builder(&sandbox).policy(source(policy)).build().unwrap();
    let slow_request = |id: &str| ActionRequest::new(slow).correlation_id(id.to_owned());
    let in_time =
        |ms: u64| CallOptions { timeout: Some(Duration::from_millis(ms)), ..CallOptions::default() };
    let holding = tokio::spawn(client.run_with(slow_request("holds"), in_time(20_000)));
    until("it is under way", || sandbox.executions("holds") == 1).await;
    let late = client.run_with(slow_request("late"), in_time(60)).await.unwrap_err();
    assert_eq!((late.kind(), late.executed()), (ErrorKind::Overloaded, Executed::No));
    assert!(late.message().contains("`the-action` is under way once"), "{late}");
    let given_up = tokio::spawn(client.run_with(slow_request("given-up"), in_time(20_000)));
    until("it waits", || client.metrics().counts.in_flight == 2).await;
    given_up.abort();
    until("it is on record", || events(&client, Some("given-up")).last().is_some_and(|e| e == "aborted"))
        .await;
    holding.abort();
    let next = client.run_with(slow_request("next"), in_time(300)).await.unwrap_err();
    assert_eq!(next.kind(), ErrorKind::PollTimeout, "the place was not free again: {next}");
    assert_eq!((sandbox.executions("late"), sandbox.executions("given-up")), (0, 0));
    invariants(&sandbox, &client);
}

#[tokio::test]
async fn a_rate_lets_a_burst_through_and_then_keeps_its_pace_and_no_reload_gives_the_burst_back() {
    let sandbox = sandbox();
    let policy = named(CREATE_CASE, json!({"rate": "5/500ms"}));
    let client = builder(&sandbox).policy(source(policy.clone())).build().unwrap();
    let began = Instant::now();
    let requests = (0..10).map(|n| request(&format!("fast-{n}")));
    let outcomes: Vec<_> = client.run_many(requests, 10).collect().await;
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert!(began.elapsed() >= Duration::from_millis(480), "ten took {:?}", began.elapsed());

    let hourly = named(CREATE_CASE, json!({"rate": "1/h"}));
    client.reload_policy(Some(source(hourly.clone()))).unwrap();
    assert!(client.run(request("one")).await.unwrap().ok);
    client.reload_policy(Some(source(hourly))).unwrap();
    let began = Instant::now();
    let error = client.run(request("two")).await.unwrap_err();
    assert_eq!((error.kind(), error.executed()), (ErrorKind::RateLimited, Executed::No));
    assert!(error.retry_after().is_some_and(|wait| wait > 3_000.0), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "it waited in vain");
    assert_eq!(sandbox.executions("two"), 0);
    invariants(&sandbox, &client);
}
