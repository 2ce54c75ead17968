//! One thing that was tried.

use std::time::{Duration, Instant};

use cxone_actions::{Error, ErrorKind};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Passed,
    /// It works, and somebody should know something about it.
    Warned,
    /// An invocation would end with an error of this kind.
    Failed(ErrorKind),
    /// It stands on something that is not there.
    Skipped,
}

impl State {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Passed => "ok",
            State::Warned => "warning",
            State::Failed(_) => "failed",
            State::Skipped => "skipped",
        }
    }
}

/// One thing that was tried, what came back, and what to do.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) family: &'static str,
    pub(super) name: &'static str,
    pub(super) tried: String,
    pub(super) state: State,
    pub(super) came_back: String,
    pub(super) todo: Option<String>,
    pub(super) took: Duration,
    began: Instant,
}

impl Check {
    /// The clock runs from here.
    pub(super) fn of(family: &'static str, name: &'static str, tried: impl Into<String>) -> Check {
        Check {
            family,
            name,
            tried: tried.into(),
            state: State::Skipped,
            came_back: String::new(),
            todo: None,
            took: Duration::ZERO,
            began: Instant::now(),
        }
    }

    pub(super) fn passed(self, came_back: impl Into<String>) -> Check {
        self.ended(State::Passed, came_back.into(), None)
    }

    pub(super) fn warned(self, came_back: impl Into<String>, todo: impl Into<String>) -> Check {
        self.ended(State::Warned, came_back.into(), Some(todo.into()))
    }

    pub(super) fn failed(
        self,
        kind: ErrorKind,
        came_back: impl Into<String>,
        todo: impl Into<String>,
    ) -> Check {
        self.ended(State::Failed(kind), came_back.into(), Some(todo.into()))
    }

    /// As the error of a call would say it.
    pub(super) fn failed_by(self, error: &Error) -> Check {
        let todo = error.hint().unwrap_or("look at what the gateway's operator says of it").to_owned();
        self.failed(error.kind(), error.message().to_owned(), todo)
    }

    pub(super) fn skipped(self, why: impl Into<String>) -> Check {
        let mut check = self.ended(State::Skipped, why.into(), None);
        check.took = Duration::ZERO;
        check
    }

    fn ended(mut self, state: State, came_back: String, todo: Option<String>) -> Check {
        self.took = self.began.elapsed();
        Check { state, came_back, todo, ..self }
    }

    /// What an invocation would end with.
    pub(super) fn failure(&self) -> Option<ErrorKind> {
        match self.state {
            State::Failed(kind) => Some(kind),
            _ => None,
        }
    }

    /// `network.tls`.
    pub(super) fn title(&self) -> String {
        format!("{}.{}", self.family, self.name)
    }
}
