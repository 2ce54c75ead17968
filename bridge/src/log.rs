//! What the library has to say, kept for the logger of the language.
//!
//! The promise: no thread of ours runs the caller's logger or waits for it. What is said waits in a buffer until
//! somebody who reads a completion queue takes it along; where nobody does, the buffer stays as long as it is, and says
//! how much was dropped. A process that was forked off begins with an empty one.

use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, Once};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::per_process::{PerProcess, lock};
use crate::runtime::Process;

/// As much as is kept for a reader.
const MOST: usize = 4096;
/// Whose events they are: the crate's, whichever module says them.
const TARGET: &str = "cxone_actions";

/// The least level that anybody wants to hear of: its place among these.
static LEVEL: AtomicU8 = AtomicU8::new(0);
const LEVELS: [(&str, LevelFilter); 5] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warning", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
];

static BUFFER: PerProcess<Mutex<Buffer>> = PerProcess::new();
static LISTENING: Once = Once::new();

#[derive(Debug, Default)]
struct Buffer {
    said: Vec<String>,
    dropped: u64,
    /// A reader was told, and has not come yet.
    told: bool,
}

/// From now on, what is less than `level` (`off`, `error`, `warning`, `info`, `debug`) is not kept.
pub fn set_log_level(level: &str) {
    let place = LEVELS.iter().position(|(word, _)| *word == level).unwrap_or_default();
    let place = u8::try_from(place).unwrap_or_default();
    if LEVEL.swap(place, Ordering::SeqCst) == place {
        return;
    }
    // It is never taken back: whoever wants nothing hears nothing, at the price of a comparison.
    LISTENING.call_once(|| {
        let _ = tracing::subscriber::set_global_default(Listener);
    });
    tracing::callsite::rebuild_interest_cache();
}

/// What was said since the last time, oldest first: each a JSON object with `level`, `ts` (seconds since 1970), `text` for
/// a person, and `fields`.
pub fn take_log() -> Vec<String> {
    // Where nothing was ever said there is nothing to make.
    let Some(buffer) = BUFFER.get() else { return Vec::new() };
    let mut buffer = lock(&buffer);
    buffer.told = false;
    let mut said = std::mem::take(&mut buffer.said);
    match std::mem::take(&mut buffer.dropped) {
        0 => {}
        dropped => {
            let text = format!("{dropped} log records were dropped: nobody took them in time");
            let fields = Map::from_iter([
                ("event".to_owned(), json!("log_dropped")),
                ("dropped".to_owned(), json!(dropped)),
            ]);
            said.push(line("warning", &text, fields));
        }
    }
    said
}

fn listened_to() -> LevelFilter {
    LEVELS.get(usize::from(LEVEL.load(Ordering::Relaxed))).map_or(LevelFilter::OFF, |(_, level)| *level)
}

fn keep(said: String) {
    let Ok(buffer) = BUFFER.get_or_try(|| Ok::<_, std::convert::Infallible>(Mutex::default()));
    let mut buffer = lock(&buffer);
    if buffer.said.len() >= MOST {
        buffer.dropped += 1;
        return;
    }
    buffer.said.push(said);
    if !buffer.told {
        buffer.told = Process::nudge_a_reader();
    }
}

fn line(level: &str, text: &str, fields: Map<String, Value>) -> String {
    let ts = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    json!({ "level": level, "ts": ts, "text": text, "fields": fields }).to_string()
}

/// Hears the events of this library and nothing else.
struct Listener;

impl Listener {
    fn hears(about: &Metadata<'_>) -> bool {
        let ours =
            about.target().strip_prefix(TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        about.is_event() && ours && *about.level() <= listened_to()
    }
}

impl Subscriber for Listener {
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if Self::hears(about) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, about: &Metadata<'_>) -> bool {
        Self::hears(about)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(listened_to())
    }

    /// Never asked for: no span is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            _ => "debug",
        };
        let mut said = Said::default();
        event.record(&mut said);
        keep(line(level, &said.text(), said.fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// The fields of one event, in their order.
#[derive(Default)]
struct Said {
    message: String,
    fields: Map<String, Value>,
}

impl Said {
    fn add(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }

    /// On one line, whatever is in it.
    fn text(&self) -> String {
        let mut text = plain(&self.message);
        for (name, value) in self.fields.iter().filter(|(name, value)| {
            // The name of a record is its message too.
            *name != "event" || value.as_str() != Some(&self.message)
        }) {
            // Writing to a string cannot fail.
            let _ = match value.as_str() {
                Some(word) if word.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\=".contains(&b)) => {
                    write!(text, " {name}={word}")
                }
                _ => write!(text, " {name}={value}"),
            };
        }
        text
    }
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, Value::String(text)),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.add(field, Value::from(value)),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::from(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> Vec<Value> {
        take_log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// One test: the level and the buffer belong to the process.
    #[test]
    fn what_is_said_is_kept_in_order_up_to_a_bound_that_says_what_it_dropped() {
        tracing::error!(target: TARGET, "nobody listens yet");
        assert!(taken().is_empty());

        set_log_level("warning");
        tracing::debug!(target: TARGET, "too little");
        tracing::error!(target: "hyper", "not ours");
        let nothing: Option<&str> = None;
        tracing::warn!(
            target: TARGET, event = "rejected", action_id = "a b\n", kind = nothing, http_status = 429u16, "rejected"
        );
        let [said] = <[Value; 1]>::try_from(taken()).unwrap();
        assert_eq!(said["level"], "warning");
        assert_eq!(said["text"], r#"rejected action_id="a b\n" http_status=429"#);
        assert_eq!(said["fields"], json!({ "event": "rejected", "action_id": "a b\n", "http_status": 429 }));
        assert!(said["ts"].as_f64().unwrap() > 1.7e9);

        set_log_level("debug");
        for n in 0..MOST + 3 {
            tracing::debug!(target: TARGET, n, "many");
        }
        let said = taken();
        assert_eq!(said.len(), MOST + 1);
        assert_eq!(said[MOST - 1]["fields"]["n"], MOST - 1);
        assert_eq!(said[MOST]["fields"], json!({ "event": "log_dropped", "dropped": 3 }));

        set_log_level("off");
        tracing::error!(target: TARGET, "nobody listens any more");
        assert!(taken().is_empty());
    }
}
