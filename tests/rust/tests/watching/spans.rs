//! Spans, as the OpenTelemetry SDK is handed them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cxone_actions::{CallOptions, ErrorKind};
use cxone_actions_sandbox::{Point, Sandbox};
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use serde_json::json;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::{CREATE_CASE, builder, request, sandbox, says_no_secret};

/// Keeps the spans that ended, in the order in which they did.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Kept {
    /// What a user of `tracing-opentelemetry` sets up, for this thread.
    fn watching() -> (Kept, DefaultGuard) {
        let kept = Kept::default();
        let provider = SdkTracerProvider::builder().with_span_processor(kept.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        (kept, tracing::subscriber::set_default(Registry::default().with(layer)))
    }

    fn of_kind(&self, kind: SpanKind) -> Vec<SpanData> {
        self.0.lock().unwrap().iter().filter(|span| span.span_kind == kind).cloned().collect()
    }

    fn only(&self, kind: SpanKind) -> SpanData {
        let [span] = <[SpanData; 1]>::try_from(self.of_kind(kind)).unwrap();
        span
    }
}

fn attributes(span: &SpanData) -> HashMap<String, Value> {
    span.attributes.iter().map(|pair| (pair.key.to_string(), pair.value.clone())).collect()
}

fn text(span: &SpanData, name: &str) -> Option<String> {
    attributes(span).get(name).map(ToString::to_string)
}

/// As the header of a request that is sent in this span.
fn traceparent(span: &SpanData) -> String {
    format!("00-{}-{}-01", span.span_context.trace_id(), span.span_context.span_id())
}

/// The header `traceparent` of each request that arrived there.
fn arrived(sandbox: &Sandbox, point: Point) -> Vec<Option<String>> {
    let seen = sandbox.requests().into_iter().filter(|seen| seen.point == point);
    seen.map(|seen| seen.headers.get("traceparent").cloned()).collect()
}

#[tokio::test]
async fn an_invocation_is_a_span_and_each_send_below_it_names_itself_to_the_gateway() {
    let (kept, _watching) = Kept::watching();
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    sandbox.inject("invoke", json!({"status": 429, "retry_after": 0}), 1).unwrap();
    let result = client.run(request().correlation_id("corr-1")).await.unwrap();

    let whole = kept.only(SpanKind::Internal);
    assert_eq!(whole.name, CREATE_CASE);
    assert_eq!(whole.parent_span_id, SpanId::INVALID);
    assert_eq!(whole.status, Status::Unset);
    for (name, value) in [
        ("cxone.action_id", CREATE_CASE),
        ("cxone.correlation_id", "corr-1"),
        ("cxone.invocation_id", result.invocation_id.as_deref().unwrap()),
        ("cxone.outcome", "completed"),
        ("cxone.attempts", "2"),
    ] {
        assert_eq!(text(&whole, name).as_deref(), Some(value), "{name}");
    }

    let sends = kept.of_kind(SpanKind::Client);
    let (posts, gets): (Vec<_>, Vec<_>) = sends.iter().partition(|span| span.name.starts_with("POST "));
    assert_eq!((posts.len(), gets.len()), (2, usize::try_from(result.polls).unwrap()));
    let port = sandbox.base_url().rsplit(':').next().unwrap().parse().unwrap();
    for span in &sends {
        assert_eq!(span.parent_span_id, whole.span_context.span_id());
        assert_eq!(span.span_context.trace_id(), whole.span_context.trace_id());
        assert_eq!(text(span, "server.address").as_deref(), Some("127.0.0.1"));
        assert_eq!(attributes(span)["server.port"], Value::I64(port));
        assert!(text(span, "url.full").unwrap().starts_with(sandbox.base_url()));
        assert!(
            !span.name.contains(result.invocation_id.as_deref().unwrap()),
            "a name of its own for each id"
        );
    }
    assert_eq!(attributes(posts[0])["http.response.status_code"], Value::I64(429), "a number");
    assert_eq!(text(posts[0], "error.type").as_deref(), Some("429"));
    assert_eq!(posts[0].status, Status::error(""));
    assert_eq!(text(posts[0], "http.request.resend_count"), None);
    assert_eq!(text(posts[1], "http.request.resend_count").as_deref(), Some("1"));
    assert_eq!(text(posts[1], "error.type"), None);
    assert_eq!(text(posts[1], "http.request.method").as_deref(), Some("POST"));
    assert!(gets.iter().all(|get| text(get, "url.template").unwrap().contains("{invocation_id}")));

    let named = |spans: &[&SpanData]| spans.iter().map(|span| Some(traceparent(span))).collect::<Vec<_>>();
    assert_eq!(arrived(&sandbox, Point::Invoke), named(&posts));
    assert_eq!(arrived(&sandbox, Point::Poll), named(&gets));
    assert_eq!(arrived(&sandbox, Point::Token), [None], "a token belongs to no invocation");
    says_no_secret(&format!("{:?}", kept.0.lock().unwrap()), &sandbox);
}

#[tokio::test]
async fn what_the_caller_names_is_the_parent_and_a_later_poll_belongs_to_the_same_trace() {
    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (kept, _watching) = Kept::watching();
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    let invocation = client.invoke(request().traceparent(GIVEN)).await.unwrap();
    let submitted = kept.only(SpanKind::Internal);
    assert_eq!(submitted.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(submitted.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(text(&submitted, "cxone.outcome").as_deref(), Some("detached"));

    client.poll(invocation.into(), CallOptions::default()).await.unwrap();
    let polled = kept.of_kind(SpanKind::Internal).pop().unwrap();
    assert_eq!(polled.span_context.trace_id(), submitted.span_context.trace_id());
    assert_eq!(polled.parent_span_id, submitted.span_context.span_id());
    assert_eq!(text(&polled, "cxone.outcome").as_deref(), Some("completed"));
}

#[tokio::test]
async fn an_invocation_that_ends_otherwise_says_how() {
    let (kept, _watching) = Kept::watching();
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request()).await.unwrap();
    for (fault, outcome, error) in [
        (json!({"status": 400}), "rejected", "rejected"),
        (json!({"status": 500}), "unknown", "outcome_unknown"),
        (json!({"close": "after_request"}), "unknown", "outcome_unknown"),
    ] {
        sandbox.inject("invoke", fault, 1).unwrap();
        client.run(request()).await.unwrap_err();
        let span = kept.of_kind(SpanKind::Internal).pop().unwrap();
        assert_eq!(text(&span, "cxone.outcome").as_deref(), Some(outcome));
        assert_eq!(text(&span, "error.type").as_deref(), Some(error));
        assert_eq!(span.status, Status::error(""));
    }
    let cut = kept.of_kind(SpanKind::Client).pop().unwrap();
    assert_eq!(text(&cut, "error.type").as_deref(), Some("no_answer"));
    assert_eq!(text(&cut, "http.response.status_code"), None);
    says_no_secret(&format!("{:?}", kept.0.lock().unwrap()), &sandbox);
}

#[tokio::test]
async fn where_nobody_traces_the_callers_header_is_passed_on_as_it_is() {
    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    let sandbox = sandbox();
    let client = builder(&sandbox).build().unwrap();
    client.run(request().traceparent(GIVEN)).await.unwrap();
    for point in [Point::Invoke, Point::Poll] {
        let arrived = arrived(&sandbox, point);
        assert!(
            !arrived.is_empty() && arrived.iter().all(|header| header.as_deref() == Some(GIVEN)),
            "{arrived:?}"
        );
    }
    sandbox.clear();
    client.run(request()).await.unwrap();
    assert!(arrived(&sandbox, Point::Invoke).iter().all(Option::is_none));
    for wrong in
        ["", "00-0-0-01", &GIVEN.to_uppercase(), "00-00000000000000000000000000000000-b7ad6b7169203331-01"]
    {
        let error = client.run(request().traceparent(wrong)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.violations()[0].path.as_str()),
            (ErrorKind::Validation, "/traceparent")
        );
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_keeps_no_invocation_and_no_end_waiting() {
    let sandbox = sandbox();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let client = builder(&sandbox).traces(url).build().unwrap();
    let began = Instant::now();
    assert!(client.run(request()).await.unwrap().ok);
    assert!(arrived(&sandbox, Point::Invoke)[0].is_some(), "it is traced all the same");
    client.shutdown(Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
