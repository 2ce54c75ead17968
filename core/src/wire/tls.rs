//! What is trusted: the platform's certificates, or the file that the options name; and who we are, where asked.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::cause::Cause;
use crate::config::{EXTRA_CA_CERTS, Transport as Options};
use crate::error::{Error, ErrorKind, Result};

/// Reading the platform's certificates costs some twenty million instructions: once per process is enough.
static PLATFORM: OnceLock<Arc<RootCertStore>> = OnceLock::new();

/// The TLS side of a client.
///
/// # Errors
/// [`ErrorKind::Config`] when a file holds no usable certificate or key.
pub(crate) fn client_config(options: &Options) -> Result<ClientConfig> {
    let roots = roots(options)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Config, format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots);
    let mut config = match &options.client_cert {
        Some(path) => {
            let (chain, key) = identity_of(path)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(path, &error.to_string()))?
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = if options.http1_only {
        vec![b"http/1.1".to_vec()]
    } else {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    };
    Ok(config)
}

/// Whose certificates are trusted.
///
/// # Errors
/// [`ErrorKind::Config`] when a file holds no usable certificate.
pub(crate) fn roots(options: &Options) -> Result<Arc<RootCertStore>> {
    let roots = match &options.ca_file {
        Some(path) => Arc::new(roots_of(path)?),
        None => PLATFORM.get_or_init(|| Arc::new(platform_roots())).clone(),
    };
    Ok(match &options.extra_ca_file {
        Some(path) => Arc::new(with_those_of(path, RootCertStore::clone(&roots))?),
        None => roots,
    })
}

/// A platform without certificates is found at the first TLS connection, not here: the gateway may be on loopback.
fn platform_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn roots_of(path: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))? {
        let certificate = certificate.map_err(|error| unreadable(path, &error))?;
        roots.add(certificate).map_err(|error| unusable(path, &error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable(path, "it holds no certificate"));
    }
    Ok(roots)
}

/// What a company puts into such a file is not chosen for us: one of many that is no authority is left out.
fn with_those_of(path: &Path, mut roots: RootCertStore) -> Result<RootCertStore> {
    let told =
        |error: Error| error.with_hint(format!("name a PEM file with `{EXTRA_CA_CERTS}`, or unset it"));
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| told(unreadable(path, &error)))?;
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(told(unusable(path, "it holds no certificate"))),
        _ => Ok(roots),
    }
}

fn identity_of(path: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| unreadable(path, &error))?;
    let key = PrivateKeyDer::from_pem_file(path).map_err(|_| unusable(path, "it holds no private key"))?;
    Ok((chain, key))
}

fn unreadable(path: &Path, error: &pem::Error) -> Error {
    let cause = match error {
        pem::Error::Io(error) => Cause::of_file(error),
        _ => None,
    };
    unusable(path, &error.to_string()).caused_by(cause)
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("`{}` cannot be used for TLS: {why}", path.display()))
        .with_hint("give a PEM file")
}
