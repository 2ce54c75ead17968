//! `cxone-actions profiles`: the wire contracts that are built in, and whether one of your own can be used.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::{Args, ValueEnum};
use cxone_actions::profile::Profile;
use serde_json::{Value, json};

use crate::{EXIT_CONFIG, Failure};

/// List the built-in profiles, print one as a start for your own, or check a file
///
/// A profile says what goes over the wire: URLs, bodies, status words, limits. Without a name they are listed; with the
/// name of a built-in one its file is printed; with a path to a TOML file every mistake in it is named.
///
/// Example: cxone-actions profiles gateway > mine.toml && cxone-actions profiles mine.toml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    /// A built-in profile, or a path that ends in .toml
    name: Option<String>,
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    /// Lines for people
    #[value(alias = "table")]
    Text,
    /// One JSON array on one line
    #[value(alias = "jsonl")]
    Json,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let text = match arguments.name.as_deref() {
        None => list(arguments.output)?,
        Some(name) => match Profile::text(name) {
            Some(text) => text.to_owned(),
            None => {
                let profile = loaded(name)?;
                format!("{name}: profile `{}` can be used\n", profile.name)
            }
        },
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

fn list(output: Output) -> Result<String, Failure> {
    let profiles = Profile::built_in().map(loaded).collect::<Result<Vec<_>, _>>()?;
    if let Output::Json = output {
        let list: Value = profiles
            .iter()
            .map(|profile| json!({"name": profile.name, "about": profile.about, "source": profile.source}))
            .collect();
        return Ok(format!("{list}\n"));
    }
    let mut text = String::new();
    for profile in &profiles {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{:<20} {}", profile.name, profile.about.as_deref().unwrap_or_default());
    }
    Ok(text)
}

fn loaded(name: &str) -> Result<Profile, Failure> {
    Profile::load(name).map_err(|error| {
        let mistakes: Vec<_> = error.violations().iter().map(|mistake| mistake.message.clone()).collect();
        let message =
            if mistakes.is_empty() { error.message().to_owned() } else { mistakes.join("\n       ") };
        Failure { exit_code: EXIT_CONFIG, message }
    })
}
