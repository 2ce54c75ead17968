//! Whose turn it is: the gate, the rate and a permit, asked for in one place by everything that is sent to the gateway,
//! and the one place where an answer's headers are looked at for what they say of the next requests.
//!
//! Where nothing stands in the way a turn costs a few atomic operations. Otherwise a request stands in line (see
//! [`super::permits`]), holds no permit while the gate or the rate keeps it, and learns at once when its turn would come
//! after its deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::gate::{Gate, Probe};
use super::permits::{Line, Permit, Permits};
use super::rate::Rate;
use super::{Answer, Failure, retry_after};
use crate::config::RateLimit;
use crate::error::{Error, ErrorKind, Result};

/// What a client may have on the wire.
#[derive(Debug)]
pub(crate) struct Bounds<'a> {
    pub(crate) in_flight: u32,
    pub(crate) queued: u32,
    pub(crate) rate: Option<RateLimit>,
    /// Whether everything counts for the rate, or new invocations alone.
    pub(crate) rate_counts_polls: bool,
    /// Statuses that prove that a request was not processed.
    pub(crate) unprocessed: &'a [u16],
}

#[derive(Debug)]
pub(crate) struct Turns {
    gate: Gate,
    rate: Rate,
    permits: Permits,
    /// Statuses that are a reason to wait for everybody.
    shutting: Vec<u16>,
    /// Rung when those at the front have to look again.
    changed: Notify,
}

/// The right to send one request. Say what was answered: a turn that is dropped has learned nothing.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    probe: Option<Probe>,
    _permit: Permit,
}

/// What stands in the way, and when to ask again.
enum Kept {
    ByGate(Instant),
    /// The deadline may be before the next one: then waiting is in vain.
    ByRate(Instant),
}

/// What an answer says of the time of the next send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// How long the gateway asks to wait.
    pub(crate) asked: Option<Duration>,
    /// How long nobody sends because of it.
    pub(crate) kept: Option<Duration>,
}

impl Turns {
    pub(crate) fn new(bounds: &Bounds<'_>) -> Arc<Turns> {
        // 425 is about one request's own timing, not about how many there are.
        let unprocessed = bounds.unprocessed.iter().copied().filter(|status| *status != 425);
        Arc::new(Turns {
            gate: Gate::default(),
            rate: Rate::new(bounds.rate, bounds.rate_counts_polls),
            permits: Permits::new(bounds.in_flight, bounds.queued),
            shutting: unprocessed.chain([429]).collect(),
            changed: Notify::new(),
        })
    }

    /// A turn before the deadline.
    ///
    /// # Errors
    /// [`ErrorKind::Overloaded`] at once when the line is full, or when no permit became free in time;
    /// [`ErrorKind::RateLimited`] at once when the gate or the rate lets nobody through before the deadline.
    pub(crate) async fn take(self: &Arc<Self>, line: Line, deadline: Instant) -> Result<Turn> {
        match self.at_once(line) {
            Some(turn) => Ok(turn),
            None => self.in_line(line, deadline).await,
        }
    }

    /// A turn for a look: after `last` it is not kept by gate or rate any more, for it would not be taken otherwise.
    pub(crate) async fn take_look(self: &Arc<Self>, last: Instant) -> Result<Turn> {
        match self.take(Line::Begun, last).await {
            Ok(turn) => Ok(turn),
            Err(_) => {
                sleep_until(last).await;
                Ok(self.turn(self.permits.free().await?, None))
            }
        }
    }

    /// How long the gate or the rate keeps everybody, as far as the gateway has said.
    fn kept_until(&self) -> Option<Instant> {
        self.gate.shut_until().max(self.rate.shut_until())
    }

    /// A turn without waiting.
    pub(crate) fn at_once(self: &Arc<Self>, line: Line) -> Option<Turn> {
        if !self.gate.is_open() {
            return None;
        }
        let permit = self.permits.at_once()?;
        self.rate.take(line, Instant::now()).ok()?;
        Some(self.turn(permit, None))
    }

    async fn in_line(self: &Arc<Self>, line: Line, deadline: Instant) -> Result<Turn> {
        let place = self.permits.line_up(line)?;
        let turn = async {
            let _front = place.front().await;
            // Boxed: fifty thousand may stand in line, and at most two at the front.
            Box::pin(self.at_the_front(line, deadline)).await
        };
        tokio::select! {
            biased;
            turn = timeout_at(deadline, turn) => turn.unwrap_or_else(|_| Err(self.late())),
            error = self.kept_beyond(deadline) => Err(error),
        }
    }

    /// Waits for the gate and the rate, without a permit, until all three are there in one moment.
    async fn at_the_front(self: &Arc<Self>, line: Line, deadline: Instant) -> Result<Turn> {
        loop {
            let changed = self.changed.notified();
            let next = match self.gate.not_before(Instant::now()) {
                Some(next) => next,
                None => {
                    let permit = self.permits.free().await?;
                    match self.pass(line) {
                        Ok(probe) => return Ok(self.turn(permit, probe)),
                        Err(Kept::ByRate(next)) if next >= deadline => return Err(limited(next)),
                        Err(Kept::ByRate(next) | Kept::ByGate(next)) => next,
                    }
                }
            };
            tokio::select! {
                () = sleep_until(next) => {}
                () = changed => {}
            }
        }
    }

    fn pass(&self, line: Line) -> Result<Option<Probe>, Kept> {
        let now = Instant::now();
        // Asked first, so that no send is taken from the rate for a request that the gate keeps.
        if let Some(next) = self.gate.not_before(now) {
            return Err(Kept::ByGate(next));
        }
        self.rate.take(line, now).map_err(Kept::ByRate)?;
        self.gate.pass(now, self.permits.waiting().saturating_sub(1)).map_err(Kept::ByGate)
    }

    /// Ends when it is known that nobody goes before the deadline.
    async fn kept_beyond(&self, deadline: Instant) -> Error {
        loop {
            let changed = self.changed.notified();
            if let Some(until) = self.kept_until().filter(|until| *until >= deadline) {
                return limited(until);
            }
            changed.await;
        }
    }

    fn late(&self) -> Error {
        let now = Instant::now();
        if let Some(next) = self.gate.not_before(now).max(self.rate.not_before(now)) {
            return limited(next);
        }
        Error::new(ErrorKind::Overloaded, "no permit became free before the deadline").with_hint(LATE_HINT)
    }

    fn turn(self: &Arc<Self>, permit: Permit, probe: Option<Probe>) -> Turn {
        Turn { turns: self.clone(), probe, _permit: permit }
    }
}

impl Turn {
    /// What came back, for those who come next.
    pub(crate) fn answered(mut self, outcome: &Result<Answer, Failure>) -> Heard {
        let (turns, now, probe) = (self.turns.clone(), Instant::now(), self.probe.take());
        let nothing_left = outcome.as_ref().is_ok_and(|answer| turns.rate.learn(&answer.headers, now));
        let mut asked = outcome.as_ref().ok().and_then(retry_after);
        let shut = match outcome {
            Ok(answer) if turns.shutting.contains(&answer.status) => Some(turns.gate.shut(asked, probe, now)),
            _ => {
                if let Some(probe) = probe {
                    turns.gate.passed(probe, now, turns.permits.waiting());
                }
                None
            }
        };
        if nothing_left || shut.is_some() || probe.is_some() {
            turns.changed.notify_waiters();
        }
        if shut.is_some() && nothing_left {
            asked = asked.max(turns.rate.shut_until().map(|until| until.saturating_duration_since(now)));
        }
        Heard { asked, kept: shut.map(|shut| asked.map_or(shut, |asked| asked.max(shut))) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(probe) = self.probe.take() {
            self.turns.gate.gave_up(probe, Instant::now());
            self.turns.changed.notify_waiters();
        }
    }
}

const LATE_HINT: &str = "nothing was sent; allow a longer `timeout`, or send less at once";

fn limited(until: Instant) -> Error {
    Error::new(ErrorKind::RateLimited, "no request may be sent before the deadline: the rate is limited")
        .with_hint("nothing was sent; call again later, or send less")
        .with_retry_after(until.saturating_duration_since(Instant::now()))
}
