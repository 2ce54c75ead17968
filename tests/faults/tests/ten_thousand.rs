//! Ten thousand invocations through a gateway that breaks every third exchange at each point, in a way drawn by lot.
//!
//! The gateway's own count is the truth that every outcome is held against: what is said not to have been executed was
//! not, what is said to have been was, once, and what nobody knows was executed at most once. Whoever was handed a token
//! comes back with it when the faults are over. `FAULT_CALLS` changes the number of invocations, `FAULT_SEED` adds one
//! to each seed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and prints the figures of its proof"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cxone_actions::{ClientBuilder, Delivery, Executed};
use cxone_actions_faults::{Gateway, GatewayOptions, Ground, Point, Step, proof, request};
use fastrand::Rng;
use futures_util::StreamExt;

const AT_ONCE: usize = 512;
/// One exchange may take this long: what hangs ends here.
const PATIENCE: Duration = Duration::from_millis(500);

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// Which faults are drawn.
#[derive(Clone, Copy, PartialEq)]
enum Faults {
    All,
    /// No definite refusals, of which no number of attempts makes a success; a second 401 in one invocation is one. No
    /// closed port, which breaks every exchange of its time and not one: it uses up the budget for repeated sends.
    ThatPass,
}

/// The connection is cut, or what comes over it is no answer. Half the time the gateway has acted on the request.
fn broken(random: &mut Rng) -> Step {
    let step = match random.u8(0..14) {
        0 => Step::fin(),
        1 => Step::reset(),
        2 => Step::fin_unread(),
        3 => Step::reset_unread(),
        4 => Step::half_head(),
        5 => Step::half_body(),
        6 => Step::garbage(),
        7 => Step::silence(),
        8 => Step::never_read(),
        9 => Step::drip(Duration::from_millis(20)),
        10 => Step::raw("HTTP/1.1 100 Continue\r\n\r\n"),
        11 => Step::answer(200, "<html>CANARY</html>"),
        12 => Step::answer(200, "{}"),
        _ => Step::gzip_bomb(200_000),
    };
    if random.bool() { step.executing() } else { step }
}

/// The gateway says that something went wrong on its side, after having acted on the request or before.
fn server_error(random: &mut Rng) -> Step {
    let step = status(random, &[408, 500, 502, 503, 504]);
    if random.bool() { step.executing() } else { step }
}

/// All is well, and something is strange about it.
fn strange(random: &mut Rng, faults: Faults) -> Step {
    match random.u8(0..if faults == Faults::All { 6 } else { 5 }) {
        0 => Step::normal().with_interim(&[100, 103]),
        1 => Step::normal().after(Duration::from_millis(50)),
        2 => Step::normal().closing(),
        3 => Step::normal().closing_as_next_arrives(),
        4 => Step::normal().closing_after(Duration::from_micros(random.u64(0..500))),
        _ => Step::normal().then_refusing_for(Duration::from_millis(3)),
    }
}

/// What a gateway says that has not acted on the request. It repeats all that it was sent.
fn status(random: &mut Rng, statuses: &[u16]) -> Step {
    let status = *random.choice(statuses).unwrap();
    let echo = format!(r#"{{"message":"{status}: $ECHO","code":"$AUTH"}}"#);
    Step::answer(status, echo).header("retry-after", "0")
}

fn fault(random: &mut Rng, point: Point, faults: Faults) -> Step {
    match (point, random.u8(0..10)) {
        (_, 0..=3) => broken(random),
        (_, 4) => strange(random, faults),
        (Point::Token, _) => server_error(random),
        (Point::Invoke, 5) if faults == Faults::All => {
            if random.bool() {
                Step::redirect(307)
            } else {
                status(random, &[400, 403, 404, 422])
            }
        }
        (Point::Poll, 5) if faults == Faults::All => {
            if random.bool() {
                Step::stranger()
            } else {
                status(random, &[400, 403])
            }
        }
        (_, 6) if faults == Faults::All => status(random, &[401, 425, 429]),
        (_, 6) => status(random, &[425, 429]),
        (Point::Poll, 7) => status(random, &[404]),
        (Point::Poll, 8) => Step::state(random.choice(["WEIRD", "RUNNING"]).unwrap()),
        _ => server_error(random),
    }
}

/// Every third exchange at each point is broken, by lot.
fn break_every_third(gateway: &Gateway, seed: u64, faults: Faults) {
    let mut random = Rng::with_seed(seed);
    gateway.choose(move |point, nth| (nth % 3 == 2).then(|| fault(&mut random, point, faults)));
}

fn options(builder: ClientBuilder) -> ClientBuilder {
    builder
        .request_timeout(PATIENCE)
        .poll_interval(Duration::from_millis(20))
        .timeout(Duration::from_secs(300))
}

/// Fault by fault, and then all of them: nothing is executed twice, nothing is lost, and every outcome is what it says.
fn at_most_once(seed: u64) {
    proof(async |ground: &Ground| {
        let calls = number("FAULT_CALLS", 10_000);
        let seed = seed + number("FAULT_SEED", 0);
        let gateway = ground.gateway();
        let client = ground.open(options(ground.builder(&gateway)));
        break_every_third(&gateway, seed, Faults::All);
        let began = Instant::now();
        let requests: Vec<_> = (0..calls).map(|n| request(&format!("call-{n}"))).collect();
        let outcomes: Vec<_> = client.run_many(requests, AT_ONCE).collect().await;
        let took = began.elapsed();
        assert_eq!(outcomes.len() as u64, calls);

        let mut ends: BTreeMap<String, u64> = BTreeMap::new();
        let mut handles = Vec::new();
        for outcome in outcomes {
            let executions = gateway.executions(&format!("call-{}", outcome.index));
            let (end, executed) = match &client.shown(outcome.result) {
                Ok(result) => (result.status.as_str(), Executed::Yes),
                Err(error) => {
                    handles.extend(error.resume_token().map(str::to_owned));
                    assert_eq!(error.resume_token().is_some(), error.executed() == Executed::Yes, "{error}");
                    (error.kind().as_str(), error.executed())
                }
            };
            match executed {
                Executed::Yes => assert_eq!(executions, 1, "{}: {end}", outcome.index),
                Executed::No => assert_eq!(executions, 0, "{}: {end}", outcome.index),
                Executed::Unknown => assert!(executions <= 1, "{}: {end}", outcome.index),
            }
            *ends.entry(end.to_owned()).or_default() += 1;
        }
        let metrics = client.metrics();
        assert!(metrics.counts.conserved() && metrics.counts.started == calls, "{:?}", metrics.counts);
        assert_eq!(metrics.counts.unknown, ends.get("outcome_unknown").copied().unwrap_or_default());
        assert_eq!(metrics.counts.detached, handles.len() as u64);

        gateway.clear();
        for handle in &handles {
            assert!(client.poll(handle.as_str(), Duration::from_secs(20)).await.unwrap().ok);
        }
        let counts = client.metrics().counts;
        assert_eq!((counts.detached, counts.in_flight), (0, 0), "{counts:?}");
        let executions = gateway.all_executions();
        let twice = executions.values().filter(|times| **times > 1).count();
        println!(
            "seed {seed}, at_most_once: {calls} calls in {:.1} s, {ends:?}; {} POSTs, {} looks, {} tokens; {} executed, \
             {twice} twice, 0 lost, {} taken up again",
            took.as_secs_f64(),
            gateway.count(Point::Invoke),
            gateway.count(Point::Poll),
            gateway.count(Point::Token),
            executions.len(),
            handles.len(),
        );
    });
}

/// Whoever knows that the gateway deduplicates, and says so, has all of them done, each once.
fn idempotent(seed: u64) {
    proof(async |ground: &Ground| {
        let calls = number("FAULT_CALLS", 10_000);
        let seed = seed + number("FAULT_SEED", 0);
        let gateway = ground.gateway_with(GatewayOptions { deduplicates: true, ..GatewayOptions::default() });
        let builder = options(ground.builder(&gateway)).delivery(Delivery::Idempotent).max_attempts(32);
        let client = ground.open(builder);
        break_every_third(&gateway, seed, Faults::ThatPass);
        let began = Instant::now();
        let requests: Vec<_> = (0..calls).map(|n| request(&format!("call-{n}"))).collect();
        let outcomes: Vec<_> = client.run_many(requests, AT_ONCE).collect().await;
        let took = began.elapsed();
        let mut attempts: BTreeMap<u32, u64> = BTreeMap::new();
        for outcome in outcomes {
            let result = client.shown(outcome.result);
            let result =
                result.unwrap_or_else(|error| panic!("{}: {error:?} {:?}", outcome.index, error.attempts()));
            assert!(result.ok);
            assert_eq!(gateway.executions(&format!("call-{}", outcome.index)), 1);
            *attempts.entry(result.attempts).or_default() += 1;
        }
        let counts = client.metrics().counts;
        assert_eq!((counts.started, counts.completed), (calls, calls), "{counts:?}");
        println!(
            "seed {seed}, idempotent: {calls} calls in {:.1} s, all completed; {} POSTs, {} looks, {} tokens; {} executed \
             once; attempts {attempts:?}",
            took.as_secs_f64(),
            gateway.count(Point::Invoke),
            gateway.count(Point::Poll),
            gateway.count(Point::Token),
            gateway.all_executions().len(),
        );
    });
}

#[test]
fn nothing_is_executed_twice_or_lost_under_a_fault_in_every_third_exchange_first_seed() {
    at_most_once(1);
}

#[test]
fn nothing_is_executed_twice_or_lost_under_a_fault_in_every_third_exchange_second_seed() {
    at_most_once(2);
}

#[test]
fn nothing_is_executed_twice_or_lost_under_a_fault_in_every_third_exchange_third_seed() {
    at_most_once(3);
}

#[test]
fn all_complete_once_where_the_gateway_deduplicates_first_seed() {
    idempotent(1);
}

#[test]
fn all_complete_once_where_the_gateway_deduplicates_second_seed() {
    idempotent(2);
}

#[test]
fn all_complete_once_where_the_gateway_deduplicates_third_seed() {
    idempotent(3);
}
