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
/// INVOCATION is a resume token or an invocation id, as `run` gave it; `-` reads it from stdin. It exits as `run` does, and
/// asks as often as one likes: looking changes nothing.
///
/// Example: cxone-actions run a1b2c3d4-e5f6-7890-abcd-ef1234567890 -i customerId=C-1 -i issueType=billing --no-wait --output json | jq -r .resume_token | cxone-actions poll -
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
    crate::block_on(wait(arguments))
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
    let mut signals = Signals::listen()?;
    let policy = settings.policy()?;
    let client = settings.client()?;
    let ended = tokio::select! {
        polled = client.poll(PollTarget::Id(target.clone()), CallOptions::default()) => match polled {
            Ok(result) => outcome::tell(&result, &policy, output),
            Err(error) => Err(outcome::ended(error, flags, output)),
        },
        signal = signals.next() => {
            let left = Left { resume_token: Some(target), executed: "yes", ..Left::default() };
            Err(outcome::interrupted(&left, signal, flags, output))
        }
    };
    client.shutdown(std::time::Duration::ZERO).await;
    ended
}
