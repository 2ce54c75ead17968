//! A span as W3C's Trace Context writes it, in both directions.

use std::collections::HashMap;

use http::HeaderValue;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const NAME: &str = "traceparent";

/// Makes the span a part of the trace that the header names.
pub(super) fn enter(span: &Span, parent: &HeaderValue) {
    let Ok(parent) = parent.to_str() else { return };
    let carrier = HashMap::from([(NAME.to_owned(), parent.to_owned())]);
    // It fails where nobody makes OpenTelemetry spans of it.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&carrier));
}

/// The header that names the span; none where nobody makes OpenTelemetry spans of it.
pub(super) fn name(span: &Span) -> Option<HeaderValue> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.get(NAME).and_then(|text| HeaderValue::from_str(text).ok())
}
