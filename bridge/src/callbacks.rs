//! Callbacks, as a binding hands them on.
//!
//! One promise: who listens in a process listens for its own client alone. A forked child finds no listener of its
//! parent's; what its parent said of a server of the user's holds in it too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use cxone_actions::{CallbackListener, CallbackOptions, Error, ErrorKind};
use serde::Serialize;

use crate::handle::Handle;
use crate::per_process::lock;
use crate::queue::Queue;
use crate::text::field;

/// The listeners of one client in this process, by number.
pub(crate) type Listeners = Mutex<HashMap<u64, CallbackListener>>;

/// What a border shows of one.
#[derive(Serialize)]
struct Listening {
    number: u64,
    url: String,
    port: u16,
}

impl Handle {
    /// Listens for callbacks; answered with `listener`, which has a `number`, a `url` and a `port`.
    pub fn listen_callbacks(
        &self,
        queue: &Arc<Queue>,
        host: String,
        port: i64,
        public_url: Option<String>,
    ) -> u64 {
        let port = u16::try_from(port)
            .map_err(|_| Error::new(ErrorKind::Config, "`port` must be a number from 0 to 65535"));
        self.start(queue, field("listener"), |opened, number| {
            let opened = Arc::clone(opened);
            async move {
                let options = CallbackOptions { host, port: port?, public_url };
                let listener = opened.client.listen_callbacks(options).await?;
                let shown = Listening { number, url: listener.url().to_owned(), port: listener.port() };
                lock(&opened.listeners).insert(number, listener);
                Ok(shown)
            }
        })
    }

    /// Closes a listener that this process has opened, and any other not.
    pub fn close_listener(&self, number: u64) {
        let listener = self.in_this_process().and_then(|opened| lock(&opened.listeners).remove(&number));
        if let Some(listener) = listener {
            listener.close();
        }
    }

    /// Callbacks come to a server of the user's at this URL and below; a forked child expects them there too.
    ///
    /// # Errors
    /// The JSON text of a `config` or `closed` error.
    pub fn expect_callbacks(&self, public_url: String) -> Result<(), String> {
        self.read(|client| client.expect_callbacks(&public_url))?;
        self.expects.store(Some(Arc::new(public_url)));
        Ok(())
    }

    /// Whether it was a callback for this client; never in a process that has not used it, such as a forked child.
    pub fn notify(&self, path: &str, headers: Vec<(String, Vec<u8>)>, raw_body: &[u8]) -> bool {
        self.in_this_process().is_some_and(|opened| opened.client.notify(path, headers, raw_body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cxone_actions::Dialect;
    use std::time::Duration;

    #[test]
    fn a_port_that_is_none_is_refused_by_name() {
        let options = r#"{"base_url":"http://127.0.0.1:1","token":"t"}"#;
        let handle = Handle::open(options, Dialect::Python, false, None).unwrap();
        for port in [-1, 65_536, i64::MAX] {
            let queue = Queue::new(|| {});
            handle.listen_callbacks(&queue, "127.0.0.1".to_owned(), port, None);
            assert!(queue.wait(Duration::from_secs(60)));
            let [said] = <[_; 1]>::try_from(queue.drain()).unwrap();
            assert!(said.json.contains("`port` must be a number from 0 to 65535"), "{}", said.json);
        }
    }
}
