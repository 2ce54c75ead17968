//! What the system said where the root of an error is outside of this library, by the code that people know it by.
//!
//! The promise: a code comes from the type of what failed and never from its text, and neither it nor the message holds
//! a URL, a secret or a value.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::CertificateError;
use serde::Serialize;

/// What decided an [`Error`](crate::Error): its [`source`](StdError::source), and the cause in Python and Node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    code: &'static str,
    message: String,
}

/// Every code that a [`Cause`] may have: those of POSIX for what an operating system says, `ENOTFOUND` for a name that
/// does not resolve, those of OpenSSL and Node for a certificate that is refused, and two of TLS.
pub const CAUSE_CODES: &[&str] = &[
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ENOTFOUND",
    "ETIMEDOUT",
    "EPIPE",
    "ENETDOWN",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ENOTCONN",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "CERT_REVOKED",
    "CERT_SIGNATURE_FAILURE",
    "CERT_REJECTED",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "INVALID_PURPOSE",
    "ERR_TLS_ALERT",
    "ERR_TLS",
    "ENOENT",
    "EACCES",
    "EEXIST",
    "ENOTDIR",
    "EISDIR",
    "ENOSPC",
    "EDQUOT",
    "EROFS",
    "EFBIG",
    "EMFILE",
    "EIO",
];

impl Cause {
    /// The code, one of [`CAUSE_CODES`].
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// What it says, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What an exchange with a gateway ended with, in these words; none where neither I/O nor TLS decided it.
    pub(crate) fn of_exchange(error: &(dyn StdError + 'static), message: &str) -> Option<Cause> {
        let http = find::<reqwest::Error>(error);
        let code = if http.is_some_and(reqwest::Error::is_dns) || find::<Unresolved>(error).is_some() {
            Some("ENOTFOUND")
        } else if let Some(tls) = find::<rustls::Error>(error) {
            Some(code_of_tls(tls))
        } else if http.is_some_and(reqwest::Error::is_timeout) {
            Some("ETIMEDOUT")
        } else if let Some(code) = find::<io::Error>(error).and_then(code_of_io) {
            Some(code)
        } else if let Some(code) = find::<h2::Error>(error).and_then(h2::Error::get_io).and_then(code_of_io) {
            Some(code)
        } else {
            // Whoever closes a connection instead of answering has reset it, as far as its user is concerned.
            let hung_up = |e: &hyper::Error| e.is_incomplete_message() || e.is_canceled() || e.is_closed();
            find::<hyper::Error>(error).is_some_and(hung_up).then_some("ECONNRESET")
        };
        Some(Cause { code: code?, message: message.to_owned() })
    }

    /// What the operating system says of a file.
    pub(crate) fn of_file(error: &io::Error) -> Option<Cause> {
        Some(Cause { code: code_of_io(error)?, message: error.to_string() })
    }

    /// Nothing was heard before the deadline of a call, which is earlier than that of the exchange.
    pub(crate) fn timed_out(message: &str) -> Cause {
        Cause { code: "ETIMEDOUT", message: message.to_owned() }
    }

    pub(crate) fn message_mut(&mut self) -> &mut String {
        &mut self.message
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl StdError for Cause {}

/// A host's name that the system did not resolve.
#[derive(Debug)]
pub(crate) struct Unresolved(pub(crate) io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Unresolved {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

/// The first error of this type among the sources, looking into I/O errors too, which carry others inside.
pub(crate) fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = cause.downcast_ref::<io::Error>().and_then(|io| io.get_ref());
        next = match inner {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    None
}

fn code_of_io(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    Some(match error.kind() {
        Kind::ConnectionRefused => "ECONNREFUSED",
        Kind::ConnectionReset | Kind::UnexpectedEof => "ECONNRESET",
        Kind::ConnectionAborted => "ECONNABORTED",
        Kind::TimedOut => "ETIMEDOUT",
        Kind::BrokenPipe => "EPIPE",
        Kind::NetworkDown => "ENETDOWN",
        Kind::NetworkUnreachable => "ENETUNREACH",
        Kind::HostUnreachable => "EHOSTUNREACH",
        Kind::NotConnected => "ENOTCONN",
        Kind::AddrInUse => "EADDRINUSE",
        Kind::AddrNotAvailable => "EADDRNOTAVAIL",
        Kind::NotFound => "ENOENT",
        Kind::PermissionDenied => "EACCES",
        Kind::AlreadyExists => "EEXIST",
        Kind::NotADirectory => "ENOTDIR",
        Kind::IsADirectory => "EISDIR",
        Kind::StorageFull | Kind::WriteZero => "ENOSPC",
        Kind::QuotaExceeded => "EDQUOT",
        Kind::ReadOnlyFilesystem => "EROFS",
        Kind::FileTooLarge => "EFBIG",
        _ => return code_of_number(error.raw_os_error()?),
    })
}

/// What the standard library has no kind for. The numbers are the same on every Unix that there is.
fn code_of_number(number: i32) -> Option<&'static str> {
    match number {
        5 if cfg!(unix) => Some("EIO"),
        24 if cfg!(unix) => Some("EMFILE"),
        _ => None,
    }
}

fn code_of_tls(error: &rustls::Error) -> &'static str {
    use CertificateError as Refused;
    let refused = match error {
        rustls::Error::InvalidCertificate(refused) => refused,
        rustls::Error::AlertReceived(_) => return "ERR_TLS_ALERT",
        _ => return "ERR_TLS",
    };
    match refused {
        Refused::Expired | Refused::ExpiredContext { .. } => "CERT_HAS_EXPIRED",
        Refused::NotValidYet | Refused::NotValidYetContext { .. } => "CERT_NOT_YET_VALID",
        Refused::Revoked => "CERT_REVOKED",
        Refused::UnknownIssuer => "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        Refused::BadSignature => "CERT_SIGNATURE_FAILURE",
        Refused::NotValidForName | Refused::NotValidForNameContext { .. } => "ERR_TLS_CERT_ALTNAME_INVALID",
        Refused::InvalidPurpose | Refused::InvalidPurposeContext { .. } => "INVALID_PURPOSE",
        _ => "CERT_REJECTED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_comes_from_the_kind_of_an_error_and_is_one_of_those_that_are_listed() {
        let io = |kind: io::ErrorKind| {
            Cause::of_exchange(&io::Error::new(kind, "words that say ECONNREFUSED"), "said").map(|c| c.code)
        };
        assert_eq!(io(io::ErrorKind::ConnectionReset), Some("ECONNRESET"));
        assert_eq!(io(io::ErrorKind::BrokenPipe), Some("EPIPE"));
        assert_eq!(io(io::ErrorKind::Other), None, "a text decides nothing");
        let tls = |error: rustls::Error| {
            let inside = io::Error::new(io::ErrorKind::InvalidData, error);
            Cause::of_exchange(&inside, "said").map(|c| c.code)
        };
        let refused = |why| tls(rustls::Error::InvalidCertificate(why));
        assert_eq!(refused(CertificateError::Expired), Some("CERT_HAS_EXPIRED"));
        assert_eq!(refused(CertificateError::NotValidForName), Some("ERR_TLS_CERT_ALTNAME_INVALID"));
        assert_eq!(refused(CertificateError::UnknownIssuer), Some("UNABLE_TO_VERIFY_LEAF_SIGNATURE"));
        assert_eq!(tls(rustls::Error::HandshakeNotComplete), Some("ERR_TLS"));
        let refused = Cause::of_exchange(&io::Error::from(io::ErrorKind::ConnectionRefused), "said").unwrap();
        assert_eq!(refused.to_string(), "said (ECONNREFUSED)");
        #[cfg(unix)]
        for (number, code) in [(5, "EIO"), (24, "EMFILE"), (28, "ENOSPC"), (13, "EACCES")] {
            let cause = Cause::of_file(&io::Error::from_raw_os_error(number)).unwrap();
            assert_eq!(cause.code(), code);
            assert!(CAUSE_CODES.contains(&cause.code()));
        }
    }
}
