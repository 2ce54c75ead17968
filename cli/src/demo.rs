//! `cxone-actions demo`: the whole sentence in a few seconds, with nothing but this program.
//!
//! May I send this, send it once, learn what became of it, and be able to prove it: each step is done for real against the
//! embedded sandbox, and what it says is what came back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use cxone_actions::config::PolicySource;
use cxone_actions::trail::{Filter, Trail};
use cxone_actions::{ActionRequest, CallOptions, CallbackOptions, Client, Error, ErrorKind};
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::{EXIT_FAILED, Failure};
use crate::output::{Format, Output, print, print_json};
use crate::plain::plain;
use crate::report::numbers;

/// The action of the tutorial, which every sandbox knows.
const ACTION: &str = "a1b2c3d4-e5f6-7890-abcd-ef1234567890";
/// One that nobody listed.
const UNLISTED: &str = "00000000-0000-4000-8000-000000000001";
const CORRELATION_ID: &str = "demo-001";
/// Nothing in here takes as long.
const PATIENCE: Duration = Duration::from_secs(8);

/// Show the whole sentence: refuse, send once, learn the outcome, prove it
///
/// It needs no account and no network: the gateway is the embedded sandbox. Token, policy, invocation, polls, trail and
/// numbers are the real ones. It ends with 1 where any step is not as it should be.
///
/// Example: cxone-actions demo --audit demo-trail && cxone-actions audit show demo-trail
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Keep the trail in this directory
    #[arg(long, value_name = "DIR")]
    audit: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// What was done, and what came of it.
struct Step {
    name: &'static str,
    said: String,
    ok: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let passing = std::env::temp_dir().join(format!("cxone-actions-demo-{}", Uuid::new_v4().simple()));
    let directory = arguments.audit.as_ref().unwrap_or(&passing);
    let shown = show(directory);
    if arguments.audit.is_none() {
        let _ = std::fs::remove_dir_all(&passing);
    }
    let steps = shown?;
    let ok = steps.iter().all(|step| step.ok);
    match arguments.output.format {
        Format::Table => print(&text(&steps, ok, arguments))?,
        Format::Json => {
            let all: Vec<Value> = steps.iter().map(value).collect();
            print_json(&json!({"ok": ok, "steps": all}))?;
        }
        Format::Jsonl => steps.iter().try_for_each(|step| print_json(&value(step)))?,
    }
    if ok {
        return Ok(());
    }
    Err(Failure { exit_code: EXIT_FAILED, message: "a step is not as it should be".to_owned() })
}

fn value(step: &Step) -> Value {
    json!({"step": step.name, "ok": step.ok, "what": step.said})
}

fn text(steps: &[Step], ok: bool, arguments: &Arguments) -> String {
    let paint = arguments.output.paint();
    let mut text = String::new();
    for step in steps {
        let mark = if step.ok { paint.good("ok") } else { paint.bad("NO") };
        text.push_str(&format!(
            "{mark}  {} {}\n",
            paint.strong(&format!("{:<9}", step.name)),
            plain(&step.said, 300)
        ));
    }
    let verdict = if ok { "refused, sent once, learned, proved" } else { "something is not as it should be" };
    text.push_str(&format!("{verdict}\n"));
    text
}

fn show(directory: &Path) -> Result<Vec<Step>, Failure> {
    let sandbox =
        Sandbox::start(SandboxOptions::default()).map_err(|error| Failure::config(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let steps = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, sentence(&sandbox, directory))
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the demonstration took too long")))
    });
    sandbox.close();
    Ok(steps?)
}

async fn sentence(sandbox: &Sandbox, directory: &Path) -> Result<Vec<Step>, Error> {
    let mut steps = Vec::new();
    let mut step = |name, ok, said: String| steps.push(Step { name, said, ok });
    step("gateway", true, format!("the embedded sandbox on {}", sandbox.base_url()));
    let client = open(sandbox, directory)?;

    let refused = client.run(ActionRequest::new(UNLISTED).correlation_id("demo-000")).await.err();
    let denied = refused.as_ref().is_some_and(|error| error.kind() == ErrorKind::Denied);
    let untouched = sandbox.requests().is_empty();
    let said = refused.as_ref().map_or("it was let through", |error| error.message());
    step("refused", denied && untouched, format!("{said}; nothing was sent"));

    let listener = client.listen_callbacks(CallbackOptions::default()).await?;
    let request = ActionRequest::new(ACTION)
        .input("customerId", "CUST-998877")
        .input("orderReference", "ORD-2023-1122")
        .input("priority", 1)
        .correlation_id(CORRELATION_ID);
    let invocation = client.invoke(request).await?;
    let tokens = client.metrics().token_refreshes;
    step("token", tokens == 1, "fetched once, and kept for whoever comes next".to_owned());
    let id = invocation.invocation_id.clone().unwrap_or_default();
    let took = invocation.invoke_latency_ms;
    step("accepted", !id.is_empty(), format!("`create-case` as invocation {id}, in {took:.0} ms"));

    let result = client.poll(invocation.into(), CallOptions::default()).await?;
    let outputs = result.outputs.as_ref().map_or("nothing", |outputs| outputs.get());
    let said = format!(
        "{} after {:.0} ms and {} look(s): {outputs}",
        result.status.as_str(),
        result.duration_ms,
        result.polls
    );
    step("ended", result.ok, said);
    let woke = client.metrics().callbacks.get("woke").copied().unwrap_or_default();
    // On a slow machine it may have ended before it is looked at, and nobody waits for a callback then.
    let at_once = woke == 0 && result.polls == 1;
    let said = if at_once {
        "the first look found the end, before one came".to_owned()
    } else {
        format!("{woke} came to {}, and woke who waited", listener.url())
    };
    step("callback", woke == 1 || at_once, said);
    let executed = sandbox.executions(CORRELATION_ID);
    step("once", executed == 1, format!("the gateway executed it {executed} time(s)"));
    client.shutdown(PATIENCE).await;
    prove(directory, &mut step)?;
    Ok(steps)
}

fn open(sandbox: &Sandbox, directory: &Path) -> Result<Client, Error> {
    let policy = json!({"action": [{
        "id": ACTION,
        "name": "create-case",
        "inputs": {
            "customerId": {"type": "string", "required": true, "max_length": 64},
            "orderReference": {"type": "string", "pattern": "^ORD-[0-9]{4}-[0-9]{4}$"},
            "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        },
    }]});
    let builder = Client::builder()
        .base_url(sandbox.base_url())
        .profile("gateway")
        .client_id(sandbox.client_id())
        .client_secret(sandbox.client_secret())
        .policy(PolicySource::Json(policy.to_string()))
        .actor("demo")
        // A safety net: the callback is what ends the wait.
        .poll_interval(Duration::from_secs(2))
        .audit(directory);
    Client::open(builder.into_options().without_environment())
}

/// What is on the disk, read as anybody would read it.
fn prove(directory: &Path, step: &mut impl FnMut(&'static str, bool, String)) -> Result<(), Error> {
    let trail = Trail::read_only(directory)?;
    let found = trail.verify();
    let verdict = if found.ok { "the chain holds" } else { "the chain is broken" };
    step("trail", found.ok, format!("{} records; {verdict}", found.records));
    let numbers = numbers(&trail, &Filter::default())?;
    let counts = numbers.all.counts;
    let p95 = numbers.all.duration.p95_ms.unwrap_or_default();
    let said = format!(
        "{} started, {} completed, {} denied; 95 % ended within {p95:.0} ms",
        counts.started, counts.completed, numbers.denied
    );
    step("report", counts.completed > 0 && counts.conserved() && numbers.denied > 0, said);
    Ok(())
}
