//! What a client tells whoever watches it, through `tracing`: each record of the trail as an event, each invocation and
//! each send as a span. Off, which is the default, it costs a comparison.
//!
//! The promise: nothing here holds what the trail may not hold, decides anything, or waits for anybody. Whatever becomes
//! of an event or a span, the invocation goes on.

#[cfg(feature = "opentelemetry")]
mod collector;
#[cfg(feature = "opentelemetry")]
mod context;
mod records;
mod spans;

pub(crate) use records::tell;
pub(crate) use spans::{InvocationSpan, Traces};

/// The `target` of every event and every span.
pub(crate) const TARGET: &str = "cxone_actions";
