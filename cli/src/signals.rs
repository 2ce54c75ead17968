//! Ctrl-C, as a command that has something to lose hears it: each one, and by which signal.

use std::io;

/// What ends a command from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM: a supervisor's Ctrl-C.
    Terminate,
}

impl Signal {
    /// What shells expect a process to end with.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Signal::Interrupt => crate::failure::EXIT_INTERRUPTED,
            Signal::Terminate => 143,
        }
    }
}

/// Hears signals from its making on: none between two waits is lost, though two at once may be one.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(not(unix))]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Signals {
    /// To be called inside a runtime. From then on no signal ends the process by itself.
    pub(crate) fn listen() -> io::Result<Signals> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Signals {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
            })
        }
        #[cfg(not(unix))]
        Ok(Signals { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// The next one. It may be dropped and asked again.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
        #[cfg(not(unix))]
        {
            self.interrupt.recv().await;
            Signal::Interrupt
        }
    }
}
