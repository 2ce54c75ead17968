//! The CPU of an invocation with a durable trail, beside one without.

use std::path::Path;
use std::time::Instant;

use cxone_actions::trail::{Entry, Event, Trail};

use crate::figures::Figures;
use crate::load::{ENDS_AT_ONCE, Kept, cpu, run};
use crate::sandbox::Running;

const ROUNDS: u32 = 15;
const CALLS: u32 = 5_000;
/// What an invocation writes that ends in the answer to its POST: started, sending, accepted, terminal.
const RECORDS: u32 = 4;

pub(crate) fn measure(directory: &Path) {
    let sandbox = Running::start("sandbox");
    let mut without = Vec::new();
    let mut with = Vec::new();
    for round in 0..ROUNDS {
        // The one that is first in a round is the second in the next.
        let order =
            if round % 2 == 0 { [Kept::InMemory, Kept::Process] } else { [Kept::Process, Kept::InMemory] };
        for kept in order {
            let place = tempfile::tempdir_in(directory).unwrap();
            let each = run(&sandbox, place.path(), kept, CALLS).cpu_each(CALLS);
            if kept == Kept::Process { with.push(each) } else { without.push(each) }
        }
    }
    let ratios = Figures::of(with.iter().zip(&without).map(|(with, without)| with / without));
    let (with, without) = (Figures::of(with), Figures::of(without));
    println!("{ROUNDS} rounds of {CALLS} calls, 64 at once; CPU of this process for each invocation:");
    println!("  without a directory (in memory)   {without:.1} µs");
    println!("  durability = \"process\"            {with:.1} µs");
    println!("  ratio                             {ratios:.3}");
    let alone = records(None);
    let whole = f64::from(RECORDS) * alone;
    println!(
        "  of both, the records themselves   {whole:.1} µs ({RECORDS} of {alone:.2} µs): durable over no record at all {:.3}",
        with.median() / (without.median() - whole)
    );
}

/// What a record costs by itself, in memory and in a file.
pub(crate) fn append(directory: &Path) {
    for _ in 0..5 {
        let place = tempfile::tempdir_in(directory).unwrap();
        println!(
            "a record in memory {:.2} µs, in a file {:.2} µs",
            records(None),
            records(Some(place.path()))
        );
    }
}

/// The CPU of writing a record, in microseconds: the records of one invocation after another.
fn records(directory: Option<&Path>) -> f64 {
    const INVOCATIONS: u32 = 50_000;
    let actor = "svc-billing".to_owned();
    let trail = match directory {
        Some(path) => Trail::open(path, actor).unwrap(),
        None => Trail::in_memory(actor),
    };
    let keys = ["customerId", "orderReference", "priority"].map(str::to_owned);
    let ids: Vec<String> = (0..INVOCATIONS).map(|n| format!("6f3c5d0e-8f5b-4d1c-9d0a-{n:012}")).collect();
    let (before, began) = (cpu(), Instant::now());
    for id in &ids {
        let of_it = |event| Entry {
            action_id: Some(ENDS_AT_ONCE),
            correlation_id: Some(id),
            attempt: Some(1),
            ..Entry::new(event)
        };
        let digest =
            trail.digest(br#"{"customerId":"CUST-998877","orderReference":"ORD-2023-1122","priority":1}"#);
        let started = Entry {
            input_keys: Some(&keys),
            input_digest: Some(&digest),
            bytes: Some(140),
            ..of_it(Event::Started)
        };
        let known = |event| Entry {
            invocation_id: Some(id),
            http_status: Some(200),
            status: Some("COMPLETED"),
            ..of_it(event)
        };
        for entry in [started, of_it(Event::Sending), known(Event::Accepted), known(Event::Terminal)] {
            trail.append(&entry).unwrap();
        }
    }
    let (used, wall) = (cpu().saturating_sub(before), began.elapsed());
    used.min(wall).as_secs_f64() * 1e6 / f64::from(INVOCATIONS * RECORDS)
}
