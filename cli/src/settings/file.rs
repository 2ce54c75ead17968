//! `cxone-actions.toml`: the settings that always hold, `[settings]`, and those that `--use NAME` takes over them,
//! `[settings.NAME]`. Each value knows its line, and a key that is none is refused with the one that was meant.

use std::path::{Path, PathBuf};

use cxone_actions::config::{OPTIONS, OptionSpec, Shape};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::flags::is_secret;
use super::origin::Origin;

/// The name that is looked for.
const NAME: &str = "cxone-actions.toml";

/// What a key says.
pub(super) struct Entry {
    pub(super) spec: &'static OptionSpec,
    pub(super) value: Said,
    pub(super) origin: Origin,
}

/// A value, or where it is.
pub(super) enum Said {
    Value(Value),
    /// `client_secret_file`
    File(PathBuf),
    /// `client_secret_env`
    Variable(String),
}

/// The settings file as far as it counts for one run, or every mistake in it.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    pub(super) mistakes: Vec<String>,
}

/// Where the settings file is: in the current directory or above it up to the root of the repository, or the user's own.
/// Outside a repository nothing above is looked at: what somebody put into `/tmp` is not for whoever works below it.
pub(super) fn find(current: &Path) -> Option<PathBuf> {
    let root = current.ancestors().find(|directory| directory.join(".git").exists());
    let upward = current
        .ancestors()
        .take_while(|directory| root.map_or(*directory == current, |root| directory.starts_with(root)));
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let own = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let own = own.filter(|path| path.is_absolute()).or_else(home);
    let own = own.map(|directory| directory.join("cxone-actions").join("config.toml"));
    upward.map(|directory| directory.join(NAME)).chain(own).find(|path| path.is_file())
}

/// Reads the settings that hold under this name. The names of other settings are checked as well: a mistake is best known
/// before it is needed.
pub(super) fn read(path: &Path, shown: &str, using: Option<&str>) -> Result<Read, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let breaks: Vec<usize> =
        text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect();
    let line = |offset: usize| breaks.partition_point(|end| *end < offset) + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(1, |span| line(span.start));
        // The parser's message says what it expected, not what stands there.
        let message: Vec<&str> = error.message().lines().collect();
        format!("{shown}:{at}: {}", message.join(", "))
    })?;
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut reader =
        Reader { shown, directory, line: &line, read: Read { entries: Vec::new(), mistakes: Vec::new() } };
    let mut sections: Vec<String> = Vec::new();
    for (key, value) in table.get_ref() {
        let at = line(key.span().start);
        match (key.get_ref().as_ref(), value.get_ref()) {
            ("settings", DeValue::Table(settings)) => sections = reader.settings(settings, using),
            ("settings", _) => reader.mistake(at, "`settings` must be a table: `[settings]`"),
            (other, _) => {
                let near = match nearest(other, ["settings"].into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if OPTIONS.iter().any(|spec| spec.name == other) => {
                        "it belongs below `[settings]`".to_owned()
                    }
                    None => "there is `[settings]` and `[settings.NAME]`".to_owned(),
                };
                reader.mistake(at, &format!("`{other}` is not known; {near}"));
            }
        }
    }
    if let Some(name) = using.filter(|name| !sections.iter().any(|known| known == name)) {
        let near = nearest(name, sections.iter().map(String::as_str));
        let hint = match (near, sections.is_empty()) {
            (Some(near), _) => format!("; did you mean `{near}`?"),
            (None, true) => "; it has no settings with a name".to_owned(),
            (None, false) => format!("; it has {}", quoted(&sections)),
        };
        reader.read.mistakes.push(format!("{shown}: there is no `[settings.{name}]`{hint}"));
    }
    Ok(reader.read)
}

struct Reader<'a> {
    shown: &'a str,
    directory: &'a Path,
    line: &'a dyn Fn(usize) -> usize,
    read: Read,
}

impl Reader<'_> {
    fn mistake(&mut self, line: usize, rule: &str) {
        let shown = self.shown;
        self.read.mistakes.push(format!("{shown}:{line}: {rule}"));
    }

    /// Gives back the names of the settings that have one.
    fn settings(&mut self, table: &DeTable<'_>, using: Option<&str>) -> Vec<String> {
        let mut sections = Vec::new();
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), (self.line)(key.span().start));
            let option = spec_of(name).is_some();
            match value.get_ref() {
                DeValue::Table(section) if !option => {
                    sections.push(name.to_owned());
                    let counts = using == Some(name);
                    for (key, value) in section {
                        let at = (self.line)(key.span().start);
                        self.entry(key.get_ref(), value.get_ref(), at, Some(name), counts);
                    }
                }
                value => self.entry(name, value, at, None, true),
            }
        }
        sections
    }

    fn entry(&mut self, key: &str, value: &DeValue<'_>, line: usize, section: Option<&str>, counts: bool) {
        let Some((spec, form)) = spec_of(key) else {
            let near = nearest(key, OPTIONS.iter().map(|spec| spec.name));
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            return self.mistake(line, &format!("`{key}` is not a setting{hint}"));
        };
        let said = match (form, value) {
            (Form::Value, DeValue::Table(_)) if spec.shape == Shape::Policy => {
                return self.mistake(line, "`policy` must be the path of a policy file");
            }
            (Form::Value, value) => match json(value) {
                Some(value) => Said::Value(self.placed(spec, value)),
                None => {
                    let what = match value {
                        DeValue::Float(number) => number.as_str(),
                        value => value.type_str(),
                    };
                    return self.mistake(line, &format!("`{key}` cannot be {what}"));
                }
            },
            (Form::File, DeValue::String(path)) if !path.is_empty() => {
                Said::File(self.directory.join(path.as_ref()))
            }
            (Form::File, _) => return self.mistake(line, &format!("`{key}` must be the path of a file")),
            (Form::Variable, DeValue::String(name)) if !name.is_empty() => {
                Said::Variable(name.clone().into_owned())
            }
            (Form::Variable, _) => {
                return self.mistake(line, &format!("`{key}` must be the name of an environment variable"));
            }
        };
        if !counts {
            return;
        }
        let section = section.map(str::to_owned);
        let twice = |known: &&Entry| {
            known.spec.name == spec.name
                && matches!(&known.origin, Origin::File { section: of, .. } if *of == section)
        };
        if let Some(known) = self.read.entries.iter().find(twice) {
            let rule =
                format!("`{}` is given twice, also at {}; give one form of it", spec.name, known.origin);
            return self.mistake(line, &rule);
        }
        let origin = Origin::File { file: self.shown.to_owned(), line, section };
        self.read.entries.push(Entry { spec, value: said, origin });
    }

    /// Paths in the file are relative to it, wherever the command is run.
    fn placed(&self, spec: &OptionSpec, value: Value) -> Value {
        let is_path = |path: &str| match spec.shape {
            Shape::Path | Shape::Policy => true,
            _ => spec.name == "profile" && Path::new(path).extension().is_some_and(|end| end == "toml"),
        };
        match value {
            Value::String(path) if !path.is_empty() && is_path(&path) => {
                Value::from(self.directory.join(path).to_string_lossy().into_owned())
            }
            value => value,
        }
    }
}

/// What a key of the file says of its option.
enum Form {
    Value,
    File,
    Variable,
}

/// The option of a key. Secrets may also be named: by the file, or by the variable that has them.
fn spec_of(key: &str) -> Option<(&'static OptionSpec, Form)> {
    let named = |name: &str| OPTIONS.iter().find(|spec| spec.name == name);
    let secret = |suffix| {
        let spec = key.strip_suffix(suffix).and_then(named)?;
        is_secret(spec).then_some(spec)
    };
    named(key)
        .map(|spec| (spec, Form::Value))
        .or_else(|| secret("_file").map(|spec| (spec, Form::File)))
        .or_else(|| secret("_env").map(|spec| (spec, Form::Variable)))
}

/// The value as JSON; none for what JSON has no word for.
fn json(value: &DeValue<'_>) -> Option<Value> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Integer(number) => Value::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?),
        DeValue::Float(number) => {
            let number = number.as_str().replace('_', "").parse::<f64>().ok();
            Value::from(number.filter(|number| number.is_finite())?)
        }
        DeValue::Array(list) => list.iter().map(|item| json(item.get_ref())).collect::<Option<_>>()?,
        DeValue::Table(_) | DeValue::Datetime(_) => return None,
    })
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.replace(['_', '-', '.'], "").to_lowercase();
    let given = plain(given);
    names
        .map(|name| (strsim::damerau_levenshtein(&given, &plain(name)), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 6)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

pub(super) fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
