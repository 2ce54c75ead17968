//! Collects everything that is wrong with the options, so that it is all said at once.

use crate::contract::Violation;
use crate::error::{Error, ErrorKind, Result};

use super::table::{Dialect, spec};

#[derive(Debug)]
pub(crate) struct Mistakes {
    dialect: Dialect,
    list: Vec<Violation>,
    /// So many of them are of options that could not even be read.
    unread: usize,
}

impl Mistakes {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Mistakes::after(dialect, Vec::new())
    }

    /// Goes on after what could not even be read.
    pub(super) fn after(dialect: Dialect, unread: Vec<Violation>) -> Self {
        Mistakes { dialect, unread: unread.len(), list: unread }
    }

    /// Whether the option was given and could not be read: a wrong one is not a missing one.
    pub(super) fn unread(&self, option: &str) -> bool {
        let name = self.name(option);
        self.list.iter().take(self.unread).any(|violation| violation.path == name)
    }

    pub(super) fn into_list(self) -> Vec<Violation> {
        self.list
    }

    /// The option's name as this language writes it.
    pub(crate) fn name(&self, option: &str) -> &'static str {
        spec(option).map_or("?", |spec| spec.name_in(self.dialect))
    }

    /// `rule` goes on after the option's name: "must be …". Of an option that could not be read, that is said alone.
    pub(crate) fn add(&mut self, option: &str, code: &str, rule: impl AsRef<str>) {
        if self.unread(option) {
            return;
        }
        let name = self.name(option);
        self.add_named(name, code, format!("`{name}` {}", rule.as_ref()));
    }

    pub(crate) fn add_named(&mut self, path: &str, code: &str, message: String) {
        self.list.push(Violation { path: path.to_owned(), code: code.to_owned(), message });
    }

    /// Takes the mistakes of somebody else's error, which keep their own paths.
    pub(crate) fn absorb(&mut self, option: &str, error: &Error) {
        if error.violations().is_empty() {
            let name = self.name(option);
            self.add_named(name, "invalid", error.to_string());
        }
        self.list.extend_from_slice(error.violations());
    }

    pub(crate) fn into_result(self) -> Result<()> {
        let Some(first) = self.list.first() else { return Ok(()) };
        let message = match self.list.len() {
            1 => first.message.clone(),
            n => {
                let all: Vec<_> = self.list.iter().map(|v| v.message.as_str()).collect();
                format!("{n} options cannot work: {}", all.join("; "))
            }
        };
        Err(Error::new(ErrorKind::Config, message).with_violations(self.list))
    }
}
