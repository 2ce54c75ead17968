//! Why an exchange brought no answer, and whether anything of it was sent.
//!
//! The vague errors of the HTTP libraries are refined by walking their sources. Only a connection that was never made,
//! hyper's `canceled` and a refused stream prove that nothing was processed.

use std::error::Error as StdError;
use std::io;

use rustls::AlertDescription;

use super::reason::clean;
use crate::cause::{Cause, find};

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// Proven: not a byte of the request reached the gateway's application.
    pub(crate) unsent: bool,
    /// A certificate was refused, theirs or ours: another try would see the same one.
    pub(crate) certificate: bool,
    /// It was ours.
    ours: bool,
    /// In words, without a URL.
    pub(crate) what: String,
    /// What the system said, where it decided.
    pub(crate) cause: Option<Cause>,
}

/// How far an exchange had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// There was no connection to send it on.
    Connecting,
    /// It was on its way, and nothing had come back.
    Sent,
    /// The head of the answer was there.
    Answering,
}

impl Failure {
    /// What an error at that stage proves.
    pub(super) fn of(error: &(dyn StdError + 'static), stage: Stage) -> Failure {
        let tls = find::<rustls::Error>(error);
        let theirs = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
        let ours = stage != Stage::Answering
            && matches!(tls, Some(rustls::Error::AlertReceived(alert)) if refuses_our_certificate(*alert));
        let canceled = find::<hyper::Error>(error).is_some_and(hyper::Error::is_canceled);
        let refused = find::<h2::Error>(error).is_some_and(is_refused_stream);
        let late = find::<io::Error>(error).is_some_and(|io| io.kind() == io::ErrorKind::TimedOut);
        let what = if late && stage == Stage::Connecting { SLOW.to_owned() } else { in_words(error) };
        Failure {
            unsent: match stage {
                Stage::Connecting => true,
                Stage::Sent => canceled || refused || ours,
                Stage::Answering => false,
            },
            certificate: theirs || ours,
            ours,
            cause: Cause::of_exchange(error, &what),
            what,
        }
    }

    /// The time was up at that stage.
    pub(super) fn late(stage: Stage) -> Failure {
        let unsent = stage == Stage::Connecting;
        let what = if unsent { SLOW } else { "no answer in time" };
        Failure { unsent, cause: Some(Cause::timed_out(what)), ..Failure::plain(what) }
    }

    /// Nothing was sent, for nothing is sent any more.
    pub(super) fn ended() -> Failure {
        Failure { unsent: true, ..Failure::plain("the client is closed") }
    }

    /// It was read no further.
    pub(super) fn too_long(bound: usize) -> Failure {
        Failure::plain(&format!("the answer is longer than {bound} bytes"))
    }

    fn plain(what: &str) -> Failure {
        Failure { unsent: false, certificate: false, ours: false, what: what.to_owned(), cause: None }
    }

    pub(crate) fn hint<'a>(&self, otherwise: &'a str) -> &'a str {
        if self.ours {
            "nothing was sent; the gateway wants to know who calls: check `client_cert`"
        } else if self.certificate {
            "nothing was sent; check the gateway's certificate, or name its issuer with `ca_file`"
        } else {
            otherwise
        }
    }
}

const SLOW: &str = "connecting took too long";

/// RFC 8446 §6.2: the handshake did not come to its end at the gateway, so that it read nothing of a request. In TLS 1.3
/// we learn of it when the request is under way already.
fn refuses_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    )
}

/// RFC 9113 §8.7: a stream that the gateway refuses so was not processed. GOAWAY proves nothing here: h2 reports it for
/// streams that the gateway has begun to process too, when the connection ends before their answer.
fn is_refused_stream(error: &h2::Error) -> bool {
    error.is_reset() && error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM)
}

/// The innermost cause tells most ("connection refused"); the outer ones only say where it surfaced.
fn in_words(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    clean(&cause.to_string()).to_lowercase()
}
