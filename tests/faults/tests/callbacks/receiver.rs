//! What the port itself survives: what is no callback, too large, too slow or too many.

use std::sync::{Mutex, PoisonError};

use super::*;

/// Fault 43.
#[test]
fn what_is_no_callback_is_told_so_and_what_is_too_large_is_not_read() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        let (result, ()) = join(client.run(request("odd")), async {
            let path = path(ground, &gateway, "odd").await;
            for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
                let mut stream = connect(&listener).await;
                stream.write_all(head(method, &path, &[]).as_bytes()).await.unwrap();
                let answer = answer(&mut stream).await;
                assert!(
                    status_of(&answer) == 405 && answer.to_lowercase().contains("allow: post"),
                    "{answer}"
                );
            }
            for elsewhere in ["/", "/CANARY-hooks/", &format!("{path}A"), &path[..path.len() - 1], "*"] {
                let status = post(&listener, elsewhere, &[], "").await;
                assert!([400, 404].contains(&status), "{elsewhere}: {status}");
            }
            // By its length, before a byte of it is there; and where nobody says how long it is.
            let mut stream = connect(&listener).await;
            let length = [("Content-Length", "1048577"), ("Expect", "100-continue")];
            stream.write_all(head("POST", &path, &length).as_bytes()).await.unwrap();
            assert_eq!(status_of(&answer(&mut stream).await), 413);
            let mut stream = connect(&listener).await;
            stream
                .write_all(head("POST", &path, &[("Transfer-Encoding", "chunked")]).as_bytes())
                .await
                .unwrap();
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            let mut sent = 0;
            // The receiver hangs up in the middle of it.
            while sent < 64 && stream.write_all(chunk.as_bytes()).await.is_ok() {
                sent += 1;
            }
            let mut began = [0; 12];
            let read = stream.read(&mut began).await;
            assert!(read.is_err() || began.starts_with(b"HTTP/1.1 413"), "{began:?}");
            assert_eq!(counts(&client)["too_large"], 2);
            assert!(!client.notify(&path, [("a", "b")], &vec![b'x'; 1_048_577]));
            assert_eq!((gateway.count(Point::Poll), &counts(&client)["too_large"]), (0, &json!(3)));
            assert_eq!(post(&listener, &path, &[], &"x".repeat(1_048_576)).await, 204);
        })
        .await;
        assert!(result.unwrap().ok);
        client.shutdown(Duration::from_secs(1)).await;
    });
}

/// Fault 43: a sender that dawdles holds up itself.
#[test]
fn slow_callbacks_hold_nobody_up_and_half_a_head_is_waited_for_ten_seconds() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        let (result, ()) = join(client.run(request("slow")), async {
            let path = path(ground, &gateway, "slow").await;
            let mut slow = Vec::new();
            for n in 0..200 {
                let mut stream = connect(&listener).await;
                let whole = head("POST", &path, &[("Content-Length", "100")]) + "half of the body";
                let part = if n % 2 == 0 { &whole[..20] } else { &whole };
                stream.write_all(part.as_bytes()).await.unwrap();
                slow.push(stream);
            }
            let began = Instant::now();
            assert_eq!(post(&listener, &path, &[], "").await, 204);
            println!("beside 200 slow ones a callback is answered after {:?}", began.elapsed());
            let began = Instant::now();
            let answer = answer(&mut slow[0]).await;
            let waited = began.elapsed();
            assert!(status_of(&answer) == 408 || answer.is_empty(), "{answer}");
            assert!((Duration::from_secs(5)..Duration::from_secs(29)).contains(&waited), "{waited:?}");
        })
        .await;
        assert!(result.unwrap().ok);
    });
}

/// As many file descriptors as this process may have.
fn raise_the_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Ten thousand connections are no neighbours for whoever measures the memory that they share.
static ALONE: Mutex<()> = Mutex::new(());

/// Fault 43.
#[test]
fn ten_thousand_idle_connections_do_not_starve_a_callback() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let most = raise_the_limit();
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        // Beside them there are 1,024 ends of the receiver's.
        let idle = usize::try_from(most.saturating_sub(2_000).min(10_000)).unwrap();
        let (result, ()) = join(client.run(request("idle")), async {
            let path = path(ground, &gateway, "idle").await;
            let mut streams = Vec::with_capacity(idle);
            for n in 0..idle {
                let mut stream = connect(&listener).await;
                if n % 3 == 0 {
                    let _ = stream.write_all(b"POST /CANARY-hooks/").await;
                }
                streams.push(stream);
            }
            let began = Instant::now();
            assert_eq!(post(&listener, &path, &[], "").await, 204);
            let took = began.elapsed();
            println!("beside {idle} idle connections a callback is answered after {took:?}");
            assert!(took < Duration::from_secs(5), "{took:?}");
            // The longest idle were let go, and no more than it takes.
            let mut byte = [0];
            let mut gone = || {
                let mut is_gone = |stream: &TcpStream| match stream.try_read(&mut byte) {
                    Ok(read) => read == 0,
                    Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
                };
                streams.iter().filter(|stream| is_gone(stream)).count()
            };
            ground.until("the longest idle were let go", || gone() + 1_100 >= idle).await;
            // After ten seconds a head that is not there is waited for no longer, by itself.
            assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        })
        .await;
        assert!(result.unwrap().ok);
    });
}

/// The memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// Fault 43: a million of them are nothing.
#[test]
fn a_million_callbacks_for_nobody_cost_no_memory_and_no_look() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        let (result, ()) = join(client.run(request("million")), async {
            let path = path(ground, &gateway, "million").await;
            let unknown = |n: u32| format!("/CANARY-hooks/{n:043}");
            let headers = [("webhook-id", "msg"), ("webhook-signature", "v1,AAAA")];
            (0..10_000).for_each(|n| assert!(!client.notify(&unknown(n), headers, b"{}")));
            let (before, began) = (resident(), Instant::now());
            (0..1_000_000).for_each(|n| assert!(!client.notify(&unknown(n), headers, b"{}")));
            println!("a million callbacks for nobody: {:?}", began.elapsed());
            // Their paths alone would be 64 MB; what other tests take meanwhile is less.
            assert!(resident() < before + (32 << 20), "{} bytes, {before} before", resident());
            let mut stream = connect(&listener).await;
            let mut answered = [0; 4096];
            for n in 0..2_000 {
                let text = head("POST", &unknown(n), &[("Content-Length", "2")]) + "{}";
                let text = text.replace("Connection: close", "Connection: keep-alive");
                stream.write_all(text.as_bytes()).await.unwrap();
                let read = stream.read(&mut answered).await.unwrap();
                assert!(answered[..read].starts_with(b"HTTP/1.1 404"), "{:?}", &answered[..read]);
            }
            assert_eq!((&counts(&client)["unknown"], gateway.count(Point::Poll)), (&json!(1_012_000), 0));
            assert_eq!(post(&listener, &path, &[], "").await, 204);
        })
        .await;
        assert!(result.unwrap().ok);
    });
}

/// What is being taken when the client closes is taken, and then nothing more.
#[test]
fn closing_lets_what_is_under_way_be_taken_and_gives_the_port_back() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        gateway.always(Point::Poll, Step::state("RUNNING"));
        let running = client.invoke(request("closing")).await.unwrap();
        let path = path(ground, &gateway, "closing").await;
        let mut stream = connect(&listener).await;
        let mut idle = connect(&listener).await;
        let text = head("POST", &path, &[("Content-Length", "10"), ("Expect", "100-continue")]);
        stream.write_all((text + "12345").as_bytes()).await.unwrap();
        // It is being taken: the receiver says that it waits for the rest.
        let mut goes_on = [0; 25];
        stream.read_exact(&mut goes_on).await.unwrap();
        assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        let rest = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stream.write_all(b"67890").await.unwrap();
            status_of(&answer(&mut stream).await)
        };
        let began = Instant::now();
        let ((), status) = join(client.shutdown(Duration::ZERO), rest).await;
        assert_eq!((status, &counts(&client)["woke"]), (204, &json!(1)));
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(answer(&mut idle).await, "");
        assert!(TcpStream::connect(("127.0.0.1", listener.port())).await.is_err(), "it listens still");
        let again = client.listen_callbacks(CallbackOptions::default()).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Closed);
        assert_eq!(client.expect_callbacks(PUBLIC).unwrap_err().kind(), ErrorKind::Closed);
        assert!(running.resume_token.is_some());
    });
}
