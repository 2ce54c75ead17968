//! What is done beside writing, on a thread of the trail's own: sealing segments that have their last record, telling the
//! end of the chain to the places for checkpoints, removing what is kept no longer.
//!
//! One promise: nothing of it is waited for by an invocation, and nothing of it is done under the log's lock.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::inner::{Inner, Synced};
use super::run::Complete;
use super::{Checkpoint, Event, retention};
use crate::telemetry::TARGET;

/// A checkpoint is made after so many records, or after this time where there are any.
pub(super) const RECORDS: u64 = 1_000;
const TIME: Duration = Duration::from_secs(60);

/// What is to be done, and by whom.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    errands: Mutex<Errands>,
    ring: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Errands {
    complete: Vec<Complete>,
    checkpoint: bool,
    retention: bool,
    stop: bool,
}

impl Errands {
    fn any(&self) -> bool {
        !self.complete.is_empty() || self.checkpoint || self.retention || self.stop
    }
}

impl Keeper {
    /// Starts the thread, where it does not run.
    pub(super) fn start(self: &Arc<Self>, inner: &Arc<Inner>) {
        let mut thread = lock(&self.thread);
        if thread.is_some() {
            return;
        }
        let (keeper, inner) = (Arc::clone(self), Arc::clone(inner));
        let keep = move || keeper.keep(&inner);
        match thread::Builder::new().name("trail-keep".to_owned()).spawn(keep) {
            Ok(started) => *thread = Some(started),
            // Closing does what is left, and the next segment tries again.
            Err(error) => {
                tracing::error!(target: TARGET, "the audit trail has no thread for its upkeep: {error}");
            }
        }
    }

    pub(super) fn seal(&self, complete: Vec<Complete>) {
        self.ask(|errands| {
            errands.complete.extend(complete);
            errands.retention = true;
        });
    }

    pub(super) fn checkpoint(&self) {
        self.ask(|errands| errands.checkpoint = true);
    }

    pub(super) fn retain(&self) {
        self.ask(|errands| errands.retention = true);
    }

    /// The last errand. Gives back what nobody will seal, because there is no thread.
    pub(super) fn stop(&self, complete: Vec<Complete>) -> Vec<Complete> {
        let runs = lock(&self.thread).is_some();
        self.ask(|errands| {
            errands.complete.extend(complete);
            errands.stop = true;
        });
        if runs { Vec::new() } else { self.abandoned() }
    }

    /// What is still to be sealed.
    pub(super) fn abandoned(&self) -> Vec<Complete> {
        std::mem::take(&mut lock(&self.errands).complete)
    }

    /// Whether nothing is being done any more.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.thread).as_ref().is_none_or(JoinHandle::is_finished)
    }

    fn ask(&self, errand: impl FnOnce(&mut Errands)) {
        errand(&mut lock(&self.errands));
        self.ring.notify_one();
    }

    fn keep(&self, inner: &Inner) {
        let mut desk = Desk { inner, looked: Instant::now(), failing: false };
        loop {
            let errands = self.next();
            let stop = errands.stop;
            desk.run(errands);
            if stop {
                return;
            }
        }
    }

    /// Waits for something to do, or for the time of a checkpoint.
    fn next(&self) -> Errands {
        let errands = lock(&self.errands);
        let (mut errands, _) = self
            .ring
            .wait_timeout_while(errands, TIME, |errands| !errands.any())
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut errands)
    }
}

/// The thread's own.
struct Desk<'a> {
    inner: &'a Inner,
    looked: Instant,
    /// The places fail: said once, until they work again.
    failing: bool,
}

impl Desk<'_> {
    fn run(&mut self, errands: Errands) {
        for complete in errands.complete {
            let checkpoint = self.inner.seal(complete);
            if let Some(checkpoint) = checkpoint.filter(|_| self.inner.places.any()) {
                self.tell(&checkpoint, 0, errands.stop);
            }
        }
        let time = self.looked.elapsed() >= TIME;
        if (errands.checkpoint || time) && !errands.stop && self.inner.places.any() {
            self.looked = Instant::now();
            self.checkpoint();
        }
        if errands.retention && !errands.stop {
            retention::remove(self.inner);
        }
    }

    fn checkpoint(&mut self) {
        let unnoted = self.inner.log().unnoted;
        if unnoted == 0 {
            return;
        }
        // A disk that fails has broken the log, which says so itself.
        if let Ok(Synced { end: Some((segment, head)), .. }) = self.inner.sync() {
            self.tell(&self.inner.checkpoint(segment, head), unnoted, false);
        }
    }

    /// Tells the places, and says in the trail that it did; after its last record it only tells.
    fn tell(&mut self, checkpoint: &Checkpoint, records: u64, silent: bool) {
        let told = self.inner.places.note(checkpoint);
        match &told {
            _ if silent => {}
            Ok(()) => self.inner.noted(&checkpoint.segment, checkpoint.seq, records),
            Err(what) if !self.failing => {
                self.inner.note(Event::Checkpoint, &format!("checkpoints cannot be noted: {what}"));
            }
            Err(_) => {}
        }
        if let Err(what) = &told {
            tracing::warn!(target: TARGET, "a checkpoint of the audit trail cannot be noted: {what}");
        }
        self.failing = told.is_err();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
