//! `cxone-actions poll`: wait for what was invoked before, from here or anywhere.

use std::io::Read;

use clap::Args;
use cxone_actions::{CallOptions, PollTarget};

use crate::failure::Failure;
use crate::outcome::{self, Left};
use crate::output::Output;
use crate::settings::Flags;
use crate::signals::Signals;

/// Wait for the result of an invocation
///
/// INVOCATION is a resume token or an invocation id, as `run` gave it; `-` reads it from stdin, where it may also be what
/// `run --no-wait --output json` printed. It exits as `run` does, and asks as often as one likes: looking changes nothing.
///
/// Example: cxone-actions run a1b2c3d4-e5f6-7890-abcd-ef1234567890 -i customerId=C-1 -i issueType=billing --no-wait --output json | cxone-actions poll -
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// A resume token or an invocation id; `-` is stdin
    #[arg(value_name = "INVOCATION")]
    invocation: String,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Flags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    crate::block_on(wait(arguments)).map_err(|failure| arguments.output.told(failure))
}

async fn wait(arguments: &Arguments) -> Result<(), Failure> {
    let (flags, output) = (&arguments.settings, arguments.output);
    let settings = flags.resolve()?;
    let target = match arguments.invocation.as_str() {
        "-" => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            text.trim().to_owned()
        }
        target => target.to_owned(),
    };
    let target = if target.starts_with('{') {
        PollTarget::from_json(&target).map_err(|error| output.ended(error))?
    } else {
        PollTarget::Id(target)
    };
    let left = Left { resume_token: Some(name_of(&target)), executed: "yes", ..Left::default() };
    let mut signals = Signals::listen()?;
    let policy = settings.policy()?;
    let client = settings.client()?;
    let ended = tokio::select! {
        polled = client.poll(target, CallOptions::default()) => match polled {
            Ok(result) => outcome::tell(&result, &policy, output),
            Err(error) => Err(outcome::ended(error, flags, output)),
        },
        signal = signals.next() => Err(outcome::interrupted(&left, signal, flags, output)),
    };
    client.shutdown(std::time::Duration::ZERO).await;
    ended
}

/// What it can be polled by again.
fn name_of(target: &PollTarget) -> String {
    match target {
        PollTarget::Id(id) => id.clone(),
        PollTarget::Invocation(invocation) => {
            let named = invocation.resume_token.as_ref().or(invocation.invocation_id.as_ref());
            named.cloned().unwrap_or_default()
        }
    }
}
