//! What a diagnosis tries, with the very parts that a client sends through: its options, its proxy, its trust, its grants.
//!
//! The promise: it executes no action. The only POST that is in its power is the one that asks for a token. What it gives
//! back holds no secret: texts of strangers are without the credentials and the token that they were sent.
//!
//! It is for the command line's `doctor`, and no part of the promises of this library.

mod ask;
mod certificate;
mod handshake;
mod open;
mod way;

use crate::auth::Asking;
use crate::config::Config;
use crate::wire::Transport;

pub use ask::{Body, Heard, Issued, TokenAnswer};
pub use handshake::Shown;
pub use open::Opened;
pub use way::{Place, Proxy, Tunnel};

/// The parts of a client that is not opened: no trail is made, and no policy is asked.
#[derive(Debug)]
pub struct Probe {
    config: Config,
    transport: Transport,
    asking: Option<Asking>,
    /// False where a placeholder stands in for them.
    has_credentials: bool,
}

impl Probe {
    /// What holds for the client, but for its policy.
    pub fn config(&self) -> &Config {
        &self.config
    }
}
