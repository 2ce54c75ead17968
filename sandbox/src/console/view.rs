//! What the console says of the record, as JSON: the list with what changed in it, and one invocation as a whole.

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;
use url::form_urlencoded;
use uuid::Uuid;

use super::masks;
use super::record::{Entry, Exchange, Record};
use super::series::Drawn;
use crate::actions::Outcome;
use crate::faults::Point;
use crate::gateway::Gateway;
use crate::invocations::Phase;
use crate::seen::{MASK, Masks};
use crate::totals::Totals;

/// How many invocations a list has at a time.
const ROWS: usize = 200;
/// How much of a body is shown.
const BODY_SHOWN: usize = 64 * 1024;
/// How many exchanges of one invocation are shown; the first ones and the last ones.
const EXCHANGES_SHOWN: usize = 200;

/// How far an invocation is, in the words of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Pending,
    Running,
    Completed,
    Failed,
    Cancelled,
    /// The gateway does not know it any more.
    Forgotten,
}

impl State {
    fn of(phase: Option<Phase>) -> Self {
        match phase {
            None => State::Forgotten,
            Some(Phase::Pending) => State::Pending,
            Some(Phase::Running | Phase::Ended(Outcome::Never)) => State::Running,
            Some(Phase::Ended(Outcome::Completed)) => State::Completed,
            Some(Phase::Ended(Outcome::Failed)) => State::Failed,
            Some(Phase::Ended(Outcome::Cancelled)) => State::Cancelled,
        }
    }

    fn is_open(self) -> bool {
        matches!(self, State::Pending | State::Running)
    }
}

/// Which invocations are listed.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// `open`, `pending`, `running`, `completed`, `failed` or `cancelled`; anything else is all.
    state: String,
    /// What stands in an id, a name or the inputs, in lower case.
    text: String,
}

impl Filter {
    pub(super) fn read(query: Option<&str>) -> Self {
        let mut filter = Filter::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "state" => filter.state = value.into_owned(),
                "text" => filter.text = value.trim().to_lowercase(),
                _ => {}
            }
        }
        filter
    }

    fn takes_state(&self, state: State) -> bool {
        match self.state.as_str() {
            "open" => state.is_open(),
            "pending" => state == State::Pending,
            "running" => state == State::Running,
            "completed" => state == State::Completed,
            "failed" => state == State::Failed,
            "cancelled" => state == State::Cancelled,
            _ => true,
        }
    }

    fn takes_text(&self, entry: &Entry) -> bool {
        let has = |text: &str| text.to_lowercase().contains(&self.text);
        self.text.is_empty()
            || has(&entry.id.to_string())
            || entry.correlation_id.as_deref().is_some_and(has)
            || has(&entry.action.id)
            || entry.action.name.as_deref().is_some_and(has)
            || has(&entry.inputs)
    }
}

/// An invocation in a list; times in seconds, moments in milliseconds since 1970.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(serialize_with = "as_text")]
    id: Uuid,
    action: &'a str,
    action_id: &'a str,
    correlation_id: Option<&'a str>,
    state: State,
    inputs: &'a str,
    accepted: i64,
    /// From acceptance until an answer told the end.
    took: Option<f64>,
    calls: u32,
    by_hand: bool,
}

impl<'a> Row<'a> {
    fn of(entry: &'a Entry, state: State) -> Self {
        Row {
            id: entry.id,
            action: entry.action.name.as_deref().unwrap_or(&entry.action.id),
            action_id: &entry.action.id,
            correlation_id: entry.correlation_id.as_deref(),
            state,
            inputs: &entry.inputs,
            accepted: entry.launched.as_millisecond(),
            took: entry.learned.map(|time| time.as_secs_f64()),
            calls: entry.calls,
            by_hand: entry.by_hand,
        }
    }
}

/// A fault that is ordered.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Ordered {
    point: Point,
    says: String,
    left: u32,
}

/// How many of the listed ones are how far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
struct Counts {
    pending: usize,
    running: usize,
    completed: usize,
    failed: usize,
    cancelled: usize,
    forgotten: usize,
    /// Those that the filter takes.
    matching: usize,
}

impl Counts {
    fn count(&mut self, state: State) {
        let count = match state {
            State::Pending => &mut self.pending,
            State::Running => &mut self.running,
            State::Completed => &mut self.completed,
            State::Failed => &mut self.failed,
            State::Cancelled => &mut self.cancelled,
            State::Forgotten => &mut self.forgotten,
        };
        *count += 1;
    }
}

/// An id without the feature of its crate that would write it.
fn as_text<S: serde::Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[derive(Serialize)]
struct Change<'a> {
    /// Milliseconds since 1970.
    now: i64,
    started: i64,
    profile: &'a str,
    points: &'a [Point],
    synchronous: bool,
    /// Invocations since the start, of which only the last ones are listed.
    accepted: u64,
    totals: Totals,
    counts: Counts,
    faults: &'a [Ordered],
    /// New ones and those that changed, newest first.
    rows: Vec<Row<'a>>,
    gone: Vec<String>,
    seconds: Vec<Drawn>,
}

/// What one window shows.
#[derive(Debug, Default)]
pub(super) struct Shown {
    rows: HashMap<Uuid, (State, u32, bool)>,
    faults: Vec<Ordered>,
    counts: Counts,
    totals: Option<Totals>,
    /// The last second that was told.
    second: u64,
}

impl Shown {
    /// What is to be told so that the window shows what there is, as JSON; nothing where it does already.
    pub(super) fn change(&mut self, gateway: &mut Gateway, filter: &Filter, now: Instant) -> Option<String> {
        let totals = gateway.totals();
        let faults: Vec<_> = gateway
            .faults()
            .ordered()
            .into_iter()
            .map(|(point, says, left)| Ordered { point, says, left })
            .collect();
        let profile = gateway.profile();
        let name = gateway.profile_name().to_owned();
        let (record, invocations, _) = gateway.recorded()?;

        let mut counts = Counts::default();
        let mut listed = Vec::new();
        for (place, entry) in record.entries.iter_mut().enumerate().rev() {
            let state = State::of(entry.phase(invocations, now));
            counts.count(state);
            if filter.takes_state(state) && filter.takes_text(entry) {
                counts.matching += 1;
                if listed.len() < ROWS {
                    listed.push((place, state));
                }
            }
        }
        let mut rows = Vec::new();
        let mut shown = HashMap::with_capacity(listed.len());
        for (place, state) in listed {
            let Some(entry) = record.entries.get(place) else { continue };
            let mark = (state, entry.calls, entry.learned.is_some());
            if self.rows.remove(&entry.id) != Some(mark) {
                rows.push(Row::of(entry, state));
            }
            shown.insert(entry.id, mark);
        }
        let gone: Vec<String> =
            self.rows.keys().filter(|id| !shown.contains_key(*id)).map(Uuid::to_string).collect();
        let is_new = self.totals != Some(totals)
            || self.counts != counts
            || self.faults != faults
            || !rows.is_empty()
            || !gone.is_empty();
        self.rows = shown;
        self.faults = faults;
        self.counts = counts;
        if !is_new {
            return None;
        }
        self.totals = Some(totals);
        let seconds = record.series.since(self.second);
        self.second = seconds.last().map_or(self.second, |last| last.at);
        let change = Change {
            now: jiff::Timestamp::now().as_millisecond(),
            started: record.started.as_millisecond(),
            profile: &name,
            points: profile.points(),
            synchronous: profile.is_synchronous(),
            accepted: record.accepted_in_all(),
            totals,
            counts,
            faults: &self.faults,
            rows,
            gone,
            seconds,
        };
        serde_json::to_string(&change).ok()
    }
}

/// One half of an exchange.
#[derive(Serialize)]
struct Message {
    headers: Vec<(String, String)>,
    body: String,
    /// How many bytes of the body are not shown.
    left_out: usize,
}

#[derive(Serialize)]
struct Told<'a> {
    number: u64,
    point: Point,
    method: &'a str,
    path: String,
    /// Milliseconds since 1970.
    at: f64,
    took: f64,
    /// Nothing where no answer was sent, or not the whole of it.
    status: Option<u16>,
    connection: u64,
    /// What the gateway was told to do.
    fault: Option<&'a str>,
    cut: Option<&'static str>,
    request: Message,
    answer: Message,
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    /// Whether it can be ended by hand.
    open: bool,
    exchanges: Vec<Told<'a>>,
    /// How many exchanges were forgotten or are not shown.
    missing: usize,
    callbacks: Vec<Callback>,
}

/// That the gateway called back.
#[derive(Serialize)]
struct Callback {
    /// Milliseconds since 1970.
    at: f64,
    /// None where nobody answered.
    status: Option<u16>,
}

/// One invocation and its exchanges, as JSON.
pub(super) fn invocation(gateway: &mut Gateway, id: Uuid, now: Instant) -> Option<String> {
    let synchronous = gateway.profile().is_synchronous();
    let clock = jiff::Timestamp::now().as_millisecond() as f64;
    let callback = |(at, status): (Instant, Option<u16>)| {
        let at = clock - now.saturating_duration_since(at).as_secs_f64() * 1000.0;
        // To a tenth of a second, so that it is the same whenever it is asked for.
        Callback { at: (at / 100.0).round() * 100.0, status }
    };
    let callbacks = gateway.calls.about(id).into_iter().map(callback).collect();
    let (record, invocations, masks) = gateway.recorded()?;
    let state = State::of(record.entry(id)?.phase(invocations, now));
    let record: &Record = record;
    let entry = record.entries.iter().rev().find(|entry| entry.id == id)?;
    // A POST that was refused is about no invocation yet; that it was the same one says its correlation id.
    let is_about = |exchange: &&Exchange| {
        exchange.invocation == Some(id)
            || exchange.invocation.is_none()
                && entry.correlation_id.is_some()
                && exchange.seen.correlation_id.as_deref() == entry.correlation_id.as_deref()
    };
    let about: Vec<_> = record.exchanges.iter().filter(is_about).collect();
    let own = about.iter().filter(|exchange| exchange.invocation.is_some()).count();
    let half = EXCHANGES_SHOWN / 2;
    let skipped = about.len().saturating_sub(EXCHANGES_SHOWN);
    let started = record.started.as_millisecond() as f64;
    let exchanges = about
        .iter()
        .enumerate()
        .filter(|(place, _)| skipped == 0 || *place < half || *place >= half + skipped)
        .map(|(_, exchange)| told(exchange, masks, started))
        .collect();
    let missing = skipped + (entry.calls as usize).saturating_sub(own);
    let open = state.is_open() && !synchronous;
    serde_json::to_string(&Whole { row: Row::of(entry, state), open, exchanges, missing, callbacks }).ok()
}

fn told<'a>(exchange: &'a Exchange, masks: &Masks, started: f64) -> Told<'a> {
    let seen = &exchange.seen;
    let message = |headers: Vec<(String, String)>, body: &str| {
        let whole = body.len();
        let mut end = whole.min(BODY_SHOWN);
        while !body.is_char_boundary(end) {
            end -= 1;
        }
        // Masked as a whole, so that no secret is cut in two before it is found.
        let shown = masks::text(masks, body.to_owned());
        let mut shown_end = shown.len().min(end);
        while !shown.is_char_boundary(shown_end) {
            shown_end -= 1;
        }
        let body = shown.get(..shown_end).unwrap_or_default().to_owned();
        Message { headers, body, left_out: whole - end }
    };
    let (sent_headers, sent_body) = exchange.sent();
    let answered = sent_headers.iter().map(|(name, value)| {
        let text = masks::text(masks, masks.header(name, value));
        let text = if text.is_empty() && !value.is_empty() { MASK.to_owned() } else { text };
        (name.as_str().to_owned(), text)
    });
    let asked = seen.headers.iter().map(|(name, value)| (name.clone(), masks::text(masks, value.clone())));
    Told {
        number: exchange.number,
        point: seen.point,
        method: &seen.method,
        path: masks::text(masks, seen.path.clone()),
        at: started + seen.at * 1000.0,
        took: exchange.took.as_secs_f64(),
        status: seen.status,
        connection: seen.connection,
        fault: exchange.fault.as_deref(),
        cut: exchange.close.map(crate::faults::Close::says),
        request: message(asked.collect(), &seen.body),
        answer: message(answered.collect(), &String::from_utf8_lossy(sent_body)),
    }
}
