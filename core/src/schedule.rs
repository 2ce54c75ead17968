//! When to look at an invocation.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::wire::Backoff;

pub(crate) const SOONEST: Duration = Duration::from_millis(100);
const LATEST: Duration = Duration::from_secs(5);

/// How often to look where a callback will say when it is worth it: in case it does not.
const SAFETY_NET: Duration = Duration::from_secs(30);
/// When to look again after a look that a callback caused and that found no end: the gateway may have called before all
/// of it knows.
const AFTER_A_CALLBACK: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(400), Duration::from_millis(1600)];

/// When to look again: a quarter of the time that it has taken so far, between 100 ms and 5 s, so that a poll costs few
/// looks and at most a quarter more time. Jitter keeps a thousand that began together from staying together.
#[derive(Debug)]
pub(crate) struct Schedule {
    fixed: Option<Duration>,
    pub(crate) throttled: Backoff,
    /// What is left to wait for after a callback.
    hinted: &'static [Duration],
}

impl Schedule {
    /// `fixed`: the time that was given for it.
    pub(crate) fn new(fixed: Option<Duration>) -> Schedule {
        Schedule { fixed, throttled: Backoff::throttled(), hinted: &[] }
    }

    /// The next look is one that a callback caused.
    pub(crate) fn hint(&mut self) {
        self.hinted = &AFTER_A_CALLBACK;
    }

    /// `expecting`: a callback can come.
    pub(crate) fn after(&mut self, elapsed: Duration, expecting: bool) -> Duration {
        if let Some((first, rest)) = self.hinted.split_first() {
            self.hinted = rest;
            return self.fixed.map_or(*first, |fixed| fixed.min(*first));
        }
        let usual = if expecting { SAFETY_NET } else { (elapsed / 4).clamp(SOONEST, LATEST) };
        self.fixed.unwrap_or_else(|| usual.mul_f64(0.8 + 0.4 * fastrand::f64()))
    }
}

/// When the first look after the answer to the POST comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    AtOnce,
    /// After the schedule's first wait.
    Usual,
}

/// What the first looks at earlier invocations found.
///
/// Many actions have ended by the time that anybody can ask, and then a tenth of a second is most of what a caller waits
/// for. So an action is looked at once where the first look found an end before. Where that finds none it is not tried
/// again until twice as many usual first looks have found an end as the last time, so that an action which takes its time
/// costs hardly a look more.
#[derive(Debug)]
pub(crate) struct Habits([AtomicU32; HABITS]);

/// Two actions that share a place share a habit, which costs a look now and then.
const HABITS: usize = 64;
/// How many usual first looks lie between two tries, at most.
const MOST: u32 = 1024;

/// One habit: how many usual first looks have to find an end before the next try, and the number before.
struct Habit {
    left: u32,
    pause: u32,
}

impl Habit {
    fn read(packed: u32) -> Habit {
        Habit { left: packed & 0xFFFF, pause: packed >> 16 }
    }

    fn packed(&self) -> u32 {
        self.pause << 16 | self.left
    }
}

impl Default for Habits {
    fn default() -> Habits {
        Habits(std::array::from_fn(|_| AtomicU32::new(Habit { left: 1, pause: 1 }.packed())))
    }
}

impl Habits {
    pub(crate) fn first_look(&self, action: &str) -> First {
        let habit = Habit::read(self.of(action).load(Ordering::Relaxed));
        if habit.left == 0 { First::AtOnce } else { First::Usual }
    }

    /// What a first look found. Those that come between reading and writing are missed, and that is no harm.
    pub(crate) fn learn(&self, action: &str, look: First, ended: bool) {
        let place = self.of(action);
        let mut habit = Habit::read(place.load(Ordering::Relaxed));
        match (look, ended) {
            (First::AtOnce, true) if habit.left == 0 && habit.pause == 1 => return,
            (First::AtOnce, true) => habit = Habit { left: 0, pause: 1 },
            (First::AtOnce, false) => {
                let pause = (habit.pause * 2).min(MOST);
                habit = Habit { left: pause, pause };
            }
            (First::Usual, true) => habit.left = habit.left.saturating_sub(1),
            (First::Usual, false) => return,
        }
        place.store(habit.packed(), Ordering::Relaxed);
    }

    fn of(&self, action: &str) -> &AtomicU32 {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(action);
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "it is below the length"
        )]
        &self.0[hash as usize % HABITS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_expects_a_callback_looks_every_half_minute_and_a_little_more_often_after_one() {
        let mut waiting = Schedule::new(None);
        let rarely = Duration::from_secs(24)..=Duration::from_secs(36);
        for elapsed in [0, 1, 10_000] {
            assert!(rarely.contains(&waiting.after(Duration::from_secs(elapsed), true)));
            assert!(waiting.after(Duration::from_secs(elapsed), false) <= LATEST * 2);
        }
        waiting.hint();
        let next: Vec<_> = (0..3).map(|_| waiting.after(Duration::ZERO, true).as_millis()).collect();
        assert_eq!(next, [100, 400, 1600]);
        assert!(rarely.contains(&waiting.after(Duration::ZERO, true)));
    }

    #[test]
    fn a_time_that_was_given_holds_with_callbacks_too() {
        let mut fixed = Schedule::new(Some(Duration::from_millis(250)));
        assert_eq!(fixed.after(Duration::from_secs(9), true), Duration::from_millis(250));
        fixed.hint();
        let next: Vec<_> = (0..3).map(|_| fixed.after(Duration::ZERO, true).as_millis()).collect();
        assert_eq!(next, [100, 250, 250]);
    }

    #[test]
    fn an_action_that_had_ended_at_its_first_look_is_looked_at_once_from_then_on() {
        let habits = Habits::default();
        assert_eq!(habits.first_look("a"), First::Usual);
        habits.learn("a", First::Usual, true);
        for _ in 0..100 {
            assert_eq!(habits.first_look("a"), First::AtOnce);
            habits.learn("a", First::AtOnce, true);
        }
    }

    #[test]
    fn an_action_that_takes_its_time_costs_hardly_a_look_more() {
        for (ends_by_the_usual_look, most) in [(true, 20), (false, 0)] {
            let (habits, mut in_vain) = (Habits::default(), 0);
            for _ in 0..10_000 {
                let first = habits.first_look("slow");
                if first == First::AtOnce {
                    in_vain += 1;
                }
                habits.learn("slow", first, first == First::Usual && ends_by_the_usual_look);
            }
            assert!(in_vain <= most, "{in_vain} looks in vain");
            assert!(in_vain > 0 || !ends_by_the_usual_look, "it is tried now and then");
        }
    }
}
