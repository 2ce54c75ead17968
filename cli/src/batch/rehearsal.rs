//! `batch --dry-run`: what contract and policy say of every row. Nothing is sent, recorded or written.

use cxone_actions::{ErrorKind, Executed, Rules};
use jiff::Timestamp;
use serde_json::json;

use super::Arguments;
use super::drive::cannot_be_sent;
use super::identity::Namespace;
use super::line::mistakes;
use super::reading::Reading;
use super::source::Source;
use super::survey::Survey;
use super::table::Typing;
use crate::failure::Failure;
use crate::output::{ended_with, print};
use crate::plain::plain;

/// A reason is a sentence; what a caller named an input may be longer.
const SHOWN: usize = 400;

pub(super) fn run(
    arguments: &Arguments,
    reading: &Reading,
    typing: &Typing<'_>,
    rules: &Rules,
) -> Result<(), Failure> {
    let survey = Survey::of(&arguments.file, reading, typing, None)?;
    let namespace = Namespace::of(&survey.file, arguments.batch_id.as_deref(), reading);
    let mut source = Source::open(&arguments.file, reading, typing, Some(survey.file.bytes), None)?;
    let (mut twins, mut refused, mut looked) = (survey.twins, 0_u64, 0_u64);
    let most = arguments.limit.unwrap_or(u64::MAX);
    // Whoever has seen enough of the refused rows has seen one.
    let refusal = |unread: Failure| Failure { exit_code: ErrorKind::Denied.exit_code(), ..unread };
    while looked < most
        && let Some(row) = source.next()?
    {
        looked += 1;
        let id = namespace.id(&row);
        let twin = twins.first(&row);
        let mut wrong = cannot_be_sent(&row, twin);
        let mut kind = ErrorKind::Validation;
        if wrong.is_empty() {
            let verdict =
                rules.check(row.request(reading.action.as_deref(), id.as_deref()), Timestamp::now());
            kind = verdict.kind.unwrap_or(kind);
            wrong = verdict.violations;
        }
        if wrong.is_empty() {
            continue;
        }
        refused += 1;
        if arguments.output.is_table() {
            let mut text = format!("row {}, line {}: {}\n", row.index, row.line, kind.as_str());
            for violation in &wrong {
                let path = if violation.path.is_empty() { "/" } else { &violation.path };
                text.push_str(&format!("  {}: {}\n", plain(path, SHOWN), plain(&violation.message, SHOWN)));
            }
            print(&text).map_err(refusal)?;
        } else {
            let error = mistakes(wrong, None);
            print(&format!(
                "{}\n",
                json!({
                    "index": row.index,
                    "line": row.line,
                    "correlationId": id,
                    "status": null,
                    "executed": Executed::No.as_str(),
                    "error": { "kind": kind.as_str(), "code": kind.code(), "violations": error.violations() },
                })
            ))
            .map_err(refusal)?;
        }
    }
    let printed = if arguments.output.is_table() {
        print(&format!("{looked} rows: {} can be sent, {refused} cannot\n", looked - refused))
    } else {
        Ok(())
    };
    let exit_code = ErrorKind::Denied.exit_code();
    let judged = match refused {
        0 => Ok(()),
        1 => Err(Failure { exit_code, message: "a row is refused".to_owned() }),
        many => Err(Failure { exit_code, message: format!("{many} rows are refused") }),
    };
    ended_with(printed, judged)
}
