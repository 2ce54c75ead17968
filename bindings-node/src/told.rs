//! News as the texts that JavaScript reads: one text for many results, since a string that crosses the border costs about as
//! much as what is in it.
//!
//! The promise: the order of the news is kept, and what `JSON.parse` would read wrongly never stands in such an array.

use cxone_actions::ActionResult;
use cxone_actions_bridge::{Kind, Message, News, Told};

use crate::numbers::may_be_beyond;

/// So long a text of many results gets, about: JavaScript reads all of it before whoever waits is given the first.
const TOGETHER: usize = 16 * 1024;

/// Texts of many results, `[17,…,18,…]`, each of which has as many values as all others; anything else alone, as
/// `d17 {"error":…}`: an object would cost JavaScript more to make than the news in it to read.
pub(crate) fn told(news: Vec<News>) -> Vec<String> {
    let mut texts = Texts::default();
    for news in news {
        let joined = match (news.kind, &news.told) {
            (Kind::Done, Told::Result(result)) => texts.join(news.call, result),
            _ => false,
        };
        if !joined {
            texts.close();
            texts.ready.push(alone(&Message::from(news)));
        }
    }
    texts.close();
    texts.ready
}

fn alone(Message { call, kind, json }: &Message) -> String {
    let kind = match kind {
        Kind::Done => 'd',
        Kind::Deliver => 'r',
        Kind::Token => 't',
        Kind::Checkpoint => 'c',
        Kind::Aside => 'a',
    };
    format!("{kind}{call} {json}")
}

#[derive(Default)]
struct Texts {
    ready: Vec<String>,
    /// The array that is being written, without its end.
    together: Vec<u8>,
}

impl Texts {
    /// Whether the result could be put among others.
    fn join(&mut self, call: u64, result: &ActionResult) -> bool {
        let (outputs, raw) = (&result.outputs, &result.raw);
        if [outputs, raw].into_iter().flatten().any(|json| may_be_beyond(json.get())) {
            return false;
        }
        let values = (
            call,
            &result.invocation_id,
            &result.action_id,
            &result.correlation_id,
            result.status,
            result.ok,
            outputs,
            &result.error_message,
            result.invoke_latency_ms,
            result.duration_ms,
            result.attempts,
            result.polls,
            raw,
        );
        let start = self.together.len();
        if serde_json::to_writer(&mut self.together, &values).is_err() {
            self.together.truncate(start);
            return false;
        }
        // One array of all values: the brackets around these become the comma before them.
        self.together.pop();
        if let Some(bracket) = self.together.get_mut(start).filter(|_| start > 0) {
            *bracket = b',';
        }
        if self.together.len() > TOGETHER {
            self.close();
        }
        true
    }

    fn close(&mut self) {
        if self.together.is_empty() {
            return;
        }
        self.together.push(b']');
        // What was written is text.
        self.ready.extend(String::from_utf8(std::mem::take(&mut self.together)));
    }
}
