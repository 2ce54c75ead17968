//! What can go wrong before a sandbox serves: options, a file of actions, an order for a fault, or the port.

use std::{error, fmt, io};

/// Why a sandbox did not start, or did not take an order. Its text names the option and what it may be, and never
/// holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum SandboxError {
    /// An option that cannot work.
    Options(String),
    /// A file of actions that cannot work: every mistake in it, by file, line and key.
    File(String),
    /// A fault, a point or a number of times that cannot work.
    Fault(String),
    /// The loopback port cannot be listened on, or the thread cannot be started.
    Listen {
        /// What was attempted.
        what: String,
        /// What the operating system answered.
        source: io::Error,
    },
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SandboxError::Options(message) | SandboxError::File(message) | SandboxError::Fault(message) => {
                f.write_str(message)
            }
            SandboxError::Listen { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl error::Error for SandboxError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            SandboxError::Listen { source, .. } => Some(source),
            SandboxError::Options(_) | SandboxError::File(_) | SandboxError::Fault(_) => None,
        }
    }
}
