//! Everything that is wrong with a document, by file, line and key, said at once.

use super::Lines;
use crate::contract::Violation;
use crate::contract::pointer;
use crate::error::{Error, ErrorKind};

/// A document that is torn in its middle has a mistake in every line: so many are told, and how many more there are.
const MOST: usize = 100;

/// The mistakes of one document, in the order in which they were found.
#[derive(Debug)]
pub(crate) struct Mistakes {
    /// What messages call the document: "the policy".
    noun: &'static str,
    /// The file; none where the document was given as an object.
    origin: Option<String>,
    pub(super) lines: Lines,
    list: Vec<(Option<usize>, Violation)>,
    /// What was found beyond them.
    more: usize,
}

impl Mistakes {
    pub(super) fn new(noun: &'static str, origin: Option<&str>) -> Self {
        Mistakes { noun, origin: origin.map(str::to_owned), lines: Lines::new(), list: Vec::new(), more: 0 }
    }

    /// `rule` goes on after the name of the key: "must be …".
    pub(crate) fn add(&mut self, path: &str, code: &str, rule: &str) {
        let line = self.line(path);
        self.put(path, line, code, rule);
    }

    /// A mistake of the text itself, of which each line is named once.
    pub(super) fn add_at_line(&mut self, line: usize, code: &str, rule: &str) {
        if !self.list.iter().any(|(known, violation)| *known == Some(line) && violation.code == code) {
            self.put("", Some(line), code, rule);
        }
    }

    /// Whether something was found at this place.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.list.iter().any(|(_, violation)| violation.path == path)
    }

    /// Whether something was found inside of what stands at this place.
    pub(crate) fn knows_below(&self, path: &str) -> bool {
        self.list
            .iter()
            .any(|(_, violation)| violation.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn put(&mut self, path: &str, line: Option<usize>, code: &str, rule: &str) {
        if self.list.len() == MOST {
            self.more += 1;
            return;
        }
        let name = pointer::name_below(self.noun, path);
        let place = match (&self.origin, line) {
            (Some(file), Some(line)) => format!(" ({file}, line {line})"),
            (Some(file), None) => format!(" ({file})"),
            (None, Some(line)) if path.is_empty() => format!(" (line {line})"),
            (None, _) if path.is_empty() => String::new(),
            (None, _) => format!(" (in {})", self.noun),
        };
        self.list.push((line, Violation::new(path, code, format!("{name} {rule}{place}"))));
    }

    /// The line of this place, or of the nearest one around it.
    fn line(&self, path: &str) -> Option<usize> {
        let mut around = Some(path);
        while let Some(path) = around {
            if let Some(line) = self.lines.get(path) {
                return Some(*line);
            }
            around = path.rfind('/').and_then(|cut| path.get(..cut));
        }
        None
    }

    /// One error that names them all.
    pub(crate) fn into_error(mut self) -> Error {
        self.list.sort_by_key(|(line, _)| *line);
        let mut violations: Vec<Violation> = self.list.into_iter().map(|(_, violation)| violation).collect();
        if self.more > 0 {
            let message = format!("and {} more mistakes of {}", self.more, self.noun);
            violations.push(Violation::new("", "more", message));
        }
        let all: Vec<&str> = violations.iter().map(|violation| violation.message.as_str()).collect();
        Error::new(ErrorKind::Config, all.join("; "))
            .with_hint(format!("mend {}; nothing is sent while it cannot be read", self.noun))
            .with_violations(violations)
    }
}
