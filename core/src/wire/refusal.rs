//! What a gateway's refusal is for the caller: which kind, in whose words, and what to do now.

use super::reason::reason_at;
use super::{Answer, Failure};
use crate::error::{Error, ErrorKind};
use crate::profile::Profile;

pub(super) fn unsent(failure: &Failure) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the gateway cannot be reached: {}", failure.what))
        .with_hint(failure.hint("nothing was sent; calling again is safe"))
        .caused_by(failure.cause.clone())
}

pub(super) fn ambiguous(what: &str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, format!("whether the action was executed is unknown: {what}"))
        .with_hint("do not call again blindly; look the correlation id up in the gateway first")
}

pub(super) fn unauthorized(answer: &Answer, profile: &Profile) -> Error {
    refusal(ErrorKind::Auth, answer, profile)
        .with_hint("the token was refused although it is fresh; check the client's scopes and its tenant")
}

pub(super) fn forbidden(answer: &Answer, profile: &Profile) -> Error {
    refusal(ErrorKind::Forbidden, answer, profile).with_hint(
        "attach the missing scope to the OAuth client, and check that the action is published and permitted",
    )
}

pub(super) fn redirect(answer: &Answer, profile: &Profile) -> Error {
    refusal(ErrorKind::Rejected, answer, profile).with_hint("redirects are never followed; check `base_url`")
}

pub(super) fn rejected(answer: &Answer, profile: &Profile) -> Error {
    refusal(ErrorKind::Rejected, answer, profile).with_hint(match answer.status {
        404 | 410 => "check the id, and that the action is published in this tenant",
        409 => "the gateway says that it has this correlation id already; look it up there",
        413 => "send less; the gateway's limit is below ours",
        _ => "correct the request; sending it again unchanged would be refused again",
    })
}

pub(super) fn refusal(kind: ErrorKind, answer: &Answer, profile: &Profile) -> Error {
    let said = reason_at(answer, &profile.errors).suffix();
    decorate(Error::new(kind, format!("the gateway answered {}{said}", answer.status)), answer, profile)
}

pub(super) fn decorate(mut error: Error, answer: &Answer, profile: &Profile) -> Error {
    let said = reason_at(answer, &profile.errors);
    error = error.with_http_status(answer.status);
    if let Some(code) = said.code {
        error = error.with_gateway_code(code);
    }
    if let Some(id) = said.request_id {
        error = error.with_request_id(id);
    }
    error
}
