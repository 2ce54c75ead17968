//! The floor of a Rust program: hyper's HTTP/1 connections in a pool of its own, token once, and the loop that its user
//! writes. No policy, no trail, no classification: 429 is sent again, and everything else but success is a panic.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, IpAddr, Ipv4Addr, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::floor::{Accepted, INVOCATIONS, Looked, TOKEN, authority, bearer};
use super::{Case, Inputs, Meter, Round, Said};

const PAUSE: Duration = Duration::from_millis(100);

struct Pool {
    authority: String,
    host: HeaderValue,
    tls: Option<TlsConnector>,
    idle: RefCell<Vec<SendRequest<Full<Bytes>>>>,
}

pub(super) fn drive(case: &Case) -> Said {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let pool = Rc::new(Pool::new(case));
        let mut form = pool.request(Method::POST, TOKEN, Bytes::from(case.form()));
        form.headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let (status, answer) = pool.send(form).await;
        assert_eq!(status, StatusCode::OK);
        let bearer = HeaderValue::try_from(bearer(&answer)).unwrap();
        let inputs = Rc::new(case.inputs());
        let warm = Arc::new(Round::of(case.warmup));
        round(case, &pool, &bearer, &inputs, &warm).await;
        let measured = Arc::new(Round::of(case.invocations));
        let meter = Meter::begin();
        round(case, &pool, &bearer, &inputs, &measured).await;
        meter.end(Arc::into_inner(measured).unwrap())
    })
}

async fn round(case: &Case, pool: &Rc<Pool>, bearer: &HeaderValue, inputs: &Rc<Inputs>, round: &Arc<Round>) {
    let tasks: Vec<_> = (0..round.tasks(case.concurrency))
        .map(|_| {
            let (case, pool, bearer) = (case.clone(), Rc::clone(pool), bearer.clone());
            let (inputs, round) = (Rc::clone(inputs), Arc::clone(round));
            tokio::task::spawn_local(async move {
                while round.next() {
                    let began = Instant::now();
                    invoke(&case, &pool, &bearer, &inputs).await;
                    round.ended(began.elapsed());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// One invocation, until it is completed.
async fn invoke(case: &Case, pool: &Pool, bearer: &HeaderValue, inputs: &Inputs) {
    let body = Bytes::from(case.body(inputs));
    let accepted: Accepted = loop {
        let mut post = pool.request(Method::POST, INVOCATIONS, body.clone());
        let headers = post.headers_mut();
        headers.insert(AUTHORIZATION, bearer.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match pool.send(post).await {
            (StatusCode::ACCEPTED, answer) => break serde_json::from_slice(&answer).unwrap(),
            // `Retry-After: 0`
            (StatusCode::TOO_MANY_REQUESTS, _) => {}
            (status, _) => panic!("the POST was answered {status}"),
        }
    };
    let path = format!("{INVOCATIONS}/{}", accepted.invocation_id);
    loop {
        let mut get = pool.request(Method::GET, &path, Bytes::new());
        get.headers_mut().insert(AUTHORIZATION, bearer.clone());
        let (status, answer) = pool.send(get).await;
        assert_eq!(status, StatusCode::OK);
        let looked: Looked = serde_json::from_slice(&answer).unwrap();
        if looked.status == "COMPLETED" {
            assert!(looked.outputs.is_some());
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Pool {
    fn new(case: &Case) -> Pool {
        let authority = authority(&case.base_url);
        let tls = case.ca_file.as_ref().map(|path| {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).unwrap() {
                roots.add(certificate.unwrap()).unwrap();
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            TlsConnector::from(Arc::new(config))
        });
        let host = HeaderValue::try_from(&authority).unwrap();
        Pool { authority, host, tls, idle: RefCell::default() }
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request
    }

    /// One exchange, on a connection that is free or a new one.
    async fn send(&self, request: Request<Full<Bytes>>) -> (StatusCode, Bytes) {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await,
        };
        let answer = connection.send_request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        connection.ready().await.unwrap();
        self.idle.borrow_mut().push(connection);
        (status, body)
    }

    async fn connect(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(&self.authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match &self.tls {
            None => speak(stream).await,
            Some(tls) => {
                let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([127, 0, 0, 1])));
                speak(tls.connect(name, stream).await.unwrap()).await
            }
        }
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> SendRequest<Full<Bytes>> {
    let (connection, driven) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::task::spawn_local(async move { drop(driven.await) });
    connection
}
