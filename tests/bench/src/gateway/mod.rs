//! The gateway of the comparison: the default profile's wire on one thread, cheap enough never to be what is measured.
//!
//! Readiness is waited for once for all connections that have something; then an exchange is one `recv` and one `send`.

mod exchange;
mod tls;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustls::ServerConnection;
use serde_json::json;
use socket2::{Domain, SockRef, Socket, Type};

use exchange::{CLIENT_ID, CLIENT_SECRET, Exchange, Rules};
use tls::Tls;

const BACKLOG: i32 = 4096;
const EVENTS: usize = 256;
const READ_AT_ONCE: usize = 64 * 1024;
const SKIP_AT_ONCE: usize = 1024 * 1024;
/// Linux: what a TCP socket has received is thrown away and not copied.
const MSG_TRUNC: i32 = 0x20;
const LISTENER: u64 = u64::MAX;

/// Serves until its standard input ends.
pub(crate) fn serve(words: &[&str]) {
    let mut hold = Duration::from_secs(5);
    let mut tls = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match (*word, words.as_slice()) {
            ("--tls", _) => tls = Some(Tls::new()),
            ("--hold-ms", [ms, ..]) => {
                hold = Duration::from_millis(ms.parse().unwrap());
                words.next();
            }
            _ => panic!("no such option of the gateway: {word}"),
        }
    }
    crate::limits::raise_open_files();
    let listener = listen();
    let port = listener.local_addr().unwrap().port();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut access = json!({
        "base_url": format!("{scheme}://127.0.0.1:{port}"),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "action_id": "00000000-0000-4000-8000-000000000001",
    });
    if let Some(tls) = &tls {
        access["ca_file"] = json!(tls.ca_file());
    }
    println!("{access}");
    std::io::stdout().flush().unwrap();
    let server = tls.as_ref().map(|tls| Arc::clone(&tls.server));
    std::thread::spawn(move || Gateway::new(listener, server, hold).run());
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
}

fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(BACKLOG).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.into()
}

struct Gateway {
    ready: OwnedFd,
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    rules: Rules,
    connections: HashMap<u64, Connection>,
    read: Vec<u8>,
    skip: Vec<MaybeUninit<u8>>,
    out: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    tls: Option<Box<ServerConnection>>,
    exchange: Exchange,
}

impl Gateway {
    fn new(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, hold: Duration) -> Gateway {
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        epoll::add(&ready, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN).unwrap();
        Gateway {
            ready,
            listener,
            tls,
            rules: Rules::new(hold),
            connections: HashMap::new(),
            read: vec![0; READ_AT_ONCE],
            skip: vec![MaybeUninit::uninit(); SKIP_AT_ONCE],
            out: Vec::with_capacity(READ_AT_ONCE),
        }
    }

    fn run(mut self) {
        let mut events = Vec::with_capacity(EVENTS);
        loop {
            events.clear();
            match epoll::wait(&self.ready, spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => panic!("epoll: {error}"),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    key => self.serve(key),
                }
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            stream.set_nodelay(true).unwrap();
            let key = u64::try_from(stream.as_raw_fd()).unwrap();
            epoll::add(&self.ready, &stream, epoll::EventData::new_u64(key), epoll::EventFlags::IN).unwrap();
            let tls = self.tls.clone().map(|tls| Box::new(ServerConnection::new(tls).unwrap()));
            self.connections.insert(key, Connection { stream, tls, exchange: Exchange::default() });
        }
    }

    fn serve(&mut self, key: u64) {
        let Gateway { connections, rules, read, skip, out, .. } = self;
        let Some(connection) = connections.get_mut(&key) else { return };
        out.clear();
        let stays = match &mut connection.tls {
            None => plain(&mut connection.stream, &mut connection.exchange, rules, read, skip, out),
            Some(tls) => encrypted(&mut connection.stream, tls, &mut connection.exchange, rules, read, out),
        };
        if stays.is_err() || connection.exchange.last {
            self.connections.remove(&key);
        }
    }
}

/// One read, and what there is to say to it; there may be more to read, of which epoll tells again.
fn plain(
    stream: &mut TcpStream,
    exchange: &mut Exchange,
    rules: &mut Rules,
    read: &mut [u8],
    skip: &mut [MaybeUninit<u8>],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let skips = exchange.skips().min(skip.len());
    if skips > 0 {
        let skipped = some(SockRef::from(&*stream).recv_with_flags(&mut skip[..skips], MSG_TRUNC))?;
        exchange.skipped(skipped, rules, out);
    } else {
        let count = some(stream.read(read))?;
        exchange.take(&read[..count], rules, out);
    }
    if out.is_empty() { Ok(()) } else { stream.write_all(out) }
}

fn encrypted(
    stream: &mut TcpStream,
    tls: &mut ServerConnection,
    exchange: &mut Exchange,
    rules: &mut Rules,
    read: &mut [u8],
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    some(tls.read_tls(stream))?;
    tls.process_new_packets().map_err(std::io::Error::other)?;
    loop {
        match tls.reader().read(read) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => exchange.take(&read[..count], rules, out),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    if !out.is_empty() {
        tls.writer().write_all(out)?;
    }
    while tls.wants_write() {
        tls.write_tls(stream)?;
    }
    Ok(())
}

/// The end of the connection is an error, and nothing to read is none: epoll tells again.
fn some(read: std::io::Result<usize>) -> std::io::Result<usize> {
    match read {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
