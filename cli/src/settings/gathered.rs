//! What flags, environment and files say, each with where it was said, and everything that is wrong with it.

use std::path::Path;

use cxone_actions::config::{OPTIONS, OptionSpec, Shape};
use serde_json::Value;

use super::env_file::Variable;
use super::file::{self, Said};
use super::origin::Origin;
use super::{CONFIG, Setting, USE, flags, is_secret};

/// What was said, by anybody, of anything.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) list: Vec<Setting>,
    pub(super) mistakes: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Gathered {
    pub(super) fn add(&mut self, spec: &'static OptionSpec, value: Value, origin: Origin) {
        self.list.push(Setting::new(spec, value, origin));
    }

    /// A secret in a file of its own.
    pub(super) fn add_file(&mut self, spec: &'static OptionSpec, path: &Path, origin: Origin) {
        match std::fs::read_to_string(path) {
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => self.mistakes.push(format!("`{}` is empty ({origin})", path.display())),
                text => self.add(spec, from_text(spec, text), origin),
            },
            Err(error) => {
                self.mistakes.push(format!("`{}` cannot be read: {error} ({origin})", path.display()));
            }
        }
    }

    pub(super) fn take_file(&mut self, path: &Path, shown: &str, read: file::Read) {
        self.mistakes.extend(read.mistakes);
        let mut secret = false;
        for entry in read.entries {
            match entry.value {
                Said::Value(value) => {
                    secret |= has_secret(entry.spec, &value);
                    self.add(entry.spec, value, entry.origin);
                }
                Said::File(path) => self.add_file(entry.spec, &path, entry.origin),
                Said::Variable(name) => match variable(&name) {
                    Some(value) => self.add(entry.spec, from_text(entry.spec, &value), entry.origin),
                    // Those that always hold may name what only some have.
                    None if self.list.iter().any(|known| known.spec.name == entry.spec.name) => {}
                    None => {
                        self.mistakes
                            .push(format!("`{name}` is not set in the environment ({})", entry.origin));
                    }
                },
            }
        }
        if secret {
            self.warn_of_readers(path, shown);
        }
    }

    /// What anybody on the machine may read is no secret.
    fn warn_of_readers(&mut self, path: &Path, shown: &str) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let open = std::fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o007 != 0);
            if open {
                self.warnings.push(format!(
                    "`{shown}` has a secret and everybody on this machine may read it; `chmod 600 {shown}` mends that"
                ));
            }
        }
        #[cfg(not(unix))]
        let _ = (path, shown);
    }
}

fn has_secret(spec: &OptionSpec, value: &Value) -> bool {
    is_secret(spec) && !value.as_str().is_some_and(|text| flags::is_plain_proxy(spec, text))
}

/// A variable of the environment that says something.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub(super) fn take_environment(gathered: &mut Gathered) {
    for (spec, name) in OPTIONS.iter().filter_map(|spec| spec.env.map(|name| (spec, name))) {
        // Proxies and their exceptions are looked up by the HTTP library itself.
        if spec.name == "proxy" {
            continue;
        }
        let by_file = format!("{name}_FILE");
        if let Some(value) = variable(name) {
            gathered.add(spec, from_text(spec, &value), Origin::Env(name.to_owned()));
        } else if let Some(path) = variable(&by_file).filter(|_| name.starts_with("CXONE_")) {
            gathered.add_file(spec, Path::new(&path), Origin::Env(by_file));
        }
    }
}

/// Of `.env` only what is this command's: other programs have theirs in it.
pub(super) fn take_variables(variables: &[Variable], gathered: &mut Gathered) {
    let mut secret = None;
    for Variable { name, value, origin } in variables.iter().filter(|of| !of.value.is_empty()) {
        let plain = OPTIONS.iter().find(|spec| spec.env == Some(name));
        if let Some(spec) = plain {
            let value = from_text(spec, value);
            secret = secret.or(has_secret(spec, &value).then_some(origin));
            gathered.add(spec, value, origin.clone());
            continue;
        }
        let by_file = name.strip_suffix("_FILE").filter(|name| name.starts_with("CXONE_"));
        if let Some(spec) = by_file.and_then(|name| OPTIONS.iter().find(|spec| spec.env == Some(name))) {
            gathered.add_file(spec, Path::new(value), origin.clone());
        } else if name.starts_with("CXONE_") && name != USE && name != CONFIG {
            let near = file::nearest(name, OPTIONS.iter().filter_map(|spec| spec.env));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            gathered.warnings.push(format!("`{name}` is not known and not read ({origin}){hint}"));
        }
    }
    if let Some(Origin::EnvFile { file, .. }) = secret {
        gathered.warn_of_readers(Path::new(file), file);
    }
}

/// What stands in a variable or behind a flag, in the shape of the option; text where it has no such shape, which the
/// library then says.
pub(super) fn from_text(spec: &OptionSpec, text: &str) -> Value {
    let number = || serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
    match spec.shape {
        Shape::Duration | Shape::Count => number().unwrap_or_else(|| Value::from(text)),
        Shape::Flag => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
        Shape::Texts => text.split(',').map(|item| Value::from(item.trim())).collect(),
        Shape::Secrets => text.split_whitespace().map(Value::from).collect(),
        _ => Value::from(text),
    }
}
