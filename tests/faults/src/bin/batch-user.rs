//! A user's process that works off a batch and may be killed at any moment: `batch-user TRAIL TAKEN COUNT`. It finds out
//! from the trail, and from nothing else, what processes before it have done.
//!
//! Each result that its handler takes is a line in the file TAKEN, which is what a user's own database would be. On stdout
//! it says `open`, `working` and `done`. The gateway comes from the environment, as it does for any client; `DAWDLE_MS` is
//! how long its handler takes.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test's process: it fails by panicking")]

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use cxone_actions::trail::{Event, Filter, UnfinishedState};
use cxone_actions::{ActionRequest, ActionResult, CallOptions, Client, OnResult, Result};
use cxone_actions_faults::ACTION;
use futures_util::{StreamExt, stream};

const AT_ONCE: u32 = 16;

/// What is left to do.
enum Work {
    /// Its result is not here yet.
    Poll(String),
    /// It was not sent, or never begun.
    Run(String),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let [trail, taken, count] =
        <[String; 3]>::try_from(std::env::args().skip(1).collect::<Vec<_>>()).unwrap();
    let small = std::env::var("SEGMENT_BYTES").map(|bytes| bytes.parse().unwrap());
    let dawdle = std::env::var("DAWDLE_MS").map_or(1, |ms| ms.parse().unwrap());
    let handling = Duration::from_millis(dawdle);
    let taken = Arc::new(OpenOptions::new().create(true).append(true).open(taken).unwrap());
    let builder =
        Client::builder().audit(trail).poll_interval(Duration::from_millis(5)).max_in_flight(AT_ONCE);
    let client = match small {
        Ok(bytes) => builder.audit_segment_bytes(bytes),
        Err(_) => builder,
    };
    let client = client.build().unwrap();
    println!("open");
    let work = left(&client, count.parse().unwrap());
    println!("working");
    let done = |work| one(&client, work, handler(&taken, handling));
    let results: Vec<_> = stream::iter(work).map(done).buffer_unordered(AT_ONCE as usize).collect().await;
    assert!(results.into_iter().all(|result| result.unwrap().ok));
    client.shutdown(Duration::from_secs(5)).await;
    println!("done");
}

/// First what others left behind, then what nobody has begun. What nobody knows the outcome of is left alone: calling it
/// again might execute it twice.
fn left(client: &Client, count: usize) -> Vec<Work> {
    let unfinished = client.recover().unwrap();
    let mut work: Vec<Work> = Vec::new();
    for left in unfinished {
        match left.state {
            UnfinishedState::Accepted => work.push(Work::Poll(left.resume_token.unwrap())),
            UnfinishedState::Unsent => work.push(Work::Run(left.correlation_id)),
            UnfinishedState::Unknown => {}
        }
    }
    let begun = Filter { event: Some(Event::Started), ..Filter::default() };
    let begun: HashSet<String> =
        client.audit().records(&begun).unwrap().map(|line| correlation(&line.unwrap())).collect();
    let all = (0..count).map(|n| format!("call-{n}"));
    work.extend(all.filter(|id| !begun.contains(id)).map(Work::Run));
    work
}

fn correlation(record: &str) -> String {
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    record.get("correlation_id").and_then(|id| id.as_str()).unwrap().to_owned()
}

async fn one(client: &Client, work: Work, on_result: OnResult) -> Result<ActionResult> {
    let options = CallOptions { on_result: Some(on_result), ..CallOptions::default() };
    match work {
        Work::Poll(token) => client.poll(token.into(), options).await,
        Work::Run(id) => {
            let names = (0..40).map(|n| format!("a_name_that_makes_the_record_long_{n}"));
            let request = ActionRequest::new(ACTION).correlation_id(id);
            client.run_with(names.fold(request, |request, name| request.input(name, 1)), options).await
        }
    }
}

/// Takes a result: one line, one write. Then it dawdles, so that processes die between that and what the trail says of it.
fn handler(taken: &Arc<File>, handling: Duration) -> OnResult {
    let taken = taken.clone();
    Box::new(move |result: ActionResult| {
        Box::pin(async move {
            let line = format!("{}\n", result.correlation_id.unwrap_or_default());
            (&*taken).write_all(line.as_bytes()).map_err(|error| error.to_string())?;
            tokio::time::sleep(handling).await;
            Ok(())
        })
    })
}
