//! The numbers of a trail by the names that a client's metrics have: those that records say, and no others.

use std::collections::BTreeMap;

use cxone_actions::trail::{Event, Filter, Trail, UnfinishedState};
use cxone_actions::{ActionMetrics, Counts, Error};
use serde::Serialize;

use super::actions::Row;
use super::facts::{Attention, Facts};
use super::outcome::{Outcome, Refusal};

/// What a trail says of all calls in it.
#[derive(Debug, Serialize)]
pub(crate) struct Numbers {
    /// So many records were read.
    pub(crate) records: u64,
    /// Lines that are none.
    pub(crate) unreadable: u64,
    #[serde(flatten)]
    pub(crate) all: ActionMetrics,
    /// Requests that the policy refused.
    pub(crate) denied: u64,
    /// Requests that broke the contract.
    pub(crate) invalid: u64,
    /// Sends beyond the first of each invocation.
    pub(crate) retries: u64,
    /// Handlers that raised or did not end in time.
    pub(crate) callback_failures: u64,
    /// What processes that are gone have left: how many of each state.
    pub(crate) unfinished: BTreeMap<&'static str, u64>,
    /// The same by action name (or id), the busiest of them.
    pub(crate) by_action: BTreeMap<String, ActionMetrics>,
}

/// Reads the records that pass the filter.
///
/// # Errors
/// Only where the directory cannot be read.
pub(crate) fn numbers(trail: &Trail, filter: &Filter) -> Result<Numbers, Error> {
    let mut facts = Facts::default();
    for line in trail.records(filter)? {
        match line {
            Ok(line) => facts.take(&line),
            Err(_) => facts.cannot_read(),
        }
    }
    let attention = Attention::of(&mut facts.cases, trail.unfinished().map_err(|error| error.to_string()));
    let states = [UnfinishedState::Unknown, UnfinishedState::Accepted, UnfinishedState::Unsent];
    let all = &facts.actions.all;
    let listed = facts.actions.listed();
    let mut by_action: BTreeMap<String, ActionMetrics> = BTreeMap::new();
    // As a client counts them: an action of which nothing was ever started is in the refusals alone.
    for (id, row) in
        listed.rows.iter().filter(|(_, row)| row.counts.started > 0 || row.counts.all_ended() > 0)
    {
        // Two ids of one name are two actions.
        let name = row.name.as_deref().filter(|name| !by_action.contains_key(*name)).unwrap_or(id);
        by_action.insert(name.to_owned(), measured(row));
    }
    if let Some(rest) = &listed.rest {
        by_action.insert("other".to_owned(), measured(rest));
    }
    Ok(Numbers {
        records: facts.records,
        unreadable: facts.unreadable,
        denied: all.counts.refused(Refusal::Denied),
        invalid: all.counts.refused(Refusal::Invalid),
        retries: facts.repeats,
        callback_failures: facts.count(Event::CallbackFailed),
        unfinished: states.map(|state| (state.as_str(), attention.count(state))).into(),
        all: measured(all),
        by_action,
    })
}

/// What was started and of which no record says how it ended is in flight, as far as a trail can tell.
fn measured(row: &Row) -> ActionMetrics {
    let ended = |outcome| row.counts.ended(outcome);
    ActionMetrics {
        counts: Counts {
            started: row.counts.started,
            completed: ended(Outcome::Completed),
            failed: ended(Outcome::Failed),
            cancelled: ended(Outcome::Cancelled),
            rejected: ended(Outcome::Rejected),
            aborted: ended(Outcome::Aborted),
            unknown: ended(Outcome::Unknown),
            in_flight: row.counts.started.saturating_sub(row.counts.all_ended()),
            detached: 0,
        },
        success_rate: row.counts.success_rate(),
        invoke_latency: row.invoke.distribution(),
        duration: row.duration.distribution(),
    }
}
