//! A gateway that closes kept-alive connections at the worst moment: as the next request is on its way to it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use cxone_actions::{Client, ErrorKind, Executed};
use futures_util::StreamExt;
use serde_json::Value;

use crate::ground::request;

/// Answers every request completely, and closes every third connection right after an answer that promised to keep it.
struct Closing {
    address: String,
    executions: Arc<Mutex<HashMap<String, u32>>>,
}

impl Closing {
    fn start() -> Closing {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let executions = Arc::new(Mutex::new(HashMap::new()));
        let counted = executions.clone();
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (Ok(stream), counted) = (stream, counted.clone()) else { return };
                thread::spawn(move || serve(stream, number % 3 == 0, &counted));
            }
        });
        Closing { address, executions }
    }
}

fn serve(mut stream: TcpStream, closes: bool, executions: &Mutex<HashMap<String, u32>>) {
    let mut answered = 0;
    while let Some((head, body)) = read_request(&mut stream) {
        let answer = if head.contains("/oauth/token") {
            r#"{"access_token":"t","token_type":"Bearer","expires_in":3600}"#.to_owned()
        } else {
            let sent: Value = serde_json::from_slice(&body).unwrap();
            let id = sent["correlationId"].as_str().unwrap();
            *executions.lock().unwrap().entry(id.to_owned()).or_insert(0) += 1;
            format!(r#"{{"invocationId":"i-{id}","status":"COMPLETED","outputs":{{}}}}"#)
        };
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        if stream.write_all(format!("{head} {}\r\n\r\n{answer}", answer.len()).as_bytes()).is_err() {
            return;
        }
        answered += 1;
        if closes && answered == 2 {
            return;
        }
    }
}

/// One request, or none when the connection ends before it does.
fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_string();
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let whole = end + 4 + length.unwrap_or(0);
            if bytes.len() >= whole {
                return Some((head, bytes[end + 4..whole].to_vec()));
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&chunk[..n]),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_closes_as_a_request_is_written_never_executes_it_twice() {
    let gateway = Closing::start();
    let client = Client::builder()
        .base_url(&gateway.address)
        .client_id("id")
        .client_secret("secret")
        .max_in_flight(16)
        .request_timeout(Duration::from_secs(10))
        .build()
        .unwrap();
    let requests: Vec<_> = (0..10_000).map(|n| request(&format!("race-{n}"))).collect();
    let outcomes: Vec<_> = client.run_many(requests, 16).collect().await;
    let executions = gateway.executions.lock().unwrap().clone();
    assert!(executions.values().all(|times| *times == 1), "executed twice");
    let mut completed = 0;
    for outcome in &outcomes {
        let times = executions.get(&format!("race-{}", outcome.index)).copied().unwrap_or(0);
        match &outcome.result {
            Ok(_) => {
                completed += 1;
                assert_eq!(times, 1);
            }
            // What the gateway closed unread is unknown to us; what we call unexecuted was never executed.
            Err(error) if error.executed() == Executed::No => assert_eq!(times, 0, "{error}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}"),
        }
    }
    let counts = client.metrics().counts;
    assert!(counts.conserved() && counts.completed == completed && counts.started == 10_000, "{counts:?}");
    assert!(completed > 5_000, "{completed} of 10000 completed");
    assert!(client.audit().verify().ok);
}
