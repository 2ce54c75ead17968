//! What became of one invocation, for people and for programs: a result, or a wait that somebody ended.

use std::fmt::Write as _;

use cxone_actions::policy::Policy;
use cxone_actions::{ActionResult, Error, ErrorKind, Invocation, Status};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::output::{Output, ended_with, note, print, print_json};
use crate::plain::plain;
use crate::settings::Flags;
use crate::signals::Signal;

/// Of an output so much is shown in a table; `--output json` has all of it.
const SHOWN: usize = 400;

/// Prints a result, and ends with 1 where the action failed or was cancelled.
pub(crate) fn tell(result: &ActionResult, policy: &Policy, output: Output) -> Result<(), Failure> {
    let printed = if output.is_table() { print(&card(result, policy, output)) } else { print_json(result) };
    let ended = match result.status {
        Status::Completed => Ok(()),
        Status::Failed => Err(Failure::silent(ErrorKind::ActionFailed.exit_code())),
        Status::Cancelled => Err(Failure::silent(ErrorKind::ActionCancelled.exit_code())),
    };
    ended_with(printed, ended)
}

fn card(result: &ActionResult, policy: &Policy, output: Output) -> String {
    let paint = output.paint();
    let word = match result.status {
        Status::Completed => paint.good("COMPLETED"),
        Status::Failed => paint.bad("FAILED"),
        Status::Cancelled => paint.doubtful("CANCELLED"),
    };
    let mut rows = Vec::new();
    if let Some(reason) = &result.error_message {
        rows.push(("error", plain(reason, SHOWN)));
    }
    rows.extend(named(result.action_id.as_deref(), policy));
    rows.extend(result.invocation_id.as_deref().map(|id| ("invocation", plain(id, SHOWN))));
    rows.extend(result.correlation_id.as_deref().map(|id| ("correlation", plain(id, SHOWN))));
    rows.push(("took", took(result)));
    let mut text = format!("{:<13}{word}\n", "status");
    text.push_str(&lines(&rows));
    if let Some(outputs) = &result.outputs {
        text.push_str(&of_outputs(outputs));
    }
    text
}

fn named(action_id: Option<&str>, policy: &Policy) -> Option<(&'static str, String)> {
    let id = action_id.filter(|id| !id.is_empty())?;
    let listed = policy.actions().unwrap_or_default();
    let name = listed.into_iter().find(|(known, _)| *known == id).and_then(|(_, name)| name);
    let name = name.map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"));
    Some(("action", plain(&name, SHOWN)))
}

fn took(result: &ActionResult) -> String {
    let counted = |n: u32, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let mut text = format!("{:.2} s", result.duration_ms / 1000.0);
    for (n, word) in [(result.attempts, "attempt"), (result.polls, "look")] {
        if n > 0 {
            let _ = write!(text, ", {}", counted(n, word));
        }
    }
    text
}

fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<13}{value}\n")).collect()
}

/// A line for each member; texts without their quotes.
fn of_outputs(outputs: &RawValue) -> String {
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(outputs.get()) else {
        return format!("{:<13}{}\n", "outputs", plain(outputs.get(), SHOWN));
    };
    let mut text = String::from("outputs\n");
    let widest = members.keys().map(|key| key.chars().count()).max().unwrap_or_default().min(40);
    for (key, value) in &members {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let _ = writeln!(text, "  {:<widest$}  {}", plain(key, SHOWN), plain(&value, SHOWN));
    }
    text
}

/// Prints what the gateway accepted, without waiting for its end.
pub(crate) fn accepted(
    invocation: &Invocation,
    policy: &Policy,
    flags: &Flags,
    output: Output,
) -> Result<(), Failure> {
    if !output.is_table() {
        return print_json(invocation);
    }
    let mut rows = vec![("status", plain(&invocation.status, SHOWN))];
    rows.extend(named(Some(&invocation.action_id), policy));
    rows.extend(invocation.invocation_id.as_deref().map(|id| ("invocation", plain(id, SHOWN))));
    rows.push(("correlation", plain(&invocation.correlation_id, SHOWN)));
    rows.extend(invocation.resume_token.as_deref().map(|token| ("resume", token.to_owned())));
    print(&lines(&rows))?;
    if flags.is_sandbox() {
        note("the sandbox ends with this command, and the action with it");
    } else if let Some(token) = &invocation.resume_token {
        note(&format!("wait for its end with\n  {}", to_go_on(flags, token)));
    }
    Ok(())
}

/// The command that goes on waiting.
fn to_go_on(flags: &Flags, target: &str) -> String {
    let words: Vec<String> = flags.words().iter().map(|word| crate::sandbox::shell_word(word)).collect();
    let words: String = words.iter().map(|word| format!(" {word}")).collect();
    format!("cxone-actions poll {target}{words}")
}

/// An error of a wait: with the command that goes on, where there is something to go on with.
pub(crate) fn ended(error: Error, flags: &Flags, output: Output) -> Failure {
    let token = error.resume_token().map(str::to_owned);
    let failure = output.ended(error);
    if let Some(token) = token.filter(|_| output.is_table() && !flags.is_sandbox()) {
        failure.tell();
        note(&format!("go on waiting with\n  {}", to_go_on(flags, &token)));
        return Failure::silent(failure.exit_code);
    }
    failure
}

/// What is known of an invocation whose wait was interrupted.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) correlation_id: Option<String>,
    pub(crate) invocation_id: Option<String>,
    pub(crate) resume_token: Option<String>,
    /// Whether the gateway executes it: `no`, `unknown`, `yes`.
    pub(crate) executed: &'static str,
}

/// Says how things stand, and ends as shells expect it of a signal.
pub(crate) fn interrupted(left: &Left, signal: Signal, flags: &Flags, output: Output) -> Failure {
    let target = left.resume_token.as_deref().or(left.invocation_id.as_deref());
    if !output.is_table() {
        let command = target.map(|target| to_go_on(flags, target));
        note(
            &json!({"interrupted": {
                "executed": left.executed, "correlation_id": left.correlation_id,
                "invocation_id": left.invocation_id, "resume_token": left.resume_token, "command": command,
            }})
            .to_string(),
        );
        return Failure::silent(signal.exit_code());
    }
    let correlation = left.correlation_id.as_deref().map(|id| plain(id, SHOWN)).unwrap_or_default();
    note(&match (left.executed, target) {
        (_, Some(_)) if flags.is_sandbox() => {
            "interrupted: the sandbox ends with this command, and the action with it".to_owned()
        }
        (_, Some(target)) => format!(
            "interrupted: the gateway has accepted the action, which goes on; its resume token is\n  {target}\ngo on \
             waiting with\n  {}",
            to_go_on(flags, target)
        ),
        ("no", None) => "interrupted: nothing was sent".to_owned(),
        ("yes", None) => {
            format!("interrupted: the gateway has executed the action; correlation id {correlation}")
        }
        _ => format!(
            "interrupted: the request was on its way, and whether it was executed is not known; look for correlation id \
             {correlation} before you call again"
        ),
    });
    Failure::silent(signal.exit_code())
}
