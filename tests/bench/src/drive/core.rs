//! Ours: a policy with rules, a trail on the disk, the numbers, and for the rest what a client is that is told nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cxone_actions::config::PolicySource;
use cxone_actions::{ActionRequest, Client};
use futures_util::StreamExt;
use serde_json::json;

use super::{Case, Inputs, Meter, Mode, Round, Said};

pub(super) fn drive(case: &Case) -> Said {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client(case);
    let inputs = Arc::new(case.inputs());
    runtime.block_on(async {
        round(case, &client, &inputs, Arc::new(Round::of(case.warmup))).await;
        let measured = Arc::new(Round::of(case.invocations));
        let meter = Meter::begin();
        round(case, &client, &inputs, Arc::clone(&measured)).await;
        let said = meter.end(Arc::into_inner(measured).unwrap());
        let completed = client.metrics().counts.completed;
        assert_eq!(completed, (case.warmup + case.invocations) as u64, "the numbers say otherwise");
        client.shutdown(Duration::from_secs(5)).await;
        said
    })
}

fn client(case: &Case) -> Client {
    // Nothing else may be called, and each input has a rule.
    let policy = json!({"action": [{
        "id": case.action_id,
        "name": "create-case",
        "inputs": {
            "customerId": {"type": "string", "required": true, "max_length": 64},
            "orderReference": {"type": "string", "pattern": "^ORD-[0-9]{4}-[0-9]{4}$"},
            "priority": {"type": "integer", "minimum": 1, "maximum": 5},
            "note": {"type": "string"},
        },
    }]});
    let builder = Client::builder()
        .base_url(&case.base_url)
        .client_id(&case.client_id)
        .client_secret(&case.client_secret)
        .policy(PolicySource::Json(policy.to_string()))
        .audit(&case.directory)
        .max_in_flight(count(case.connections()))
        .max_queued(count(case.concurrency.max(1024)));
    let builder = match &case.ca_file {
        Some(path) => builder.ca_file(path),
        None => builder,
    };
    // Told as much as the peers, which sleep as long before they look.
    let builder = match case.hold_ms {
        0 => builder,
        hold => builder.poll_interval(Duration::from_millis(hold)),
    };
    builder.build().unwrap()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

fn request(case: &Case, inputs: &Inputs) -> ActionRequest {
    ActionRequest::new(&case.action_id)
        .input("customerId", inputs.customer_id)
        .input("orderReference", inputs.order_reference)
        .input("priority", i64::from(inputs.priority))
        .input("note", inputs.note.as_str())
}

async fn round(case: &Case, client: &Client, inputs: &Arc<Inputs>, round: Arc<Round>) {
    match case.mode {
        Mode::Run => {
            // One for all of them: what a caller needs is not to count as ours.
            let case = Arc::new(case.clone());
            let tasks: Vec<_> = (0..round.tasks(case.concurrency))
                .map(|_| {
                    let (client, inputs, round) = (client.clone(), Arc::clone(inputs), Arc::clone(&round));
                    let case = Arc::clone(&case);
                    tokio::spawn(async move {
                        while round.next() {
                            let began = Instant::now();
                            let result = client.run(request(&case, &inputs)).await.unwrap();
                            assert!(result.ok, "{result:?}");
                            round.ended(began.elapsed());
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        }
        Mode::RunMany => {
            let requests = {
                let (case, inputs, round) = (case.clone(), Arc::clone(inputs), Arc::clone(&round));
                std::iter::from_fn(move || round.next().then(|| request(&case, &inputs)))
            };
            let mut outcomes = client.run_many(requests, case.concurrency);
            while let Some(outcome) = outcomes.next().await {
                let result = outcome.result.unwrap();
                assert!(result.ok, "{result:?}");
                // Nobody called each of them by itself: the clock is the client's own.
                round.ended(Duration::from_secs_f64(result.duration_ms / 1000.0));
            }
        }
    }
}
