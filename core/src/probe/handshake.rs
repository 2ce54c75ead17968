//! A handshake as the client makes it, and what the other end showed in it, also where that is refused.

use std::error::Error as StdError;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::{Probe, certificate};
use crate::cause::find;
use crate::error::{Error, ErrorKind};
use crate::wire::{clean, tls_config, tls_roots};

/// What the other end of a handshake showed.
#[derive(Debug, Default)]
pub struct Shown {
    /// Why there is no connection; none where there is one.
    pub refused: Option<Error>,
    /// The version of TLS.
    pub version: Option<&'static str>,
    /// The names that its certificate is for.
    pub names: Vec<String>,
    /// When its certificate ends.
    pub ends: Option<Timestamp>,
    /// Who issued its certificate, as that says.
    pub issuer: Option<String>,
    /// How many certificates it sent.
    pub chain: usize,
}

impl Probe {
    /// Shakes hands over this stream with the host of this name, and gives the stream back with what was shown.
    pub fn shake(&self, host: &str, stream: &mut (impl Read + Write)) -> Shown {
        let roots = match tls_roots(&self.config.transport) {
            Ok(roots) => roots,
            Err(error) => return Shown { refused: Some(error), ..Shown::default() },
        };
        match self.connection(host, roots) {
            Ok((mut connection, seen)) => {
                let shaken = connection.complete_io(stream).err();
                seen.shown(host, shaken, &connection)
            }
            Err(error) => Shown { refused: Some(error), ..Shown::default() },
        }
    }

    fn connection(
        &self,
        host: &str,
        roots: Arc<RootCertStore>,
    ) -> Result<(ClientConnection, Arc<Witness>), Error> {
        let unusable = |error: &dyn StdError| {
            Error::new(ErrorKind::Config, format!("TLS cannot be set up: {}", clean(&error.to_string())))
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let inner = WebPkiServerVerifier::builder_with_provider(roots, provider).build().map_err(|_| {
            Error::new(ErrorKind::Unavailable, "this machine has no certificates to trust")
                .with_hint("install them (`ca-certificates`), or name a PEM file with `ca_file`")
        })?;
        let seen = Arc::new(Witness { inner, sent: Mutex::default() });
        let mut config = tls_config(&self.config.transport)?;
        config.dangerous().set_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unusable(&error))?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| unusable(&error))?;
        Ok((connection, seen))
    }
}

/// Verifies as the client does, and remembers what it was shown.
#[derive(Debug)]
struct Witness {
    inner: Arc<WebPkiServerVerifier>,
    sent: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let sent = std::iter::once(leaf).chain(chain).map(|one| one.clone().into_owned()).collect();
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner) = sent;
        self.inner.verify_server_cert(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl Witness {
    fn shown(&self, host: &str, failed: Option<io::Error>, connection: &ClientConnection) -> Shown {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut shown = Shown {
            version: connection.protocol_version().map(version),
            chain: sent.len(),
            ..Shown::default()
        };
        if let Some((leaf, chain)) = sent.split_first() {
            shown.names = certificate::names(leaf);
            shown.ends = certificate::end(leaf, &*self.inner, chain);
            shown.issuer = certificate::issuer(leaf);
        }
        shown.refused = failed.map(|error| refusal(host, &error, &shown));
        shown
    }
}

fn version(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_2 => "TLS 1.2",
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        _ => "TLS",
    }
}

/// What went wrong in words of this world, and what to do about it.
fn refusal(host: &str, error: &io::Error, shown: &Shown) -> Error {
    let (what, hint) = match find::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(why)) => of_certificate(host, why, shown),
        Some(rustls::Error::InvalidMessage(_)) => (
            "what answers there does not speak TLS".to_owned(),
            "check the port, and whether a proxy or a portal answers in its place",
        ),
        Some(rustls::Error::AlertReceived(alert)) => (
            format!("it refused the handshake (alert {alert:?})"),
            "ask its operator; where it wants to know who calls, give `client_cert`",
        ),
        Some(other) => (clean(&other.to_string()), "ask its operator which versions of TLS it speaks"),
        None => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ("no handshake in time".to_owned(), "check the port, and what stands between")
            }
            _ => (
                format!(
                    "the connection ended in the handshake: {}",
                    clean(&error.to_string()).to_lowercase()
                ),
                "check the port, and whether a firewall or a proxy cuts the connection",
            ),
        },
    };
    Error::new(ErrorKind::Unavailable, what).with_hint(hint)
}

fn of_certificate(host: &str, why: &CertificateError, shown: &Shown) -> (String, &'static str) {
    let day = |at: Option<Timestamp>| at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            format!(
                "the certificate, or one of its issuers', has expired: it is good until {}",
                day(shown.ends)
            ),
            "tell its operator; where it is in order elsewhere, check this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "the certificate is not valid yet".to_owned(),
            "check this machine's clock; if it is right, tell the operator",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names: Vec<_> = shown.names.iter().map(|name| format!("`{name}`")).collect();
            let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
            (
                format!("the certificate is for {names} and not for `{host}`"),
                "check the host in `base_url` or the profile; if it is right, tell its operator",
            )
        }
        CertificateError::UnknownIssuer => {
            let issuer = shown.issuer.as_deref().unwrap_or("nobody");
            (
                format!(
                    "nobody whom this machine trusts has issued the certificate; it names `{issuer}` as its issuer"
                ),
                "if that is your company's authority or proxy, name its certificate (PEM) with `ca_file`",
            )
        }
        CertificateError::Revoked => {
            ("the certificate has been revoked".to_owned(), "tell its operator; do not go on without it")
        }
        other => (
            format!("the certificate cannot be used: {}", clean(&other.to_string())),
            "tell its operator, or name the right authority with `ca_file`",
        ),
    }
}
