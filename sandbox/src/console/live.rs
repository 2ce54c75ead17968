//! What changes, while somebody looks: server-sent events, twice a second at most and only where something did.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::refused;
use super::view::{Filter, Shown};
use crate::server::Shared;

/// How often is looked whether something changed. Half a second feels live and costs nothing.
const EVERY: Duration = Duration::from_millis(500);
/// So long there may be silence, before a word shows that both ends are still there.
const SILENCE: Duration = Duration::from_secs(15);
/// More windows than anybody has open.
const LISTENERS: usize = 32;

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Sent {
    /// All at once.
    Whole(Full<Bytes>),
    /// As it happens, until the reader goes.
    Live(mpsc::Receiver<Bytes>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Sent::Whole(body) => Pin::new(body).poll_frame(context),
            Sent::Live(events) => {
                events.poll_recv(context).map(|event| event.map(|text| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Sent::Whole(body) => body.is_end_stream(),
            Sent::Live(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sent::Whole(body) => body.size_hint(),
            Sent::Live(_) => SizeHint::default(),
        }
    }
}

/// The events of what a query asks for; the first tells everything.
pub(super) fn open(gateway: &Shared, query: Option<&str>) -> Response<Sent> {
    let listener = gateway.lock().record.as_ref().map(|record| Arc::clone(&record.listeners));
    // One count is the record's own, one is this one's.
    let Some(listener) = listener.filter(|listener| Arc::strong_count(listener) <= LISTENERS + 1) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many windows are open")
            .into_response()
            .map(Sent::Whole);
    };
    let (sender, events) = mpsc::channel(1);
    let gateway = gateway.clone();
    let filter = Filter::read(query);
    tokio::spawn(async move {
        tell(&gateway, &filter, &sender).await;
        drop(listener);
    });
    let mut response = Response::new(Sent::Live(events));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// Tells what changes until nobody listens.
async fn tell(gateway: &Shared, filter: &Filter, sender: &mpsc::Sender<Bytes>) {
    let mut shown = Shown::default();
    let mut said = Instant::now();
    loop {
        let change = shown.change(&mut gateway.lock(), filter, Instant::now());
        let event = match change {
            Some(change) => Some(format!("event: change\ndata: {change}\n\n")),
            None if said.elapsed() >= SILENCE => Some(": still here\n\n".to_owned()),
            None => None,
        };
        if let Some(event) = event {
            said = Instant::now();
            if sender.send(event.into()).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            () = sleep(EVERY) => {}
        }
    }
}
