//! What a gateway does with one exchange: the words of a script.
//!
//! In JSON a step is a flat object, `{"do": "reset", "executes": true}`; `tests/vectors/README.md` lists the words. In
//! Rust each word is a constructor, and the rest is said after it: `Step::reset().executing()`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What happens to one exchange.
#[derive(Debug, Clone)]
pub struct Step {
    pub(crate) act: Act,
    pub(crate) executes: bool,
    pub(crate) delay: Duration,
    pub(crate) interim: Vec<u16>,
    pub(crate) then: Then,
    pub(crate) refuse_for: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// What the contract says.
    Normal,
    Answer(Answer),
    /// These bytes, then FIN.
    Raw(Vec<u8>),
    /// The request is read; then FIN.
    Fin,
    /// The request is read; then RST.
    Reset,
    /// FIN while the request is unread.
    FinUnread,
    /// RST while the request is unread.
    ResetUnread,
    /// The request stays unread, and the connection open.
    NeverRead,
    /// The request is read, and nothing is said until the client goes away.
    Silence,
    HalfHead,
    HalfBody,
    /// The whole normal answer, one byte at a time.
    Drip(Duration),
    /// A body of so many bytes.
    Oversize(u64),
    /// A body that would be so many bytes, were it unpacked.
    GzipBomb(u64),
    /// To another host that listens and counts.
    Redirect(u16),
    /// The normal answer, and at once another one that nobody asked for.
    Twice,
    /// A terminal answer about an invocation of somebody else.
    Stranger,
}

/// An answer that is not the contract's. `$INVOCATION`, `$CORRELATION`, `$ECHO`, `$AUTH`, `$TOKEN`, `$SECRET` and
/// `$OTHER` (the URL of another host) stand for themselves in headers and body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What becomes of the connection after the answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Then {
    Keep,
    /// FIN with the answer, unannounced.
    Close,
    /// Closed when the first byte of the next request has arrived, which stays unread.
    CloseAsNextArrives,
    /// Closed after this time, whatever happens meanwhile.
    CloseAfter(Duration),
}

impl Step {
    fn new(act: Act) -> Step {
        Step {
            executes: matches!(act, Act::Normal),
            act,
            delay: Duration::ZERO,
            interim: Vec::new(),
            then: Then::Keep,
            refuse_for: None,
        }
    }

    /// Whether the request is left unread.
    pub(crate) fn unread(&self) -> bool {
        matches!(self.act, Act::FinUnread | Act::ResetUnread | Act::NeverRead)
    }

    /// What the contract says. The only step that executes unless told otherwise.
    pub fn normal() -> Step {
        Step::new(Act::Normal)
    }

    /// This status with this body; JSON unless a header says otherwise.
    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Step {
        Step::new(Act::Answer(Answer { status, headers: Vec::new(), body: body.into() }))
    }

    /// This status with a short JSON body.
    pub fn status(status: u16) -> Step {
        Step::answer(status, format!(r#"{{"message":"scripted {status}"}}"#))
    }

    /// The state of the invocation that was asked for, without outputs.
    pub fn state(word: &str) -> Step {
        Step::answer(200, format!(r#"{{"invocationId":"$INVOCATION","status":"{word}"}}"#))
    }

    /// COMPLETED with these outputs, as raw JSON.
    pub fn completed(outputs: &str) -> Step {
        Step::answer(
            200,
            format!(r#"{{"invocationId":"$INVOCATION","status":"COMPLETED","outputs":{outputs}}}"#),
        )
    }

    /// These bytes instead of HTTP, then FIN.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Step {
        Step::new(Act::Raw(bytes.into()))
    }

    /// Bytes that are no HTTP, then FIN.
    pub fn garbage() -> Step {
        Step::raw(*b"\x16\x03\x01\x00\xff not http at all \x00\r\n\r\n\xfe\xff")
    }

    /// Reads the request, then FIN.
    pub fn fin() -> Step {
        Step::new(Act::Fin)
    }

    /// Reads the request, then RST.
    pub fn reset() -> Step {
        Step::new(Act::Reset)
    }

    /// FIN while the request is unread.
    pub fn fin_unread() -> Step {
        Step::new(Act::FinUnread)
    }

    /// RST while the request is unread.
    pub fn reset_unread() -> Step {
        Step::new(Act::ResetUnread)
    }

    /// Accepts, and never reads.
    pub fn never_read() -> Step {
        Step::new(Act::NeverRead)
    }

    /// Reads, and says nothing until the client goes away.
    pub fn silence() -> Step {
        Step::new(Act::Silence)
    }

    /// Half of the answer's head, then FIN.
    pub fn half_head() -> Step {
        Step::new(Act::HalfHead)
    }

    /// The head and half of the body, then FIN.
    pub fn half_body() -> Step {
        Step::new(Act::HalfBody)
    }

    /// One byte of the answer each time.
    pub fn drip(every: Duration) -> Step {
        Step::new(Act::Drip(every))
    }

    /// An answer of so many bytes.
    pub fn oversize(bytes: u64) -> Step {
        Step::new(Act::Oversize(bytes))
    }

    /// An answer of a few bytes that say they are so many, packed by gzip.
    pub fn gzip_bomb(bytes: u64) -> Step {
        Step::new(Act::GzipBomb(bytes))
    }

    /// A redirect to another host that listens and counts.
    pub fn redirect(status: u16) -> Step {
        Step::new(Act::Redirect(status))
    }

    /// The normal answer, and another one right behind it.
    pub fn twice() -> Step {
        Step::new(Act::Twice)
    }

    /// A terminal answer about somebody else's invocation.
    pub fn stranger() -> Step {
        Step::new(Act::Stranger)
    }

    /// The gateway acts on the request before it does this.
    #[must_use]
    pub fn executing(mut self) -> Step {
        self.executes = true;
        self
    }

    /// The gateway does not act on the request.
    #[must_use]
    pub fn not_executing(mut self) -> Step {
        self.executes = false;
        self
    }

    /// With this header; only of an `answer`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Step {
        if let Act::Answer(answer) = &mut self.act {
            answer.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits before the first byte of the answer, after having acted on the request.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Step {
        self.delay = delay;
        self
    }

    /// Interim answers (100, 102, 103) before the answer.
    #[must_use]
    pub fn with_interim(mut self, statuses: &[u16]) -> Step {
        self.interim = statuses.to_vec();
        self
    }

    /// Closes the connection with the answer, without a word about it.
    #[must_use]
    pub fn closing(mut self) -> Step {
        self.then = Then::Close;
        self
    }

    /// Closes the connection when the first byte of the next request has arrived.
    #[must_use]
    pub fn closing_as_next_arrives(mut self) -> Step {
        self.then = Then::CloseAsNextArrives;
        self
    }

    /// Closes the connection so long after the answer, whatever has arrived by then.
    #[must_use]
    pub fn closing_after(mut self, time: Duration) -> Step {
        self.then = Then::CloseAfter(time);
        self
    }

    /// The answer says that its connection ends with it, and from then on new ones are refused for this long.
    #[must_use]
    pub fn then_refusing_for(mut self, time: Duration) -> Step {
        self.refuse_for = Some(time);
        self
    }

    /// What a script says with one object: a step, or the same one several `times`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(text: &str) -> Result<Vec<Step>, String> {
        let written: Written = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let times = written.times.unwrap_or(1);
        Ok(vec![written.step()?; times])
    }
}

/// A step as it is written in JSON. Times are seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "do", default = "normal")]
    does: String,
    times: Option<usize>,
    executes: Option<bool>,
    #[serde(default)]
    delay: f64,
    #[serde(default)]
    interim: Vec<u16>,
    then: Option<String>,
    refuse_for: Option<f64>,
    status: Option<u16>,
    #[serde(default)]
    headers: serde_json::Map<String, serde_json::Value>,
    body: Option<Box<RawValue>>,
    text: Option<String>,
    word: Option<String>,
    outputs: Option<Box<RawValue>>,
    every: Option<f64>,
    bytes: Option<u64>,
}

fn normal() -> String {
    "normal".to_owned()
}

impl Written {
    fn step(self) -> Result<Step, String> {
        let mut step = self.named()?;
        for (name, value) in &self.headers {
            let value = value.as_str().ok_or_else(|| format!("`headers.{name}` must be a string"))?;
            step = step.header(name, value);
        }
        step.executes = self.executes.unwrap_or(step.executes);
        step.delay = Duration::from_secs_f64(self.delay);
        step.interim = self.interim;
        step.refuse_for = self.refuse_for.map(Duration::from_secs_f64);
        step.then = match self.then.as_deref() {
            None => Then::Keep,
            Some("close") => Then::Close,
            Some("close_as_next_arrives") => Then::CloseAsNextArrives,
            Some(other) => {
                other.strip_prefix("close_after:").and_then(|seconds| seconds.parse().ok()).map_or_else(
                    || Err(format!("`then` cannot be `{other}`")),
                    |seconds| Ok(Then::CloseAfter(Duration::from_secs_f64(seconds))),
                )?
            }
        };
        Ok(step)
    }

    fn named(&self) -> Result<Step, String> {
        let status = || self.status.ok_or_else(|| format!("`{}` needs a `status`", self.does));
        let bytes = self.bytes.unwrap_or(200 * 1024 * 1024);
        Ok(match self.does.as_str() {
            "normal" => Step::normal(),
            "answer" => match (&self.body, &self.text) {
                (Some(body), None) => Step::answer(status()?, body.get()),
                (None, Some(text)) => Step::answer(status()?, text.as_str()),
                (None, None) => Step::status(status()?),
                (Some(_), Some(_)) => return Err("`body` and `text` exclude each other".to_owned()),
            },
            "state" => {
                let word = self.word.as_deref().unwrap_or("COMPLETED");
                match &self.outputs {
                    None => Step::state(word),
                    Some(outputs) => Step::answer(
                        200,
                        format!(
                            r#"{{"invocationId":"$INVOCATION","status":"{word}","outputs":{}}}"#,
                            outputs.get()
                        ),
                    ),
                }
            }
            "raw" => Step::raw(self.text.as_deref().unwrap_or_default()),
            "garbage" => Step::garbage(),
            "fin" => Step::fin(),
            "reset" => Step::reset(),
            "fin_unread" => Step::fin_unread(),
            "reset_unread" => Step::reset_unread(),
            "never_read" => Step::never_read(),
            "silence" => Step::silence(),
            "half_head" => Step::half_head(),
            "half_body" => Step::half_body(),
            "drip" => Step::drip(Duration::from_secs_f64(self.every.unwrap_or(0.1))),
            "oversize" => Step::oversize(bytes),
            "gzip_bomb" => Step::gzip_bomb(bytes),
            "redirect" => Step::redirect(status()?),
            "twice" => Step::twice(),
            "stranger" => Step::stranger(),
            other => return Err(format!("`do` cannot be `{other}`")),
        })
    }
}
