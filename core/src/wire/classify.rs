//! What an answer means. Pure functions of what came back, so that the whole table is tested without a network.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

use super::reason::{clean, reason_at};
use super::refusal::{ambiguous, decorate, forbidden, redirect, refusal, rejected, unauthorized, unsent};
use super::{Answer, Body, DEEPEST, Failure, is_too_deep, retry_after};
use crate::cause::Cause;
use crate::config::Delivery;
use crate::contract::ActionIdRule;
use crate::error::{Error, ErrorKind, Executed};
use crate::invocation::Status;
use crate::profile::{IdForm, Meaning, PollContract, Profile};

/// What became of one POST.
#[derive(Debug)]
pub(crate) enum Invoked {
    Accepted(Accepted),
    /// R: provably not executed; with the error if it is not sent again.
    NotExecuted {
        error: Error,
        throttled: bool,
    },
    /// RT.
    Unauthorized(Error),
    /// A.
    Ambiguous(Error),
    /// F.
    Refused(Error),
}

/// The gateway has it.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) invocation_id: Option<String>,
    pub(crate) status: String,
    pub(crate) http_status: u16,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) raw: Option<Arc<RawValue>>,
}

impl Accepted {
    /// The status word, where the profile knows it: only such a word is fit for the trail, any other is a gateway's text.
    pub(crate) fn known_status(&self, profile: &Profile) -> Option<&str> {
        (profile.status.meaning(&self.status) != Meaning::Unknown).then_some(self.status.as_str())
    }
}

/// A terminal state with what it brought.
#[derive(Debug, Clone)]
pub(crate) struct Terminal {
    pub(crate) status: Status,
    pub(crate) outputs: Option<Arc<RawValue>>,
    pub(crate) error_message: Option<String>,
    pub(crate) raw: Option<Arc<RawValue>>,
}

/// What one GET saw.
#[derive(Debug)]
pub(crate) enum Looked {
    Terminal(Terminal, u16),
    /// It goes on; `known` is false for a status word that the profile does not have.
    Running {
        word: String,
        known: bool,
    },
    /// R: this look brought nothing.
    Nothing {
        http_status: Option<u16>,
        why: String,
        cause: Option<Cause>,
        throttled: bool,
        wait: Option<Duration>,
    },
    /// 404: R at first, because an accepted invocation may not be visible everywhere yet.
    NotFound(Error),
    Unauthorized(Error),
    Refused(Error),
}

pub(crate) fn invoked(outcome: Result<Answer, Failure>, profile: &Profile, delivery: Delivery) -> Invoked {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) if failure.certificate => return Invoked::Refused(unsent(&failure)),
        Err(failure) if failure.unsent => {
            return Invoked::NotExecuted { error: unsent(&failure), throttled: false };
        }
        Err(failure) => {
            let error = ambiguous(&format!("the request was sent, but {}", failure.what));
            return Invoked::Ambiguous(error.caused_by(failure.cause));
        }
    };
    let status = answer.status;
    let contract = &profile.invoke;
    match status {
        _ if contract.accepted.contains(&status) => accepted(&answer, profile),
        425 | 429 if contract.unprocessed.contains(&status) => throttled(&answer, profile),
        _ if contract.unprocessed.contains(&status) => Invoked::NotExecuted {
            error: refusal(ErrorKind::Unavailable, &answer, profile)
                .with_hint("nothing was executed; calling again is safe"),
            throttled: true,
        },
        401 => Invoked::Unauthorized(unauthorized(&answer, profile)),
        403 => Invoked::Refused(forbidden(&answer, profile)),
        409 if delivery == Delivery::Idempotent => existing(&answer, profile),
        303 | 408 | 425 | 429 | 100..=299 | 500.. => {
            let said = reason_at(&answer, &profile.errors).suffix();
            unusable(&format!("the gateway answered {status}{said}"), &answer, profile)
        }
        300..=399 => Invoked::Refused(redirect(&answer, profile)),
        _ => failed_at_once(&answer, profile).unwrap_or_else(|| Invoked::Refused(rejected(&answer, profile))),
    }
}

fn accepted(answer: &Answer, profile: &Profile) -> Invoked {
    if is_too_deep(answer.text()) {
        let what = format!("the gateway's answer is nested beyond {DEEPEST} levels");
        return unusable(&what, answer, profile);
    }
    let Some(poll) = &profile.poll else { return at_once(answer, profile) };
    let body = Body::read(answer.text());
    let word = body.pick_text(&poll.status);
    let terminal = word.as_deref().and_then(|word| terminal(&body, word, poll, profile));
    let invocation_id = invocation_id(answer, &body, profile);
    if invocation_id.is_none() && terminal.is_none() {
        let what = format!("the gateway answered {} without a usable invocation id", answer.status);
        return unusable(&what, answer, profile);
    }
    Invoked::Accepted(Accepted {
        invocation_id,
        status: word.map_or_else(|| "ACCEPTED".to_owned(), |word| clean(&word)),
        http_status: answer.status,
        terminal,
        raw: raw(&body),
    })
}

/// The answer to the POST is the result.
fn at_once(answer: &Answer, profile: &Profile) -> Invoked {
    let body = Body::read(answer.text());
    let raw = raw(&body);
    if raw.is_none() && !answer.body.is_empty() {
        let what = format!("the gateway answered {} with a body that is not JSON", answer.status);
        return unusable(&what, answer, profile);
    }
    Invoked::Accepted(Accepted {
        invocation_id: None,
        status: Status::Completed.as_str().to_owned(),
        http_status: answer.status,
        terminal: Some(completed(&body, profile)),
        raw,
    })
}

/// An error of the action itself, in a profile that tells it from a refusal of the gateway: the action ran, and failed.
fn failed_at_once(answer: &Answer, profile: &Profile) -> Option<Invoked> {
    let (body, pointer) = (Body::read(answer.text()), profile.invoke.failed.as_deref()?);
    body.pick(pointer)?;
    Some(Invoked::Accepted(Accepted {
        invocation_id: None,
        status: Status::Failed.as_str().to_owned(),
        http_status: answer.status,
        terminal: Some(failed(answer, profile)),
        raw: raw(&body),
    }))
}

/// 409 to a client that may send again: the gateway has the invocation already, and says which it is.
fn existing(answer: &Answer, profile: &Profile) -> Invoked {
    match invocation_id(answer, &Body::read(answer.text()), profile) {
        Some(_) => accepted(answer, profile),
        None => Invoked::Refused(rejected(answer, profile)),
    }
}

fn invocation_id(answer: &Answer, body: &Body<'_>, profile: &Profile) -> Option<String> {
    body.pick_text(&profile.invoke.id)
        .or_else(|| from_location(answer, body, profile))
        .filter(|id| profile.invoke.id_form.accepts(id))
}

fn unusable(what: &str, answer: &Answer, profile: &Profile) -> Invoked {
    Invoked::Ambiguous(decorate(ambiguous(what), answer, profile))
}

/// The last segment of `Location`, where the body holds no id at all; a host other than the gateway's names nothing.
fn from_location(answer: &Answer, body: &Body<'_>, profile: &Profile) -> Option<String> {
    if body.pick(&profile.invoke.id).is_some() {
        return None;
    }
    let location = answer.headers.get(http::header::LOCATION)?.to_str().ok()?;
    let path = location.strip_prefix('/').filter(|rest| !rest.starts_with('/'))?;
    path.split(['?', '#']).next()?.rsplit('/').next().map(str::to_owned)
}

fn terminal(body: &Body<'_>, word: &str, poll: &PollContract, profile: &Profile) -> Option<Terminal> {
    let Meaning::Terminal(status) = profile.status.meaning(word) else { return None };
    Some(Terminal {
        status,
        outputs: body.pick(&poll.outputs).map(|value| Arc::from(value.to_owned())),
        error_message: body.pick_text(&poll.error).map(|text| clean(&text)),
        raw: raw(body),
    })
}

fn failed(answer: &Answer, profile: &Profile) -> Terminal {
    let said = reason_at(answer, &profile.errors);
    let error_message = said.message.or(said.code);
    Terminal { status: Status::Failed, outputs: None, error_message, raw: raw(&Body::read(answer.text())) }
}

fn completed(body: &Body<'_>, profile: &Profile) -> Terminal {
    let outputs = body.pick(&profile.invoke.outputs).map(|value| Arc::from(value.to_owned()));
    Terminal { status: Status::Completed, outputs, error_message: None, raw: raw(body) }
}

/// The terminal state that an answer to a POST holds, as it is kept in an `Invocation` with its status word.
pub(crate) fn terminal_in(body: &str, status: &str, profile: &Profile) -> Option<Terminal> {
    let read = Body::read(body);
    match &profile.poll {
        Some(poll) => terminal(&read, &read.pick_text(&poll.status)?, poll, profile),
        None if status == Status::Failed.as_str() => {
            let body = Bytes::copy_from_slice(body.as_bytes());
            Some(failed(&Answer { status: 400, headers: HeaderMap::new(), body }, profile))
        }
        None => Some(completed(&read, profile)),
    }
}

/// What a GET brought, before anybody reads it.
#[derive(Debug)]
pub(crate) enum Fetched {
    Answer(Answer),
    /// R: this one brought nothing.
    Nothing {
        http_status: Option<u16>,
        why: String,
        cause: Option<Cause>,
        throttled: bool,
        wait: Option<Duration>,
    },
    NotFound(Error),
    Unauthorized(Error),
    Refused(Error),
}

/// What came back to a GET. It executes nothing, so every failure that passes may be tried again.
pub(crate) fn fetched(outcome: Result<Answer, Failure>, profile: &Profile) -> Fetched {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) if failure.certificate => return Fetched::Refused(unsent(&failure)),
        Err(failure) => {
            let Failure { what, cause, .. } = failure;
            return Fetched::Nothing { http_status: None, why: what, cause, throttled: false, wait: None };
        }
    };
    let status = answer.status;
    let nothing = |throttled| Fetched::Nothing {
        http_status: Some(status),
        why: format!("the gateway answered {status}"),
        cause: None,
        throttled,
        wait: retry_after(&answer),
    };
    match status {
        200..=299 => Fetched::Answer(answer),
        401 => Fetched::Unauthorized(unauthorized(&answer, profile)),
        403 => Fetched::Refused(forbidden(&answer, profile)),
        404 => Fetched::NotFound(rejected(&answer, profile)),
        425 | 429 => nothing(true),
        408 | 100..=199 | 500.. => nothing(false),
        300..=399 => Fetched::Refused(redirect(&answer, profile)),
        _ => Fetched::Refused(rejected(&answer, profile)),
    }
}

pub(crate) fn looked(outcome: Result<Answer, Failure>, invocation_id: &str, profile: &Profile) -> Looked {
    let yes = |error: Error| error.with_executed(Executed::Yes);
    match fetched(outcome, profile) {
        Fetched::Answer(answer) => state(&answer, invocation_id, profile),
        Fetched::Nothing { http_status, why, cause, throttled, wait } => {
            Looked::Nothing { http_status, why, cause, throttled, wait }
        }
        Fetched::NotFound(error) => Looked::NotFound(yes(error)),
        Fetched::Unauthorized(error) => Looked::Unauthorized(yes(error)),
        Fetched::Refused(error) => Looked::Refused(yes(error)),
    }
}

fn state(answer: &Answer, invocation_id: &str, profile: &Profile) -> Looked {
    let nothing = |why: &str| Looked::Nothing {
        http_status: Some(answer.status),
        why: why.to_owned(),
        cause: None,
        throttled: false,
        wait: None,
    };
    let Some(poll) = &profile.poll else { return nothing("there is nothing to look at") };
    if is_too_deep(answer.text()) {
        let what = format!("the gateway's answer is nested beyond {DEEPEST} levels");
        let error = Error::new(ErrorKind::Protocol, what).with_hint("look at its result in the gateway");
        return Looked::Refused(decorate(error, answer, profile));
    }
    let body = Body::read(answer.text());
    let about = poll.id.as_deref().and_then(|id| body.pick(id));
    if about.is_some_and(|id| !profile.invoke.id_form.is_same(id.get(), invocation_id)) {
        let error = Error::new(ErrorKind::Protocol, "the gateway's answer is about another invocation")
            .with_hint("its result was not taken; report it to the gateway's operator");
        return Looked::Refused(decorate(error, answer, profile));
    }
    let Some(word) = body.pick_text(&poll.status) else {
        return nothing("the gateway's answer holds no status");
    };
    match terminal(&body, &word, poll, profile) {
        Some(terminal) => Looked::Terminal(terminal, answer.status),
        None => {
            Looked::Running { known: profile.status.meaning(&word) != Meaning::Unknown, word: clean(&word) }
        }
    }
}

impl IdForm {
    /// Whether this is an id that can be put into a URL's path: nothing that could mean another path.
    pub(crate) fn accepts(self, id: &str) -> bool {
        match self {
            IdForm::Name => {
                (1..=256).contains(&id.len())
                    && id != "."
                    && id != ".."
                    && id
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b':' | b'-'))
            }
            IdForm::Uuid => ActionIdRule::Uuid.canonical(id).is_some(),
        }
    }

    /// What is wrong with an id, for a person.
    pub(crate) fn rule(self) -> &'static str {
        match self {
            IdForm::Name => "must be 1 to 256 of the characters A-Z a-z 0-9 . _ ~ : -",
            IdForm::Uuid => "must be a UUID of 36 characters",
        }
    }

    /// Whether an answer's id, as JSON text, is the one that was asked for.
    fn is_same(self, json: &str, asked: &str) -> bool {
        serde_json::from_str::<String>(json).is_ok_and(|id| match self {
            IdForm::Name => id == asked,
            IdForm::Uuid => id.eq_ignore_ascii_case(asked),
        })
    }
}

fn raw(body: &Body<'_>) -> Option<Arc<RawValue>> {
    body.whole().map(|whole| Arc::from(whole.to_owned()))
}

fn throttled(answer: &Answer, profile: &Profile) -> Invoked {
    let error = refusal(ErrorKind::RateLimited, answer, profile)
        .with_hint("nothing was executed; call again later, or send less");
    Invoked::NotExecuted { error, throttled: true }
}
