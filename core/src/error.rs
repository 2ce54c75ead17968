//! One error type, which answers the one question that an integrator has to ask: *was it executed?*
//!
//! An [`Error`] is data: a closed [`ErrorKind`], [`Executed`], a message, a hint that says what to do now, and the
//! context that identifies the invocation. It never holds a secret, a token, an input value or a URL's query, so that
//! every way of printing it (`Display`, `Debug`, [`Error::to_json`]) is safe to log.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::cause::Cause;
use crate::contract::Violation;
use crate::echo::take_out;
pub use crate::kind::{ErrorKind, Executed};

/// The result of everything that can fail in this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the caller's own code, which stays in this process.
pub(crate) type Source = Arc<dyn std::error::Error + Send + Sync>;

/// What went wrong, what became of the invocation, and what to do now. One pointer wide.
#[derive(Clone)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, Serialize)]
struct Details {
    kind: ErrorKind,
    code: &'static str,
    message: String,
    hint: Option<String>,
    executed: Executed,
    http_status: Option<u16>,
    gateway_code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<f64>,
    attempts: Option<u32>,
    action_id: Option<String>,
    correlation_id: Option<String>,
    invocation_id: Option<String>,
    resume_token: Option<String>,
    last_status: Option<String>,
    violations: Option<Vec<Violation>>,
    #[serde(skip)]
    cause: Option<Cause>,
    #[serde(skip)]
    source: Option<Source>,
    #[serde(skip)]
    lasting: bool,
}

/// The names of an error's fields, in the order in which [`Error::to_json`] gives them.
pub const ERROR_FIELDS: &[&str] = &[
    "kind",
    "code",
    "message",
    "hint",
    "executed",
    "http_status",
    "gateway_code",
    "request_id",
    "retry_after",
    "attempts",
    "action_id",
    "correlation_id",
    "invocation_id",
    "resume_token",
    "last_status",
    "violations",
];

macro_rules! text_fields {
    ($($(#[$doc:meta])* $field:ident, $with:ident;)+) => {
        impl Error {
            $(
                $(#[$doc])*
                pub fn $field(&self) -> Option<&str> { self.0.$field.as_deref() }

                #[doc = concat!("Sets what [`Error::", stringify!($field), "`] returns.")]
                #[must_use]
                pub fn $with(mut self, value: impl Into<String>) -> Self {
                    self.0.$field = Some(value.into());
                    self
                }
            )+
        }
    };
}

text_fields! {
    /// What to do now.
    hint, with_hint;
    /// The gateway's own error code, where its answer had one.
    gateway_code, with_gateway_code;
    /// The gateway's identifier of the exchange, for a support ticket.
    request_id, with_request_id;
    /// The action, in canonical form.
    action_id, with_action_id;
    /// The logical invocation.
    correlation_id, with_correlation_id;
    /// The gateway's id of the invocation, once it has accepted it.
    invocation_id, with_invocation_id;
    /// What to hand to `poll` to go on waiting.
    resume_token, with_resume_token;
    /// The last status word that a poll saw.
    last_status, with_last_status;
}

impl Error {
    /// An error of this kind, with the kind's own answer to *was it executed?*
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Details {
            kind,
            code: kind.code(),
            message: message.into(),
            hint: None,
            executed: kind.executed(),
            http_status: None,
            gateway_code: None,
            request_id: None,
            retry_after: None,
            attempts: None,
            action_id: None,
            correlation_id: None,
            invocation_id: None,
            resume_token: None,
            last_status: None,
            violations: None,
            cause: None,
            source: None,
            lasting: false,
        }))
    }

    /// The closed kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code of the kind.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// What happened, in one line without a hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Was the action executed?
    pub fn executed(&self) -> Executed {
        self.0.executed
    }

    /// The HTTP status that decided it, where one did.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }

    /// How long the gateway asked us to wait, in seconds.
    pub fn retry_after(&self) -> Option<f64> {
        self.0.retry_after
    }

    /// How often the POST was sent.
    pub fn attempts(&self) -> Option<u32> {
        self.0.attempts
    }

    /// Every mistake in the request, where the request was at fault.
    pub fn violations(&self) -> &[Violation] {
        self.0.violations.as_deref().unwrap_or_default()
    }

    /// What the system said, where I/O, the resolver or TLS decided it. It is no part of the error's JSON.
    pub fn cause(&self) -> Option<&Cause> {
        self.0.cause.as_ref()
    }

    /// Sets what [`Error::executed`] returns, where the error knows better than its kind.
    #[must_use]
    pub fn with_executed(mut self, executed: Executed) -> Self {
        self.0.executed = executed;
        self
    }

    /// Sets what [`Error::http_status`] returns.
    #[must_use]
    pub fn with_http_status(mut self, status: u16) -> Self {
        self.0.http_status = Some(status);
        self
    }

    /// Sets what [`Error::retry_after`] returns.
    #[must_use]
    pub fn with_retry_after(mut self, wait: std::time::Duration) -> Self {
        self.0.retry_after = Some(wait.as_secs_f64());
        self
    }

    /// Sets what [`Error::attempts`] returns.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.0.attempts = Some(attempts);
        self
    }

    /// Sets what [`Error::violations`] returns.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = Some(violations);
        self
    }

    #[must_use]
    pub(crate) fn caused_by(mut self, cause: Option<Cause>) -> Self {
        self.0.cause = cause;
        self
    }

    #[must_use]
    pub(crate) fn sourced(mut self, source: Option<Source>) -> Self {
        self.0.source = source;
        self
    }

    /// The error, of something that another try would meet again.
    #[must_use]
    pub(crate) fn lasting(mut self) -> Self {
        self.0.lasting = true;
        self
    }

    pub(crate) fn is_lasting(&self) -> bool {
        self.0.lasting
    }

    /// The error, told which invocation it is about.
    #[must_use]
    pub(crate) fn about(
        mut self,
        action: Option<&str>,
        correlation: Option<&str>,
        invocation: Option<&str>,
    ) -> Self {
        let details = &mut *self.0;
        let ids = [
            (&mut details.action_id, action),
            (&mut details.correlation_id, correlation),
            (&mut details.invocation_id, invocation),
        ];
        for (field, id) in ids {
            if let Some(id) = id {
                *field = Some(id.to_owned());
            }
        }
        self
    }

    /// The error without these texts: a gateway may echo what it was sent. Short ones say nothing, and would tear words.
    #[must_use]
    pub(crate) fn without<'a>(mut self, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let details = &mut *self.0;
        for text in texts {
            let told =
                [details.gateway_code.as_mut(), details.request_id.as_mut(), details.last_status.as_mut()];
            let said = details.cause.as_mut().map(Cause::message_mut);
            for field in told.into_iter().flatten().chain(said).chain([&mut details.message]) {
                take_out(field, text);
            }
        }
        self
    }

    /// The error as a JSON object with [`ERROR_FIELDS`], null where a field does not apply.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(&*self.0).unwrap_or_else(|_| Value::Object(Map::new()))
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// One line: the message, then the hint. Each violation is named in the message already.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// The kind, whether it was executed, and the one line: what one wants to see in a panic or a log.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (executed: {}): {self}", self.0.kind.class_name(), self.0.executed.as_str())
    }
}

/// The [`Cause`], or what a token source of the caller's attached.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let own = self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static));
        own.or_else(|| self.cause().map(|cause| cause as _))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_answers_whether_it_was_executed() {
        for kind in ErrorKind::ALL {
            let json = Error::new(*kind, "it broke").to_json();
            assert_eq!(json["executed"], kind.executed().as_str());
            assert!(["no", "unknown", "yes"].contains(&kind.executed().as_str()));
        }
    }

    #[test]
    fn every_kind_has_one_code() {
        for kind in ErrorKind::ALL {
            assert_eq!(kind.code(), format!("CXONE_{}", kind.as_str().to_uppercase()));
            let error = Error::new(*kind, "it broke").with_gateway_code("E-17");
            assert_eq!((error.code(), error.gateway_code()), (kind.code(), Some("E-17")));
            assert_eq!(error.to_json()["code"], kind.code());
            assert_eq!(
                (kind.to_string(), kind.executed().to_string()),
                (kind.as_str().into(), kind.executed().as_str().into())
            );
        }
    }

    #[test]
    fn json_has_exactly_the_documented_fields_in_order() {
        let json = Error::new(ErrorKind::Rejected, "refused").to_json();
        let names: Vec<_> = json.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default();
        assert_eq!(names, ERROR_FIELDS);
    }

    #[test]
    fn what_a_gateway_echoes_is_taken_out() {
        let error = Error::new(ErrorKind::Rejected, "the gateway answered 400: no customer CUST-1 for id 7")
            .with_gateway_code("CUST-1");
        let error = error.without(["CUST-1", "7"]);
        assert_eq!(
            error.message(),
            "the gateway answered 400: no customer … for id 7",
            "tutorial defect S27"
        );
        assert_eq!(error.gateway_code(), Some("…"));
        let cut = Error::new(ErrorKind::Rejected, "the gateway answered 400: no customer CUST-12345");
        assert_eq!(cut.without(["CUST-1234567"]).message(), "the gateway answered 400: no customer …");
    }

    #[test]
    fn the_hint_follows_the_message_on_one_line() {
        let error = Error::new(ErrorKind::Auth, "`client_id` is unknown").with_hint("check the credentials");
        assert_eq!(error.to_string(), "`client_id` is unknown; check the credentials");
        assert_eq!(
            format!("{error:?}"),
            "AuthenticationError (executed: no): `client_id` is unknown; check the credentials"
        );
    }
}
