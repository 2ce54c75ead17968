//! `cxone-actions config show`: what every option is set to, and who said so.

use clap::{Args, Subcommand};
use cxone_actions::config::OPTIONS;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Format, Output, note, print, print_json, table};
use crate::settings::{Flags, Origin};

/// Show the settings that hold, and where each comes from
///
/// Example: cxone-actions config show
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
}

/// Show every option with its value and its origin; secrets are `***`
///
/// An origin is a flag, `env CXONE_…`, a line of `.env`, a line of the settings file, the profile, or the default. What
/// cannot work yet is said on stderr; nothing is called.
///
/// Example: cxone-actions config show --timeout 30 --output jsonl
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct Show {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    settings: Flags,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Command::Show(arguments) = &arguments.command;
    let settings = arguments.settings.resolve()?;
    let rows: Vec<(&str, Value, Origin)> = OPTIONS
        .iter()
        .map(|spec| match settings.get(spec.name) {
            Some(setting) => (spec.name, setting.shown(), setting.origin.clone()),
            None => match settings.of_profile(spec.name) {
                Some(value) => (spec.name, value, Origin::Profile),
                None => (spec.name, Value::from(spec.default), Origin::Default),
            },
        })
        .collect();
    let in_json = |(name, value, origin): &(&str, Value, Origin)| {
        // A default in words is for people.
        let value = if *origin == Origin::Default { Value::Null } else { value.clone() };
        let default = OPTIONS.iter().find(|spec| spec.name == *name).map(|spec| spec.default);
        json!({"name": name, "value": value, "origin": origin.to_string(), "default": default})
    };
    match arguments.output.format {
        Format::Table => {
            let rows: Vec<[String; 3]> = rows
                .iter()
                .map(|(name, value, origin)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    [(*name).to_owned(), value, origin.to_string()]
                })
                .collect();
            print(&table(["OPTION", "VALUE", "ORIGIN"], &rows))?;
        }
        Format::Json => {
            let (config, env_file, using) = settings.files();
            let all: Vec<Value> = rows.iter().map(in_json).collect();
            print_json(&json!({"config": config, "env_file": env_file, "use": using, "settings": all}))?;
        }
        Format::Jsonl => {
            for row in &rows {
                print_json(&in_json(row))?;
            }
        }
    }
    if let Err(failure) = settings.config() {
        note(&format!("cannot be used yet: {}", failure.message));
    }
    Ok(())
}
