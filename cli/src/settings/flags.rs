//! The flags of every command that talks to a gateway: one for each option of the library's table, read off the table, so
//! that no option is without one.
//!
//! A secret has no flag of its own: what stands on a command line stands in `ps` and in the shell's history. It has one
//! that names a file, and whoever tries the other is told so.

use std::path::PathBuf;
use std::sync::LazyLock;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};
use cxone_actions::config::{OPTIONS, OptionSpec, Shape};
use serde_json::Value;
use url::Url;

use super::gathered::from_text;

const HEADING: &str = "Settings (flags over environment over .env over cxone-actions.toml)";

/// What a flag says in the help where the table's sentence speaks of what only a program can give.
const SAID: &[(&str, &str)] = &[
    ("token", "instead of credentials: a bearer token that somebody else keeps fresh"),
    ("policy", "who may call what: a TOML or JSON file"),
    ("audit_checkpoints", "a file elsewhere that is told the head of the chain, so that a cut tail is seen"),
    ("ca_file", "certificates to trust, PEM"),
];

/// The flags that `-h` shows as well; the others are in `--help`.
const USUAL: &[&str] =
    &["base_url", "profile", "region", "client_id", "client_secret", "policy", "audit", "timeout"];

/// Names that are made of the table's, as clap wants them: for ever.
struct Names {
    spec: &'static OptionSpec,
    /// `max-in-flight`
    long: String,
    /// `client_secret_file`, `client-secret-file`
    file: (String, String),
    /// The closed list of words that its value is one of.
    words: Vec<String>,
}

static NAMES: LazyLock<Vec<Names>> = LazyLock::new(|| {
    let surface = cxone_actions::surface();
    let words = |name: &str| -> Vec<String> {
        let of = format!("option.{name}");
        let lists = surface.get("words").and_then(Value::as_array).into_iter().flatten();
        let words =
            lists.filter(|list| list["of"] == of.as_str()).filter_map(|list| list["words"].as_array());
        words.flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    let named = |spec: &'static OptionSpec| Names {
        spec,
        long: spec.name.replace('_', "-"),
        file: (format!("{}_file", spec.name), format!("{}-file", spec.name.replace('_', "-"))),
        words: words(spec.name),
    };
    OPTIONS.iter().map(named).collect()
});

/// What the flags said. It holds no secret: files that have one are read when it is [resolved](Flags::resolve).
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    /// Option, value, flag.
    pub(super) given: Vec<(&'static OptionSpec, Value, String)>,
    /// Option, file, flag.
    pub(super) files: Vec<(&'static OptionSpec, PathBuf, String)>,
    pub(super) use_settings: Option<String>,
    pub(super) config: Option<PathBuf>,
    pub(super) env_file: Option<PathBuf>,
    pub(super) no_env_file: bool,
    /// Whether to start a sandbox, and of which profile.
    #[expect(clippy::option_option, reason = "whether one is asked for, and whether its profile was said")]
    pub(super) sandbox: Option<Option<String>>,
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let places = [
            Arg::new("use_settings")
                .long("use")
                .value_name("NAME")
                .help("Take the settings `[settings.NAME]` of the settings file [env: CXONE_USE]"),
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .hide_short_help(true)
                .help("The settings file, instead of looking for cxone-actions.toml [env: CXONE_CONFIG]"),
            Arg::new("env_file")
                .long("env-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with("no_env_file")
                .hide_short_help(true)
                .help("Read variables from this file instead of .env in the current directory"),
            Arg::new("no_env_file")
                .long("no-env-file")
                .action(ArgAction::SetTrue)
                .hide_short_help(true)
                .help("Read no .env file"),
            Arg::new("sandbox")
                .long("sandbox")
                .value_name("PROFILE")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("")
                .help("Talk to a sandbox that is started for this run, and to nothing else"),
        ];
        let places = places.into_iter().map(|arg| arg.help_heading(HEADING));
        NAMES.iter().flat_map(of_option).chain(places).fold(command, Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The flag of an option, or those of a secret.
fn of_option(names: &'static Names) -> Vec<Arg> {
    let spec = names.spec;
    let usual = USUAL.contains(&spec.name);
    let about = SAID.iter().find(|(name, _)| *name == spec.name).map_or(spec.doc, |(_, said)| *said);
    let help = help_of(spec, about);
    let arg = Arg::new(spec.name).long(names.long.as_str()).help_heading(HEADING).hide_short_help(!usual);
    let secret = |arg: Arg| {
        let (id, long) = (names.file.0.as_str(), names.file.1.as_str());
        let file = Arg::new(id)
            .long(long)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(help_of(spec, &format!("{about}; read from FILE")))
            .help_heading(HEADING)
            .hide_short_help(!usual);
        vec![arg, file]
    };
    let arg = match spec.shape {
        Shape::Secret if spec.name == "proxy" => {
            return secret(
                arg.value_name("URL").value_parser(NonEmptyStringValueParser::new()).help(help.clone()),
            );
        }
        Shape::Secret | Shape::Token | Shape::Secrets => {
            // It is there to be refused with the reason, with or without a value.
            return secret(arg.hide(true).num_args(0..=1).default_missing_value(""));
        }
        Shape::Text if !names.words.is_empty() => arg
            .value_name("WORD")
            .value_parser(PossibleValuesParser::new(names.words.iter().map(String::as_str))),
        Shape::Text => arg
            .value_name(if spec.name.ends_with("url") || spec.name == "traces" { "URL" } else { "TEXT" })
            .value_parser(NonEmptyStringValueParser::new()),
        Shape::Path if spec.name == "audit" => arg
            .value_name("DIR")
            .value_parser(NonEmptyStringValueParser::new())
            .value_hint(clap::ValueHint::DirPath),
        Shape::Path | Shape::Policy => arg
            .value_name("FILE")
            .value_parser(NonEmptyStringValueParser::new())
            .value_hint(clap::ValueHint::FilePath),
        Shape::Duration => arg.value_name("SECONDS").allow_negative_numbers(true),
        Shape::Count => arg.value_name("N").allow_negative_numbers(true),
        Shape::Flag => arg
            .value_name("true|false")
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(["true", "false"]),
        Shape::Texts => arg
            .value_name("HOST")
            .action(ArgAction::Append)
            .value_delimiter(',')
            .alias("callback-host")
            .value_parser(NonEmptyStringValueParser::new()),
    };
    vec![arg.help(help)]
}

/// The sentence, its default, and the variable that stands in for it.
fn help_of(spec: &OptionSpec, about: &str) -> String {
    let mut letters = about.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let mut help = first + letters.as_str();
    if spec.default != "none" {
        help.push_str(&format!(" [default: {}]", spec.default));
    }
    if let Some(variable) = spec.env {
        help.push_str(&format!(" [env: {variable}]"));
    }
    help
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let text = |id: &str| matches.get_one::<String>(id).cloned();
        let path = |id: &str| matches.get_one::<PathBuf>(id).cloned();
        for names in NAMES.iter() {
            let (spec, flag) = (names.spec, format!("--{}", names.long));
            let secret = is_secret(spec);
            if secret && let Some(file) = path(&names.file.0) {
                self.files.push((spec, file, format!("--{}", names.file.1)));
            }
            if spec.shape == Shape::Texts {
                if let Some(texts) = matches.get_many::<String>(spec.name) {
                    let list = texts.map(|text| Value::from(text.as_str())).collect();
                    self.given.push((spec, Value::Array(list), flag));
                }
                continue;
            }
            let Some(given) = text(spec.name) else { continue };
            if secret && !is_plain_proxy(spec, &given) {
                return Err(refused(names));
            }
            self.given.push((spec, from_text(spec, &given), flag));
        }
        self.use_settings = text("use_settings");
        self.config = path("config");
        self.env_file = path("env_file");
        self.no_env_file = matches.get_flag("no_env_file");
        self.sandbox = text("sandbox").map(|profile| Some(profile).filter(|profile| !profile.is_empty()));
        Ok(())
    }
}

/// Whether its value has to be kept.
pub(crate) fn is_secret(spec: &OptionSpec) -> bool {
    matches!(spec.shape, Shape::Secret | Shape::Secrets | Shape::Token)
}

/// Whether it is the URL of a proxy without credentials: nothing that has to be kept.
pub(super) fn is_plain_proxy(spec: &OptionSpec, text: &str) -> bool {
    spec.name == "proxy"
        && Url::parse(text).is_ok_and(|url| {
            url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
        })
}

/// Without what was given: it may be a secret indeed.
fn refused(names: &Names) -> clap::Error {
    let Names { spec, long, file: (_, file), .. } = names;
    let by_env = match spec.env {
        Some(variable) if variable.starts_with("CXONE_") => {
            format!("set `{variable}` or `{variable}_FILE` in the environment, ")
        }
        Some(variable) => format!("set `{variable}` in the environment, "),
        None => String::new(),
    };
    let name = spec.name;
    let what = if name == "proxy" { "with a password " } else { "" };
    clap::Error::raw(
        ErrorKind::ArgumentConflict,
        format!(
            "`--{long}` {what}would stand in the list of processes and in the shell's history, where others read it; \
             {by_env}give `--{file} FILE`, or write `{name}_file` or `{name}_env` into cxone-actions.toml"
        ),
    )
}
