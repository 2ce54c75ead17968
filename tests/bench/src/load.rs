//! The load: one client, so many calls at once, and what they cost this process.

use std::path::Path;
use std::time::{Duration, Instant};

use cxone_actions::config::Durability;
use cxone_actions::{ActionRequest, Client};
use futures_util::StreamExt;

use crate::sandbox::Running;

/// What is in flight at once.
pub(crate) const AT_ONCE: u32 = 64;

/// Completes in the answer to its POST.
pub(crate) const ENDS_AT_ONCE: &str = "00000000-0000-4000-8000-000000000004";

/// Where the records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// No durable trail: the last 10,000 records in memory, which is what a client has that is told nothing.
    InMemory,
    Process,
    Power,
}

/// What a run took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
}

impl Took {
    pub(crate) fn cpu_each(&self, calls: u32) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(calls)
    }

    pub(crate) fn a_second(&self, calls: u32) -> f64 {
        f64::from(calls) / self.wall.as_secs_f64()
    }
}

/// The CPU that all threads of this process have used, in the kernel's nanoseconds. Threads that ended are not in it: the
/// ones that do the work do not end between two looks.
pub(crate) fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}

/// Runs `calls` invocations with a client of its own and says what they took, without opening and closing it.
pub(crate) fn run(sandbox: &Running, directory: &Path, kept: Kept, calls: u32) -> Took {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let builder = Client::builder()
        .base_url(sandbox.said("base_url"))
        .client_id(sandbox.said("client_id"))
        .client_secret(sandbox.said("client_secret"))
        .max_in_flight(AT_ONCE);
    let builder = match kept {
        Kept::InMemory => builder,
        Kept::Process => builder.audit(directory),
        Kept::Power => builder.audit(directory).durability(Durability::Power),
    };
    let client = builder.build().unwrap();
    runtime.block_on(async {
        drain(&client, 500).await;
        let (began, before) = (Instant::now(), cpu());
        drain(&client, calls).await;
        let took = Took { cpu: cpu().saturating_sub(before), wall: began.elapsed() };
        client.shutdown(Duration::from_secs(5)).await;
        took
    })
}

async fn drain(client: &Client, calls: u32) {
    let requests = (0..calls).map(|_| {
        ActionRequest::new(ENDS_AT_ONCE)
            .input("customerId", "CUST-998877")
            .input("orderReference", "ORD-2023-1122")
            .input("priority", 1)
    });
    let outcomes = client.run_many(requests, AT_ONCE as usize);
    let ended = outcomes.filter(|outcome| std::future::ready(outcome.result.is_ok())).count().await;
    assert_eq!(ended, calls as usize, "a call did not end well");
}
