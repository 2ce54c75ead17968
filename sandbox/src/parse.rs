//! How options and faults are read from JSON: member by member, so that a mistake is told in words of ours, with the
//! member it is in. Text is kept exactly, and what may be a secret is never repeated.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// What is wrong with what stands at a place, such as `actions[0].time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) place: String,
    pub(crate) message: String,
}

impl Mistake {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Mistake { place: place.into(), message: message.into() }
    }

    /// Whether it may be there only because something else could not be read.
    pub(crate) fn may_follow_from(&self, others: &[Mistake]) -> bool {
        let around = |place: &str| {
            self.place.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // Whether there may be errors follows from these.
        let decides = |place: &str| {
            let action = self.place.strip_suffix(".errors").and_then(|action| place.strip_prefix(action));
            matches!(action, Some(".failure_rate" | ".outcome"))
        };
        others.iter().any(|other| around(&other.place) || decides(&other.place))
    }

    /// What should stand at a place, and which sort of JSON does.
    pub(crate) fn must(place: &str, must: &str, json: &str) -> Self {
        Mistake::new(place, format!("`{place}` must be {must}, got {}", number(json)))
    }
}

impl From<Mistake> for String {
    fn from(mistake: Mistake) -> Self {
        mistake.message
    }
}

/// Mistakes that are told together.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// What was read, and where nothing could be, nothing: the mistake is kept.
    pub(crate) fn keep<T: Default>(&mut self, read: Result<T, Mistake>) -> T {
        read.unwrap_or_else(|mistake| {
            self.0.push(mistake);
            T::default()
        })
    }

    pub(crate) fn add(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(Mistake::new(place, message));
    }

    pub(crate) fn all(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.0.extend(mistakes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One sentence after the other.
    pub(crate) fn told(mistakes: impl IntoIterator<Item = Mistake>) -> String {
        mistakes.into_iter().map(String::from).collect::<Vec<_>>().join("; ")
    }
}

impl From<Mistakes> for Vec<Mistake> {
    fn from(mistakes: Mistakes) -> Self {
        mistakes.0
    }
}

/// The members of a JSON object, each of which is taken by its name.
#[derive(Debug)]
pub(crate) struct Members {
    /// What the object is, in a sentence: `a fault`.
    what: &'static str,
    /// Where it stands, for its members' names: `actions[0].`.
    place: String,
    left: BTreeMap<String, Box<RawValue>>,
    known: Vec<&'static str>,
}

impl Members {
    pub(crate) fn read(what: &'static str, place: String, text: &str) -> Result<Self, Mistake> {
        let wrong = |how: String| {
            let place = place.trim_end_matches('.');
            let which = if place.is_empty() { what.to_owned() } else { format!("`{place}`, {what},") };
            Mistake::new(place, format!("{which} must be a JSON object, {how}"))
        };
        if serde_json::from_str::<&RawValue>(text).is_err() {
            return Err(wrong("and this is no JSON".into()));
        }
        let left = serde_json::from_str(text).map_err(|_| wrong(format!("got {}", kind(text))))?;
        Ok(Members { what, place, left, known: Vec::new() })
    }

    /// The member's text as JSON, `null` included.
    pub(crate) fn json(&mut self, name: &'static str) -> Option<Box<RawValue>> {
        self.known.push(name);
        self.left.remove(name)
    }

    /// The member as `read` understands it, which knows what it `must` be; absent where it is absent or `null`.
    fn take<T>(
        &mut self,
        name: &'static str,
        must: impl FnOnce() -> String,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Mistake> {
        self.take_saying(name, must, read, kind)
    }

    /// As [`Members::take`], for a member that is no secret whatever stands there: `got` says what does.
    fn take_saying<T>(
        &mut self,
        name: &'static str,
        must: impl FnOnce() -> String,
        read: impl FnOnce(&str) -> Option<T>,
        got: impl FnOnce(&str) -> String,
    ) -> Result<Option<T>, Mistake> {
        let Some(json) = self.json(name).filter(|json| json.get() != "null") else { return Ok(None) };
        match read(json.get()) {
            Some(value) => Ok(Some(value)),
            None => {
                let place = format!("{}{name}", self.place);
                let message = format!("`{place}` must be {}, got {}", must(), got(json.get()));
                Err(Mistake::new(place, message))
            }
        }
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Mistake> {
        self.take(name, || "a string".into(), typed)
    }

    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Mistake> {
        self.take(name, || "a list of strings".into(), typed)
    }

    pub(crate) fn truth(&mut self, name: &'static str) -> Result<bool, Mistake> {
        Ok(self.take(name, || "true or false".into(), typed)?.unwrap_or_default())
    }

    pub(crate) fn maybe_truth(&mut self, name: &'static str) -> Result<Option<bool>, Mistake> {
        self.take(name, || "true or false".into(), typed)
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn whole(
        &mut self,
        name: &'static str,
        least: u64,
        most: u64,
    ) -> Result<Option<u64>, Mistake> {
        let must = || format!("a whole number from {least} to {most}");
        self.take_saying(name, must, |json| typed(json).filter(|n| (least..=most).contains(n)), number)
    }

    /// A number from `least` to `most`.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        least: f64,
        most: f64,
    ) -> Result<Option<f64>, Mistake> {
        let must = || format!("a number from {least} to {most}");
        self.take_saying(name, must, |json| typed(json).filter(|n| (least..=most).contains(n)), number)
    }

    /// A duration, written as a number of seconds.
    pub(crate) fn seconds(&mut self, name: &'static str) -> Result<Option<Duration>, Mistake> {
        let must = || "a number of seconds of 0 or more".into();
        self.take_saying(name, must, |json| Duration::try_from_secs_f64(typed(json)?).ok(), number)
    }

    /// One of these words, as it is spelt.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Mistake> {
        let must = || one_of(words.iter().map(|(word, _)| *word));
        let meaning = |json: &str| {
            let said: String = typed(json)?;
            words.iter().find(|(word, _)| *word == said).map(|(_, meaning)| *meaning)
        };
        let got = |json: &str| match typed::<String>(json) {
            Some(word) => format!("`{}`", word.chars().take(40).collect::<String>()),
            None => number(json),
        };
        self.take_saying(name, must, meaning, got)
    }

    pub(crate) fn list(&mut self, name: &'static str) -> Result<Vec<Box<RawValue>>, Mistake> {
        Ok(self.take(name, || "a list".into(), typed)?.unwrap_or_default())
    }

    /// An object's members, each as its JSON text.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<BTreeMap<String, Box<RawValue>>, Mistake> {
        Ok(self.take(name, || "an object".into(), typed)?.unwrap_or_default())
    }

    /// To be called when every known member was taken: what is left has a name that nobody knows.
    pub(crate) fn end(self) -> Result<(), Mistake> {
        self.unknown().into_iter().next().map_or(Ok(()), Err)
    }

    /// As [`Members::end`], each of them.
    pub(crate) fn unknown(self) -> Vec<Mistake> {
        let known = self.known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let no_member = |name: &String| {
            let place = format!("{}{name}", self.place);
            let message = format!("`{place}` is no member of {}, which has {known}", self.what);
            Mistake::new(place, message)
        };
        self.left.keys().map(no_member).collect()
    }
}

/// A whole number of times, written as a language writes it: 1 to 2³²−1.
pub(crate) fn times(text: &str) -> Result<u32, String> {
    let most = u32::MAX;
    match text.parse() {
        Ok(times) if times > 0 => Ok(times),
        _ => Err(format!("`times` must be a whole number from 1 to {most}, got {}", number(text))),
    }
}

fn typed<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

/// What sort of thing a JSON text is, and no more: it may be a secret.
pub(crate) fn kind(json: &str) -> String {
    let sort = match json.trim_start().as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'[') => "a list",
        Some(b'{') => "an object",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "something else",
    };
    sort.into()
}

/// As [`kind`], and of a number which one.
fn number(json: &str) -> String {
    match json.trim().as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => json.trim().chars().take(40).collect(),
        _ => kind(json),
    }
}

/// `a`, `b` or `c`.
pub(crate) fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}
