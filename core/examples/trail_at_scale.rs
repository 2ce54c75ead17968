//! Writes a trail of many records of which a few invocations are unfinished, dies, and measures what it takes to find
//! those, to verify all of it, and to recover without indexes. `scripts/trail/scale` runs it.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use cxone_actions::config::AuditSettings;
use cxone_actions::trail::{Entry, Event, Timings, Trail};

const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/// Records of an invocation that ends.
const WHOLE: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", directory, records, unfinished] => {
            write(Path::new(directory), records.parse()?, unfinished.parse()?)
        }
        ["recover", directory] => recover(Path::new(directory)),
        ["verify", directory] => verify(Path::new(directory)),
        _ => Err("write DIR RECORDS UNFINISHED | recover DIR | verify DIR".into()),
    }
}

/// The unfinished ones are spread over the whole trail, a third of each sort. Ends with a death.
fn write(directory: &Path, records: u64, unfinished: u64) -> Result<(), Box<dyn Error>> {
    let trail = Trail::open_with(directory, "svc-billing".to_owned(), &AuditSettings::default())?;
    let keys = ["customerId".to_owned(), "orderReference".to_owned(), "priority".to_owned()];
    let digest = trail.digest(b"{}");
    let invocations = records / WHOLE;
    let (every, began) = (invocations / unfinished.max(1), Instant::now());
    let mut written = 0_u64;
    for n in 0..invocations {
        let (correlation, invocation) = (format!("6f3c2a10-0000-4000-8000-{n:012}"), format!("inv-{n:012}"));
        let step = |event| Entry {
            action_id: Some(ACTION),
            action_name: Some("create-case"),
            correlation_id: Some(&correlation),
            ..Entry::new(event)
        };
        let timings = |ms: f64| Some(Timings { invoke_ms: Some(ms), ..Timings::default() });
        let started = Entry {
            input_keys: Some(&keys),
            input_digest: Some(&digest),
            bytes: Some(179),
            ..step(Event::Started)
        };
        let sending =
            Entry { attempt: Some(1), bytes: Some(179), timings: timings(0.25), ..step(Event::Sending) };
        let accepted = Entry {
            invocation_id: Some(&invocation),
            attempt: Some(1),
            http_status: Some(202),
            status: Some("PENDING"),
            timings: timings(41.235),
            ..step(Event::Accepted)
        };
        let terminal = Entry {
            invocation_id: Some(&invocation),
            http_status: Some(200),
            status: Some("COMPLETED"),
            timings: timings(1041.5),
            ..step(Event::Terminal)
        };
        let left = n % every.max(1) == 0 && n / every.max(1) < unfinished;
        let steps = if left { 1 + (n / every.max(1)) % 3 } else { WHOLE };
        for entry in [started, sending, accepted, terminal].iter().take(usize::try_from(steps)?) {
            trail.append(entry)?;
            written += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{written} records in {seconds:.1} s: {:.2} µs each", seconds * 1e6 / written as f64);
    // The indexes of the segments that are complete are written in the background.
    std::thread::sleep(std::time::Duration::from_secs(1));
    std::process::abort();
}

fn recover(directory: &Path) -> Result<(), Box<dyn Error>> {
    let (read, began) = (bytes_read()?, Instant::now());
    let left = Trail::read_only(directory)?.unfinished()?;
    let seconds = began.elapsed().as_secs_f64();
    let count = |state: &str| left.iter().filter(|one| one.state.as_str() == state).count();
    println!(
        "{} unfinished ({} unsent, {} unknown, {} accepted) in {seconds:.2} s, {:.1} MB read, {} MB resident at most",
        left.len(),
        count("unsent"),
        count("unknown"),
        count("accepted"),
        (bytes_read()? - read) as f64 / 1e6,
        resident_at_most()?,
    );
    Ok(())
}

fn verify(directory: &Path) -> Result<(), Box<dyn Error>> {
    let (read, began) = (bytes_read()?, Instant::now());
    let found = Trail::read_only(directory)?.verify();
    let seconds = began.elapsed().as_secs_f64();
    let megabytes = (bytes_read()? - read) as f64 / 1e6;
    println!(
        "{} records in {} segments, ok: {}, in {seconds:.1} s ({:.0} MB/s), {megabytes:.0} MB read, {} MB resident at most",
        found.records,
        found.segments,
        found.ok,
        megabytes / seconds,
        resident_at_most()?,
    );
    Ok(())
}

/// What this process has read so far, from the disk or from its cache.
fn bytes_read() -> Result<u64, Box<dyn Error>> {
    field("/proc/self/io", "rchar:")
}

fn resident_at_most() -> Result<u64, Box<dyn Error>> {
    Ok(field("/proc/self/status", "VmHWM:")? / 1024)
}

fn field(file: &str, name: &str) -> Result<u64, Box<dyn Error>> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
    Ok(line.split_whitespace().next().ok_or("no number")?.parse()?)
}
