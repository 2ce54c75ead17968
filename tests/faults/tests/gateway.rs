//! The gateway itself: what it does on the wire is what its script says, looked at with plain sockets.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helping functions too")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cxone_actions_faults::{FIXED_TOKEN, Gateway, GatewayOptions, Point, Step};

fn connect(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(gateway.base_url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream
}

fn post(correlation_id: &str) -> Vec<u8> {
    let body = format!(r#"{{"actionId":"a","inputs":{{}},"correlationId":"{correlation_id}"}}"#);
    let head = format!(
        "POST /api/v2/integrations/actions/invocations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {FIXED_TOKEN}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.into_bytes()].concat()
}

/// Sends one POST and reads until the end of the connection.
fn exchange(gateway: &Gateway, correlation_id: &str) -> (Vec<u8>, Option<ErrorKind>) {
    let mut stream = connect(gateway);
    stream.write_all(&post(correlation_id)).unwrap();
    let mut said = Vec::new();
    let ended = stream.read_to_end(&mut said).err().map(|error| error.kind());
    (said, ended)
}

#[test]
fn each_step_does_on_the_wire_what_its_name_says() {
    type Told = fn(&str) -> bool;
    let reset = Some(ErrorKind::ConnectionReset);
    let cases: [(&str, Step, Told, Option<ErrorKind>, u32); 12] = [
        ("normal", Step::normal().closing(), |said| said.ends_with(r#""status":"PENDING"}"#), None, 1),
        ("fin", Step::fin(), str::is_empty, None, 0),
        ("fin, executing", Step::fin().executing(), str::is_empty, None, 1),
        ("reset", Step::reset(), str::is_empty, reset, 0),
        ("reset_unread", Step::reset_unread(), str::is_empty, reset, 0),
        ("half_head", Step::half_head(), |said| !said.is_empty() && !said.contains("\r\n\r\n"), None, 0),
        ("half_body", Step::half_body(), |said| said.contains("\r\n\r\n") && !said.ends_with('}'), None, 0),
        ("garbage", Step::garbage(), |said| !said.starts_with("HTTP"), None, 0),
        ("twice", Step::twice().closing(), |said| said.matches("HTTP/1.1").count() == 2, None, 0),
        ("interim", Step::normal().with_interim(&[100, 103]).closing(), |said| said.contains("103"), None, 1),
        ("oversize", Step::oversize(3_000_000).closing(), |said| said.len() > 3_000_000, None, 0),
        ("gzip_bomb", Step::gzip_bomb(50 << 20).closing(), |said| said.len() < 100_000, None, 0),
    ];
    for (name, step, told, ended, executions) in cases {
        let gateway = Gateway::start();
        gateway.script(Point::Invoke, [step]);
        let (said, how) = exchange(&gateway, "c");
        assert!(told(&String::from_utf8_lossy(&said)), "{name}: {}", String::from_utf8_lossy(&said));
        assert_eq!((how, gateway.executions("c")), (ended, executions), "{name}");
        gateway.stop();
    }
}

#[test]
fn a_closed_port_refuses_and_an_open_one_accepts_again() {
    let gateway = Gateway::start();
    let address = gateway.base_url().strip_prefix("http://").unwrap().to_owned();
    let mut kept = connect(&gateway);
    while gateway.connections() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    gateway.close_port(true);
    assert_eq!(TcpStream::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(kept.read(&mut [0]).unwrap(), 0, "what was open is cut");
    for _ in 0..20 {
        gateway.open_port();
        gateway.script(Point::Invoke, [Step::normal().closing()]);
        assert!(!exchange(&gateway, "c").0.is_empty());
        gateway.close_port(true);
        assert_eq!(TcpStream::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    gateway.stop();
    assert_eq!(TcpStream::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_deduplicating_gateway_executes_once_and_notices_another_body() {
    let gateway = Gateway::start_with(GatewayOptions { deduplicates: true, ..GatewayOptions::default() });
    gateway.always(Point::Invoke, Step::normal().closing());
    let first = exchange(&gateway, "c").0;
    assert_eq!(exchange(&gateway, "c").0, first);
    assert_eq!((gateway.executions("c"), gateway.altered().len()), (1, 0));
    let mut stream = connect(&gateway);
    let other = String::from_utf8(post("c")).unwrap().replace(r#""a""#, r#""b""#);
    stream.write_all(other.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!((gateway.executions("c"), gateway.altered()), (1, vec!["c".to_owned()]));
    gateway.stop();
}

#[test]
fn requests_are_recorded_byte_for_byte() {
    let gateway = Gateway::start();
    gateway.always(Point::Invoke, Step::normal().closing());
    exchange(&gateway, "c");
    let seen = gateway.seen(Point::Invoke);
    assert_eq!([seen[0].head.as_slice(), &seen[0].body].concat(), post("c"));
    gateway.stop();
}

#[test]
fn stopping_ends_what_hangs() {
    let gateway = Gateway::start();
    gateway.script(Point::Invoke, [Step::silence(), Step::never_read(), Step::drip(Duration::from_secs(60))]);
    let mut streams: Vec<_> = (0..3).map(|_| connect(&gateway)).collect();
    for stream in &mut streams {
        stream.write_all(&post("c")).unwrap();
    }
    while gateway.count(Point::Invoke) < 3 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let began = Instant::now();
    gateway.stop();
    assert!(began.elapsed() < Duration::from_secs(20), "took {:?}", began.elapsed());
}

#[test]
fn a_script_says_in_json_what_rust_says_in_words() {
    for text in [
        r#"{"do":"reset","executes":true}"#,
        r#"{"do":"answer","status":200,"body":{"invocationId":7}}"#,
        r#"{"do":"state","word":"WEIRD"}"#,
        r#"{"do":"normal","then":"close_after:0.01","refuse_for":0.05,"delay":0.1,"interim":[100]}"#,
    ] {
        assert_eq!(Step::from_json(text).unwrap().len(), 1);
    }
    assert_eq!(Step::from_json(r#"{"do":"fin","times":20}"#).unwrap().len(), 20);
    for text in [r#"{"do":"nonsense"}"#, r#"{"do":"answer"}"#, r#"{"does":"fin"}"#, r#"{"then":"whatever"}"#]
    {
        assert!(Step::from_json(text).is_err(), "{text}");
    }
}
