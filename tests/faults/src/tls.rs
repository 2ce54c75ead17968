//! Certificates, good and bad, made when they are needed.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::Deserialize;
use tempfile::TempDir;

/// What the gateway shows to who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certificate {
    /// Issued by the authority in [`crate::Gateway::ca_file`], for this address.
    Good,
    /// Issued by itself.
    SelfSigned,
    /// Issued by the authority, for another host.
    WrongHost,
    /// Issued by the authority, for this address, years ago.
    Expired,
}

/// The TLS side of a gateway, and the file with the authority's certificate.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    folder: TempDir,
}

impl Tls {
    pub(crate) fn new(certificate: Certificate) -> Tls {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();

        let mut params = CertificateParams::default();
        params.subject_alt_names = match certificate {
            Certificate::WrongHost => vec![SanType::DnsName("other.example".try_into().unwrap())],
            _ => vec![SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))],
        };
        if certificate == Certificate::Expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let shown = match certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &authority),
        }
        .unwrap();

        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![shown.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Tls { server: Arc::new(server), folder }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        Path::new(self.folder.path()).join("ca.pem")
    }
}
