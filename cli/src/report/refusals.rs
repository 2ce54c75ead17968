//! Who was refused what: each pair of actor and action with its reasons, and the number of those that are not listed.

use std::collections::{BTreeMap, HashMap};

use super::outcome::Refusal;
use super::seen::Micros;

/// More pairs than this are counted together.
const FOLLOWED: usize = 1000;
/// As many as the page lists.
const LISTED: usize = 50;
/// More reasons of one pair than this are counted together.
const REASONS: usize = 20;
/// A reason is a path and a code; a longer one is cut.
const REASON_BYTES: usize = 200;

#[derive(Debug, Default, Clone)]
pub(super) struct Refused {
    pub(super) counts: [u64; 2],
    pub(super) first: Option<Micros>,
    pub(super) last: Option<Micros>,
    reasons: BTreeMap<Box<str>, u64>,
}

impl Refused {
    pub(super) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The most frequent reasons, each with its number.
    pub(super) fn reasons(&self) -> Vec<(&str, u64)> {
        let mut reasons: Vec<_> = self.reasons.iter().map(|(reason, count)| (&**reason, *count)).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    fn add(&mut self, refusal: Refusal, at: Option<Micros>, note: &str) {
        if let Some(count) = self.counts.get_mut(refusal as usize) {
            *count += 1;
        }
        self.first = [self.first, at].into_iter().flatten().min();
        self.last = self.last.max(at);
        for reason in note.split(", ").filter(|reason| !reason.is_empty()) {
            let end = (0..=REASON_BYTES.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
            let reason = reason.get(..end.unwrap_or(0)).unwrap_or_default();
            if let Some(count) = self.reasons.get_mut(reason) {
                *count += 1;
            } else if self.reasons.len() < REASONS {
                self.reasons.insert(reason.into(), 1);
            } else {
                *self.reasons.entry("other reasons".into()).or_default() += 1;
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// By actor and action.
    rows: HashMap<(Box<str>, Box<str>), Refused>,
    rest: Refused,
}

/// One line of the page: who, which action, what.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) actor: Box<str>,
    pub(super) action: Box<str>,
    pub(super) refused: Refused,
}

impl Refusals {
    pub(super) fn add(
        &mut self,
        refusal: Refusal,
        (actor, action): (&str, &str),
        at: Option<Micros>,
        note: &str,
    ) {
        let key = (Box::from(actor), Box::from(action));
        if !self.rows.contains_key(&key) && self.rows.len() >= FOLLOWED {
            return self.rest.add(refusal, at, note);
        }
        self.rows.entry(key).or_default().add(refusal, at, note);
    }

    /// The most frequent first, denials before the rest; and how many refusals are not in the list.
    pub(super) fn listed(&self) -> (Vec<Line>, u64) {
        let mut lines: Vec<_> = self
            .rows
            .iter()
            .map(|((actor, action), refused)| Line {
                actor: actor.clone(),
                action: action.clone(),
                refused: refused.clone(),
            })
            .collect();
        lines.sort_by(|one, other| {
            let by = |line: &Line| (line.refused.counts, line.refused.last);
            by(other)
                .cmp(&by(one))
                .then_with(|| (&one.actor, &one.action).cmp(&(&other.actor, &other.action)))
        });
        let more = lines.get(LISTED..).unwrap_or_default();
        let unlisted = self.rest.total() + more.iter().map(|line| line.refused.total()).sum::<u64>();
        lines.truncate(LISTED);
        (lines, unlisted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_can_fill_the_memory_with_names_and_reasons_and_nothing_is_lost() {
        let mut refusals = Refusals::default();
        for n in 0..5000 {
            let (actor, note) = (format!("actor-{n}"), format!("/inputs/{n} not_allowed"));
            refusals.add(Refusal::Denied, (&actor, "action"), Some(n), &note);
            refusals.add(Refusal::Denied, ("mallory", "action"), Some(n), &note);
        }
        let (lines, unlisted) = refusals.listed();
        assert_eq!((&*lines[0].actor, lines[0].refused.total()), ("mallory", 5000));
        assert_eq!(lines[0].refused.reasons().len(), REASONS + 1);
        assert_eq!((lines[0].refused.first, lines[0].refused.last), (Some(0), Some(4999)));
        let listed: u64 = lines.iter().map(|line| line.refused.total()).sum();
        assert_eq!((lines.len(), listed + unlisted), (LISTED, 10_000));
    }
}
