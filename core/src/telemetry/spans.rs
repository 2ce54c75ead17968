//! Spans: one for each invocation, and below it one for each request that is sent for it.
//!
//! Their names and attributes are OpenTelemetry's conventions for HTTP clients. Who subscribes to `tracing` sees them;
//! with the feature `opentelemetry` the header `traceparent` of each request names the span that it is sent in, and the
//! option `traces` sends them to a collector. Numbers are signed: only those are numbers in OpenTelemetry too.

use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tracing::Span;
use tracing::field::Empty;

use crate::config::Config;
use crate::error::Result;
use crate::ledger::Identity;
use crate::profile::Address;
use crate::wire::{Answer, Failure};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Where the spans of one client go: to a collector, or to whoever subscribes to `tracing`.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    #[cfg(feature = "opentelemetry")]
    collector: Option<super::collector::Collector>,
}

impl Traces {
    /// # Errors
    /// [`crate::ErrorKind::Config`] where there is no way to the collector.
    pub(crate) fn open(config: &Config) -> Result<Traces> {
        #[cfg(feature = "opentelemetry")]
        return Ok(Traces {
            collector: config
                .traces
                .as_ref()
                .map(|url| super::collector::Collector::new(url, &config.transport))
                .transpose()?,
        });
        #[cfg(not(feature = "opentelemetry"))]
        return match &config.traces {
            None => Ok(Traces::default()),
            Some(_) => Err(crate::Error::new(
                crate::ErrorKind::Config,
                "`traces` needs a library that was built with the feature `opentelemetry`",
            )),
        };
    }

    /// The span of an invocation, as part of the trace that `parent` names.
    pub(crate) fn invocation(&self, who: &Identity, parent: Option<HeaderValue>) -> InvocationSpan {
        let span = self.within(|| {
            tracing::info_span!(
                target: super::TARGET,
                "invocation",
                otel.name = who.label(),
                otel.kind = "internal",
                otel.status_code = Empty,
                cxone.action_id = who.action_id.as_deref(),
                cxone.action_name = who.action_name.as_deref(),
                cxone.correlation_id = who.correlation_id.as_deref(),
                cxone.invocation_id = who.invocation_id.as_deref(),
                cxone.outcome = Empty,
                cxone.attempts = Empty,
                "error.type" = Empty,
            )
        });
        #[cfg(feature = "opentelemetry")]
        if let Some(parent) = &parent {
            super::context::enter(&span, parent);
        }
        InvocationSpan(Box::new(Invocation { span, given: parent }))
    }

    /// Sends what was not sent yet, for at most as long as `patience`.
    pub(crate) async fn flush(&self, patience: Duration) {
        #[cfg(feature = "opentelemetry")]
        if let Some(collector) = &self.collector {
            collector.flush(patience).await;
        }
        #[cfg(not(feature = "opentelemetry"))]
        let _ = patience;
    }

    fn within(&self, make: impl FnOnce() -> Span) -> Span {
        #[cfg(feature = "opentelemetry")]
        if let Some(collector) = &self.collector {
            return collector.within(make);
        }
        make()
    }
}

/// The span of one invocation, as long as somebody is responsible for it.
#[derive(Debug)]
pub(crate) struct InvocationSpan(Box<Invocation>);

/// Whoever is responsible for an invocation hands it on, and is not to be larger by all of this.
#[derive(Debug)]
struct Invocation {
    span: Span,
    given: Option<HeaderValue>,
}

impl InvocationSpan {
    /// The gateway has given it an id.
    pub(crate) fn accepted(&self, invocation_id: Option<&str>) {
        self.0.span.record("cxone.invocation_id", invocation_id);
    }

    /// What became of it; with the word of an error's kind where it is one.
    pub(crate) fn ended(&self, outcome: &str, attempts: u32, error: Option<&str>) {
        self.0.span.record("cxone.outcome", outcome);
        if attempts > 0 {
            self.0.span.record("cxone.attempts", i64::from(attempts));
        }
        if let Some(error) = error {
            self.0.span.record("error.type", error);
            self.0.span.record("otel.status_code", "ERROR");
        }
    }

    /// A request that is sent for it now. `template` is the path of the URL without its ids, `again` how often it was sent
    /// before.
    pub(crate) fn send(&self, method: &Method, address: &Address, template: &str, again: u32) -> SendSpan {
        if self.0.span.is_disabled() {
            return SendSpan { span: Span::none(), traceparent: self.0.given.clone() };
        }
        // Its query is left out.
        let Address { origin, path } = address;
        let https = origin.scheme == Scheme::HTTPS;
        let port = origin.authority.port_u16().unwrap_or(if https { 443 } else { 80 });
        let shown = format!("{}://{}{}", origin.scheme, origin.authority, path.path());
        let span = within_that_of(&self.0.span, || {
            tracing::info_span!(
                target: super::TARGET,
                parent: &self.0.span,
                "send",
                otel.name = format!("{method} {template}"),
                otel.kind = "client",
                otel.status_code = Empty,
                http.request.method = method.as_str(),
                http.request.resend_count = (again > 0).then(|| i64::from(again)),
                http.response.status_code = Empty,
                server.address = origin.authority.host(),
                server.port = i64::from(port),
                url.full = shown.as_str(),
                url.template = template,
                "error.type" = Empty,
            )
        });
        let traceparent = named(&span).or_else(|| self.0.given.clone());
        SendSpan { span, traceparent }
    }

    /// By what something that is done for this invocation later belongs to its trace.
    pub(crate) fn traceparent(&self) -> Option<HeaderValue> {
        named(&self.0.span).or_else(|| self.0.given.clone())
    }
}

/// The span of one request.
#[derive(Debug)]
pub(crate) struct SendSpan {
    span: Span,
    traceparent: Option<HeaderValue>,
}

impl SendSpan {
    /// Names it in the headers of the request.
    pub(crate) fn name_in(&self, headers: &mut HeaderMap) {
        if let Some(traceparent) = &self.traceparent {
            headers.insert(TRACEPARENT, traceparent.clone());
        }
    }

    /// What came back.
    pub(crate) fn answered(self, outcome: &Result<Answer, Failure>) {
        let status = outcome.as_ref().ok().map(|answer| i64::from(answer.status));
        self.span.record("http.response.status_code", status);
        let error = match outcome {
            Ok(answer) if answer.status < 400 => return,
            Ok(answer) => answer.status.to_string(),
            Err(failure) if failure.certificate => "certificate".to_owned(),
            Err(failure) if failure.unsent => "not_sent".to_owned(),
            Err(_) => "no_answer".to_owned(),
        };
        self.span.record("error.type", error.as_str());
        self.span.record("otel.status_code", "ERROR");
    }
}

/// A registry of `tracing-subscriber` lets go of a span's parent in whatever is the default when the span is closed, and
/// a parent that is not let go of never ends.
impl Drop for SendSpan {
    fn drop(&mut self) {
        let span = std::mem::replace(&mut self.span, Span::none());
        if let Some(subscriber) = span.with_subscriber(|(_, subscriber)| subscriber.clone()) {
            tracing::dispatcher::with_default(&subscriber, || drop(span));
        }
    }
}

/// Makes a span for the one who has the other.
fn within_that_of(other: &Span, make: impl FnOnce() -> Span) -> Span {
    let mut make = Some(make);
    let made = other.with_subscriber(|(_, subscriber)| {
        make.take().map(|make| tracing::dispatcher::with_default(subscriber, make))
    });
    made.flatten().unwrap_or_else(Span::none)
}

#[cfg(feature = "opentelemetry")]
fn named(span: &Span) -> Option<HeaderValue> {
    super::context::name(span)
}

#[cfg(not(feature = "opentelemetry"))]
fn named(_: &Span) -> Option<HeaderValue> {
    None
}
