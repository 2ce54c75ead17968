//! One exchange on one connection: which bytes are its request, and what the answer to it is.
//!
//! Nothing is remembered of an invocation: its id says which action it is of and when it was accepted.

use std::time::{Duration, Instant};

pub(crate) const TOKEN: &str = "bench-7f1c2a9e5d3b4860a1c9e2f4b6d80735";
pub(crate) const CLIENT_ID: &str = "bench-client";
pub(crate) const CLIENT_SECRET: &str = "bench-secret";

/// All but the last four digits of the ids of the actions.
const ACTIONS: &[u8] = b"00000000-0000-4000-8000-00000000";
/// How much of a body is looked at: enough for the action's id.
const LOOKED_AT: usize = 256;
const MOST_OF_A_HEAD: usize = 16 * 1024;
const ID_LENGTH: usize = 36;
/// Which POST of the third action is answered 429.
const EACH: u64 = 10;

/// What an action does.
const HOLDS: u16 = 2;
const THROTTLES: u16 = 3;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Rules {
    began: Instant,
    hold: Duration,
    accepted: u32,
    throttled: u64,
}

/// What the answer is going to be, once all of the request is there.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Token,
    Accept(u16),
    Look([u8; ID_LENGTH]),
    Unauthorized,
    NoSuchPath,
    /// A body without a length.
    NoLength,
}

/// One connection's side of it.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// The beginning of a request that came in pieces.
    pieces: Vec<u8>,
    /// What is left of the body, and what is answered then.
    rest: Option<(usize, Answer)>,
    /// The client said `Connection: close`.
    pub(crate) last: bool,
}

/// What the head of a request says.
struct Head<'a> {
    post: bool,
    path: &'a [u8],
    /// How long the body is; none where it comes in chunks, which nobody needs here.
    body: Option<usize>,
    authorized: bool,
    last: bool,
}

impl Rules {
    pub(crate) fn new(hold: Duration) -> Rules {
        Rules { began: Instant::now(), hold, accepted: 0, throttled: 0 }
    }

    fn since(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or_default()
    }

    fn say(&mut self, answer: Answer, out: &mut Vec<u8>) {
        match answer {
            Answer::Token => {
                let body = format!(
                    r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":3600,"scope":"integration:actions:write integration:actions:read"}}"#
                );
                put(out, "200 OK", "", body.as_bytes());
            }
            Answer::Accept(THROTTLES) if self.throttles() => {
                let body = br#"{"status":429,"code":"rate_limited","message":"too many requests","contextId":"bench"}"#;
                put(out, "429 Too Many Requests", "retry-after: 0\r\n", body);
            }
            Answer::Accept(action) => {
                self.accepted = self.accepted.wrapping_add(1);
                let id = id_of(self.accepted, action, self.since());
                const BEFORE: &str = r#"{"invocationId":""#;
                const AFTER: &str = r#"","status":"PENDING"}"#;
                begin(out, "202 Accepted", "", BEFORE.len() + ID_LENGTH + AFTER.len());
                out.extend_from_slice(BEFORE.as_bytes());
                out.extend_from_slice(&id);
                out.extend_from_slice(AFTER.as_bytes());
            }
            Answer::Look(id) => {
                const BEFORE: &str = r#"{"invocationId":""#;
                const RUNS: &str = r#"","status":"RUNNING"}"#;
                const ENDED: &str = r#"","status":"COMPLETED","outputs":{"caseId":"CASE-0047","status":"created","priority":1}}"#;
                let after = if self.runs(&id) { RUNS } else { ENDED };
                begin(out, "200 OK", "", BEFORE.len() + ID_LENGTH + after.len());
                out.extend_from_slice(BEFORE.as_bytes());
                out.extend_from_slice(&id);
                out.extend_from_slice(after.as_bytes());
            }
            Answer::Unauthorized => {
                let body =
                    br#"{"status":401,"code":"unauthorized","message":"no token","contextId":"bench"}"#;
                put(out, "401 Unauthorized", "", body);
            }
            Answer::NoSuchPath => {
                let body =
                    br#"{"status":404,"code":"not_found","message":"no such path","contextId":"bench"}"#;
                put(out, "404 Not Found", "", body);
            }
            Answer::NoLength => put(out, "411 Length Required", "", b""),
        }
    }

    fn throttles(&mut self) -> bool {
        self.throttled += 1;
        self.throttled.is_multiple_of(EACH)
    }

    fn runs(&self, id: &[u8; ID_LENGTH]) -> bool {
        let (action, accepted) = (hex(&id[9..13]), hex(&id[24..36]));
        action == u64::from(HOLDS) && Duration::from_millis(self.since().saturating_sub(accepted)) < self.hold
    }
}

impl Exchange {
    /// How many bytes are of no interest.
    pub(crate) fn skips(&self) -> usize {
        self.rest.map_or(0, |(left, _)| left)
    }

    /// So many of them have gone by.
    pub(crate) fn skipped(&mut self, count: usize, rules: &mut Rules, out: &mut Vec<u8>) {
        if let Some((left, answer)) = self.rest.take() {
            if left > count {
                self.rest = Some((left - count, answer));
            } else {
                rules.say(answer, out);
            }
        }
    }

    /// Takes what came, and puts the answers to it into `out`.
    pub(crate) fn take(&mut self, mut bytes: &[u8], rules: &mut Rules, out: &mut Vec<u8>) {
        let skipped = self.skips().min(bytes.len());
        if skipped > 0 {
            self.skipped(skipped, rules, out);
            bytes = &bytes[skipped..];
        }
        if bytes.is_empty() {
            return;
        }
        if self.pieces.is_empty() {
            let used = self.read(bytes, rules, out);
            self.pieces.extend_from_slice(&bytes[used..]);
        } else {
            self.pieces.extend_from_slice(bytes);
            let mut pieces = std::mem::take(&mut self.pieces);
            let used = self.read(&pieces, rules, out);
            pieces.drain(..used);
            self.pieces = pieces;
        }
        // What is no head after so much is none.
        self.last |= self.pieces.len() > MOST_OF_A_HEAD;
    }

    /// Reads requests as far as they are there; returns how many bytes of them are done with.
    fn read(&mut self, bytes: &[u8], rules: &mut Rules, out: &mut Vec<u8>) -> usize {
        let mut used = 0;
        while used < bytes.len() {
            let Some((head, length)) = Head::read(&bytes[used..]) else { return used };
            let body = &bytes[used + length..];
            let Some(whole) = head.body else {
                rules.say(Answer::NoLength, out);
                self.last = true;
                return bytes.len();
            };
            if body.len() < whole.min(LOOKED_AT) {
                return used;
            }
            let here = body.len().min(whole);
            let answer = head.answer(&body[..here]);
            self.last |= head.last;
            used += length + here;
            if whole > here {
                self.rest = Some((whole - here, answer));
            } else {
                rules.say(answer, out);
            }
        }
        used
    }
}

impl<'a> Head<'a> {
    /// The head at the beginning of these bytes and its length, if all of it is there.
    fn read(bytes: &'a [u8]) -> Option<(Head<'a>, usize)> {
        let mut at = end_of_line(bytes, 0)?;
        let mut words = bytes[..at].split(|byte| *byte == b' ');
        let post = words.next() == Some(b"POST");
        let path = words.next().unwrap_or_default();
        let mut head = Head { post, path, body: Some(0), authorized: false, last: false };
        loop {
            let end = end_of_line(bytes, at)?;
            let line = bytes[at..end].trim_ascii_end();
            at = end;
            // By the first letter: most lines are none of ours.
            match line.first() {
                None => return Some((head, at)),
                Some(b'c' | b'C') => {
                    if let Some(value) = value_of(line, b"content-length:") {
                        head.body =
                            Some(value.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit & 15)));
                    } else if let Some(value) = value_of(line, b"connection:") {
                        head.last = value.eq_ignore_ascii_case(b"close");
                    }
                }
                Some(b'a' | b'A') => {
                    if let Some(value) = value_of(line, b"authorization:") {
                        head.authorized = value.strip_prefix(b"Bearer ") == Some(TOKEN.as_bytes());
                    }
                }
                Some(b't' | b'T') if value_of(line, b"transfer-encoding:").is_some() => head.body = None,
                Some(_) => {}
            }
        }
    }

    fn answer(&self, body: &[u8]) -> Answer {
        let path = self.path.split(|byte| *byte == b'?').next().unwrap_or_default();
        if self.post && path.ends_with(b"/token") {
            return Answer::Token;
        }
        if !self.authorized {
            return Answer::Unauthorized;
        }
        if self.post {
            return action_in(&body[..body.len().min(LOOKED_AT)]).map_or(Answer::NoSuchPath, Answer::Accept);
        }
        let id = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        id.try_into().map_or(Answer::NoSuchPath, Answer::Look)
    }
}

fn end_of_line(bytes: &[u8], from: usize) -> Option<usize> {
    bytes[from..].iter().position(|byte| *byte == b'\n').map(|place| from + place + 1)
}

/// What stands behind this name, in lower case, if the line begins with it.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// The last four digits of the action's id.
fn action_in(body: &[u8]) -> Option<u16> {
    let found = body.windows(ACTIONS.len()).position(|window| window == ACTIONS)?;
    let digits = body.get(found + ACTIONS.len()..found + ACTIONS.len() + 4)?;
    u16::try_from(hex(digits)).ok()
}

/// `NNNNNNNN-AAAA-4000-8000-TTTTTTTTTTTT`: which it is, of which action, accepted when.
fn id_of(number: u32, action: u16, accepted: u64) -> [u8; ID_LENGTH] {
    let mut id = *b"00000000-0000-4000-8000-000000000000";
    put_hex(&mut id[..8], u64::from(number));
    put_hex(&mut id[9..13], u64::from(action));
    put_hex(&mut id[24..], accepted);
    id
}

fn put_hex(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(value & 15).unwrap_or_default()];
        value >>= 4;
    }
}

fn hex(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, digit| {
        sum << 4 | u64::from(if digit.is_ascii_digit() { digit - b'0' } else { (digit & 7) + 9 })
    })
}

fn begin(out: &mut Vec<u8>, status: &str, header: &str, length: usize) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_bytes());
    out.extend_from_slice(b"\r\ncontent-type: application/json\r\n");
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(b"content-length: ");
    let mut digits = [b'0'; 4];
    let mut left = length;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
    let zeros = digits.iter().take(3).take_while(|digit| **digit == b'0').count();
    out.extend_from_slice(&digits[zeros..]);
    out.extend_from_slice(b"\r\n\r\n");
}

fn put(out: &mut Vec<u8>, status: &str, header: &str, body: &[u8]) {
    begin(out, status, header, body.len());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(pieces: &[&[u8]]) -> String {
        let (mut rules, mut exchange) = (Rules::new(Duration::from_secs(5)), Exchange::default());
        let mut out = Vec::new();
        for piece in pieces {
            exchange.take(piece, &mut rules, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn post(action: &str, padding: usize) -> Vec<u8> {
        let body = format!(r#"{{"actionId":"{action}","inputs":{{"note":"{}"}}}}"#, "x".repeat(padding));
        let length = body.len();
        format!("POST /invocations HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    #[test]
    fn a_request_is_answered_once_wherever_it_is_cut() {
        let request = post("00000000-0000-4000-8000-000000000002", 1_000);
        for cut in 1..request.len() {
            let answer = answers(&[&request[..cut], &request[cut..]]);
            assert!(answer.starts_with("HTTP/1.1 202 Accepted"), "cut at {cut}: {answer}");
            assert!(answer.contains(r#""invocationId":"00000001-0002-4000-8000-"#), "cut at {cut}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "cut at {cut}: {answer}");
        }
    }

    #[test]
    fn what_an_id_says_is_what_is_answered() {
        let look = |id: &[u8; ID_LENGTH]| {
            let id = std::str::from_utf8(id).unwrap();
            answers(&[
                format!("GET /invocations/{id} HTTP/1.1\r\nauthorization: Bearer {TOKEN}\r\n\r\n").as_bytes()
            ])
        };
        assert!(look(&id_of(7, 1, 0)).contains("COMPLETED"));
        assert!(look(&id_of(7, HOLDS, 0)).contains("RUNNING"));
    }

    #[test]
    fn each_tenth_post_of_the_third_action_is_too_much() {
        let requests = post("00000000-0000-4000-8000-000000000003", 3).repeat(20);
        assert_eq!(answers(&[&requests]).matches(" 429 ").count(), 2);
    }
}
