//! `audit report`: one page for the person who answers for these calls.
//!
//! One promise: the page says what the trail says, whatever is in it, and holds everything that it shows. It needs no
//! network and runs no script; every text of the trail is a text on the page.

mod actions;
mod cases;
mod facts;
mod numbers;
mod outcome;
mod page;
mod refusals;
mod seen;
mod timeline;
mod times;

use cxone_actions::trail::{Event, Filter, Trail, Verification};
use jiff::Timestamp;

use facts::{Attention, Facts, Notes};

pub(crate) use numbers::{Numbers, numbers};

/// What a page is about.
#[derive(Debug)]
pub(crate) struct About {
    /// What stands above it.
    pub(crate) title: String,
    /// Where the trail is.
    pub(crate) directory: String,
    /// When the page was made.
    pub(crate) made: Timestamp,
    /// Which records it shows.
    pub(crate) filter: Filter,
}

/// Reads the trail and gives back the page.
///
/// # Errors
/// Only where the directory cannot be read: what is wrong with its records is on the page.
pub(crate) fn report(
    about: &About,
    trail: &Trail,
    verification: &Verification,
) -> Result<String, cxone_actions::Error> {
    let mut facts = Facts::default();
    for line in trail.records(&about.filter)? {
        match line {
            Ok(line) => facts.take(&line),
            Err(_) => facts.cannot_read(),
        }
    }
    if about.filter != Filter::default() {
        facts.gaps = gaps(trail)?;
    }
    let unfinished = trail.unfinished().map_err(|error| error.to_string());
    let attention = Attention::of(&mut facts.cases, unfinished);
    Ok(page::page(about, verification, &facts, &attention).into_string())
}

/// What is missing from the whole trail, whichever period is shown: it is said beside what verifying found.
fn gaps(trail: &Trail) -> Result<Notes, cxone_actions::Error> {
    let mut facts = Facts::default();
    let filter = Filter { event: Some(Event::Gap), ..Filter::default() };
    trail.records(&filter)?.filter_map(Result::ok).for_each(|line| facts.take(&line));
    Ok(facts.gaps)
}
