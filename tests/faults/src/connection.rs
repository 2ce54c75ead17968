//! One connection: requests are read, and each gets what its step says, down to the socket option.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustls::{ServerConnection, StreamOwned};
use socket2::SockRef;

use crate::CLIENT_SECRET;
use crate::contract::plain;
use crate::gateway::Shared;
use crate::request::{self, Point, Seen};
use crate::step::{Act, Answer, Step, Then};

/// Bytes that go over a connection, in the clear or not.
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    fn tcp(&self) -> &TcpStream {
        match self {
            Wire::Plain(tcp) => tcp,
            Wire::Tls(tls) => &tls.sock,
        }
    }

    /// Bytes in the clear can be looked at before they are read.
    fn peekable(&self) -> bool {
        matches!(self, Wire::Plain(_))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(tcp) => tcp.read(buffer),
            Wire::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(tcp) => tcp.write(bytes),
            Wire::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(tcp) => tcp.flush(),
            Wire::Tls(tls) => tls.flush(),
        }
    }
}

/// What is left of the connection after an exchange.
enum Left {
    Open,
    Closed,
}

/// Serves until either side has had enough. `forget` lets go of the copy by which the connection could be cut.
pub(crate) fn serve(shared: &Arc<Shared>, tcp: TcpStream, number: u64, forget: impl FnOnce()) {
    let _ = tcp.set_nodelay(true);
    let wire = match &shared.tls {
        None => Ok(Wire::Plain(tcp)),
        Some(tls) => ServerConnection::new(Arc::clone(&tls.server))
            .map(|connection| Wire::Tls(Box::new(StreamOwned::new(connection, tcp))))
            .map_err(io::Error::other),
    };
    let Ok(mut wire) = wire else { return forget() };
    let ended = exchanges(shared, &mut wire, number);
    // The copy goes first: a socket is closed, and its linger option heard, when nobody holds it any more.
    forget();
    if let (Ok(()), Wire::Tls(tls)) = (&ended, &mut wire) {
        tls.conn.send_close_notify();
        let _ = tls.flush();
    }
}

fn exchanges(shared: &Arc<Shared>, wire: &mut Wire, number: u64) -> io::Result<()> {
    loop {
        let (step, seen) = if wire.peekable() {
            let Some(head) = peek(wire.tcp())? else { return Ok(()) };
            let point = request::point_of(&head).unwrap_or(Point::Other);
            let step = shared.know().next_step(point);
            if step.unread() {
                let (at, body) = (Instant::now(), Vec::new());
                shared.know().seen.push(Seen { point, connection: number, at, head, body, read: false });
                return unread(shared, wire, &step);
            }
            let Some(seen) = request::read(wire, number)? else { return Ok(()) };
            (step, seen)
        } else {
            let Some(seen) = request::read(wire, number)? else { return Ok(()) };
            let step = shared.know().next_step(seen.point);
            (step, seen)
        };
        let answer = {
            let mut knowledge = shared.know();
            knowledge.seen.push(seen.clone());
            knowledge.answer(&seen, step.executes)
        };
        if let Some(time) = step.refuse_for {
            // Closed before the answer, so that whoever has it meets a closed port for certain.
            shared.port.close();
            let ended = perform(shared, wire, &seen, &step, &answer);
            let _ = wire.tcp().shutdown(Shutdown::Both);
            if shared.pause(time) {
                shared.open();
            }
            return ended.map(drop);
        }
        let left = perform(shared, wire, &seen, &step, &answer)?;
        match (left, step.then) {
            (Left::Closed, _) | (_, Then::Close) => return Ok(()),
            (_, Then::Keep) => {}
            (_, Then::CloseAsNextArrives) => {
                // Closed with bytes unread: the kernel says RST.
                let _ = wire.tcp().peek(&mut [0])?;
                return Ok(());
            }
            (_, Then::CloseAfter(time)) => {
                shared.pause(time);
                return Ok(());
            }
        }
    }
}

/// The bytes of the next request as far as its first line, left where they are; nothing where the client went away.
fn peek(tcp: &TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = [0; 2048];
    loop {
        let there = tcp.peek(&mut buffer)?;
        let head = &buffer[..there];
        if there == 0 {
            return Ok(None);
        }
        if there == buffer.len() || head.windows(2).any(|two| two == b"\r\n") {
            return Ok(Some(head.to_vec()));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn unread(shared: &Shared, wire: &Wire, step: &Step) -> io::Result<()> {
    match step.act {
        Act::ResetUnread => reset(wire),
        Act::FinUnread => {
            wire.tcp().shutdown(Shutdown::Write)?;
            // Closing with bytes unread would send RST behind the FIN; the client is given time to see the FIN alone.
            shared.pause(Duration::from_millis(50));
            Ok(())
        }
        _ => {
            // Held until the gateway stops or cuts it.
            while shared.pause(Duration::from_secs(3600)) {}
            Ok(())
        }
    }
}

fn reset(wire: &Wire) -> io::Result<()> {
    SockRef::from(wire.tcp()).set_linger(Some(Duration::ZERO))
}

fn perform(
    shared: &Arc<Shared>,
    wire: &mut Wire,
    seen: &Seen,
    step: &Step,
    normal: &Answer,
) -> io::Result<Left> {
    if !shared.pause(step.delay) {
        return Ok(Left::Closed);
    }
    for status in &step.interim {
        wire.write_all(format!("HTTP/1.1 {status} Interim\r\nx-interim: yes\r\n\r\n").as_bytes())?;
    }
    let say = |answer: &Answer| {
        let mut answer = filled(shared, seen, answer);
        if step.refuse_for.is_some() {
            answer.headers.push(("connection".to_owned(), "close".to_owned()));
        }
        bytes_of(&answer)
    };
    match &step.act {
        Act::Normal => write(shared, wire, &say(normal))?,
        Act::Answer(answer) => write(shared, wire, &say(answer))?,
        Act::Twice => {
            let second = plain(200, &serde_json::json!({"invocationId": "inv-second", "status": "FAILED"}));
            write(shared, wire, &[say(normal), say(&second)].concat())?;
        }
        Act::Stranger => {
            let body = r#"{"invocationId":"inv-of-somebody-else","status":"COMPLETED","outputs":{"whose":"CANARY"}}"#;
            let answer = Answer { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
            write(shared, wire, &say(&answer))?;
        }
        Act::Redirect(status) => {
            let location = format!("{}{}", shared.other(), seen.target());
            let headers = vec![("location".to_owned(), location)];
            write(shared, wire, &say(&Answer { status: *status, headers, body: Vec::new() }))?;
        }
        Act::GzipBomb(bytes) => {
            let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
            write(shared, wire, &bytes_of(&Answer { status: 200, headers, body: bomb(*bytes)? }))?;
        }
        Act::Raw(bytes) => return write(shared, wire, bytes).map(|()| Left::Closed),
        Act::HalfHead => {
            let bytes = say(normal);
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
            return write(shared, wire, &bytes[..head / 2]).map(|()| Left::Closed);
        }
        Act::HalfBody => {
            let bytes = say(normal);
            let body = normal.body.len() / 2;
            return write(shared, wire, &bytes[..bytes.len() - body.max(1)]).map(|()| Left::Closed);
        }
        Act::Drip(every) => {
            for byte in say(normal) {
                write(shared, wire, &[byte])?;
                if !shared.pause(*every) {
                    return Ok(Left::Closed);
                }
            }
        }
        Act::Oversize(bytes) => oversize(shared, wire, *bytes)?,
        Act::Silence => {
            // Whatever the client still sends is nobody's business; its end is.
            while wire.read(&mut [0; 1024])? > 0 {}
            return Ok(Left::Closed);
        }
        Act::Fin => return Ok(Left::Closed),
        Act::Reset | Act::ResetUnread => return reset(wire).map(|()| Left::Closed),
        Act::FinUnread | Act::NeverRead => return Ok(Left::Closed),
    }
    Ok(Left::Open)
}

fn write(shared: &Shared, wire: &mut Wire, bytes: &[u8]) -> io::Result<()> {
    wire.write_all(bytes)?;
    wire.flush()?;
    shared.know().written += bytes.len() as u64;
    Ok(())
}

/// A body that nobody wants to the end; the client may hang up in the middle.
fn oversize(shared: &Shared, wire: &mut Wire, bytes: u64) -> io::Result<()> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {bytes}\r\n\r\n");
    write(shared, wire, head.as_bytes())?;
    let chunk = vec![b' '; 64 * 1024];
    let mut left = bytes;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        write(shared, wire, &chunk[..now])?;
        left -= now as u64;
    }
    Ok(())
}

/// A JSON string of so many bytes, packed.
fn bomb(bytes: u64) -> io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"\"")?;
    io::copy(&mut io::repeat(b'A').take(bytes), &mut packed)?;
    packed.write_all(b"\"")?;
    packed.finish()
}

/// What stands for something becomes it.
fn filled(shared: &Shared, seen: &Seen, answer: &Answer) -> Answer {
    let has = |text: &[u8]| text.contains(&b'$');
    if !has(&answer.body) && !answer.headers.iter().any(|(_, value)| has(value.as_bytes())) {
        return answer.clone();
    }
    let quoted = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let other = if String::from_utf8_lossy(&answer.body).contains("$OTHER")
        || answer.headers.iter().any(|(_, value)| value.contains("$OTHER"))
    {
        shared.other()
    } else {
        String::new()
    };
    let knowledge = shared.know();
    let stands_for = [
        ("$INVOCATION", knowledge.invocation_of(seen)),
        ("$CORRELATION", knowledge.correlation_of(seen).unwrap_or_default()),
        ("$ECHO", quoted(&String::from_utf8_lossy(&seen.body))),
        ("$AUTH", seen.header("authorization").unwrap_or_default()),
        ("$TOKEN", knowledge.last_token()),
        ("$SECRET", CLIENT_SECRET.to_owned()),
        ("$OTHER", other),
    ];
    let fill = |text: String| stands_for.iter().fold(text, |text, (name, value)| text.replace(name, value));
    let body = match String::from_utf8(answer.body.clone()) {
        Ok(text) => fill(text).into_bytes(),
        Err(not_text) => not_text.into_bytes(),
    };
    let headers = answer.headers.iter().map(|(name, value)| (name.clone(), fill(value.clone()))).collect();
    Answer { status: answer.status, headers, body }
}

/// The answer as HTTP/1.1. A header of the script replaces one of ours; with an empty value it only takes ours away.
fn bytes_of(answer: &Answer) -> Vec<u8> {
    let ours =
        [("content-type", "application/json".to_owned()), ("content-length", answer.body.len().to_string())];
    let scripted = |name: &str| answer.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", answer.status);
    for (name, value) in ours.iter().filter(|(name, _)| !scripted(name)) {
        head += &format!("{name}: {value}\r\n");
    }
    for (name, value) in answer.headers.iter().filter(|(_, value)| !value.is_empty()) {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    [head.as_bytes(), &answer.body].concat()
}
