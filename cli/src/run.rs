//! `cxone-actions run`: one action, once, and what became of it.
//!
//! Submitting and waiting are two steps here, so that somebody who presses Ctrl-C while it waits is given what goes on.

use std::time::{Duration, Instant};

use clap::Args;
use cxone_actions::policy::Policy;
use cxone_actions::trail::Filter;
use cxone_actions::{ActionRequest, CallOptions, Client, Invocation};
use cxone_actions::{PollTarget, config::PolicySource};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::failure::Failure;
use crate::inputs::{self, Inputs};
use crate::outcome::{self, Left};
use crate::output::{Output, note};
use crate::settings::{Flags, Settings};
use crate::signals::Signals;

/// A request that is on the wire when somebody presses Ctrl-C is waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Invoke one action and wait for its result
///
/// ACTION is its id, or the name that the policy gives it. The exit code says what became of it: 0 completed, 1 failed or
/// cancelled, 2 settings, 3 refused, 4 not let in, 5 too many, 6 still running at the deadline, 7 not reached, 8 sent and
/// nobody knows. Ctrl-C ends the wait, not the action: it says how to go on, and ends with 130.
///
/// Example: cxone-actions run a1b2c3d4-e5f6-7890-abcd-ef1234567890 -i customerId=CUST-998877 -i issueType=billing -i priority:=1 --sandbox
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// The action's id, or the name that the policy gives it
    #[arg(value_name = "ACTION")]
    action: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Names the invocation, so that it is known again in the trail and the gateway; a UUID is made without it
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// Where the gateway may report that it is done
    #[arg(long, value_name = "URL")]
    callback_url: Option<String>,
    /// Return as soon as the gateway has accepted it; `poll` waits for its end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Flags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    crate::block_on(call(arguments)).map_err(|failure| arguments.output.told(failure))
}

async fn call(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings.resolve()?;
    let policy = settings.policy()?;
    let client = settings.client()?;
    // Nothing is sent before this, and stdin may keep us waiting: until here Ctrl-C ends the process by itself.
    let read = inputs_of(arguments, &settings, &policy, &client).await;
    let ended = match (read, Signals::listen()) {
        (Ok(inputs), Ok(mut signals)) => {
            invoke_and_wait(arguments, &settings, &policy, &client, inputs, &mut signals).await
        }
        (Err(failure), _) => Err(failure),
        (_, Err(error)) => Err(error.into()),
    };
    client.shutdown(Duration::ZERO).await;
    ended
}

/// The inputs, typed by the policy, and by the gateway's schema where that is asked for.
async fn inputs_of(
    arguments: &Arguments,
    settings: &Settings,
    policy: &Policy,
    client: &Client,
) -> Result<Option<String>, Failure> {
    let mut schema = Value::Null;
    if settings.text("validate") == Some("schema") && arguments.inputs.has_plain() {
        let described =
            client.describe(&arguments.action).await.map_err(|error| arguments.output.ended(error))?;
        let text = described.input_schema.as_ref().map_or("null", |schema| schema.get());
        schema = serde_json::from_str(text).unwrap_or_default();
    }
    let types = |key: &str| match policy.types_of(&arguments.action, key) {
        [] => inputs::types_in_schema(&schema, key),
        types => types.to_vec(),
    };
    arguments
        .inputs
        .read(types)
        .map_err(|mistakes| Failure { exit_code: 3, ..Failure::of_mistakes(&mistakes) })
}

async fn invoke_and_wait(
    arguments: &Arguments,
    settings: &Settings,
    policy: &Policy,
    client: &Client,
    inputs: Option<String>,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let began = Instant::now();
    let (flags, output) = (&arguments.settings, arguments.output);
    let correlation_id = arguments.correlation_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let callback_url = arguments.callback_url.as_deref();
    let text = inputs::request(&arguments.action, inputs, Some(&correlation_id), callback_url);
    let invoked = tokio::select! {
        invoked = client.invoke(ActionRequest::from_json(text.as_bytes())) => invoked,
        signal = signals.next() => {
            let left = left_behind(client, &correlation_id, signals).await;
            return Err(outcome::interrupted(&left, signal, flags, output));
        }
    };
    let invocation = invoked.map_err(|error| outcome::ended(error, flags, output))?;
    if arguments.no_wait {
        return outcome::accepted(&invocation, policy, flags, output);
    }
    let patience = settings.timeout().saturating_sub(began.elapsed()).max(Duration::from_millis(1));
    let options = CallOptions { timeout: Some(patience), ..CallOptions::default() };
    let target = PollTarget::Invocation(Box::new(invocation.clone()));
    tokio::select! {
        polled = client.poll(target, options) => match polled {
            Ok(mut result) => {
                // From the call, which began before the wait.
                result.duration_ms = began.elapsed().as_secs_f64() * 1000.0;
                outcome::tell(&result, policy, output)
            }
            Err(error) => Err(outcome::ended(error, flags, output)),
        },
        signal = signals.next() => Err(outcome::interrupted(&waiting_for(invocation), signal, flags, output)),
    }
}

fn waiting_for(invocation: Invocation) -> Left {
    Left {
        correlation_id: Some(invocation.correlation_id),
        invocation_id: invocation.invocation_id,
        resume_token: invocation.resume_token,
        executed: "yes",
    }
}

/// What became of a request that was given up. One that is on the wire is finished; a second Ctrl-C does not wait for it.
async fn left_behind(client: &Client, correlation_id: &str, signals: &mut Signals) -> Left {
    note("interrupted: waiting for the answer to what is on the wire; Ctrl-C again ends at once");
    tokio::select! {
        () = client.shutdown(PATIENCE) => {}
        _ = signals.next() => {}
    }
    let filter = json!({"correlation_id": correlation_id}).to_string();
    let records = Filter::from_json(&filter).and_then(|filter| client.audit().records(&filter));
    let records =
        records.into_iter().flatten().filter_map(|line| serde_json::from_str::<Value>(&line.ok()?).ok());
    let invocation_id =
        records.filter_map(|record| Some(record.get("invocation_id")?.as_str()?.to_owned())).last();
    let counts = client.metrics();
    let executed = match &invocation_id {
        Some(_) => "yes",
        None if counts.counts.aborted + counts.counts.rejected > 0 || counts.counts.started == 0 => "no",
        None => "unknown",
    };
    Left { correlation_id: Some(correlation_id.to_owned()), invocation_id, resume_token: None, executed }
}

impl Settings {
    /// Who may call what, for what a command does before it calls.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        let Some(path) = self.text("policy") else { return Ok(Policy::open()) };
        let ids = self.profile()?.invoke.action_id;
        Ok(Policy::load(&PolicySource::File(path.into()), ids)?)
    }

    /// The deadline of a call.
    pub(crate) fn timeout(&self) -> Duration {
        let said = self.get("timeout").and_then(|setting| setting.value.as_f64());
        Duration::from_secs_f64(said.unwrap_or(120.0))
    }
}
