//! Why something could not be written: in words, and by the code of the system's where it decided it. Both stay with what
//! is broken, so that whoever comes later is told the same as who came first.

use std::fmt;
use std::io;

use crate::cause::Cause;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failure {
    what: String,
    pub(super) cause: Option<Cause>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure { what: error.to_string(), cause: Cause::of_file(&error) }
    }
}

impl From<&str> for Failure {
    fn from(what: &str) -> Failure {
        Failure { what: what.to_owned(), cause: None }
    }
}
