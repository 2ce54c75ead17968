//! Durability `power`: one thread asks the disk for everything that was written so far, again and again while anybody
//! waits, so that one `fdatasync` serves all who came before it (group commit).
//!
//! One promise: who was told that a record is settled finds it again after the power was cut. What a sync that failed was
//! for is never said to be settled, whatever a later one says.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use super::failure::Failure;
use super::inner::Inner;

/// Those who wait, and what they wait for.
#[derive(Debug)]
pub(super) struct Group {
    wanted: Mutex<Wanted>,
    ring: Condvar,
    settled: watch::Sender<Settled>,
}

#[derive(Debug, Default)]
struct Wanted {
    position: u64,
    /// The thread sleeps: only then is it woken, which costs a call of the system.
    idle: bool,
    stop: bool,
}

/// What is known of the disk.
#[derive(Debug, Default)]
struct Settled {
    through: u64,
    /// The first and the last record of which a failed sync leaves nothing known.
    lost: Option<(u64, u64)>,
    reason: Failure,
    /// Nobody syncs any more.
    over: bool,
}

impl Settled {
    /// The disk has so many records, except those up to `unknown` that it was not known to have before.
    fn learn(&mut self, written: u64, unknown: Option<(u64, Failure)>) {
        if let Some((last, reason)) = unknown.filter(|(last, _)| *last > self.through) {
            self.lost = Some((self.lost.map_or(self.through + 1, |(first, _)| first), last));
            (self.through, self.reason) = (last, reason);
        }
        self.through = self.through.max(written);
    }

    /// What there is to say of this record, as soon as there is something.
    fn of(&self, position: u64) -> Option<Result<(), Failure>> {
        if self.lost.is_some_and(|(first, last)| (first..=last).contains(&position)) {
            Some(Err(self.reason.clone()))
        } else if self.through >= position {
            Some(Ok(()))
        } else {
            self.over.then(|| Err("it was closed".into()))
        }
    }
}

impl Group {
    pub(super) fn new() -> Group {
        Group { wanted: Mutex::default(), ring: Condvar::new(), settled: watch::Sender::default() }
    }

    /// Returns when the disk has this record, or when it is known that nobody knows whether it has.
    pub(super) async fn settled(&self, position: u64) -> Result<(), Failure> {
        if let Some(known) = self.settled.borrow().of(position) {
            return known;
        }
        self.want(position);
        let mut settled = self.settled.subscribe();
        let found = settled.wait_for(|settled| settled.of(position).is_some()).await;
        found.ok().and_then(|settled| settled.of(position)).unwrap_or_else(|| Err("it is gone".into()))
    }

    fn want(&self, position: u64) {
        let mut wanted = self.wanted();
        wanted.position = wanted.position.max(position);
        if std::mem::take(&mut wanted.idle) {
            self.ring.notify_one();
        }
    }

    /// The thread syncs once more and ends.
    pub(super) fn stop(&self) {
        self.wanted().stop = true;
        self.ring.notify_one();
    }

    /// Waits until somebody wants more than this; whether it is the last time.
    fn more_than(&self, through: u64) -> bool {
        let mut wanted = self.wanted();
        while wanted.position <= through && !wanted.stop {
            wanted.idle = true;
            wanted = self.ring.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
        wanted.idle = false;
        wanted.stop
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread.
pub(super) fn start(inner: Arc<Inner>, group: Arc<Group>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("trail-sync".to_owned()).spawn(move || sync(&inner, &group))
}

fn sync(inner: &Inner, group: &Group) {
    let mut through = 0;
    loop {
        let last = group.more_than(through);
        let synced = inner.sync();
        // A sync that failed may have been somebody else's: the log knows of all of them.
        let unknown = inner.log().unknown.clone();
        group.settled.send_modify(|settled| {
            settled.learn(synced.map_or(0, |synced| synced.written), unknown);
            settled.over = last;
            through = settled.through;
        });
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_sync_was_for_is_never_settled() {
        let mut settled = Settled::default();
        settled.learn(3, None);
        assert_eq!((settled.of(3), settled.of(4)), (Some(Ok(())), None));
        let failed = || Some(Err("no".into()));
        let unknown = Some((6, "no".into()));
        settled.learn(0, unknown.clone());
        let said = |settled: &Settled| [3, 4, 6, 7, 9, 10].map(|position| settled.of(position));
        assert_eq!(said(&settled), [Some(Ok(())), failed(), failed(), None, None, None]);
        // The log goes on saying it.
        settled.learn(9, unknown);
        assert_eq!(said(&settled), [Some(Ok(())), failed(), failed(), Some(Ok(())), Some(Ok(())), None]);
        assert!(Settled { over: true, ..settled }.of(10).is_some_and(|said| said.is_err()));
    }
}
