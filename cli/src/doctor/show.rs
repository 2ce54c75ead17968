//! What was found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::check::{Check, State};
use crate::output::{self, Paint};
use crate::plain::plain;

/// What a stranger says is a sentence; a policy may have several mistakes.
const LONGEST: usize = 2000;
/// As wide where there is no terminal.
const USUAL: usize = 100;
/// Where what was tried begins.
const INDENT: usize = 28;

/// A line for each check, in the width of the terminal, and how many there were of what.
pub(super) fn table(checks: &[Check], paint: Paint) -> String {
    let width = output::width().map_or(USUAL, usize::from);
    let mut text = String::new();
    for check in checks {
        let said = match check.tried.as_str() {
            "" => plain(&check.came_back, LONGEST),
            tried => format!("{}: {}", plain(tried, LONGEST), plain(&check.came_back, LONGEST)),
        };
        let took = match check.state {
            State::Skipped => String::new(),
            _ => format!(" ({:.0} ms)", check.took.as_secs_f64() * 1e3),
        };
        let state = format!("{:<8}", check.state.as_str());
        let state = match check.state {
            State::Passed => paint.good(&state),
            State::Warned => paint.doubtful(&state),
            State::Failed(_) => paint.bad(&state),
            State::Skipped => paint.faint(&state),
        };
        let head = format!("{state} {:<18} ", check.title());
        wrapped(&mut text, &head, &format!("{said}{took}"), width);
        if let Some(todo) = &check.todo {
            wrapped(&mut text, &" ".repeat(INDENT), &format!("do: {}", plain(todo, LONGEST)), width);
        }
    }
    let count = |word: &str| checks.iter().filter(|check| check.state.as_str() == word).count();
    let counts: Vec<_> = ["ok", "warning", "failed", "skipped"]
        .into_iter()
        .map(|word| (word, count(word)))
        .filter(|(word, count)| *count > 0 || *word == "ok")
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}; no action was executed", counts.join(", "));
    text
}

/// The text behind a head, its further lines below its beginning.
fn wrapped(out: &mut String, head: &str, text: &str, width: usize) {
    let room = width.saturating_sub(INDENT).max(30);
    let mut line = String::new();
    let mut head = head.to_owned();
    for word in text.split(' ') {
        let needed = line.chars().count() + word.chars().count() + usize::from(!line.is_empty());
        if !line.is_empty() && needed > room {
            let _ = writeln!(out, "{head}{line}");
            head = " ".repeat(INDENT);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{head}{line}");
}

fn of(check: &Check) -> Value {
    json!({
        "check": check.title(),
        "state": check.state.as_str(),
        "tried": check.tried,
        "came_back": check.came_back,
        "do": check.todo,
        "kind": check.failure().map(cxone_actions::ErrorKind::as_str),
        "ms": (check.took.as_secs_f64() * 1e4).round() / 10.0,
    })
}

pub(super) fn json(checks: &[Check]) -> String {
    let failure = checks.iter().find_map(Check::failure);
    let all: Vec<_> = checks.iter().map(of).collect();
    let exit_code = failure.map_or(0, cxone_actions::ErrorKind::exit_code);
    format!("{}\n", json!({"ok": failure.is_none(), "exit_code": exit_code, "checks": all}))
}

pub(super) fn lines(checks: &[Check]) -> String {
    checks.iter().map(|check| format!("{}\n", of(check))).collect()
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn a_long_text_goes_on_below_its_beginning() {
        let mut out = String::new();
        wrapped(&mut out, "ok       network.tcp        ", &"word ".repeat(12), 60);
        let lines: Vec<_> = out.lines().collect();
        assert!(lines.len() > 1 && lines.iter().all(|line| line.len() <= 60), "{out}");
        assert!(
            lines[0].starts_with("ok       network.tcp        word") && lines[1].starts_with(&" ".repeat(28))
        );
    }
}
