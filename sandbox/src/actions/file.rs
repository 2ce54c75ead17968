//! A file of actions, TOML or JSON, with the line of everything in it, so that each mistake is named by file, line and
//! key, and all of them at once.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::error::SandboxError;
use crate::parse::{Mistake, kind};

/// Nothing that makes sense is nested deeper.
const MAX_DEPTH: usize = 64;
/// What a file has to hold.
const LIST: &str = "a list of actions: `[[actions]]` in TOML, `{\"actions\": [{…}]}` in JSON";

/// A file of actions as far as it could be read.
#[derive(Debug)]
pub(crate) struct ActionFile {
    name: String,
    /// The line of each place: `actions[0].time.min`.
    lines: HashMap<String, usize>,
    /// Each action as JSON text.
    pub(crate) actions: Vec<Box<RawValue>>,
    mistakes: Vec<(usize, String)>,
}

impl ActionFile {
    pub(crate) fn read(path: &Path) -> Result<Self, SandboxError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            SandboxError::Options(format!("`actions_file` `{}` cannot be read: {error}", path.display()))
        })?;
        Ok(Self::parse(path.display().to_string(), &text))
    }

    fn parse(name: String, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut file = ActionFile { name, lines: HashMap::new(), actions: Vec::new(), mistakes: Vec::new() };
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place);
        let mut reader = Reader { text, line_ends: ends.collect(), file: &mut file };
        let is_json =
            Path::new(&reader.file.name).extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        if is_json || text.trim_start().starts_with('{') {
            reader.json();
        } else {
            reader.toml();
        }
        file
    }

    /// Remembers what is wrong with what stands at a place, by the line of it or of what is around it.
    pub(crate) fn add(&mut self, Mistake { place, message }: Mistake) {
        let mut around = place.as_str();
        let line = loop {
            if let Some(line) = self.lines.get(around) {
                break *line;
            }
            match around.rfind(['.', '[']).and_then(|end| around.get(..end)) {
                Some(wider) => around = wider,
                None => break 1,
            }
        };
        self.mistakes.push((line, message));
    }

    /// Everything that is wrong, in the order of its lines.
    pub(crate) fn end(mut self) -> Result<(), SandboxError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.mistakes.sort();
        let name = &self.name;
        let told = self.mistakes.iter().map(|(line, what)| format!("{what} ({name}, line {line})"));
        Err(SandboxError::File(told.collect::<Vec<_>>().join("; ")))
    }
}

struct Reader<'a> {
    text: &'a str,
    /// Where each line ends; a file may have thousands of actions, and the line of everything in it is asked for.
    line_ends: Vec<usize>,
    file: &'a mut ActionFile,
}

impl Reader<'_> {
    fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    fn stands_at(&mut self, place: &str, offset: usize) {
        let line = self.line(offset);
        self.file.lines.insert(place.to_owned(), line);
    }

    fn wrong(&mut self, place: &str, message: String) {
        self.file.add(Mistake::new(place, message));
    }

    fn toml(&mut self) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let line = self.line(error.span().map_or(0, |span| span.start));
            // One mistake of syntax is often reported several times.
            if self.file.mistakes.iter().all(|(known, _)| *known != line) {
                let what = error.message().lines().collect::<Vec<_>>().join(", ");
                self.file.mistakes.push((line, format!("this is not TOML: {what}")));
            }
        }
        if !self.file.mistakes.is_empty() {
            return;
        }
        let table = self.table(table.get_ref(), "", 0);
        let actions = match table.get("actions") {
            Some(Value::Array(actions)) => actions.iter().filter_map(|it| to_raw_value(it).ok()).collect(),
            Some(other) => return self.no_list(Some(&other.to_string())),
            None => return self.no_list(None),
        };
        self.file.actions = actions;
        self.only_actions(table.keys().map(String::as_str));
    }

    fn table(&mut self, table: &DeTable<'_>, place: &str, depth: usize) -> Map<String, Value> {
        let mut members: Vec<_> = table.iter().collect();
        members.sort_by_key(|(key, _)| key.span().start);
        let mut object = Map::new();
        for (key, value) in members {
            let below = member(place, key.get_ref());
            self.stands_at(&below, key.span().start);
            let value = self.toml_value(value.get_ref(), &below, depth + 1);
            object.insert(key.get_ref().to_string(), value);
        }
        object
    }

    fn toml_value(&mut self, value: &DeValue<'_>, place: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            self.wrong(place, format!("`{place}` is nested too deeply"));
            return Value::Null;
        }
        let number = match value {
            DeValue::String(text) => return Value::from(text.as_ref()),
            DeValue::Boolean(truth) => return Value::from(*truth),
            DeValue::Table(table) => return self.table(table, place, depth).into(),
            DeValue::Array(items) => {
                let mut array = Vec::new();
                for (n, item) in items.iter().enumerate() {
                    let below = format!("{place}[{n}]");
                    self.stands_at(&below, item.span().start);
                    array.push(self.toml_value(item.get_ref(), &below, depth + 1));
                }
                return array.into();
            }
            DeValue::Integer(whole) => {
                i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(Value::from)
            }
            DeValue::Float(float) => {
                let finite = float.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                finite.map(Value::Number)
            }
            DeValue::Datetime(_) => {
                self.wrong(place, format!("`{place}` must be put in quotes: JSON has no dates"));
                return Value::Null;
            }
        };
        number.unwrap_or_else(|| {
            self.wrong(place, format!("`{place}` must be a finite number of 64 bits"));
            Value::Null
        })
    }

    fn json(&mut self) {
        let whole: &RawValue = match serde_json::from_str(self.text) {
            Ok(raw) => raw,
            Err(error) => {
                let place = format!(" at line {} column {}", error.line(), error.column());
                let rule = error.to_string().replace(&place, "");
                let what = format!("this is not JSON: {rule} at column {}", error.column());
                return self.file.mistakes.push((error.line(), what));
            }
        };
        self.json_value(whole, "", 0);
        let Pairs(members) = serde_json::from_str(whole.get()).unwrap_or_default();
        match members.iter().rfind(|(name, _)| name == "actions") {
            Some((_, list)) => match serde_json::from_str::<Vec<Box<RawValue>>>(list.get()) {
                Ok(actions) => self.file.actions = actions,
                Err(_) => return self.no_list(Some(list.get())),
            },
            None => return self.no_list(None),
        }
        self.only_actions(members.iter().map(|(name, _)| name.as_str()));
    }

    /// Learns the line of everything in a value, and finds what is given twice.
    fn json_value(&mut self, raw: &RawValue, place: &str, depth: usize) {
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.stands_at(place, offset);
        if depth > MAX_DEPTH {
            return self.wrong(place, format!("`{place}` is nested too deeply"));
        }
        match raw.get().as_bytes().first() {
            Some(b'{') => {
                let Ok(Pairs(members)) = serde_json::from_str(raw.get()) else {
                    return self.wrong(place, format!("`{place}` has a name with half of a surrogate pair"));
                };
                for (name, value) in members {
                    let below = member(place, &name);
                    if self.file.lines.contains_key(&below) {
                        self.wrong(&below, format!("`{below}` is given more than once"));
                    }
                    self.json_value(value, &below, depth + 1);
                }
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
                for (n, item) in items.into_iter().enumerate() {
                    self.json_value(item, &format!("{place}[{n}]"), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn no_list(&mut self, got: Option<&str>) {
        let message = match got {
            Some(json) => format!("`actions` must be {LIST}, got {}", kind(json)),
            None => format!("`actions` is missing: {LIST}"),
        };
        self.wrong("actions", message);
    }

    fn only_actions<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        for name in names.filter(|name| *name != "actions") {
            self.wrong(name, format!("`{name}` is no member of a file of actions, which has `actions`"));
        }
    }
}

fn member(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// The members of an object as they come, those that come twice included.
#[derive(Default)]
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(All).map(Pairs)
    }
}
