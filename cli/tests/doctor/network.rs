//! Names, connections, proxies, certificates.

use crate::tls::{Certificate, in_front_of};
use crate::world::{Closed, SECRET, Said, answering, doctor, examined, file, leading, sandbox};

fn at<'a>(base_url: &'a str, more: &[(&'a str, &'a str)]) -> Said {
    let known =
        [("CXONE_BASE_URL", base_url), ("CXONE_CLIENT_ID", "integration"), ("CXONE_CLIENT_SECRET", SECRET)];
    doctor(&[&known, more].concat(), &[])
}

#[test]
fn a_name_that_does_not_resolve_is_named_and_nothing_that_stands_on_it_is_tried() {
    let said = at("https://gateway.invalid", &[]);
    said.says(
        "network.name",
        "failed",
        "look up the name `gateway.invalid`",
        "",
        "check the host in `base_url`",
    );
    assert_eq!(said.code, 7);
    assert!(said.checks("network.tcp").is_empty());
    said.skipped("token.token", "there is no way to the token service");
    said.skipped("gateway.look", "there is no way to the gateway");
}

#[test]
fn a_port_at_which_nobody_listens_is_named_with_what_is_there() {
    let closed = Closed::new();
    let said = at(&format!("http://{}", closed.authority()), &[]);
    let tried = format!("connect to `{}` (the token service, the gateway)", closed.authority());
    said.says(
        "network.tcp",
        "failed",
        &tried,
        "refused: nothing listens there",
        "check host and port in `base_url`",
    );
    assert_eq!(said.code, 7);
}

/// A gateway with this certificate, and what is said of it; with the certificate of its authority where `known`.
fn certified(certificate: Certificate, known: bool) -> Said {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (address, authority) = in_front_of(sandbox.port(), certificate);
    let (base_url, ca) = (format!("https://{address}"), file(folder.path(), "ca.pem", &authority));
    let known = if known { vec![("SSL_CERT_FILE", ca.as_str())] } else { vec![] };
    examined(&sandbox, &[&[("CXONE_BASE_URL", base_url.as_str())], &known[..]].concat(), &[])
}

#[test]
fn a_certificate_is_read_out_and_one_that_proves_nothing_says_why() {
    let good = certified(Certificate::Good, true);
    good.says(
        "network.tls",
        "ok",
        "shake hands (TLS) with `127.0.0.1:",
        "TLS 1.3; a certificate for `127.0.0.1`",
        "",
    );
    good.says("gateway.look", "ok", "GET `https://127.0.0.1:", "404", "");
    assert_eq!(good.code, 0, "{:#}", good.all);
    let soon = certified(Certificate::EndsSoon, true);
    soon.says("network.tls", "warning", "", "3 days from now", "tell its operator");
    assert_eq!(soon.code, 0, "a warning is no failure");
    let cases = [
        (
            Certificate::WrongHost,
            true,
            "is for `other.example` and not for `127.0.0.1`",
            "check the host in `base_url`",
        ),
        (Certificate::Expired, true, "has expired: it is good until 2020-01-01", "tell its operator"),
        (Certificate::SelfSigned, true, "", ""),
        (Certificate::Good, false, "nobody whom this machine trusts", "with `ca_file`"),
    ];
    for (certificate, known, came_back, todo) in cases {
        let said = certified(certificate, known);
        said.says("network.tls", "failed", "shake hands (TLS)", came_back, todo);
        assert_eq!(said.code, 7, "{certificate:?}");
        said.skipped("token.token", "no way");
    }
}

#[test]
fn what_does_not_speak_tls_is_told_from_what_cuts_the_connection() {
    for (answer, came_back) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "does not speak TLS"),
        (b"", "the connection ended in the handshake"),
    ] {
        let said = at(&format!("https://{}", answering(answer)), &[]);
        said.says("network.tls", "failed", "shake hands", came_back, "check the port");
        assert_eq!(said.code, 7);
    }
}

#[test]
fn whoever_takes_the_connection_and_says_nothing_ends_the_check_within_its_time() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = at(&format!("https://{}", listener.local_addr().unwrap()), &[]);
    said.says("network.tcp", "ok", "", "took the connection", "");
    said.says("network.tls", "failed", "shake hands", "no handshake in time", "check the port");
    assert_eq!(said.code, 7);
}

#[test]
fn a_proxy_that_does_not_lead_on_is_told_from_a_gateway_that_is_not_there() {
    let closed = Closed::new();
    let wants = answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").to_string();
    let refuses = answering(b"HTTP/1.1 403 Forbidden by us\r\n\r\n").to_string();
    let ssh = answering(b"SSH-2.0-OpenSSH_9.2\r\n").to_string();
    let secret = format!("user:CANARY-proxy@{wants}");
    let cases = [
        (
            closed.authority(),
            "network.tcp",
            "connect to the proxy",
            "refused: nothing listens",
            "HTTPS_PROXY",
        ),
        (
            wants,
            "network.proxy",
            "to lead on to `gateway.test:443`",
            "407: it wants to know who asks",
            "USER:PASSWORD",
        ),
        (secret, "network.proxy", "ask the proxy", "407: it does not take the user", "percent-encoded"),
        (refuses, "network.proxy", "ask the proxy", "403 Forbidden by us", "NO_PROXY"),
        (ssh, "network.proxy", "ask the proxy", "is no HTTP proxy", "check host and port"),
        (
            "proxy.invalid:3128".to_owned(),
            "network.name",
            "the name of the proxy `proxy.invalid`",
            "",
            "HTTPS_PROXY",
        ),
    ];
    for (proxy, check, tried, came_back, todo) in cases {
        let said = at("https://gateway.test", &[("HTTPS_PROXY", &format!("http://{proxy}"))]);
        said.says(check, "failed", tried, came_back, todo);
        assert_eq!(said.code, 7, "{proxy}");
    }
}

#[test]
fn the_way_through_a_proxy_is_walked_to_its_end() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let (address, authority) = in_front_of(sandbox.port(), Certificate::Good);
    let (base_url, proxy) = (format!("https://{address}"), leading(address));
    let ca = file(folder.path(), "ca.pem", &authority);
    let through = format!("http://{proxy}");
    let said = examined(
        &sandbox,
        &[("CXONE_BASE_URL", base_url.as_str())],
        &["--proxy", &through, "--ca-file", &ca],
    );
    said.says("network.proxy", "ok", &format!("ask the proxy `{proxy}`"), "it leads on", "");
    said.says("network.tls", "ok", "through the proxy", "a certificate for `127.0.0.1`", "");
    said.says("gateway.look", "ok", "", "404", "");
    assert_eq!(said.code, 0, "{:#}", said.all);
}
