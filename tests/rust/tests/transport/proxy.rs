//! Through a proxy that wants to know who we are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cxone_actions::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::{Authority, NAME, Shown};
use crate::gateway::{Gateway, builder, is_unavailable, request};
use crate::{again, is_again};

/// A proxy that leads everybody to one gateway, whatever they ask for, if they know the password.
struct Proxy {
    address: SocketAddr,
    /// What was asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(gateway: SocketAddr, answer: &'static str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(lead(stream, gateway, answer, log.clone()));
            }
        });
        Proxy { address, asked }
    }

    fn url(&self, password: &str) -> String {
        format!("http://integration:{password}@{}", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const ESTABLISHED: &str = "200 Connection established";
/// `p/` in a URL.
const PASSWORD: &str = "pr0xy%2F";

async fn lead(mut stream: TcpStream, gateway: SocketAddr, answer: &str, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let known = format!("Basic {}", STANDARD.encode("integration:pr0xy/"));
    let is_known = head.lines().any(|line| {
        line.split_once(": ")
            .is_some_and(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization") && value == known)
    });
    asked.lock().unwrap().push(head.lines().next().unwrap().to_owned());
    let answer = if is_known { answer } else { "407 Proxy Authentication Required" };
    if stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.is_err()
        || answer != ESTABLISHED
    {
        return;
    }
    let mut gateway = TcpStream::connect(gateway).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut gateway).await;
}

async fn both(answer: &'static str) -> (Authority, Gateway, Proxy) {
    let authority = Authority::new();
    let gateway = Gateway::start(authority.server(Shown::Good, &["h2", "http/1.1"], false)).await;
    let proxy = Proxy::start(gateway.address, answer).await;
    (authority, gateway, proxy)
}

/// Where nothing leads but the proxy.
fn elsewhere() -> String {
    format!("https://{NAME}")
}

#[tokio::test]
async fn a_proxy_with_credentials_leads_to_the_gateway() {
    let (authority, gateway, proxy) = both(ESTABLISHED).await;
    let client = builder(elsewhere()).ca_file(authority.file()).proxy(proxy.url(PASSWORD)).build().unwrap();
    assert!(client.run(request("proxied")).await.unwrap().ok);
    assert_eq!(gateway.seen(|seen| seen.executions["proxied"]), 1);
    assert_eq!(
        proxy.asked(),
        [format!("CONNECT {NAME}:443 HTTP/1.1")],
        "the token stays inside of the tunnel"
    );
    assert!(!format!("{client:?}").contains("pr0xy"));
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_leaves_nothing_sent() {
    let (authority, gateway, proxy) = both("502 Bad Gateway").await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusals = [
        proxy.url("wr0ng"),
        proxy.url(PASSWORD),
        format!("http://{}", proxy.address),
        format!("http://integration:pr0xy@{nobody}"),
    ];
    for url in refusals {
        let client = builder(elsewhere()).ca_file(authority.file()).proxy(url).build().unwrap();
        is_unavailable(&client.run(request("refused")).await.unwrap_err());
    }
    assert_eq!(gateway.seen(|seen| seen.connections), 0);
}

#[tokio::test]
async fn the_environments_proxy_is_used_except_for_the_hosts_that_it_excepts() {
    const TEST: &str = "proxy::the_environments_proxy_is_used_except_for_the_hosts_that_it_excepts";
    if is_again() {
        let outcome = builder(elsewhere()).build().unwrap().run(request("environment")).await;
        let error = outcome.map(|result| assert!(result.ok)).err();
        error.iter().for_each(is_unavailable);
        println!("came to {}", error.map_or_else(|| "its end".to_owned(), |error| error.to_string()));
        return;
    }
    let (authority, gateway, proxy) = both(ESTABLISHED).await;
    let (url, file) = (proxy.url(PASSWORD), authority.file().to_str().unwrap().to_owned());
    for (excepted, sent) in [(Some(NAME), 0), (Some(".test"), 0), (Some("other.test"), 1), (None, 2)] {
        let (url, file) = (url.clone(), file.clone());
        let output = tokio::task::spawn_blocking(move || {
            let mut variables = vec![("HTTPS_PROXY", url.as_str()), ("SSL_CERT_FILE", file.as_str())];
            variables.extend(excepted.map(|hosts| ("NO_PROXY", hosts)));
            again(TEST, &variables)
        });
        let output = output.await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("came to its end"), sent > 0, "NO_PROXY={excepted:?}: {said}");
        assert_eq!(gateway.seen(|seen| seen.executions.get("environment").copied().unwrap_or(0)), sent);
        assert_eq!(proxy.asked().len(), sent as usize, "NO_PROXY={excepted:?}");
    }
}

#[test]
fn a_proxy_that_is_no_url_is_refused_by_its_name() {
    for proxy in ["zz", "", "proxy.example:3128", "socks5://pr0xy@proxy.example", "http://", "pr0xy://x"] {
        let error = builder("https://gateway.test").proxy(proxy).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.violations()[0].path, "proxy", "`{proxy}`");
        assert!(error.message().contains("`proxy`") && !error.to_string().contains("pr0xy"), "{error}");
    }
}
