//! A client that hides nothing: one socket, one request, the bytes that come back.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cxone_actions_sandbox::{Sandbox, SandboxOptions};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

pub(crate) const TOKEN: &str = "/api/v2/oauth/token";
pub(crate) const INVOCATIONS: &str = "/api/v2/integrations/actions/invocations";

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::start(SandboxOptions::default()).unwrap()
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The member `name` of the body, as a string; the others may be numbers that no `Value` holds.
    pub(crate) fn text(&self, name: &str) -> String {
        let members: HashMap<String, Box<RawValue>> = serde_json::from_str(&self.body).unwrap();
        serde_json::from_str(members[name].get()).unwrap()
    }
}

/// A keep-alive connection, and the token it sends.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
    pub(crate) token: Option<String>,
}

impl Wire {
    pub(crate) fn open(sandbox: &Sandbox) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", sandbox.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        Wire { stream: BufReader::new(stream), token: None }
    }

    /// A connection with a token that may do everything.
    pub(crate) fn authorized(sandbox: &Sandbox) -> Self {
        let mut wire = Wire::open(sandbox);
        let answer = wire.token(&[], &post_form(sandbox.client_id(), sandbox.client_secret())).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        wire.token = Some(answer.text("access_token"));
        wire
    }

    pub(crate) fn write(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<()> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: sandbox\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)
    }

    /// An answer as HTTP has it: `UnexpectedEof` where it stops half-way or never starts.
    pub(crate) fn read(&mut self) -> io::Result<Answer> {
        let mut line = self.line()?;
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length =
            headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, headers, body: String::from_utf8(body).unwrap() })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Everything that comes until the peer closes.
    pub(crate) fn rest(&mut self) -> io::Result<String> {
        let mut text = String::new();
        self.stream.read_to_string(&mut text)?;
        Ok(text)
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        self.write(method, path, headers, body)?;
        self.read()
    }

    pub(crate) fn token(&mut self, headers: &[(&str, &str)], form: &str) -> io::Result<Answer> {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send("POST", TOKEN, &all, form.as_bytes())
    }

    pub(crate) fn write_invoke(&mut self, body: &str) -> io::Result<()> {
        let authorization = format!("Bearer {}", self.token.as_deref().unwrap_or("none"));
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        self.write("POST", INVOCATIONS, &headers, body.as_bytes())
    }

    pub(crate) fn invoke_text(&mut self, body: &str) -> io::Result<Answer> {
        self.write_invoke(body)?;
        self.read()
    }

    /// Invokes and expects acceptance; gives back the invocation id.
    pub(crate) fn invoke(&mut self, action_id: &str, inputs: Value, correlation_id: &str) -> String {
        let answer = self.invoke_text(&invocation(action_id, inputs, correlation_id)).unwrap();
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
        answer.text("invocationId")
    }

    pub(crate) fn poll(&mut self, invocation_id: &str) -> io::Result<Answer> {
        let authorization = format!("Bearer {}", self.token.as_deref().unwrap_or("none"));
        self.send("GET", &format!("{INVOCATIONS}/{invocation_id}"), &[("authorization", &authorization)], b"")
    }

    /// Polls until the invocation has ended; the statuses in between, each once, and the last answer.
    pub(crate) fn poll_to_the_end(&mut self, invocation_id: &str) -> (Vec<String>, Answer) {
        let mut statuses = Vec::new();
        for _ in 0..1_000_000 {
            let answer = self.poll(invocation_id).unwrap();
            let status = answer.text("status");
            if !statuses.contains(&status) {
                statuses.push(status.clone());
            }
            if !matches!(status.as_str(), "PENDING" | "RUNNING") {
                return (statuses, answer);
            }
        }
        panic!("it does not end: {statuses:?}");
    }
}

pub(crate) fn invocation(action_id: &str, inputs: Value, correlation_id: &str) -> String {
    json!({"actionId": action_id, "inputs": inputs, "correlationId": correlation_id}).to_string()
}

pub(crate) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

pub(crate) fn post_form(id: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={}&client_secret={}", encoded(id), encoded(secret))
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}
