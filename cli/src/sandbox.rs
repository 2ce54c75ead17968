//! `cxone-actions sandbox`: a gateway on loopback for as long as the command runs.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use cxone_actions_sandbox::{PROFILES, Sandbox, SandboxOptions};
use serde_json::{Map, Value};

use crate::{EXIT_CONFIG, Failure};

/// Serve a sandbox gateway on a loopback port until Ctrl-C
///
/// Prints on stdout what to export so that the library and this command talk to it. Nothing that happens there survives
/// it: tokens, invocations and counts end with the command. What it answers is described at `/openapi.json`.
///
/// Example: cxone-actions sandbox --port 0 --seed 7 --output json
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Wire contract to serve
    #[arg(long, default_value = "gateway", value_parser = PossibleValuesParser::new(PROFILES))]
    profile: String,
    /// TOML or JSON file of actions beyond those known out of the box: `[[actions]]`
    #[arg(long, value_name = "FILE")]
    actions: Option<PathBuf>,
    /// Decides credentials, tokens, invocation ids, and what is drawn for each of them
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Do not serve the console at `/`, and record nothing for it
    #[arg(long)]
    no_console: bool,
    /// How to print what to export
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// Lines for a shell
    #[value(alias = "table")]
    Text,
    /// One JSON object on one line
    #[value(alias = "jsonl")]
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are listened for before anything is printed: whoever reads the output may send one at once.
    let ended = {
        let _inside = runtime.enter();
        end_of_service()?
    };
    let sandbox = Sandbox::start(SandboxOptions {
        profile: arguments.profile.clone(),
        port: arguments.port,
        actions_file: arguments.actions.clone(),
        seed: arguments.seed,
        console: !arguments.no_console,
        ..SandboxOptions::default()
    })
    .map_err(|error| Failure { exit_code: EXIT_CONFIG, message: error.to_string() })?;

    let mut stdout = io::stdout().lock();
    stdout.write_all(announcement(&sandbox, arguments).as_bytes())?;
    stdout.flush()?;
    drop(stdout);
    // Nobody may be reading this, and that is no reason not to serve.
    let base_url = sandbox.base_url();
    let console = if arguments.no_console { "" } else { ", with a console for a browser at `/`" };
    let _ = writeln!(
        io::stderr(),
        "serving on {base_url} until Ctrl-C, described at {base_url}/openapi.json{console}; nothing that happens here survives it"
    );

    runtime.block_on(ended);
    sandbox.close();
    Ok(())
}

/// What to export, so that the library talks to this sandbox: the profile only where it is not the usual one, and the
/// access key only where it is asked for.
fn announcement(sandbox: &Sandbox, arguments: &Arguments) -> String {
    let mut variables = vec![
        ("CXONE_BASE_URL", sandbox.base_url()),
        ("CXONE_CLIENT_ID", sandbox.client_id()),
        ("CXONE_CLIENT_SECRET", sandbox.client_secret()),
    ];
    if arguments.profile != SandboxOptions::default().profile {
        variables.push(("CXONE_PROFILE", &arguments.profile));
    }
    if sandbox.needs_access_key() {
        variables.push(("CXONE_ACCESS_KEY_ID", sandbox.access_key_id()));
        variables.push(("CXONE_ACCESS_KEY_SECRET", sandbox.access_key_secret()));
    }
    match arguments.output {
        Output::Text => variables.iter().fold(String::new(), |mut text, (name, value)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "export {name}={}", shell_word(value));
            text
        }),
        Output::Json => {
            let members: Map<_, _> =
                variables.iter().map(|(name, value)| (name.to_string(), Value::from(*value))).collect();
            format!("{}\n", Value::Object(members))
        }
    }
}

/// The text as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+=@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Ends on SIGINT or SIGTERM.
#[cfg(unix)]
fn end_of_service() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends on Ctrl-C.
#[cfg(not(unix))]
fn end_of_service() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// A shell's usual limit of open files is below what a load test opens; a library may not raise it, a command may.
fn allow_many_connections() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
}

#[cfg(test)]
mod tests {
    use super::shell_word;

    #[test]
    fn a_shell_reads_every_word_as_it_was() {
        for (text, word) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("ab+/c==", "ab+/c=="),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(x)", "'$(x)'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
    }
}
