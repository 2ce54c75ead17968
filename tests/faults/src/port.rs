//! One loopback port that can be closed and opened again: closed, it stays ours, and connections are refused.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// As many connections as may wait to be accepted; beyond it a kernel drops the handshake and clients wait a second.
const BACKLOG: i32 = 4096;

pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    door: Mutex<Option<Door>>,
}

/// The one socket that is bound to the port for as long as it is ours: whether it listens is what opens and closes it.
struct Door {
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
}

impl Port {
    /// A port of its own, closed as yet.
    pub(crate) fn reserve() -> io::Result<Port> {
        loop {
            let free = bound(0)?.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
            // Bound by its number: a socket that was given any port loses it when it stops to listen.
            match bound(free.port()) {
                Ok(socket) => {
                    // It listens again while connections from before are still open, or have just ended.
                    socket.set_reuse_address(true)?;
                    let door = Door { listener: socket.into(), acceptor: None };
                    return Ok(Port { address: free, door: Mutex::new(Some(door)) });
                }
                // Somebody was faster.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Listens, and hands over every connection.
    pub(crate) fn open(&self, take: impl Fn(TcpStream) + Send + 'static) -> io::Result<()> {
        let mut door = self.lock();
        let Some(door) = door.as_mut().filter(|door| door.acceptor.is_none()) else { return Ok(()) };
        SockRef::from(&door.listener).listen(BACKLOG)?;
        let accepting = door.listener.try_clone()?;
        let acceptor = thread::Builder::new().name("gateway-port".to_owned()).spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                take(stream);
            }
        })?;
        door.acceptor = Some(acceptor);
        Ok(())
    }

    /// From now on connections are refused.
    pub(crate) fn close(&self) {
        if let Some(door) = self.lock().as_mut() {
            door.close();
        }
    }

    /// Gives the port back.
    pub(crate) fn give_up(&self) {
        if let Some(mut door) = self.lock().take() {
            door.close();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Door>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    /// Stops to listen, which also wakes the thread that waits in `accept`; the port stays bound.
    fn close(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
            let _ = acceptor.join();
        }
    }
}

fn bound(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}
