//! Callbacks: hints of the gateway that an invocation has ended.
//!
//! One promise: a callback wakes the one who waits, and the result is what the authenticated look returns. So whoever
//! forges one can cost a look and nothing else, and a lost one costs time and nothing else. Each invocation has an
//! unguessable path of its own; where a secret is configured, what comes there has to be signed besides.

mod headers;
mod listener;
mod places;
mod receiver;
mod registry;
mod signature;

pub use listener::{CallbackListener, CallbackOptions};
pub(crate) use registry::{Callbacks, Hints, Registration, Watched};
pub(crate) use signature::{TOLERANCE, Verifier};

use headers::Headers;
use registry::Heard;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::inner::Inner;

impl Client {
    /// Listens for callbacks. From then on each invocation without a `callback_url` of its own asks the gateway to call an
    /// unguessable one below `public_url`, and is looked at when it does; now and then besides, in case it does not.
    ///
    /// The listener stays until it is closed, or the client is.
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) where the profile takes no callback URL, where a host that is not a loopback
    /// one comes without a `public_url`, and where the port cannot be listened on.
    pub fn listen_callbacks(
        &self,
        options: CallbackOptions,
    ) -> impl Future<Output = Result<CallbackListener>> + Send + use<> {
        let client = self.clone();
        async move { listener::listen(&client.0, options).await }
    }

    /// The same where a server of your own takes the callbacks, at `public_url` and below: it hands each to
    /// [`Client::notify`].
    ///
    /// # Errors
    /// [`Config`](crate::ErrorKind::Config) where the profile takes no callback URL, and for what is no URL to call.
    pub fn expect_callbacks(&self, public_url: impl AsRef<str>) -> Result<()> {
        self.0.still_open()?;
        takes_callbacks(&self.0)?;
        let url = listener::public_url(public_url.as_ref())?;
        self.0.callbacks.expect_at(url);
        Ok(())
    }

    /// A callback that a server of your own has taken: its path, its headers and the bytes of its body as they came. True
    /// says that it was one, and is best answered with 204; anything else with 404. Waits for nothing.
    pub fn notify<N: AsRef<str>, V: AsRef<[u8]>>(
        &self,
        path: &str,
        headers: impl IntoIterator<Item = (N, V)>,
        raw_body: &[u8],
    ) -> bool {
        let callbacks = &self.0.callbacks;
        let Some(watched) = callbacks.find(path) else { return false };
        let headers: Vec<(N, V)> = headers.into_iter().collect();
        let headers = headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        matches!(callbacks.hear(&watched, &Headers(headers), raw_body), Heard::Woke | Heard::Duplicate)
    }
}

fn takes_callbacks(inner: &Inner) -> Result<()> {
    if inner.contract.takes_callback() {
        return Ok(());
    }
    let name = &inner.config.profile.name;
    Err(Error::new(ErrorKind::Config, format!("the profile `{name}` takes no callback URL"))
        .with_hint("leave callbacks out and poll; results are the same"))
}
