//! The shared check itself: it notices each thing that it is there for.

use std::net::TcpListener;
use std::time::Duration;

use cxone_actions::{Error, ErrorKind, Result};
use cxone_actions_faults::{Ground, Point, Step, proof, request};

#[test]
#[should_panic(expected = "was executed 2 times")]
fn a_second_execution_is_noticed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        let (one, other) = (ground.client(&gateway), ground.client(&gateway));
        one.run(request("twice")).await.unwrap();
        other.run(request("twice")).await.unwrap();
    });
}

#[test]
#[should_panic(expected = "resent with other bytes")]
fn an_altered_resend_is_noticed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        ground.may_execute("altered", 2);
        ground.client(&gateway).run(request("altered")).await.unwrap();
        let other = request("altered").input("more", 1);
        ground.client(&gateway).run(other).await.unwrap();
    });
}

#[test]
#[should_panic(expected = "a secret is in an error")]
fn a_secret_in_an_error_is_noticed() {
    proof(async |ground: &Ground| {
        let client = ground.client(&ground.gateway());
        let outcome: Result<()> = Err(Error::new(ErrorKind::Rejected, "no such customer: CANARY-customer"));
        assert!(client.shown(outcome).is_err());
    });
}

#[test]
#[should_panic(expected = "a secret is in the trail")]
fn a_secret_in_the_trail_is_noticed() {
    proof(async |ground: &Ground| {
        let client = ground.client(&ground.gateway());
        // An id is recorded: whoever makes one of a customer's name is on record with it.
        let _ = client.run(request("CANARY-correlation")).await;
    });
}

#[test]
#[should_panic(expected = "no task is left")]
fn a_task_that_goes_on_is_noticed() {
    proof(async |_: &Ground| {
        tokio::spawn(tokio::time::sleep(Duration::from_secs(3600)));
    });
}

#[test]
#[should_panic(expected = "something is left")]
fn a_socket_that_stays_open_is_noticed() {
    proof(async |_: &Ground| std::mem::forget(TcpListener::bind("127.0.0.1:0").unwrap()));
}

#[test]
#[should_panic(expected = "nothing is in flight")]
fn a_call_that_is_still_under_way_is_noticed() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway();
        gateway.always(Point::Poll, Step::state("RUNNING"));
        let client = ground.client(&gateway);
        let call = tokio::spawn(async move { client.run(request("endless")).await });
        ground.until("it is polled", || gateway.count(Point::Poll) > 0).await;
        assert!(!call.is_finished());
    });
}
