//! What an event loop can watch: a descriptor that becomes readable when the queue has something.
//!
//! An eventfd on Linux, a pipe on other Unix systems, nothing elsewhere (there a thread waits instead). Ringing takes no
//! lock and no interpreter, so the I/O thread may do it at any time.

#[cfg(not(unix))]
pub(crate) use elsewhere::Bell;
#[cfg(unix)]
pub(crate) use unix::Bell;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};

    #[derive(Debug)]
    pub(crate) struct Bell {
        watched: OwnedFd,
        #[cfg(not(target_os = "linux"))]
        rung: OwnedFd,
    }

    impl Bell {
        #[cfg(target_os = "linux")]
        pub(crate) fn new() -> io::Result<Bell> {
            use rustix::event::{EventfdFlags, eventfd};
            Ok(Bell { watched: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)? })
        }

        #[cfg(not(target_os = "linux"))]
        pub(crate) fn new() -> io::Result<Bell> {
            let (watched, rung) = rustix::pipe::pipe()?;
            for end in [&watched, &rung] {
                rustix::io::ioctl_fionbio(end, true)?;
                rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
            }
            Ok(Bell { watched, rung })
        }

        #[expect(clippy::unnecessary_wraps, reason = "there is none elsewhere")]
        pub(crate) fn descriptor(&self) -> Option<i32> {
            Some(self.watched.as_raw_fd())
        }

        /// Makes the descriptor readable. It cannot fail in a way that matters: a full one is readable already.
        pub(crate) fn ring(&self) {
            #[cfg(target_os = "linux")]
            let bell = &self.watched;
            #[cfg(not(target_os = "linux"))]
            let bell = &self.rung;
            let _ = rustix::io::write(bell, &1u64.to_ne_bytes());
        }

        /// Makes it silent again; to be called before the queue is drained, so that no ring is lost.
        pub(crate) fn silence(&self) {
            let mut rings = [0; 64];
            while matches!(rustix::io::read(&self.watched, &mut rings), Ok(64)) {}
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    #[derive(Debug)]
    pub(crate) struct Bell;

    impl Bell {
        pub(crate) fn new() -> std::io::Result<Bell> {
            Ok(Bell)
        }

        pub(crate) fn descriptor(&self) -> Option<i32> {
            None
        }

        pub(crate) fn ring(&self) {}

        pub(crate) fn silence(&self) {}
    }
}
