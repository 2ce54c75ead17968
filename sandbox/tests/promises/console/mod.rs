//! The console for people.

mod shown;
mod strangers;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::Value;

use crate::wire::Answer;

pub(crate) fn with_console() -> Sandbox {
    Sandbox::start(SandboxOptions { console: true, ..SandboxOptions::default() }).unwrap()
}

/// One request with exactly these headers, and its answer.
pub(crate) fn ask(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

pub(crate) fn host(sandbox: &Sandbox) -> String {
    format!("127.0.0.1:{}", sandbox.port())
}

pub(crate) fn get(sandbox: &Sandbox, path: &str) -> Answer {
    ask(sandbox, "GET", path, &[("host", &host(sandbox))], "")
}

/// The token that stands in the page.
pub(crate) fn token(sandbox: &Sandbox) -> String {
    let page = get(sandbox, "/").body;
    let (_, rest) = page.split_once("name=\"console-token\" content=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

pub(crate) fn order(sandbox: &Sandbox, path: &str, body: Value) -> Answer {
    let (host, token) = (host(sandbox), token(sandbox));
    let headers =
        [("host", host.as_str()), ("content-type", "application/json"), ("x-console-token", token.as_str())];
    ask(sandbox, "POST", path, &headers, &body.to_string())
}

pub(crate) fn row(sandbox: &Sandbox, query: &str) -> Value {
    get(sandbox, &format!("/-/state{query}")).json()["rows"][0].clone()
}
