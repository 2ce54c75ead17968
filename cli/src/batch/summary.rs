//! How a batch ended: its numbers on stdout, what to do now on stderr, and the code to end with.

use cxone_actions::{Error, ErrorKind};
use serde_json::json;

use super::Arguments;
use super::drive::{Ran, Stopped};
use super::leftovers::Leftovers;
use super::progress::Tally;
use super::resume::Place;
use super::survey::Survey;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output::{ended_with, note, print, print_json, table};
use crate::plain::plain;
use crate::sandbox::shell_word;

#[derive(Debug)]
pub(super) struct Summary {
    rows: u64,
    tally: Tally,
    pub(super) stopped: Option<Stopped>,
    open: Option<Error>,
    out: String,
    trail: String,
    pub(super) leftovers: Leftovers,
}

impl Summary {
    pub(super) fn of(place: &Place, survey: &Survey, tally: Tally, ran: Ran) -> Summary {
        Summary {
            rows: survey.rows,
            tally,
            stopped: ran.stopped,
            open: ran.open,
            out: place.out.display().to_string(),
            trail: place.trail.display().to_string(),
            leftovers: Leftovers::default(),
        }
    }

    /// Nobody who stopped it waits for another reading of the rows.
    pub(super) fn may_write(&self) -> bool {
        !matches!(self.stopped, Some(Stopped::Signal(..) | Stopped::Broken(_)))
    }

    /// Every row has its line.
    pub(super) fn is_complete(&self) -> bool {
        self.tally.done() == self.rows
    }

    pub(super) fn tell(&self, arguments: &Arguments) -> Result<(), Failure> {
        let Tally { completed, failed, unknown, .. } = self.tally;
        let left = self.rows - self.tally.done();
        let shown = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let (failed_rows, unknown_rows) = (shown(&self.leftovers.failed), shown(&self.leftovers.unknown));
        let printed = if arguments.output.is_table() {
            let row = |name: &str, count: u64, file: &Option<String>| {
                [name.to_owned(), count.to_string(), file.clone().unwrap_or_default()]
            };
            print(&table(
                ["outcome", "rows", "file"],
                &[
                    row("completed", completed, &Some(self.out.clone())),
                    row("failed", failed, &failed_rows),
                    row("unknown", unknown, &unknown_rows),
                    row("left", left, &None),
                    row("all", self.rows, &None),
                ],
            ))
        } else {
            print_json(&json!({
                "rows": self.rows,
                "completed": completed,
                "failed": failed,
                "unknown": unknown,
                "left": left,
                "out": self.out,
                "failedRows": failed_rows,
                "unknownRows": unknown_rows,
                "trail": self.trail,
            }))
        };
        self.say_what_to_do(arguments, left);
        let ended = match self.exit_code(left) {
            0 => Ok(()),
            code if matches!(self.stopped, Some(Stopped::Signal(..))) => {
                // Whoever stopped it knows why.
                note(&self.why());
                Err(Failure::silent(code))
            }
            code => Err(Failure { exit_code: code, message: self.why() }),
        };
        ended_with(printed, ended)
    }

    /// What is worth knowing now.
    fn say_what_to_do(&self, arguments: &Arguments, left: u64) {
        if self.tally.unknown > 0 {
            note(
                "whether the unknown ones were executed only the gateway's side can tell: ask before they are given to `batch` again",
            );
        }
        if left > 0 && arguments.settings.is_sandbox() {
            note(&format!(
                "{left} rows are left; the sandbox ends with this command, and what was sent to it cannot be looked after"
            ));
        } else if left > 0 {
            let words = arguments.settings.words();
            let words: String = words.iter().map(|word| format!(" {}", shell_word(word))).collect();
            note(&format!(
                "{left} rows are left; go on with the same settings and\n  cxone-actions batch {} --out {} --resume{words}",
                shell_word(&arguments.file.to_string_lossy()),
                shell_word(&self.out)
            ));
        }
    }

    fn why(&self) -> String {
        match (&self.stopped, &self.open) {
            (Some(Stopped::Error(error)), _) => plain(&format!("the batch was ended: {error}"), 600),
            (Some(Stopped::Broken(what)), _) => {
                format!("{what}; nothing more was sent, and `--resume` goes on")
            }
            (Some(Stopped::Signal(_, true)), _) => {
                "stopped; everything that was under way has ended".to_owned()
            }
            (Some(Stopped::Signal(_, false)), _) => {
                "stopped at once; what was under way is in the trail, and `--resume` looks after it"
                    .to_owned()
            }
            (None, Some(error)) if self.tally.running + self.tally.put_off > 0 => {
                plain(&format!("some rows have no result yet: {error}"), 600)
            }
            _ => String::new(),
        }
    }

    /// The gravest of what happened.
    fn exit_code(&self, left: u64) -> u8 {
        match &self.stopped {
            Some(Stopped::Signal(signal, _)) => return signal.exit_code(),
            Some(Stopped::Error(error)) => return error.kind().exit_code(),
            Some(Stopped::Broken(_)) => return ErrorKind::Audit.exit_code(),
            None => {}
        }
        let Tally { failed, unknown, running, put_off, .. } = self.tally;
        if unknown > 0 {
            ErrorKind::OutcomeUnknown.exit_code()
        } else if put_off > 0 && left > 0 {
            ErrorKind::Unavailable.exit_code()
        } else if running > 0 && left > 0 {
            ErrorKind::PollTimeout.exit_code()
        } else if failed > 0 {
            EXIT_FAILED
        } else {
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::Signal;

    #[test]
    fn the_gravest_of_what_happened_is_the_code_to_end_with() {
        let code = |tally: Tally, stopped: Option<Stopped>| {
            let summary = Summary {
                rows: 100,
                tally,
                stopped,
                open: None,
                out: String::new(),
                trail: String::new(),
                leftovers: Leftovers::default(),
            };
            summary.exit_code(100 - tally.done())
        };
        let fine = Tally { completed: 100, ..Tally::default() };
        let all = Tally { completed: 90, failed: 1, unknown: 1, running: 1, put_off: 1 };
        let cases = [
            (fine, None, 0),
            (Tally { failed: 1, ..fine }, None, 1),
            (Tally { completed: 98, failed: 1, running: 1, ..fine }, None, 6),
            (Tally { completed: 97, failed: 1, running: 1, put_off: 1, ..fine }, None, 7),
            (all, None, 8),
            (all, Some(Stopped::Signal(Signal::Interrupt, true)), 130),
            (all, Some(Stopped::Error(Error::new(ErrorKind::Auth, "no"))), 4),
        ];
        for (tally, stopped, expected) in cases {
            let said = format!("{tally:?} {stopped:?}");
            let left_is_none = tally.done() >= 100;
            let tally = if left_is_none {
                Tally { completed: 100 - tally.failed - tally.unknown, ..tally }
            } else {
                tally
            };
            assert_eq!(code(tally, stopped), expected, "{said}");
        }
    }
}
