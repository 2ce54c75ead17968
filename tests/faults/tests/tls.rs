//! Who is at the other end: a certificate that proves nothing gets no secret, no token and no input.

use std::time::{Duration, Instant};

use cxone_actions::{ErrorKind, Executed};
use cxone_actions_faults::{Certificate, GatewayOptions, Ground, Point, Step, proof, request};

fn showing(certificate: Certificate) -> GatewayOptions {
    GatewayOptions { certificate: Some(certificate), ..GatewayOptions::default() }
}

#[test]
fn a_certificate_that_proves_nothing_is_final_and_nothing_is_sent() {
    proof(async |ground: &Ground| {
        for certificate in [Certificate::SelfSigned, Certificate::WrongHost, Certificate::Expired] {
            let gateway = ground.gateway_with(showing(certificate));
            // At the token, and where the token is there already at the POST.
            let tokened = ground.builder_with_token(&gateway);
            for client in [ground.client(&gateway), ground.open(tokened)] {
                let began = Instant::now();
                let error = client.run(request("untrusted")).await.unwrap_err();
                assert_eq!((error.kind(), error.executed()), (ErrorKind::Unavailable, Executed::No));
                assert!(error.hint().unwrap_or_default().contains("certificate"), "{certificate:?}: {error}");
                assert!(began.elapsed() < Duration::from_secs(15), "another try would see the same one");
                // A look, too, sends nothing, and keeps the handle.
                let error = client.poll("inv-1", Duration::from_secs(5)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{certificate:?}: {error}");
                assert!(error.resume_token().is_some(), "{certificate:?}");
            }
            assert!(gateway.requests().is_empty(), "{certificate:?}: {:?}", gateway.requests());
            assert!(gateway.connections() > 0);
        }
    });
}

#[test]
fn a_certificate_of_a_trusted_authority_is_good_and_faults_behind_it_are_the_same() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(showing(Certificate::Good));
        let client = ground.open(ground.builder(&gateway).request_timeout(Duration::from_millis(400)));
        assert!(client.run(request("good")).await.unwrap().ok);
        let faults = [Step::fin(), Step::reset(), Step::silence(), Step::half_head(), Step::half_body()];
        for (n, step) in faults.into_iter().enumerate() {
            gateway.script(Point::Invoke, [step.executing()]);
            let error = client.run(request(&format!("cut-{n}"))).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.attempts()),
                (ErrorKind::OutcomeUnknown, Some(1)),
                "{n}: {error}"
            );
        }
        gateway.script(Point::Poll, [Step::reset(), Step::half_body(), Step::garbage()]);
        assert!(client.run(request("polled")).await.unwrap().ok);
    });
}

#[test]
fn who_is_not_trusted_by_a_file_is_not_trusted() {
    proof(async |ground: &Ground| {
        let gateway = ground.gateway_with(showing(Certificate::Good));
        let stranger = ground.gateway_with(showing(Certificate::Good));
        let client = ground.open(ground.builder(&gateway).ca_file(stranger.ca_file()));
        let error = client.run(request("untrusted")).await.unwrap_err();
        assert_eq!((error.kind(), error.executed()), (ErrorKind::Unavailable, Executed::No));
        assert!(gateway.requests().is_empty());
    });
}
