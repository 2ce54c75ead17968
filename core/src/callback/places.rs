//! Room for connections: so many at once, and beyond that the one that has said nothing for the longest time goes.
//!
//! One promise: whoever opens connections and says nothing keeps nobody out who has something to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

/// Connections at once, where the process may have four times as many file descriptors: the client needs some of its own.
const MOST: usize = 1024;
/// Whoever has just come is not idle yet: what ends together calls together, and what one of them has sent may lie there
/// unread when the next one comes. Much shorter than anybody waits, so that who says nothing holds nobody up either.
const FIRST_WORD: Duration = Duration::from_millis(100);

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: usize,
    /// Those that owe a request, by when that began: the longest first.
    idle: BTreeMap<u64, Idle>,
    next: u64,
}

#[derive(Debug)]
struct Idle {
    /// Before this nobody gets its place who can wait.
    spared: Instant,
    ends: CancellationToken,
}

impl Places {
    pub(super) fn new() -> Arc<Places> {
        Places::of(most())
    }

    fn of(most: usize) -> Arc<Places> {
        Arc::new(Places { most, state: Mutex::default(), freed: Notify::new() })
    }

    /// Ends when there is a place to be had, and soon in any case.
    pub(super) async fn room(&self) {
        let mut by = Instant::now() + FIRST_WORD;
        loop {
            let freed = self.freed.notified();
            {
                let state = self.lock();
                if state.open < self.most {
                    return;
                }
                if let Some((_, longest)) = state.idle.first_key_value() {
                    by = by.min(longest.spared);
                }
            }
            if timeout_at(by, freed).await.is_err() {
                return;
            }
        }
    }

    /// A place for a new connection; none where all are busy with a request.
    pub(super) fn take(self: &Arc<Self>, ends: CancellationToken) -> Option<Place> {
        let mut state = self.lock();
        if state.open >= self.most {
            let (_, longest) = state.idle.pop_first()?;
            longest.ends.cancel();
        }
        state.open += 1;
        drop(state);
        let place = Place { places: self.clone(), ends, idle: Mutex::default() };
        place.waits(Instant::now() + FIRST_WORD);
        Some(place)
    }

    /// Closes the one that has said nothing for the longest time.
    pub(super) fn make_room(&self) {
        if let Some((_, longest)) = self.lock().idle.pop_first() {
            longest.ends.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never more than a quarter of what this process may have open.
#[cfg(unix)]
fn most() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok());
    files.map_or(MOST, |files| (files / 4).clamp(1, MOST))
}

#[cfg(not(unix))]
fn most() -> usize {
    MOST
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    ends: CancellationToken,
    idle: Mutex<Option<u64>>,
}

impl Place {
    /// A request has begun: nobody takes the place now.
    pub(super) fn works(&self) {
        let number = self.number().take();
        if let Some(number) = number {
            self.places.lock().idle.remove(&number);
        }
    }

    /// It owes a request again. It has spoken: it is spared no longer.
    pub(super) fn rests(&self) {
        self.waits(Instant::now());
    }

    fn waits(&self, spared: Instant) {
        let mut state = self.places.lock();
        let number = state.next;
        state.next += 1;
        state.idle.insert(number, Idle { spared, ends: self.ends.clone() });
        *self.number() = Some(number);
    }

    fn number(&self) -> MutexGuard<'_, Option<u64>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.works();
        self.places.lock().open -= 1;
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_makes_room_and_who_works_does_not() {
        let places = Places::of(MOST);
        let ends: Vec<_> = (0..=MOST).map(|_| CancellationToken::new()).collect();
        let mut taken: Vec<_> = ends.iter().take(MOST).map(|end| places.take(end.clone()).unwrap()).collect();
        taken[0].works();
        let newest = places.take(ends[MOST].clone()).unwrap();
        assert_eq!(ends.iter().position(CancellationToken::is_cancelled), Some(1));
        // The one that was sent away leaves its place, and the first rests again: it has come back last.
        taken.remove(1);
        taken[0].rests();
        places.make_room();
        assert!(ends[2].is_cancelled() && !ends[0].is_cancelled());
        newest.works();
        taken.iter().for_each(Place::works);
        places.make_room();
        assert_eq!(ends.iter().filter(|end| end.is_cancelled()).count(), 2);
        let late: Vec<_> =
            (taken.len() + 1..MOST).map(|_| places.take(CancellationToken::new()).unwrap()).collect();
        late.iter().for_each(Place::works);
        assert!(places.take(CancellationToken::new()).is_none(), "all are busy");
        drop((taken, newest, late));
        assert!(places.lock().idle.is_empty() && places.lock().open == 0);
    }

    #[tokio::test]
    async fn who_has_just_come_has_time_to_speak_before_another_one_gets_its_place() {
        let (places, ends) = (Places::of(2), CancellationToken::new());
        let began = Instant::now();
        let (first, second) = (places.take(ends.clone()).unwrap(), places.take(ends.clone()).unwrap());
        places.room().await;
        assert!(began.elapsed() >= FIRST_WORD, "{:?}", began.elapsed());
        let third = places.take(ends.clone()).unwrap();
        assert!(ends.is_cancelled() && places.lock().idle.len() == 2);
        second.works();
        second.rests();
        let spared = places.lock().idle.last_key_value().map(|(_, idle)| idle.spared);
        assert!(spared.unwrap() <= Instant::now(), "who has spoken is spared no longer");
        drop(first);
        let began = Instant::now();
        second.works();
        third.works();
        places.room().await;
        assert!(began.elapsed() >= FIRST_WORD, "all are busy, and nobody leaves: {:?}", began.elapsed());
        // One that leaves is not waited for any longer.
        futures_util::future::join(places.room(), async { drop(third) }).await;
        assert_eq!(places.lock().open, 1);
    }
}
