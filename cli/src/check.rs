//! `cxone-actions check`: what contract and policy say of requests, without a network, a token or a record.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use cxone_actions::policy::{Policy, Verdict};
use cxone_actions::{ActionRequest, ErrorKind, Rules};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::inputs::{self, Inputs};
use crate::output::{Format, Output, ended_with, print};
use crate::plain::plain;
use crate::settings::Flags;

/// A reason is a sentence; what a caller named an input may be longer.
const SHOWN: usize = 400;

/// Check requests against contract and policy, and say why each is allowed or refused
///
/// FILE has requests in JSON, as `batch` takes them: one, a list of them, or one on each line; `-` reads stdin. Each is an
/// object with `actionId` (the id, or the name that the policy gives it), `inputs`, `correlationId` and `callbackUrl`.
/// With `--action` it is the one request that `run` would send. Without either the policy itself is checked: every mistake
/// is named by file, line and key.
///
/// Nothing is sent, no credentials are needed, and nothing is recorded. It ends with 3 where a request is refused and with
/// 2 where policy, profile or FILE cannot be read.
///
/// Example: cxone-actions check requests.jsonl --policy policy.toml --at 2026-12-24T20:00:00Z
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Requests in JSON or JSON Lines; `-` is stdin
    file: Option<PathBuf>,
    /// Check the request that `run ACTION` would send, instead of a file
    #[arg(long, value_name = "ACTION", conflicts_with = "file")]
    action: Option<String>,
    #[command(flatten)]
    inputs: Inputs,
    /// Judge at this time instead of now, as in 2026-12-24T20:00:00Z
    #[arg(long)]
    at: Option<Timestamp>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Flags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = arguments.settings.resolve()?;
    if arguments.inputs.is_given() && arguments.action.is_none() {
        return Err(Failure::config("`-i` and `--inputs` are inputs of an action; name it with `--action`"));
    }
    let profile = settings.profile()?;
    let rules = Rules::new(&profile, settings.callback_hosts(), settings.policy()?)?;
    let (text, refused) = match (&arguments.file, &arguments.action, settings.text("policy")) {
        (Some(file), ..) => {
            let given = read(file)
                .map_err(|error| Failure::config(format!("`{}` cannot be read: {error}", file.display())))?;
            judge(arguments, &rules, &requests(&given), &file.display().to_string())?
        }
        (None, Some(action), _) => {
            let types = |key: &str| rules.policy().types_of(action, key).to_vec();
            let inputs = arguments.inputs.read(types);
            let inputs =
                inputs.map_err(|mistakes| Failure { exit_code: 3, ..Failure::of_mistakes(&mistakes) })?;
            let request = inputs::request(action, inputs, None, None);
            judge(arguments, &rules, &[request.as_bytes()], "--action")?
        }
        (None, None, Some(policy)) => (of_policy(arguments, policy, rules.policy()), 0),
        (None, None, None) => {
            let message =
                "there is nothing to check: name a file of requests, an `--action`, or a `--policy`";
            return Err(Failure::config(message));
        }
    };
    let exit_code = ErrorKind::Denied.exit_code();
    let judged = match refused {
        0 => Ok(()),
        1 => Err(Failure { exit_code, message: "a request is refused".to_owned() }),
        many => Err(Failure { exit_code, message: format!("{many} requests are refused") }),
    };
    ended_with(print(&text), judged)
}

/// What to print, and how many are refused.
fn judge(
    arguments: &Arguments,
    rules: &Rules,
    requests: &[&[u8]],
    of: &str,
) -> Result<(String, usize), Failure> {
    let at = arguments.at.unwrap_or_else(Timestamp::now);
    let verdicts: Vec<Verdict> =
        requests.iter().map(|request| rules.check(ActionRequest::from_json(request), at)).collect();
    if verdicts.is_empty() {
        return Err(Failure::config(format!("`{of}` has no requests")));
    }
    let refused = verdicts.iter().filter(|verdict| !verdict.allowed).count();
    let each = verdicts.iter().enumerate();
    let text = match arguments.output.format {
        Format::Table => each.map(|(index, verdict)| for_people(arguments, index, verdict)).collect(),
        Format::Jsonl => each.map(|(index, verdict)| format!("{}\n", line(index, verdict))).collect(),
        Format::Json => format!("{}\n", each.map(|(index, verdict)| line(index, verdict)).collect::<Value>()),
    };
    Ok((text, refused))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    if file.as_os_str() != "-" {
        return fs::read(file);
    }
    let mut given = Vec::new();
    io::stdin().lock().read_to_end(&mut given)?;
    Ok(given)
}

/// The texts of the requests: of one, of a list, or of one on each line.
fn requests(given: &[u8]) -> Vec<&[u8]> {
    let given = given.strip_prefix(b"\xef\xbb\xbf").unwrap_or(given);
    if let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(given) {
        return list.into_iter().map(|request| request.get().as_bytes()).collect();
    }
    if serde_json::from_slice::<&RawValue>(given).is_ok() {
        return vec![given];
    }
    given.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect()
}

fn for_people(arguments: &Arguments, index: usize, verdict: &Verdict) -> String {
    let paint = arguments.output.paint();
    let id = verdict.action_id.as_deref().unwrap_or("no action");
    let action = match &verdict.action_name {
        Some(name) => format!("{} ({id})", plain(name, SHOWN)),
        None => id.to_owned(),
    };
    let word = if verdict.allowed { paint.good("allowed") } else { paint.bad("refused") };
    let mut text = format!("request {}: {word}, {action}\n", index + 1);
    for reason in &verdict.reasons {
        let _ = writeln!(text, "  {}", plain(reason, SHOWN));
    }
    text
}

fn line(index: usize, verdict: &Verdict) -> Value {
    let mut line = json!({ "index": index });
    if let (Value::Object(line), Ok(Value::Object(verdict))) = (&mut line, serde_json::to_value(verdict)) {
        line.extend(verdict);
    }
    line
}

fn of_policy(arguments: &Arguments, path: &str, policy: &Policy) -> String {
    let digest = policy.digest().unwrap_or_default();
    let actions = policy.actions().unwrap_or_default();
    if !arguments.output.is_table() {
        let actions: Vec<Value> = actions.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        return format!("{}\n", json!({"policy": digest, "actions": actions}));
    }
    let mut text = format!("{path}: can be used; digest {digest}\n");
    for (id, name) in actions {
        let _ = writeln!(text, "  {id} {}", plain(name.unwrap_or_default(), SHOWN));
    }
    text
}
