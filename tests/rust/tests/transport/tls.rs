//! Whom a client trusts, and how it says who it is.

use std::time::{Duration, Instant};

use cxone_actions::{Client, ErrorKind};

use crate::authority::{Authority, Shown};
use crate::gateway::{Gateway, builder, is_unavailable, request};
use crate::{again, is_again};

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_trusted() {
    let authority = Authority::new();
    let gateway = Gateway::start(authority.server(Shown::Good, BOTH, false)).await;
    let client = builder(gateway.url()).ca_file(authority.file()).build().unwrap();
    assert!(client.run(request("trusted")).await.unwrap().ok);
    assert_eq!(gateway.seen(|seen| (seen.connections, seen.known_clients)), (1, 0));
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_looked_at_once_and_nothing_is_sent() {
    let authority = Authority::new();
    for shown in [Shown::SelfSigned, Shown::WrongHost, Shown::Expired] {
        // At the token, and where the token is there already at the POST.
        let with_token = |url| Client::builder().base_url(url).token("s3cr3t");
        for make in [builder as fn(String) -> _, with_token] {
            let gateway = Gateway::start(authority.server(shown, BOTH, false)).await;
            let client = make(gateway.url()).ca_file(authority.file()).build().unwrap();
            let began = Instant::now();
            let error = client.run(request("untrusted")).await.unwrap_err();
            is_unavailable(&error);
            assert!(error.hint().is_some_and(|hint| hint.contains("certificate")), "{shown:?}: {error}");
            assert!(began.elapsed() < Duration::from_secs(2), "{shown:?}: it was tried again");
            assert_eq!(gateway.seen(|seen| (seen.connections, seen.versions.len())), (1, 0), "{shown:?}");
        }
    }
}

#[tokio::test]
async fn the_platforms_authorities_are_trusted_where_none_is_named_and_ours_is_none_of_them() {
    const NAME: &str =
        "tls::the_platforms_authorities_are_trusted_where_none_is_named_and_ours_is_none_of_them";
    if is_again() {
        let client = builder(std::env::var("GATEWAY").unwrap()).build().unwrap();
        match client.run(request("platform")).await {
            Ok(result) => assert!(result.ok),
            Err(error) => {
                is_unavailable(&error);
                panic!("not trusted: {error}");
            }
        }
        return;
    }
    let authority = Authority::new();
    let gateway = Gateway::start(authority.server(Shown::Good, BOTH, false)).await;
    let (url, file) = (gateway.url(), authority.file());
    let run = |variables: Vec<(String, String)>| {
        tokio::task::spawn_blocking(move || {
            let variables: Vec<_> =
                variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            again(NAME, &variables)
        })
    };
    let reached = ("GATEWAY".to_owned(), url);
    // What Node is told concerns Node alone.
    let of_node = ("NODE_EXTRA_CA_CERTS".to_owned(), file.to_str().unwrap().to_owned());
    let alone = run(vec![reached.clone(), of_node]).await.unwrap();
    let said = String::from_utf8_lossy(&alone.stderr).into_owned() + &String::from_utf8_lossy(&alone.stdout);
    assert!(!alone.status.success() && said.contains("not trusted: "), "{said}");
    assert_eq!(gateway.seen(|seen| seen.versions.len()), 0);
    let named = ("SSL_CERT_FILE".to_owned(), file.to_str().unwrap().to_owned());
    let trusting = run(vec![reached, named]).await.unwrap();
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
    assert_eq!(gateway.seen(|seen| seen.executions["platform"]), 1);
}

#[tokio::test]
async fn a_gateway_that_asks_who_we_are_is_shown_our_certificate() {
    let authority = Authority::new();
    for protocols in [BOTH, &BOTH[1..]] {
        let gateway = Gateway::start(authority.server(Shown::Good, protocols, true)).await;
        let known = builder(gateway.url()).ca_file(authority.file()).client_cert(authority.client_file());
        assert!(known.build().unwrap().run(request("known")).await.unwrap().ok);
        assert_eq!(gateway.seen(|seen| (seen.known_clients, seen.executions["known"])), (1, 1));
        // One of another authority, and none at all; at the token, and where it is there already at the POST. The latter
        // over HTTP/1.1 alone: h2 keeps an alert as words, which prove nothing, so that it ends as an unknown outcome.
        let elsewhere = Authority::new();
        let with_token = |url| Client::builder().base_url(url).token("s3cr3t").http1_only(true);
        for make in [builder as fn(String) -> _, with_token] {
            let stranger = make(gateway.url()).ca_file(authority.file()).client_cert(elsewhere.client_file());
            let nobody = make(gateway.url()).ca_file(authority.file());
            for builder in [stranger, nobody] {
                is_unavailable(&builder.build().unwrap().run(request("unknown")).await.unwrap_err());
            }
        }
        assert_eq!(gateway.seen(|seen| seen.executions.len()), 1);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named_before_any_network() {
    let authority = Authority::new();
    let empty = tempfile::NamedTempFile::new().unwrap();
    let cases = [
        builder("https://127.0.0.1:1").ca_file(empty.path()),
        builder("https://127.0.0.1:1").ca_file(empty.path().with_extension("gone")),
        builder("https://127.0.0.1:1").client_cert(empty.path()),
        // A certificate without its key.
        builder("https://127.0.0.1:1").client_cert(authority.file()),
    ];
    for case in cases {
        let error = case.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("pem") || error.message().contains("tmp"), "{error}");
    }
}
