//! What the console shows: the last invocations, the last exchanges, and the last minutes in figures.
//!
//! Recording is what the gateway pays for being watched, so it copies next to nothing: an exchange shares the request
//! with [`Memory`](crate::seen::Memory) and the answer with the socket. It is bounded however much there was to see.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use jiff::Timestamp;
use uuid::Uuid;

use super::masks;
use super::series::Series;
use crate::actions::{Action, Outcome};
use crate::faults::Close;
use crate::invocations::{Invocations, Phase};
use crate::seen::{Masks, Seen, weight};

/// How many invocations are listed.
pub(super) const ENTRIES: usize = 5_000;
/// How many exchanges are kept, and how many bytes of them.
pub(super) const EXCHANGES: usize = 10_000;
pub(super) const EXCHANGED_BYTES: usize = 32 * 1024 * 1024;
/// How much of the inputs a list needs; the whole stands in the exchange.
const INPUTS_SHOWN: usize = 600;

/// When an invocation ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// As [`Invocations`] says when it is asked.
    WhenAsked,
    /// Then and so, because the answer to the POST is the result.
    At(Instant, Outcome),
    /// Its POST waits in vain.
    Never,
}

/// An invocation in the list.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) action: Arc<Action>,
    /// Masked: what names an invocation is the caller's to choose, and may be anything.
    pub(super) correlation_id: Option<Box<str>>,
    /// The beginning of its inputs, masked.
    pub(super) inputs: Box<str>,
    pub(super) accepted: Instant,
    pub(super) launched: Timestamp,
    /// Requests that were about it, the POST included.
    pub(super) calls: u32,
    /// How long after its acceptance an answer said how it ended.
    pub(super) learned: Option<Duration>,
    /// How it ended, once it is certain.
    pub(super) ended: Option<Outcome>,
    ends: Ends,
    pub(super) by_hand: bool,
}

impl Entry {
    /// How far it is; nothing where that was forgotten before it ended.
    pub(super) fn phase(&mut self, invocations: &Invocations, now: Instant) -> Option<Phase> {
        if let Some(outcome) = self.ended {
            return Some(Phase::Ended(outcome));
        }
        let phase = match self.ends {
            Ends::WhenAsked => invocations.phase(self.id, now),
            Ends::At(over, outcome) if now >= over => Some(Phase::Ended(outcome)),
            Ends::At(..) | Ends::Never => Some(Phase::Running),
        };
        if let Some(Phase::Ended(outcome)) = phase
            && outcome != Outcome::Never
        {
            self.ended = Some(outcome);
        }
        phase
    }
}

/// A request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Which one it is, counted from 0; given when it is recorded.
    pub(crate) number: u64,
    pub(crate) seen: Arc<Seen>,
    pub(crate) invocation: Option<Uuid>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) close: Option<Close>,
    /// From the whole request to the answer.
    pub(crate) took: Duration,
    /// What the gateway was told to do wrong with it.
    pub(crate) fault: Option<Box<str>>,
}

impl Exchange {
    fn weight(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(_, value)| value.len()).sum();
        weight(&self.seen) + headers + self.body.len()
    }

    /// What was sent of the answer before the connection was cut, where it was.
    pub(super) fn sent(&self) -> (&[(HeaderName, HeaderValue)], &[u8]) {
        match self.close {
            None => (&self.headers, &self.body),
            Some(Close::MidResponse) => {
                (&self.headers, self.body.get(..self.body.len() / 2).unwrap_or_default())
            }
            Some(_) => (&[], &[]),
        }
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Record {
    /// Whoever may change something knows it.
    pub(crate) token: String,
    pub(super) entries: VecDeque<Entry>,
    /// The number of each entry; the first in the list has the number of all before it.
    numbers: HashMap<Uuid, u64>,
    first: u64,
    pub(super) exchanges: VecDeque<Exchange>,
    bytes: usize,
    exchanged: u64,
    pub(super) series: Series,
    /// Held by everybody who listens, so that they can be counted.
    pub(super) listeners: Arc<()>,
    pub(super) started: Timestamp,
}

impl Record {
    pub(crate) fn new() -> Self {
        // Not of the seed: whoever knows the seed, as every page on the web may, would know the token.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Record {
            token,
            entries: VecDeque::new(),
            numbers: HashMap::new(),
            first: 0,
            exchanges: VecDeque::new(),
            bytes: 0,
            exchanged: 0,
            series: Series::default(),
            listeners: Arc::new(()),
            started: Timestamp::now(),
        }
    }

    /// How many invocations there were in all.
    pub(super) fn accepted_in_all(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// An invocation was accepted; one that was already there stays what it is.
    #[expect(clippy::too_many_arguments, reason = "each is one column of the list")]
    pub(crate) fn accepted(
        &mut self,
        id: Uuid,
        action: &Arc<Action>,
        correlation_id: Option<&str>,
        inputs: &str,
        ends: Ends,
        masks: &Masks,
        now: Instant,
    ) {
        if self.numbers.contains_key(&id) {
            return;
        }
        self.numbers.insert(id, self.accepted_in_all());
        self.entries.push_back(Entry {
            id,
            action: Arc::clone(action),
            correlation_id: correlation_id.map(|id| masks::text(masks, id.to_owned()).into()),
            // Masked as a whole, so that no secret is cut in two before it is found.
            inputs: beginning(masks::text(masks, inputs.to_owned())).into(),
            accepted: now,
            launched: Timestamp::now(),
            calls: 0,
            learned: None,
            ended: None,
            ends,
            by_hand: false,
        });
        while self.entries.len() > ENTRIES {
            self.first += 1;
            if let Some(oldest) = self.entries.pop_front() {
                self.numbers.remove(&oldest.id);
            }
        }
    }

    pub(super) fn entry(&mut self, id: Uuid) -> Option<&mut Entry> {
        let place = self.numbers.get(&id)?.checked_sub(self.first)?;
        self.entries.get_mut(usize::try_from(place).ok()?)
    }

    /// A request was answered, or its connection is about to be cut. `ended` is the end that the answer tells.
    pub(crate) fn exchanged(&mut self, mut exchange: Exchange, ended: Option<Outcome>, now: Instant) {
        let mut result = None;
        if let Some(entry) = exchange.invocation.and_then(|id| self.entry(id)) {
            entry.calls = entry.calls.saturating_add(1);
            let told = ended.filter(|outcome| *outcome != Outcome::Never && exchange.close.is_none());
            if told.is_some() && entry.learned.is_none() {
                let elapsed = now.saturating_duration_since(entry.accepted);
                entry.learned = Some(elapsed.saturating_add(exchange.took));
                result = entry.learned;
            }
        }
        self.series.count(&exchange, result);
        exchange.number = self.exchanged;
        self.exchanged += 1;
        self.bytes += exchange.weight();
        self.exchanges.push_back(exchange);
        while self.exchanges.len() > 1 && (self.exchanges.len() > EXCHANGES || self.bytes > EXCHANGED_BYTES) {
            self.bytes -= self.exchanges.pop_front().map_or(0, |exchange| exchange.weight());
        }
    }

    /// Forgets what was seen; whoever is in the list stays there.
    pub(crate) fn forget(&mut self) {
        self.exchanges.clear();
        self.bytes = 0;
        self.series = Series::default();
    }
}

/// As much of a text as a list shows.
fn beginning(text: String) -> String {
    match text.char_indices().nth(INPUTS_SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;
    use crate::console::series::SECONDS;
    use crate::faults::Point;

    fn exchange(number: u64, id: Uuid, body: &Bytes) -> Exchange {
        let seen = Seen {
            point: Point::Invoke,
            method: "POST".into(),
            path: "/".into(),
            status: Some(202),
            headers: BTreeMap::new(),
            body: String::new(),
            correlation_id: None,
            connection: 0,
            at: number as f64 / 1000.0,
        };
        Exchange {
            number: 0,
            seen: Arc::new(seen),
            invocation: Some(id),
            status: 202,
            headers: Vec::new(),
            body: body.clone(),
            close: None,
            took: Duration::ZERO,
            fault: None,
        }
    }

    #[test]
    fn a_million_invocations_take_no_more_room_than_the_last_of_them() {
        let mut record = Record::new();
        let masks = Masks::new(["secret"]);
        let action = Arc::new(Action::new("an-action"));
        let inputs = RawValue::from_string(format!("{{\"text\":\"{}\"}}", "é".repeat(10_000))).unwrap();
        let (small, large) = (Bytes::from_static(b"{}"), Bytes::from(vec![b' '; 100_000]));
        let now = Instant::now();
        for number in 0..1_000_000_u64 {
            let id = Uuid::from_u128(number.into());
            let text = if number % 1000 == 0 { inputs.get() } else { "{}" };
            record.accepted(id, &action, None, text, Ends::WhenAsked, &masks, now);
            let body = if number > 999_000 { &large } else { &small };
            record.exchanged(exchange(number, id, body), None, now);
        }
        assert_eq!(record.accepted_in_all(), 1_000_000);
        assert_eq!((record.entries.len(), record.numbers.len()), (ENTRIES, ENTRIES));
        assert!(record.entries.iter().all(|entry| entry.inputs.len() < 4 * INPUTS_SHOWN));
        assert!(record.exchanges.len() <= EXCHANGES && record.bytes <= EXCHANGED_BYTES);
        assert_eq!(record.bytes, record.exchanges.iter().map(Exchange::weight).sum::<usize>());
        assert!(record.series.len() <= SECONDS);
        assert_eq!(record.entry(Uuid::from_u128(999_999)).unwrap().calls, 1);
        assert!(record.entry(Uuid::from_u128(0)).is_none());
    }
}
