//! `cxone-actions check`: what contract and policy say of requests, without a network, a token or a record.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use cxone_actions::config::PolicySource;
use cxone_actions::policy::{Policy, Verdict};
use cxone_actions::profile::Profile;
use cxone_actions::{ActionRequest, Error, ErrorKind, Rules};
use jiff::Timestamp;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::plain::plain;
use crate::{EXIT_CONFIG, Failure};

/// A reason is a sentence; what a caller named an input may be longer.
const SHOWN: usize = 400;

/// Check requests against contract and policy, and say why each is allowed or refused
///
/// FILE has requests in JSON, as `batch` takes them: one, a list of them, or one on each line; `-` reads stdin. Each is an
/// object with `actionId` (the id, or the name that the policy gives it), `inputs`, `correlationId` and `callbackUrl`.
/// Without FILE the policy itself is checked: every mistake is named by file, line and key.
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
    /// Who may call what: a TOML or JSON file
    #[arg(long, env = "CXONE_POLICY")]
    policy: Option<PathBuf>,
    /// The wire contract: a built-in name or a path to a TOML file
    #[arg(long, env = "CXONE_PROFILE", default_value = "gateway")]
    profile: String,
    /// A host that a callback URL may name; may be given more than once
    #[arg(long)]
    callback_host: Vec<String>,
    /// Judge at this time instead of now, as in 2026-12-24T20:00:00Z
    #[arg(long)]
    at: Option<Timestamp>,
    /// How to print the verdicts
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    Text,
    /// One JSON object on a line for each request
    Jsonl,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let policy = arguments.policy.clone().filter(|path| !path.as_os_str().is_empty());
    let profile = if arguments.profile.is_empty() { "gateway" } else { &arguments.profile };
    let profile = Profile::load(profile).map_err(|error| failure(&error))?;
    let ids = profile.invoke.action_id;
    let read = |path: &PathBuf| Policy::load(&PolicySource::File(path.clone()), ids);
    let rules = policy
        .as_ref()
        .map_or_else(|| Ok(Policy::open()), read)
        .and_then(|policy| Rules::new(&profile, arguments.callback_host.clone(), policy))
        .map_err(|error| failure(&error))?;
    let (text, refused) = match (&arguments.file, &policy) {
        (Some(file), _) => judge(arguments, &rules, file)?,
        (None, Some(policy)) => (of_policy(arguments, policy, rules.policy()), 0),
        (None, None) => {
            let message =
                "there is nothing to check: name a file of requests, a `--policy`, or both".to_owned();
            return Err(Failure { exit_code: EXIT_CONFIG, message });
        }
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    match refused {
        0 => Ok(()),
        1 => Err(Failure {
            exit_code: ErrorKind::Denied.exit_code(),
            message: "a request is refused".to_owned(),
        }),
        many => Err(Failure {
            exit_code: ErrorKind::Denied.exit_code(),
            message: format!("{many} requests are refused"),
        }),
    }
}

/// What to print, and how many are refused.
fn judge(arguments: &Arguments, rules: &Rules, file: &Path) -> Result<(String, usize), Failure> {
    let given = read(file).map_err(|error| Failure {
        exit_code: EXIT_CONFIG,
        message: format!("`{}` cannot be read: {error}", file.display()),
    })?;
    let at = arguments.at.unwrap_or_else(Timestamp::now);
    let (mut text, mut refused, mut index) = (String::new(), 0, 0);
    for request in requests(&given) {
        let verdict = rules.check(ActionRequest::from_json(request), at);
        refused += usize::from(!verdict.allowed);
        // Writing to a string cannot fail.
        let _ = match arguments.output {
            Output::Text => write!(text, "{}", for_people(index, &verdict)),
            Output::Jsonl => writeln!(text, "{}", line(index, &verdict)),
        };
        index += 1;
    }
    if index == 0 {
        let message = format!("`{}` has no requests", file.display());
        return Err(Failure { exit_code: EXIT_CONFIG, message });
    }
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

fn for_people(index: usize, verdict: &Verdict) -> String {
    let id = verdict.action_id.as_deref().unwrap_or("no action");
    let action = match &verdict.action_name {
        Some(name) => format!("{} ({id})", plain(name, SHOWN)),
        None => id.to_owned(),
    };
    let word = if verdict.allowed { "allowed" } else { "refused" };
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

fn of_policy(arguments: &Arguments, path: &Path, policy: &Policy) -> String {
    let digest = policy.digest().unwrap_or_default();
    let actions = policy.actions().unwrap_or_default();
    if arguments.output == Output::Jsonl {
        let actions: Vec<Value> = actions.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
        return format!("{}\n", json!({"policy": digest, "actions": actions}));
    }
    let mut text = format!("{}: can be used; digest {digest}\n", path.display());
    for (id, name) in actions {
        let _ = writeln!(text, "  {id} {}", plain(name.unwrap_or_default(), SHOWN));
    }
    text
}

fn failure(error: &Error) -> Failure {
    let mistakes: Vec<&str> = error.violations().iter().map(|mistake| mistake.message.as_str()).collect();
    let message = if mistakes.is_empty() { error.message().to_owned() } else { mistakes.join("\n       ") };
    Failure { exit_code: EXIT_CONFIG, message }
}
