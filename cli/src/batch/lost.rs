//! Whether the results have lost lines.
//!
//! One promise: a row whose result was delivered is not sent because somebody took its line away. Only where the trail is
//! the batch's alone can that be told: in another one the same ids may be those of another batch of the same file.

use std::collections::HashSet;

use cxone_actions::Client;
use cxone_actions::trail::{Event, Filter};
use serde::Deserialize;

use super::bits::Sieve;
use super::identity::Namespace;
use super::results::Done;
use super::source::Source;
use super::twins::mark;
use crate::failure::Failure;

/// What others wrote into the trail is no line of this batch either; nobody writes so much into it.
const MOST: usize = 100_000;

/// Delivered, and without a line.
#[derive(Debug, Default)]
pub(super) struct Lost(HashSet<String>);

#[derive(Deserialize)]
struct Delivered {
    correlation_id: Option<String>,
}

fn damaged(what: &str) -> Failure {
    Failure::config(format!(
        "{what} was delivered, as the trail says, and has no line in the results: they are not as `batch` left them; \
         restore them, or begin again with another `--out`, which sends every row again"
    ))
}

impl Lost {
    /// `lines`: the ids that have a line.
    pub(super) fn by(client: &Client, lines: &Sieve) -> Result<Lost, Failure> {
        let mut lost = HashSet::new();
        let filter = Filter { event: Some(Event::Delivered), ..Filter::default() };
        for record in client.audit().records(&filter)? {
            let Ok(Delivered { correlation_id: Some(id) }) = serde_json::from_str(&record?) else { continue };
            if !lines.has(mark(&id)) {
                lost.insert(id);
            }
            if lost.len() > MOST {
                return Err(damaged(&format!("the result of more than {MOST} rows")));
            }
        }
        Ok(Lost(lost))
    }

    /// Whether one of them is a row of this batch.
    pub(super) fn find<'a>(
        &self,
        open: impl FnOnce() -> Result<Source<'a>, Failure>,
        namespace: Namespace,
        done: &Done,
    ) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        let mut source = open()?;
        while let Some(row) = source.next()? {
            let is_lost = || namespace.id(&row).is_some_and(|id| self.0.contains(&id));
            if !done.rows.has(row.index) && is_lost() {
                return Err(damaged(&format!("the result of row {}, line {},", row.index, row.line)));
            }
        }
        Ok(())
    }
}
