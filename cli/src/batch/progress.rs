//! How far a batch is: a bar on a terminal, and otherwise a line now and then.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use cxone_actions::Metrics;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::note;

/// Without a terminal a line is written this often.
const EACH: Duration = Duration::from_secs(10);

/// What the rows of a batch have come to, those of earlier runs among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) unknown: u64,
    /// The gateway has it and it has not ended.
    pub(super) running: u64,
    /// Nothing was sent, for a reason that passes.
    pub(super) put_off: u64,
}

impl Tally {
    pub(super) fn done(self) -> u64 {
        self.completed + self.failed + self.unknown
    }
}

#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    began: Instant,
    /// Those that were done before.
    before: u64,
    told: Instant,
}

impl Progress {
    pub(super) fn new(total: u64, before: u64) -> Progress {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(5));
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        let now = Instant::now();
        Progress { bar, total, began: now, before, told: now }
    }

    /// Shows it, where it is time to.
    pub(super) fn show(&mut self, tally: Tally, metrics: impl FnOnce() -> Metrics) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(tally.done());
                bar.set_message(self.says(tally, &metrics()));
            }
            None if self.told.elapsed() >= EACH => {
                self.told = Instant::now();
                note(&format!("{}/{} {}", tally.done(), self.total, self.says(tally, &metrics())));
            }
            None => {}
        }
    }

    fn says(&self, tally: Tally, metrics: &Metrics) -> String {
        let rate =
            tally.done().saturating_sub(self.before) as f64 / self.began.elapsed().as_secs_f64().max(0.1);
        let mut text = format!("{rate:.0}/s");
        for (count, what) in
            [(tally.failed, "failed"), (tally.unknown, "unknown"), (tally.running, "running")]
        {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        if let (Some(p50), Some(p95)) = (metrics.duration.p50_ms, metrics.duration.p95_ms) {
            text.push_str(&format!(", p50 {p50:.0} ms, p95 {p95:.0} ms"));
        }
        let left = self.total.saturating_sub(tally.done());
        if rate > 0.0 && left > 0 {
            text.push_str(&format!(", {} left", time(left as f64 / rate)));
        }
        text
    }

    /// A line that stays.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note(text)),
            None => note(text),
        }
    }

    /// What this run came to stays on the screen.
    pub(super) fn end(self, tally: Tally, metrics: &Metrics) {
        let Some(bar) = &self.bar else { return };
        if tally.done() == self.before {
            return bar.finish_and_clear();
        }
        bar.set_position(tally.done());
        bar.set_message(self.says(tally, metrics));
        bar.abandon();
        // It fills its line; what comes next begins one of its own.
        note("");
    }
}

/// `2 h 5 min`, `3 min 20 s`, `12 s`.
fn time(seconds: f64) -> String {
    let seconds = seconds.round().min(1e9);
    let (hours, minutes) = ((seconds / 3600.0).floor(), (seconds / 60.0).floor());
    if hours >= 1.0 {
        return format!("{hours} h {} min", minutes - 60.0 * hours);
    }
    if minutes >= 1.0 {
        format!("{minutes} min {} s", seconds - 60.0 * minutes)
    } else {
        format!("{seconds} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_two_units_at_most() {
        for (seconds, text) in [(0.4, "0 s"), (59.0, "59 s"), (200.0, "3 min 20 s"), (7_530.0, "2 h 5 min")] {
            assert_eq!(time(seconds), text);
        }
    }
}
