//! Tokens from the caller's own code instead of credentials.
//!
//! The promise: what it raises is named by its class and never by its text, which may hold the secret that it failed
//! with. What it attaches as a source goes on as the source of the error, for the caller's own process alone.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use super::answer::{DEFAULT_LIFETIME, Fetched, LONGEST_LIFETIME};
use crate::config::is_bearer;
use crate::error::{Error, ErrorKind, Result, Source};
use crate::wire::clean;

/// A [`TokenSource`] has this long to come up with a token; then the callers are told.
pub const TOKEN_PATIENCE: Duration = Duration::from_secs(30);

/// Where tokens come from, if not from credentials: a vault, a sidecar, an identity library.
///
/// It is asked when the first token is needed, again early enough before one runs out, and again when the gateway refused
/// one with 401; never twice at a time, and valid tokens are served meanwhile. An asynchronous closure is one already:
///
/// ```no_run
/// # use std::time::Duration;
/// # struct VaultError;
/// async fn from_the_vault() -> Result<(String, Duration), VaultError> {
///     Ok(("a token".to_owned(), Duration::from_secs(600)))
/// }
/// let client = cxone_actions::Client::builder()
///     .base_url("https://api.example.com")
///     .token_source(from_the_vault)
///     .build()?;
/// # Ok::<(), cxone_actions::Error>(())
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// A token that serves from now on.
    fn token(&self) -> BoxFuture<'static, Result<BearerToken, NoToken>>;
}

impl<F, Asked, T, E> TokenSource for F
where
    F: Fn() -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<T, E>> + Send + 'static,
    T: Into<BearerToken>,
{
    fn token(&self) -> BoxFuture<'static, Result<BearerToken, NoToken>> {
        let asked = self();
        async move { asked.await.map(Into::into).map_err(|_| NoToken::raised(class::<E>())) }.boxed()
    }
}

/// The name of a type without its path and its parameters.
fn class<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    let plain = name.split('<').next().unwrap_or(name);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// A token, and how long it serves. Its `Debug` shows no token.
#[derive(Debug, Clone)]
pub struct BearerToken {
    value: SecretString,
    lifetime: Option<Duration>,
}

impl BearerToken {
    /// A token of unknown lifetime: another one is asked for within five minutes.
    pub fn new(value: impl Into<String>) -> BearerToken {
        BearerToken { value: value.into().into(), lifetime: None }
    }

    /// The same token, known to serve this long from now.
    #[must_use]
    pub fn expires_in(self, lifetime: Duration) -> BearerToken {
        BearerToken { lifetime: Some(lifetime), ..self }
    }
}

impl From<String> for BearerToken {
    fn from(value: String) -> Self {
        BearerToken::new(value)
    }
}

impl From<&str> for BearerToken {
    fn from(value: &str) -> Self {
        BearerToken::new(value)
    }
}

impl From<(String, Duration)> for BearerToken {
    fn from((value, lifetime): (String, Duration)) -> Self {
        BearerToken::new(value).expires_in(lifetime)
    }
}

impl From<(String, Option<Duration>)> for BearerToken {
    fn from((value, lifetime): (String, Option<Duration>)) -> Self {
        BearerToken { lifetime, ..BearerToken::new(value) }
    }
}

/// Why a [`TokenSource`] has none.
#[derive(Debug, Clone)]
pub struct NoToken {
    what: String,
    source: Option<Source>,
}

/// Alike are two that say the same, of one and the same error or of none.
impl PartialEq for NoToken {
    fn eq(&self, other: &NoToken) -> bool {
        let same_source = match (&self.source, &other.source) {
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            (ours, theirs) => ours.is_none() && theirs.is_none(),
        };
        self.what == other.what && same_source
    }
}

impl Eq for NoToken {}

impl NoToken {
    /// It raised an error of this class. Its text stays where it is.
    pub fn raised(class: &str) -> NoToken {
        NoToken { what: format!("raised `{}`", short(class)), source: None }
    }

    /// It returned something of this type, which is no token.
    pub fn returned(type_name: &str) -> NoToken {
        let what = format!(
            "returned {}, and must return a token, or a token and how long it serves",
            short(type_name)
        );
        NoToken { what, source: None }
    }

    /// It returned a token that serves for so many seconds, which is no time: not a number, infinite, or negative.
    pub fn lifetime(seconds: f64) -> NoToken {
        let what = if seconds < 0.0 && seconds.is_finite() {
            "returned a token that has already expired: its lifetime is negative".to_owned()
        } else {
            let got = if seconds.is_nan() { "not a number" } else { "infinite" };
            format!("returned a token whose lifetime is {got}; leave it out where it is not known")
        };
        NoToken { what, source: None }
    }

    /// The same, with the error behind it as the [`source`](std::error::Error::source) of every error that comes of it.
    /// What that one says is its author's business: only its chain is told, never its text in a text of ours.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> NoToken {
        NoToken { source: Some(Arc::new(source)), ..self }
    }
}

/// A class may be called anything.
fn short(name: &str) -> String {
    clean(name).chars().take(100).collect()
}

/// A source that several clients may share.
#[derive(Clone)]
pub struct SharedSource(Arc<dyn TokenSource>);

impl SharedSource {
    /// Shares it.
    pub fn new(source: impl TokenSource) -> SharedSource {
        SharedSource(Arc::new(source))
    }

    pub(super) async fn fetch(&self) -> Result<Fetched> {
        let asked = tokio::time::timeout(TOKEN_PATIENCE, self.0.token()).await;
        let failed = |what: String| {
            Error::new(ErrorKind::Auth, format!("`token` {what}"))
                .with_hint("nothing was sent; the function is asked again in a moment")
        };
        let token = match asked {
            Ok(token) => token.map_err(|none| failed(none.what).sourced(none.source))?,
            Err(_) => return Err(failed(format!("gave no token within {} s", TOKEN_PATIENCE.as_secs()))),
        };
        if !is_bearer(token.value.expose_secret()) {
            return Err(failed("returned a token that no header may hold".to_owned()));
        }
        let lifetime = token.lifetime.unwrap_or(DEFAULT_LIFETIME).min(LONGEST_LIFETIME);
        if lifetime.is_zero() {
            return Err(failed("returned a token that has already expired".to_owned()));
        }
        Ok(Fetched { value: token.value, lifetime })
    }
}

impl fmt::Debug for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct VaultError(&'static str);

    async fn says(source: impl TokenSource) -> String {
        SharedSource::new(source).fetch().await.map_or_else(
            |error| {
                assert_eq!(error.kind(), ErrorKind::Auth);
                error.message().to_owned()
            },
            |fetched| format!("{:?}", fetched.lifetime),
        )
    }

    #[tokio::test]
    async fn what_a_function_raises_is_named_and_never_quoted() {
        let error = VaultError("s3cr3t");
        assert_eq!(error.0, "s3cr3t");
        let source = || async { Err::<String, _>(VaultError("s3cr3t")) };
        assert_eq!(says(source).await, "`token` raised `VaultError`");
        let boxed = || async { Err::<String, Box<dyn std::error::Error + Send + Sync>>("s3cr3t".into()) };
        assert_eq!(says(boxed).await, "`token` raised `Box`");
    }

    #[tokio::test]
    async fn what_a_source_attaches_is_the_source_of_the_error_and_in_no_text_of_ours() {
        let error = SharedSource::new(Attaches).fetch().await.unwrap_err();
        let behind = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<fmt::Error>());
        assert!(behind.is_some() && error.cause().is_none());
        assert_eq!(error.message(), "`token` raised `Sealed`");
    }

    struct Attaches;

    impl TokenSource for Attaches {
        fn token(&self) -> BoxFuture<'static, Result<BearerToken, NoToken>> {
            async { Err(NoToken::raised("Sealed").caused_by(fmt::Error)) }.boxed()
        }
    }

    #[tokio::test]
    async fn what_a_function_returns_is_judged_like_a_token_services_answer() {
        let lasting = |seconds| move || async move { Ok::<_, VaultError>(("t".to_owned(), seconds)) };
        assert_eq!(says(lasting(Duration::from_secs(60))).await, "60s");
        assert_eq!(says(lasting(Duration::MAX)).await, "86400s");
        assert_eq!(says(lasting(Duration::ZERO)).await, "`token` returned a token that has already expired");
        assert_eq!(says(|| async { Ok::<_, VaultError>("t") }).await, "300s");
        for junk in ["", "a b", "a\r\nX: y", "é"] {
            let source = move || async move { Ok::<_, VaultError>(junk) };
            assert_eq!(says(source).await, "`token` returned a token that no header may hold", "{junk:?}");
        }
    }

    #[test]
    fn reasons_are_equal_that_say_the_same_of_the_same_error() {
        let raised = || NoToken::raised("VaultError");
        assert_eq!(raised(), raised());
        assert_ne!(raised(), NoToken::returned("VaultError"));
        let caused = raised().caused_by(fmt::Error);
        assert_eq!(caused, caused.clone());
        assert_ne!(caused, raised());
        assert_ne!(caused, raised().caused_by(fmt::Error));
    }

    #[test]
    fn a_debug_print_shows_no_token() {
        let token = BearerToken::new("s3cr3t").expires_in(Duration::from_secs(1));
        assert!(!format!("{token:?}").contains("s3cr3t"));
    }
}
