//! What became of each action: as many by name as a page bears, the busiest first, and the rest together.

use std::collections::HashMap;

use super::outcome::Counts;
use super::times::Times;

/// As many as the page names.
const NAMED: usize = 100;
/// As many as are told apart while reading, so that the busiest are known at the end.
const FOLLOWED: usize = 1000;

#[derive(Debug, Default, Clone)]
pub(super) struct Row {
    /// What the policy calls it, where it does.
    pub(super) name: Option<Box<str>>,
    pub(super) counts: Counts,
    /// From the call to the acceptance.
    pub(super) invoke: Times,
    /// From the call to the terminal state.
    pub(super) duration: Times,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.counts.add(&other.counts);
        self.invoke.add(&other.invoke);
        self.duration.add(&other.duration);
    }

    fn volume(&self) -> u64 {
        self.counts.started + self.counts.all_refused()
    }
}

#[derive(Debug, Default)]
pub(super) struct Actions {
    pub(super) all: Row,
    rows: HashMap<Box<str>, Row>,
    rest: Row,
}

/// The actions of a page.
#[derive(Debug)]
pub(super) struct Listed {
    /// By id, the busiest first.
    pub(super) rows: Vec<(Box<str>, Row)>,
    /// All others together, where there are others.
    pub(super) rest: Option<Row>,
}

impl Actions {
    /// Does this to the row of the action and to that of all of them.
    pub(super) fn each(&mut self, id: Option<&str>, name: Option<&str>, mut step: impl FnMut(&mut Row)) {
        step(&mut self.all);
        let id = id.unwrap_or_default();
        if !self.rows.contains_key(id) {
            if self.rows.len() >= FOLLOWED {
                return step(&mut self.rest);
            }
            self.rows.insert(id.into(), Row::default());
        }
        if let Some(row) = self.rows.get_mut(id) {
            if let Some(name) = name
                && row.name.as_deref() != Some(name)
            {
                row.name = Some(name.into());
            }
            step(row);
        }
    }

    pub(super) fn name_of(&self, id: &str) -> Option<&str> {
        self.rows.get(id)?.name.as_deref()
    }

    pub(super) fn listed(&self) -> Listed {
        let mut rows: Vec<_> = self.rows.iter().map(|(id, row)| (id.clone(), row.clone())).collect();
        rows.sort_by(|(a, one), (b, other)| other.volume().cmp(&one.volume()).then_with(|| a.cmp(b)));
        let mut rest = self.rest.clone();
        for (_, row) in rows.get(NAMED..).unwrap_or_default() {
            rest.add(row);
        }
        rows.truncate(NAMED);
        Listed { rows, rest: (rest.volume() > 0 || rest.duration.count() > 0).then_some(rest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_are_named_and_nothing_is_lost_in_the_rest() {
        let mut actions = Actions::default();
        for n in 0..5000_u64 {
            // Number 777 is the busiest of those that are followed.
            for _ in 0..if n == 777 { 50 } else { 1 } {
                actions.each(Some(&format!("action-{n}")), None, |row| {
                    row.counts.started += 1;
                    row.duration.record_ms(1.0);
                });
            }
        }
        let listed = actions.listed();
        assert_eq!(listed.rows.len(), NAMED);
        assert_eq!(&*listed.rows[0].0, "action-777");
        let rest = listed.rest.unwrap();
        let named: u64 = listed.rows.iter().map(|(_, row)| row.counts.started).sum();
        assert_eq!(named + rest.counts.started, 5049);
        assert_eq!(rest.duration.count(), rest.counts.started);
        assert_eq!(actions.all.counts.started, 5049);
    }
}
