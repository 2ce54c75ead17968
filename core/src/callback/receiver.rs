//! One connection that callbacks come over: HTTP/1.1, POST, and as little said as possible.
//!
//! One promise: nothing that comes over it holds anybody up. Each head, each body and each request has its time, and
//! what is too large is not read.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::headers::Headers;
use super::places::Place;
use super::registry::{Callbacks, Heard, MAX_BODY};

/// A head may take so long.
const HEAD: Duration = Duration::from_secs(10);
/// And a request altogether.
const REQUEST: Duration = Duration::from_secs(30);
/// What is under way when the listener closes has so long.
pub(super) const DRAIN: Duration = Duration::from_secs(1);

/// Serves one connection to its end, to that of the listener, or until another one needs its place.
pub(super) async fn serve(
    stream: TcpStream,
    callbacks: Arc<Callbacks>,
    place: Place,
    leaves: CancellationToken,
    closing: CancellationToken,
) {
    // Small answers do not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let place = &place;
    let service = service_fn(|request: Request<Incoming>| {
        place.works();
        let callbacks = callbacks.clone();
        async move {
            let answer = answer(request, &callbacks).await;
            place.rests();
            Ok::<_, Infallible>(answer)
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD).max_headers(64).max_buf_size(16 * 1024);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // What has come by now is answered, whoever needs the place.
        biased;
        // What becomes of a peer that goes away is no matter of ours.
        _ = connection.as_mut() => return,
        () = leaves.cancelled() => return,
        () = closing.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(DRAIN, connection).await;
}

async fn answer(request: Request<Incoming>, callbacks: &Callbacks) -> Response<Empty<Bytes>> {
    let by = Instant::now() + REQUEST;
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let mut refusal = status(StatusCode::METHOD_NOT_ALLOWED);
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return refusal;
    }
    let Some(watched) = callbacks.find(head.uri.path()) else { return status(StatusCode::NOT_FOUND) };
    if says_too_large(&head.headers) {
        callbacks.count(Heard::TooLarge);
        return last(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = match timeout_at(by, read(body)).await {
        Ok(Ok(Some(body))) => body,
        Ok(Ok(None)) => {
            callbacks.count(Heard::TooLarge);
            return last(StatusCode::PAYLOAD_TOO_LARGE);
        }
        Ok(Err(_)) => return last(StatusCode::BAD_REQUEST),
        Err(_) => return last(StatusCode::REQUEST_TIMEOUT),
    };
    let headers = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    status(match callbacks.hear(&watched, &Headers(headers), &body) {
        Heard::Woke | Heard::Duplicate => StatusCode::NO_CONTENT,
        Heard::Unknown => StatusCode::NOT_FOUND,
        Heard::Forged => StatusCode::UNAUTHORIZED,
        Heard::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
    })
}

/// Known before the body is there.
fn says_too_large(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > MAX_BODY as u64)
}

/// The body; none where it is too large.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, hyper::Error> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if kept.len() + data.len() > MAX_BODY {
            return Ok(None);
        }
        kept.extend_from_slice(&data);
    }
    Ok(Some(kept.freeze()))
}

fn status(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}

/// What is left of the request is not read: the connection ends with the answer.
fn last(code: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = status(code);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
