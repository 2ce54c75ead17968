//! Closing a trail: the last record, the last sync, the last checkpoint, and the end of its threads.

use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use super::{Entry, Event, Power, Trail};
use crate::telemetry::{self, TARGET};

/// How long closing waits for the places of checkpoints, once the disk has everything.
const CLOSING: Duration = Duration::from_millis(750);

impl Trail {
    /// Writes `closed`, syncs, seals the segment and gives its lock back; reading goes on working, appending does not. A
    /// second call does nothing. In a process that inherited the trail by `fork` it only lets go of the file, so that the
    /// segment counts as unheld when its writer dies.
    pub fn close(&self) {
        if !self.end() {
            return;
        }
        let began = Instant::now();
        while !self.is_over(began) {
            thread::sleep(Duration::from_millis(1));
        }
        self.finish();
    }

    /// [`Trail::close`] for whoever must not block its thread.
    pub async fn closed(&self) {
        if !self.end() {
            return;
        }
        let began = Instant::now();
        while !self.is_over(began) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.finish();
    }

    /// Writes the last record; false where there is nothing to wait for.
    fn end(&self) -> bool {
        let Ok(mut log) = self.lock() else {
            // Not ours. Another thread may have held the lock at the fork: then it stays locked for ever, so no waiting.
            if let Ok(mut log) = self.inner.log.try_lock() {
                log.let_go();
            }
            return false;
        };
        let before = log.written;
        let complete = log.close(&self.inner.origin);
        let closed = log.written > before;
        drop(log);
        if closed {
            telemetry::tell(&Entry::new(Event::Closed));
        }
        if let Some(power) = &self.power {
            power.group.stop();
        }
        for complete in self.keeper.stop(complete) {
            if let Some(checkpoint) = self.inner.seal(complete)
                && let Err(what) = self.inner.places.note(&checkpoint)
            {
                tracing::warn!(target: TARGET, "a checkpoint of the audit trail cannot be noted: {what}");
            }
        }
        true
    }

    /// What a thread that hangs in a function of the caller's did not come to: the locks are given back all the same.
    fn finish(&self) {
        for complete in self.keeper.abandoned() {
            self.inner.seal(complete);
        }
        self.inner.log().let_go();
    }

    /// Whether the threads have ended. They are waited for as long as the disk works, and a little longer where a function
    /// that takes note of checkpoints may never return.
    fn is_over(&self, began: Instant) -> bool {
        let syncs = self.power.as_ref().is_some_and(Power::runs);
        !syncs && (self.keeper.is_over() || (self.inner.places.sink.is_some() && began.elapsed() > CLOSING))
    }
}

impl Power {
    fn runs(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

/// A trail that was not closed ends without a word; only its locks are given back. Its threads end by themselves.
impl Drop for Trail {
    fn drop(&mut self) {
        if self.inner.origin.pid != std::process::id() {
            if let Ok(mut log) = self.inner.log.try_lock() {
                log.let_go();
            }
            return;
        }
        self.inner.log().release();
        if let Some(power) = &self.power {
            power.group.stop();
        }
        self.keeper.stop(Vec::new());
    }
}
