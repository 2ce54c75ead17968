//! HTTP/2 where the gateway offers it, and what of its ways to refuse proves that nothing was executed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cxone_actions::{ErrorKind, Executed};
use futures_util::future::join_all;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use hyper::{Request, Response, Version};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Shown};
use crate::gateway::{Gateway, Seen, TOKEN, builder, executed, request};

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered_and_not_where_it_is_refused() {
    let authority = Authority::new();
    let cases = [
        (&["h2", "http/1.1"][..], false, Version::HTTP_2),
        (&["h2", "http/1.1"][..], true, Version::HTTP_11),
        (&["http/1.1"][..], false, Version::HTTP_11),
        (&[][..], false, Version::HTTP_11),
    ];
    for (offered, http1_only, spoken) in cases {
        let gateway = Gateway::start(authority.server(Shown::Good, offered, false)).await;
        let client = builder(gateway.url()).ca_file(authority.file()).http1_only(http1_only).build().unwrap();
        client.run(request("first")).await.unwrap();
        let many = (0..50).map(|n| client.run(request(&format!("many-{n}"))));
        assert!(join_all(many).await.into_iter().all(|result| result.unwrap().ok));
        gateway.seen(|seen| {
            assert!(seen.versions.iter().all(|version| *version == spoken), "{offered:?}, {http1_only}");
            assert_eq!(seen.connections == 1, spoken == Version::HTTP_2, "{} connections", seen.connections);
            assert!(seen.executions.len() == 51 && seen.executions.values().all(|times| *times == 1));
        });
    }
}

/// What a gateway does with a POST of an action.
#[derive(Debug, Clone, Copy, PartialEq)]
enum With {
    /// Resets its stream with this code; `executing` it or not.
    Reset(Reason, bool),
    /// Executes it, says that the connection ends in good order, and closes it without an answer.
    GoAway,
    /// The same with an error.
    Failing,
}

/// A gateway that does it with the first POST, and answers every other one.
async fn misbehaving(authority: &Authority, with: With) -> (String, Arc<Mutex<Seen>>) {
    let tls = TlsAcceptor::from(authority.server(Shown::Good, &["h2"], false));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let state = seen.clone();
    tokio::spawn(async move {
        let first = Arc::new(Mutex::new(Some(with)));
        while let Ok((stream, _)) = listener.accept().await {
            let stream = tls.accept(stream).await.unwrap();
            let connection = h2::server::handshake(stream).await.unwrap();
            tokio::spawn(serve(connection, first.clone(), state.clone()));
        }
    });
    (url, seen)
}

async fn serve(
    mut connection: Connection<TlsStream<TcpStream>, bytes::Bytes>,
    first: Arc<Mutex<Option<With>>>,
    seen: Arc<Mutex<Seen>>,
) {
    while let Some(Ok((request, respond))) = connection.accept().await {
        if request.uri().path().ends_with("/oauth/token") {
            answer(respond, TOKEN);
            continue;
        }
        let with = first.lock().unwrap().take();
        match with {
            Some(With::Reset(reason, executing)) => {
                tokio::spawn(reset(request, respond, reason, executing, seen.clone()));
            }
            Some(With::GoAway | With::Failing) => {
                // The body is read while the connection goes on, and then it ends.
                let reading = execute(request, &seen);
                tokio::select! {
                    _ = connection.accept() => {}
                    _ = reading => {}
                }
                let reason =
                    if with == Some(With::GoAway) { Reason::NO_ERROR } else { Reason::INTERNAL_ERROR };
                connection.abrupt_shutdown(reason);
                let _ = connection.accept().await;
                return;
            }
            None => {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let done = execute(request, &seen).await;
                    answer(respond, &done);
                });
            }
        }
    }
}

async fn execute(request: Request<RecvStream>, seen: &Mutex<Seen>) -> String {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        bytes.extend_from_slice(&chunk);
        let _ = body.flow_control().release_capacity(chunk.len());
    }
    executed(&bytes, seen)
}

async fn reset(
    request: Request<RecvStream>,
    mut respond: SendResponse<bytes::Bytes>,
    reason: Reason,
    executing: bool,
    seen: Arc<Mutex<Seen>>,
) {
    if executing {
        execute(request, &seen).await;
    }
    respond.send_reset(reason);
}

fn answer(mut respond: SendResponse<bytes::Bytes>, body: &str) {
    let mut stream = respond.send_response(Response::new(()), false).unwrap();
    stream.send_data(body.to_owned().into(), true).unwrap();
}

#[tokio::test]
async fn only_a_refused_stream_proves_that_nothing_was_executed() {
    let authority = Authority::new();
    let unknown = [
        With::Reset(Reason::INTERNAL_ERROR, true),
        With::Reset(Reason::CANCEL, true),
        With::Reset(Reason::NO_ERROR, true),
        With::GoAway,
        With::Failing,
    ];
    for with in unknown {
        let (url, seen) = misbehaving(&authority, with).await;
        let client =
            builder(url).ca_file(authority.file()).request_timeout(Duration::from_secs(10)).build().unwrap();
        let error = client.run(request("lost")).await.unwrap_err();
        let expected = (ErrorKind::OutcomeUnknown, Executed::Unknown, Some(1));
        assert_eq!((error.kind(), error.executed(), error.attempts()), expected, "{with:?}: {error}");
        assert_eq!(seen.lock().unwrap().executions["lost"], 1, "{with:?}");
        assert!(client.run(request("next")).await.unwrap().ok, "{with:?}: the client has not recovered");
    }
    let (url, seen) = misbehaving(&authority, With::Reset(Reason::REFUSED_STREAM, false)).await;
    let client = builder(url).ca_file(authority.file()).build().unwrap();
    let result = client.run(request("refused")).await.unwrap();
    assert!(result.ok && result.attempts == 2, "sent {} times", result.attempts);
    assert_eq!(seen.lock().unwrap().executions["refused"], 1);
}
