//! Row 43: callbacks that are early, forged, replayed, repeated, too large, slow, too many, or for nobody; and connections
//! that say nothing.
//!
//! The clients here look once an hour by themselves: what is seen sooner is seen because of a callback. The URL that the
//! gateway is given holds a canary, which the proof looks for in the trail, in errors and in the log.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helping functions too"
)]

mod receiver;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cxone_actions::{
    CallOptions, CallbackListener, CallbackOptions, Client, ClientBuilder, ErrorKind, Executed,
};
use cxone_actions_faults::{
    Caller, FIXED_TOKEN, Gateway, GatewayOptions, Ground, Point, Step, proof, request,
};
use futures_util::future::join;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOUR: Duration = Duration::from_secs(3600);
const PUBLIC: &str = "https://hooks.example.com/CANARY-hooks";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hourly(ground: &Ground, gateway: &Gateway) -> ClientBuilder {
    ground.builder_with_token(gateway).poll_interval(HOUR)
}

async fn listening(client: &Caller) -> CallbackListener {
    let options = CallbackOptions { public_url: Some(PUBLIC.to_owned()), ..CallbackOptions::default() };
    client.listen_callbacks(options).await.unwrap()
}

/// A gateway, a client that looks once an hour, and its listener.
async fn ready(ground: &Ground) -> (Gateway, Caller, CallbackListener) {
    let gateway = ground.gateway();
    let client = ground.open(hourly(ground, &gateway));
    let listener = listening(&client).await;
    (gateway, client, listener)
}

/// The path that the gateway was given with the POST of this invocation, once it has it.
async fn path(ground: &Ground, gateway: &Gateway, correlation_id: &str) -> String {
    let url = || {
        let seen = gateway.seen(Point::Invoke);
        let mut bodies = seen.iter().filter_map(|seen| serde_json::from_slice::<Value>(&seen.body).ok());
        let body = bodies.find(|body| body["correlationId"] == correlation_id)?;
        body["callbackUrl"].as_str().map(str::to_owned)
    };
    ground.until("the gateway has the POST", || url().is_some()).await;
    let url = url().unwrap();
    let path = url.strip_prefix("https://hooks.example.com").unwrap();
    let segment = path.strip_prefix("/CANARY-hooks/").unwrap();
    assert_eq!(segment.len(), 43, "256 bits in base64url");
    path.to_owned()
}

async fn connect(listener: &CallbackListener) -> TcpStream {
    TcpStream::connect(("127.0.0.1", listener.port())).await.unwrap()
}

/// What comes before the other side closes.
async fn answer(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status_of(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: hooks.example.com\r\nConnection: close\r\n{headers}\r\n")
}

/// The status that a callback is answered with.
async fn post(listener: &CallbackListener, path: &str, headers: &[(&str, &str)], body: &str) -> u16 {
    let length = body.len().to_string();
    let headers = [headers, &[("Content-Length", length.as_str())]].concat();
    let mut stream = connect(listener).await;
    stream.write_all((head("POST", path, &headers) + body).as_bytes()).await.unwrap();
    status_of(&answer(&mut stream).await)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn signed(id: &str, time: u64, body: &str) -> [(&'static str, String); 3] {
    let key = STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    [("webhook-id", id.to_owned()), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)]
}

async fn post_signed(listener: &CallbackListener, path: &str, headers: &[(&str, String)], body: &str) -> u16 {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post(listener, path, &headers, body).await
}

fn counts(client: &Caller) -> Value {
    json!(client.metrics().callbacks)
}

/// Fault 43.
#[test]
fn a_callback_wakes_the_one_who_waits_and_the_result_is_what_the_look_returned() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        assert_eq!(listener.url(), PUBLIC);
        let lying =
            json!({"status": "FAILED", "invocationId": "another", "outputs": {"CANARY": 1}}).to_string();
        let (result, path) = join(client.run(request("a")), async {
            let path = path(ground, &gateway, "a").await;
            assert_eq!(post(&listener, &format!("{path}?CANARY=1"), &[], &lying).await, 204);
            path
        })
        .await;
        let result = result.unwrap();
        assert!(result.ok && result.polls == 1, "{result:?}");
        assert_eq!(gateway.count(Point::Poll), 1);
        // Its end is the end of its path.
        assert_eq!(post(&listener, &path, &[], "").await, 404);
        assert!(!client.notify(&path, [("a", "b")], b""));
        assert_eq!(
            counts(&client),
            json!({"woke": 1, "duplicate": 0, "unknown": 2, "forged": 0, "too_large": 0})
        );
        let text = client.metrics().prometheus();
        assert!(
            text.contains("cxone_callbacks_total{outcome=\"woke\"} 1") && !text.contains("CANARY"),
            "{text}"
        );
        let shown = format!("{:?} {listener:?} {result:?}", *client);
        assert!(!shown.contains(path.rsplit('/').next().unwrap()), "{shown}");
    });
}

/// Fault 43: the answer to the POST is late, and the callback is not.
#[test]
fn a_callback_before_the_acceptance_is_not_lost_and_ten_of_them_are_one() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        gateway.always(Point::Invoke, Step::normal().after(Duration::from_secs(3)));
        let (result, ()) = join(client.run(request("early")), async {
            let path = path(ground, &gateway, "early").await;
            assert_eq!(post(&listener, &path, &[], "{}").await, 204);
            (1..10).for_each(|_| assert!(client.notify(&path, [("a", "b")], b"{}")));
        })
        .await;
        assert!(result.unwrap().ok);
        assert_eq!(gateway.count(Point::Poll), 1);
        assert_eq!((&counts(&client)["woke"], &counts(&client)["duplicate"]), (&json!(1), &json!(9)));
        assert_eq!(client.metrics().counts.completed, 1);
    });
}

/// Fault 43: between `invoke` and `poll` nobody waits, and the callback is kept all the same.
#[test]
fn a_callback_that_comes_while_nobody_waits_is_there_for_the_next_poll() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 1, ..GatewayOptions::default() });
        let client = ground.open(hourly(ground, &gateway));
        let listener = listening(&client).await;
        let invocation = client.invoke(request("later")).await.unwrap();
        let path = path(ground, &gateway, "later").await;
        let token = STANDARD.encode(invocation.resume_token.clone().unwrap());
        assert!(!token.contains("CANARY") && !format!("{invocation:?}").contains(&path));
        let poll = client.poll(invocation, Duration::from_secs(20));
        assert_eq!(post(&listener, &path, &[], "").await, 204);
        // Its first look sees RUNNING, and the callback causes the next.
        assert!(poll.await.unwrap().ok);
        assert_eq!(gateway.count(Point::Poll), 2);
    });
}

/// Decision of the schedule: a callback that comes a little too early costs a few looks, and a flood of them no more.
#[test]
fn callbacks_of_one_invocation_cause_one_look_in_100_ms_at_most() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 3, ..GatewayOptions::default() });
        let client = ground.open(hourly(ground, &gateway));
        let listener = listening(&client).await;
        // Looks three times more by itself after the only callback: after 100, 400 and 1,600 ms.
        let (result, began) = join(client.run(request("alone")), async {
            let path = path(ground, &gateway, "alone").await;
            let began = Instant::now();
            assert_eq!(post(&listener, &path, &[], "").await, 204);
            began
        })
        .await;
        assert!(result.unwrap().ok && gateway.count(Point::Poll) == 4);
        let took = began.elapsed();
        assert!((Duration::from_millis(2100)..Duration::from_secs(20)).contains(&took), "{took:?}");

        gateway.always(Point::Poll, Step::state("RUNNING"));
        let flooded = CallOptions { timeout: Some(Duration::from_secs(2)), ..CallOptions::default() };
        let before = gateway.count(Point::Poll);
        let began = Instant::now();
        let (result, ()) = join(client.run_with(request("flooded"), flooded), async {
            let path = path(ground, &gateway, "flooded").await;
            while began.elapsed() < Duration::from_millis(1900) {
                client.notify(&path, [("webhook-idle", "x")], b"{}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::PollTimeout);
        let looks = gateway.count(Point::Poll) - before;
        let most = usize::try_from(began.elapsed().as_millis() / 100).unwrap() + 2;
        assert!((2..=most).contains(&looks), "{looks} looks, {most} are allowed");
        println!("a callback every ms for 1.9 s: {looks} looks");
    });
}

/// Fault 43.
#[test]
fn what_is_forged_or_of_another_time_is_refused_and_costs_no_look() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(GatewayOptions { pending_looks: 1, ..GatewayOptions::default() });
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let secrets = vec![other.to_owned(), SECRET.to_owned()];
        let client = ground.open(hourly(ground, &gateway).callback_secret(secrets));
        let listener = listening(&client).await;
        let (result, ()) = join(client.run(request("signed")), async {
            let path = path(ground, &gateway, "signed").await;
            let body = r#"{"status":"COMPLETED"}"#;
            let right = signed("msg_1", now(), body);
            for (headers, body) in [
                (&right[..], r#"{"status":"FAILED"}"#),
                (&right[..2], body),
                (&[][..], body),
                (&signed("msg_1", now() - 400, body), body),
                (&signed("msg_1", now() + 400, body), body),
            ] {
                assert_eq!(post_signed(&listener, &path, headers, body).await, 401, "{headers:?}");
                let pairs = headers.iter().map(|(name, value)| (*name, value.as_str()));
                assert!(!client.notify(&path, pairs, body.as_bytes()));
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert_eq!(gateway.count(Point::Poll), 0, "a forged callback caused a look");
            // The first is the reason for a look; the same one again is none, not even after it.
            gateway.always(Point::Poll, Step::state("RUNNING"));
            assert_eq!(post_signed(&listener, &path, &right, body).await, 204);
            ground.until("it was looked at", || gateway.count(Point::Poll) > 0).await;
            for _ in 0..10 {
                assert_eq!(post_signed(&listener, &path, &right, body).await, 204);
            }
            let counts = counts(&client);
            assert_eq!(
                (&counts["forged"], &counts["woke"], &counts["duplicate"]),
                (&json!(10), &json!(1), &json!(10))
            );
            gateway.always(Point::Poll, Step::normal());
            // Where the looks that follow the first have not found the end by now, this one does.
            post_signed(&listener, &path, &signed("msg_2", now(), body), body).await;
        })
        .await;
        assert!(result.unwrap().ok);
    });
}

/// The gateway repeats all that it was sent, and the URL is in nothing that anybody is shown.
#[test]
fn no_error_and_no_record_holds_the_url_that_the_gateway_repeats() {
    proof(async |ground: &Ground| {
        let (gateway, client, _) = ready(ground).await;
        for (id, step) in [
            ("refused", Step::status(400)),
            ("unknown", Step::status(500)),
            ("cut", Step::reset().executing()),
        ] {
            gateway.script(Point::Invoke, [step]);
            let error = client.run(request(id)).await.unwrap_err();
            let path = path(ground, &gateway, id).await;
            let segment = path.rsplit('/').next().unwrap();
            for text in [error.to_string(), format!("{error:?}"), error.to_json().to_string()] {
                assert!(!text.contains(segment), "{text}");
            }
            assert!(client.records(None).iter().all(|record| !record.to_string().contains(segment)));
            // What was refused, or is not known, is waited for no longer.
            assert!(!client.notify(&path, [("a", "b")], b""));
        }
        gateway.always(Point::Poll, Step::status(403));
        let (refused, ()) = join(client.run(request("looked-at")), async {
            let path = path(ground, &gateway, "looked-at").await;
            while !client.notify(&path, [("a", "b")], b"") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        assert_eq!(refused.unwrap_err().executed(), Executed::Yes);
    });
}

/// Row 30 with callbacks: the URL is no part of what was asked for.
#[test]
fn the_same_request_twice_is_one_though_each_would_have_a_url_of_its_own() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        gateway.always(Point::Poll, Step::normal().after(Duration::from_millis(50)));
        let twice = join(client.run(request("twice")), client.run(request("twice")));
        let (results, ()) = join(twice, async {
            let path = path(ground, &gateway, "twice").await;
            ground.until("both wait", || client.events(Some("twice")).contains(&"accepted".to_owned())).await;
            assert_eq!(post(&listener, &path, &[], "").await, 204);
        })
        .await;
        let (first, second) = (results.0.unwrap(), results.1.unwrap());
        assert!(first.ok && first.invocation_id == second.invocation_id);
        assert_eq!((gateway.executions("twice"), gateway.count(Point::Invoke)), (1, 1));
        assert!(gateway.count(Point::Poll) <= 2);

        let theirs = request("theirs").callback_url("https://elsewhere.example.com/theirs");
        gateway.script(Point::Invoke, [Step::completed("{}")]);
        assert!(client.run(theirs).await.is_ok());
        let seen = gateway.seen(Point::Invoke);
        let body: Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
        assert_eq!(body["callbackUrl"], "https://elsewhere.example.com/theirs");
    });
}

/// The last look before the deadline finds what no callback told of, and a time that was given explicitly holds.
#[test]
fn a_lost_callback_costs_time_and_nothing_else() {
    proof(async |ground: &Ground| {
        let (gateway, client, _) = ready(ground).await;
        let options = CallOptions { timeout: Some(Duration::from_secs(2)), ..CallOptions::default() };
        let outcome = client.run_with(request("lost"), options).await;
        assert_eq!(client.metrics().polls, 1);
        // On a machine that is busy its answer may come after the deadline, and whoever goes on has it.
        let result = match outcome {
            Err(late) if late.kind() == ErrorKind::PollTimeout => {
                client.poll(late.resume_token().unwrap(), HOUR).await
            }
            outcome => outcome,
        };
        assert!(result.unwrap().ok);
        let often = ground.open(ground.builder_with_token(&gateway));
        listening(&often).await;
        assert!(often.run(request("often")).await.unwrap().ok, "every 10 ms, as was asked for");
    });
}

/// A callback is used up by the look that it causes: where that brings nothing, the next is not half a minute away.
#[test]
fn a_look_that_fails_after_a_callback_is_taken_again_soon() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let client = Client::builder().base_url(gateway.base_url()).token(FIXED_TOKEN);
        let client = ground.open(client);
        let listener = listening(&client).await;
        // One look for the callback, three that follow it, and one more.
        gateway.script(Point::Poll, (0..5).map(|_| Step::reset()));
        let (result, began) = join(client.run(request("failing")), async {
            let path = path(ground, &gateway, "failing").await;
            let began = Instant::now();
            assert_eq!(post(&listener, &path, &[], "").await, 204);
            began
        })
        .await;
        assert!(result.unwrap().ok);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    });
}

#[test]
fn what_cannot_be_listened_on_or_called_is_said_before_anything_happens() {
    proof(async |ground: &Ground| {
        let (gateway, client, listener) = ready(ground).await;
        let options = |host: &str, port, public_url: Option<&str>| CallbackOptions {
            host: host.to_owned(),
            port,
            public_url: public_url.map(str::to_owned),
        };
        let taken = listener.port();
        for (options, says) in [
            (options("0.0.0.0", 0, None), "a public URL is required"),
            (options("127.0.0.1", taken, None), "cannot be listened on"),
            (options("127.0.0.1", 0, Some("hooks.example.com")), "must be an absolute URL"),
            (options("127.0.0.1", 0, Some("ftp://hooks.example.com")), "must begin with `https://`"),
            (options("127.0.0.1", 0, Some("http://hooks.example.com")), "must be https"),
            (options("127.0.0.1", 0, Some("https://CANARY:x@example.com")), "must not carry"),
            (options("127.0.0.1", 0, Some("https://example.com/?CANARY=1")), "must end with a path"),
        ] {
            let error = client.shown(client.listen_callbacks(options).await).unwrap_err();
            assert_eq!((error.kind(), error.executed()), (ErrorKind::Config, Executed::No));
            assert!(error.message().contains(says), "{error}");
        }
        let own = client.listen_callbacks(options("localhost", 0, None)).await.unwrap();
        assert_eq!(own.url().rsplit(':').next().unwrap(), own.port().to_string());
        let flow = ground.builder_with_token(&gateway).profile("genesys-flow");
        let flow = ground.open(flow);
        let error = flow.listen_callbacks(CallbackOptions::default()).await.unwrap_err();
        assert!(error.message().contains("takes no callback URL") && error.hint().unwrap().contains("poll"));
        assert!(flow.expect_callbacks(PUBLIC).is_err());
        let unused = ground.builder_with_token(&gateway).profile("genesys-flow").callback_secret(SECRET);
        assert_eq!(unused.build().unwrap_err().violations()[0].code, "unused");
        let wrong = ground.builder_with_token(&gateway).callback_secret("whsec_CANARY");
        let error = client.shown(wrong.build().map(drop)).unwrap_err();
        assert_eq!(error.violations()[0].path, "callback_secret");
    });
}
