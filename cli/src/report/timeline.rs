//! What happened when: counts by intervals of time. Their width doubles and more as the trail turns out to be longer, so
//! that a second and ten years take the same memory, and the records are read once.

use std::collections::BTreeMap;

use super::outcome::Counts;
use super::seen::Micros;
use super::times::Times;

const SECOND: Micros = 1_000_000;
const DAY: Micros = 86_400 * SECOND;
/// Each width is a multiple of the one before it, so that intervals can be joined.
const WIDTHS: [Micros; 16] = [
    SECOND,
    2 * SECOND,
    10 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    600 * SECOND,
    1800 * SECOND,
    3600 * SECOND,
    7200 * SECOND,
    21_600 * SECOND,
    43_200 * SECOND,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
];
/// A Monday: weeks begin on one.
const ORIGIN: Micros = 4 * DAY;
/// As many intervals as a page shows.
const MOST: i64 = 160;

#[derive(Debug, Default)]
pub(super) struct Timeline {
    width: usize,
    slots: BTreeMap<i64, Slot>,
}

/// One interval.
#[derive(Debug, Default, Clone)]
pub(super) struct Slot {
    pub(super) counts: Counts,
    pub(super) duration: Times,
}

impl Timeline {
    /// The interval of this time.
    pub(super) fn at(&mut self, at: Micros) -> &mut Slot {
        self.make_room(at);
        self.slots.entry((at - ORIGIN).div_euclid(self.width())).or_default()
    }

    /// Joins intervals until this time fits in with the others.
    fn make_room(&mut self, at: Micros) {
        while self.width + 1 < WIDTHS.len() {
            let index = (at - ORIGIN).div_euclid(self.width());
            let first = self.slots.keys().next().map_or(index, |first| index.min(*first));
            let last = self.slots.keys().next_back().map_or(index, |last| index.max(*last));
            if last - first < MOST {
                return;
            }
            let before = self.width();
            self.width += 1;
            let times = self.width() / before;
            let mut joined: BTreeMap<i64, Slot> = BTreeMap::new();
            for (index, slot) in std::mem::take(&mut self.slots) {
                let into = joined.entry(index.div_euclid(times)).or_default();
                into.counts.add(&slot.counts);
                into.duration.add(&slot.duration);
            }
            self.slots = joined;
        }
    }

    /// How long an interval is.
    pub(super) fn width(&self) -> Micros {
        WIDTHS.get(self.width).copied().unwrap_or(SECOND)
    }

    /// Every interval from the first to the last with the time at which it begins, those in which nothing happened too.
    pub(super) fn slots(&self) -> Vec<(Micros, Slot)> {
        let (Some(first), Some(last)) = (self.slots.keys().next(), self.slots.keys().next_back()) else {
            return Vec::new();
        };
        (*first..=*last)
            .map(|index| (index * self.width() + ORIGIN, self.slots.get(&index).cloned().unwrap_or_default()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Outcome;
    use super::*;

    fn line(times: impl IntoIterator<Item = Micros>) -> Timeline {
        let mut timeline = Timeline::default();
        for at in times {
            timeline.at(at).counts.end(Outcome::Completed);
        }
        timeline
    }

    #[test]
    fn widths_can_be_joined() {
        for pair in WIDTHS.windows(2) {
            assert_eq!(pair[1] % pair[0], 0, "{pair:?}");
        }
    }

    #[test]
    fn whatever_the_span_and_the_order_no_event_is_lost_and_intervals_are_few() {
        let start: Micros = 1_795_000_000 * SECOND;
        for span in [0, SECOND, 3600 * SECOND, 90 * DAY, 36_500 * DAY] {
            let times: Vec<_> = (0..1000).map(|n| start + (n * 7919 % 1000) * (span / 1000)).collect();
            let slots = line(times).slots();
            assert!(i64::try_from(slots.len()).unwrap() <= MOST + 1, "{span}: {}", slots.len());
            assert_eq!(slots.iter().map(|(_, slot)| slot.counts.all_ended()).sum::<u64>(), 1000);
            assert!(slots[0].0 <= start);
        }
    }

    #[test]
    fn nothing_has_no_intervals() {
        assert!(Timeline::default().slots().is_empty());
    }

    #[test]
    fn weeks_begin_on_a_monday() {
        let monday: jiff::Timestamp = "2026-11-16T00:00:00Z".parse().unwrap();
        assert_eq!((monday.as_microsecond() - ORIGIN) % (7 * DAY), 0);
    }
}
