//! A gateway behind TLS: what comes is decrypted and handed on to a sandbox.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CertifiedKey, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// What it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    SelfSigned,
    WrongHost,
    Expired,
    EndsSoon,
}

/// Where it listens, and the certificate of its authority as PEM.
pub(crate) fn in_front_of(port: u16, certificate: Certificate) -> (SocketAddr, String) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let shown = shown(certificate, &authority);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.signing_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![shown.cert.der().clone()], key)
        .unwrap();

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(decrypt(listener, TlsAcceptor::from(Arc::new(server)), port));
    });
    (address, authority.pem())
}

fn shown(certificate: Certificate, authority: &CertifiedIssuer<'_, KeyPair>) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = match certificate {
        Certificate::WrongHost => vec![SanType::DnsName("other.example".try_into().unwrap())],
        _ => vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))],
    };
    if certificate == Certificate::Expired {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    if certificate == Certificate::EndsSoon {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = (SystemTime::now() + Duration::from_secs(3 * 86_400 + 3_600)).into();
    }
    let signing_key = KeyPair::generate().unwrap();
    let cert = match certificate {
        Certificate::SelfSigned => params.self_signed(&signing_key),
        _ => params.signed_by(&signing_key, authority),
    };
    CertifiedKey { cert: cert.unwrap(), signing_key }
}

async fn decrypt(listener: TcpListener, acceptor: TlsAcceptor, port: u16) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Whoever does not like the certificate goes away.
            let Ok(mut inside) = acceptor.accept(stream).await else { return };
            let mut behind = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut inside, &mut behind).await;
        });
    }
}
