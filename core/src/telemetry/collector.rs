//! The way of spans to a collector: OTLP over HTTP, in batches, from a task beside the invocations.
//!
//! The promise: no invocation ever waits for a collector. What it does not take is kept as far as there is room, tried
//! again a few times, and then lost, which the log says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor};
use prost::Message;
use tokio::sync::Notify;
use tracing::{Dispatch, Level, Span};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use url::Url;

use crate::config;
use crate::error::Result;
use crate::profile::is_loopback;
use crate::wire::{Answer, Failure, Transport};

/// As many spans as wait for the collector; more are lost.
const MOST_WAITING: usize = 4096;
/// As many go at once.
const BATCH: usize = 512;
/// A batch that is not full leaves after this.
const DELAY: Duration = Duration::from_secs(1);
/// The collector may take so long to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What it may not have taken is sent again after each of these.
const AGAIN_AFTER: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// The collector of one client.
#[derive(Debug)]
pub(super) struct Collector {
    dispatch: Dispatch,
    waiting: Arc<Waiting>,
}

impl Collector {
    /// # Errors
    /// [`crate::ErrorKind::Config`] where the HTTP client cannot be built.
    pub(super) fn new(url: &Url, gateway: &config::Transport) -> Result<Collector> {
        let transport = Transport::new(&config::Transport {
            request_timeout: PATIENCE,
            connect_timeout: PATIENCE / 2,
            client_cert: None,
            http1_only: false,
            loopback: is_loopback(url),
            ..gateway.clone()
        })?;
        let resource = resource();
        let waiting = Arc::new(Waiting {
            url: endpoint(url),
            transport,
            resource: ResourceAttributesWithSchema::from(&resource),
            state: Mutex::default(),
            full: Notify::new(),
            sending: tokio::sync::Mutex::default(),
        });
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Processor(waiting.clone()))
            .with_resource(resource)
            .build();
        let scope = InstrumentationScope::builder("cxone-actions").with_version(crate::VERSION).build();
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer_with_scope(scope))
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        let ours = filter_fn(|about| about.is_span() && about.target() == super::TARGET)
            .with_max_level_hint(Level::INFO);
        let dispatch = Dispatch::new(Registry::default().with(ours).with(spans));
        Ok(Collector { dispatch, waiting })
    }

    /// Makes a span for the collector.
    pub(super) fn within(&self, make: impl FnOnce() -> Span) -> Span {
        tracing::dispatcher::with_default(&self.dispatch, make)
    }

    pub(super) async fn flush(&self, patience: Duration) {
        let waiting = &self.waiting;
        if tokio::time::timeout(patience, waiting.send_everything()).await.is_err() {
            let left = {
                let mut state = waiting.lock();
                std::mem::take(&mut state.leaving) + state.spans.drain(..).count()
            };
            lost(left, "the collector did not take them in time");
        }
    }
}

/// `service.name` is what `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say; ours where they say nothing.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let named = found
        .iter()
        .any(|(key, value)| key.as_str() == "service.name" && !value.as_str().starts_with("unknown_service"));
    if named {
        return found;
    }
    Resource::builder().with_attribute(KeyValue::new("service.name", "cxone-actions")).build()
}

/// A URL without a path is that of the collector; the path of spans is OTLP's own.
fn endpoint(url: &Url) -> Url {
    let mut url = url.clone();
    if matches!(url.path(), "" | "/") {
        url.set_path("/v1/traces");
    }
    url
}

/// Spans that ended and were not taken yet.
struct Waiting {
    url: Url,
    transport: Transport,
    resource: ResourceAttributesWithSchema,
    state: Mutex<State>,
    full: Notify,
    /// Held by whoever sends: one batch at a time.
    sending: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    spans: VecDeque<SpanData>,
    /// As many are on their way.
    leaving: usize,
    /// A task sends what is here.
    has_task: bool,
}

impl Waiting {
    fn push(self: &Arc<Self>, span: SpanData) {
        let mut state = self.lock();
        if state.spans.len() >= MOST_WAITING {
            drop(state);
            lost(1, "too many wait for the collector");
            return;
        }
        state.spans.push_back(span);
        if state.spans.len() >= BATCH {
            self.full.notify_one();
        }
        // A span that ends outside of a runtime waits for the next one, or for the end.
        if !state.has_task
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.has_task = true;
            runtime.spawn(self.clone().send_in_batches());
        }
    }

    /// Until there is nothing more to send.
    async fn send_in_batches(self: Arc<Self>) {
        loop {
            let _ = tokio::time::timeout(DELAY, self.full.notified()).await;
            self.send_one_batch().await;
            let mut state = self.lock();
            if state.spans.is_empty() {
                state.has_task = false;
                return;
            }
        }
    }

    async fn send_everything(&self) {
        while self.send_one_batch().await {}
    }

    /// Whether there was one.
    async fn send_one_batch(&self) -> bool {
        let _alone = self.sending.lock().await;
        let batch: Vec<SpanData> = {
            let mut state = self.lock();
            let count = state.spans.len().min(BATCH);
            state.leaving = count;
            state.spans.drain(..count).collect()
        };
        if batch.is_empty() {
            return false;
        }
        let count = batch.len();
        let spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = Bytes::from(ExportTraceServiceRequest { resource_spans: spans }.encode_to_vec());
        let sent = self.send(&body).await;
        self.lock().leaving = 0;
        if let Err(why) = sent {
            lost(count, &why);
        }
        true
    }

    async fn send(&self, body: &Bytes) -> Result<(), String> {
        let mut again = AGAIN_AFTER.iter();
        loop {
            let mut request = reqwest::Request::new(Method::POST, self.url.clone());
            let protobuf = HeaderValue::from_static("application/x-protobuf");
            request.headers_mut().insert(CONTENT_TYPE, protobuf);
            *request.body_mut() = Some(body.clone().into());
            let why = match self.transport.send(request, None).await {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(()),
                Ok(Answer { status: status @ (429 | 502 | 503 | 504), .. }) => {
                    format!("it answered {status}")
                }
                Ok(answer) => return Err(format!("the collector answered {}", answer.status)),
                Err(Failure { what, .. }) => what,
            };
            match again.next() {
                Some(wait) => tokio::time::sleep(*wait).await,
                None => return Err(format!("the collector did not take them: {why}")),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost(count: usize, why: &str) {
    if count > 0 {
        tracing::warn!(target: super::TARGET, event = "spans_lost", count, "spans were lost: {why}");
    }
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("spans", &self.lock().spans.len()).finish_non_exhaustive()
    }
}

/// Takes spans as they end.
#[derive(Debug)]
struct Processor(Arc<Waiting>);

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
