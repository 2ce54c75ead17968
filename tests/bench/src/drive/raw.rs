//! The floor of everything: sockets, bytes that were prepared once, and a search in the answer for the id. One connection
//! for each invocation in flight, one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::floor::{INVOCATIONS, TOKEN, authority, bearer};
use super::{Case, Meter, Round, Said};

const ID: &[u8] = br#""invocationId":""#;
const ID_LENGTH: usize = 36;

struct Driver {
    ready: OwnedFd,
    post: Vec<u8>,
    get: Vec<u8>,
    /// Where in it the id belongs.
    id_at: usize,
    slots: Vec<Slot>,
}

struct Slot {
    stream: TcpStream,
    sends: Sends,
    /// How much of the POST is sent.
    sent: usize,
    /// Whether epoll says when there is room for more of it.
    full: bool,
    answer: Vec<u8>,
    began: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sends {
    Nothing,
    Post,
    Get,
}

pub(super) fn drive(case: &Case) -> Said {
    assert!(case.ca_file.is_none(), "this floor has no TLS");
    let mut driver = Driver::new(case);
    driver.round(&Round::of(case.warmup));
    let round = Round::of(case.invocations);
    let meter = Meter::begin();
    driver.round(&round);
    meter.end(round)
}

impl Driver {
    fn new(case: &Case) -> Driver {
        let authority = authority(&case.base_url);
        let bearer = bearer(&granted(&authority, &case.form()));
        let body = case.body(&case.inputs());
        let common = format!("host: {authority}\r\nauthorization: {bearer}\r\naccept: application/json\r\n");
        let mut post = format!(
            "POST {INVOCATIONS} HTTP/1.1\r\n{common}content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        post.extend_from_slice(&body);
        let id = "0".repeat(ID_LENGTH);
        let get = format!("GET {INVOCATIONS}/{id} HTTP/1.1\r\n{common}\r\n").into_bytes();
        let ready = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let slots = (0..case.concurrency).map(|place| Slot::new(&authority, &ready, place)).collect();
        Driver { ready, post, get, id_at: "GET /".len() + INVOCATIONS.len(), slots }
    }

    fn round(&mut self, round: &Round) {
        let mut running = 0;
        for place in 0..self.slots.len() {
            running += usize::from(self.begin(place, round));
        }
        let mut events = Vec::with_capacity(256);
        while running > 0 {
            events.clear();
            epoll::wait(&self.ready, spare_capacity(&mut events), None).unwrap();
            for event in &events {
                let place = usize::try_from(event.data.u64()).unwrap();
                let slot = &mut self.slots[place];
                if slot.full {
                    slot.send(&self.post, &self.ready, place);
                }
                if slot.answered() && self.go_on(place, round) && !self.begin(place, round) {
                    running -= 1;
                }
            }
        }
    }

    /// Begins another one, if there is one.
    fn begin(&mut self, place: usize, round: &Round) -> bool {
        let begins = round.next();
        let slot = &mut self.slots[place];
        slot.sends = if begins { Sends::Post } else { Sends::Nothing };
        if begins {
            slot.began = Instant::now();
            slot.sent = 0;
            slot.send(&self.post, &self.ready, place);
        }
        begins
    }

    /// What the answer that is there leads to: whether the invocation has ended.
    fn go_on(&mut self, place: usize, round: &Round) -> bool {
        let slot = &mut self.slots[place];
        let status = &slot.answer["HTTP/1.1 ".len()..][..3];
        match (slot.sends, status) {
            (Sends::Post, b"202") => {
                let id_at = find(&slot.answer, ID).unwrap() + ID.len();
                self.get[self.id_at..][..ID_LENGTH].copy_from_slice(&slot.answer[id_at..][..ID_LENGTH]);
                slot.answer.clear();
                slot.sends = Sends::Get;
                slot.stream.write_all(&self.get).unwrap();
                false
            }
            // `Retry-After: 0`
            (Sends::Post, b"429") => {
                slot.answer.clear();
                slot.sent = 0;
                slot.send(&self.post, &self.ready, place);
                false
            }
            (Sends::Get, b"200") => {
                assert!(find(&slot.answer, br#""COMPLETED""#).is_some(), "this floor does not wait");
                slot.answer.clear();
                round.ended(slot.began.elapsed());
                true
            }
            _ => panic!("{}", String::from_utf8_lossy(&slot.answer)),
        }
    }
}

impl Slot {
    fn new(authority: &str, ready: &OwnedFd, place: usize) -> Slot {
        let stream = TcpStream::connect(authority).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        epoll::add(ready, &stream, EventData::new_u64(place as u64), EventFlags::IN).unwrap();
        let answer = Vec::with_capacity(1024);
        Slot { stream, sends: Sends::Nothing, sent: 0, full: false, answer, began: Instant::now() }
    }

    /// Sends what there is room for.
    fn send(&mut self, post: &[u8], ready: &OwnedFd, place: usize) {
        while self.sent < post.len() {
            match self.stream.write(&post[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        let full = self.sent < post.len();
        if full != self.full {
            self.full = full;
            let wanted = if full { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(ready, &self.stream, EventData::new_u64(place as u64), wanted).unwrap();
        }
    }

    /// Reads what is there: whether it is a whole answer. All of them end with the brace of their JSON.
    fn answered(&mut self) -> bool {
        let mut read = [0; 2048];
        match self.stream.read(&mut read) {
            Ok(0) => panic!("the gateway closed a connection"),
            Ok(count) => self.answer.extend_from_slice(&read[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        self.answer.ends_with(b"}")
    }
}

fn granted(authority: &str, form: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(authority).unwrap();
    let length = form.len();
    write!(
        stream,
        "POST {TOKEN} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = find(&answer, b"\r\n\r\n").unwrap() + 4;
    answer.split_off(body)
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
