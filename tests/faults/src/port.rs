//! One loopback port that can be closed and opened again: closed, it stays ours, and connections are refused.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// As many connections as may wait to be accepted; beyond it a kernel drops the handshake and clients wait a second.
const BACKLOG: i32 = 4096;

pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    door: Mutex<Option<Door>>,
}

enum Door {
    Open(TcpListener, JoinHandle<()>),
    /// Bound, so that nobody else takes the port, and not listening, so that the kernel refuses.
    Closed(Socket),
}

impl Port {
    /// A port of its own, closed as yet.
    pub(crate) fn reserve() -> io::Result<Port> {
        let socket = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Port { address, door: Mutex::new(Some(Door::Closed(socket))) })
    }

    /// Listens, and hands over every connection on a thread of its own.
    pub(crate) fn open(&self, take: impl Fn(TcpStream) + Send + 'static) -> io::Result<()> {
        let mut door = self.lock();
        let Some(Door::Closed(socket)) = door.take() else { return Ok(()) };
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let accepting = listener.try_clone()?;
        let acceptor = thread::Builder::new().name("gateway-port".to_owned()).spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                take(stream);
            }
        })?;
        *door = Some(Door::Open(listener, acceptor));
        Ok(())
    }

    /// From now on connections are refused.
    pub(crate) fn close(&self) -> io::Result<()> {
        let mut door = self.lock();
        if let Some(Door::Open(listener, acceptor)) = door.take() {
            let closed = bound(self.address)?;
            leave(listener, acceptor);
            *door = Some(Door::Closed(closed));
        }
        Ok(())
    }

    /// Gives the port back.
    pub(crate) fn give_up(&self) {
        if let Some(Door::Open(listener, acceptor)) = self.lock().take() {
            leave(listener, acceptor);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Door>> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leave(listener: TcpListener, acceptor: JoinHandle<()>) {
    // This, and nothing else, wakes a thread that waits in `accept`.
    let _ = SockRef::from(&listener).shutdown(std::net::Shutdown::Both);
    drop(listener);
    let _ = acceptor.join();
}

/// Two sockets may be bound to the port at once: the one that listens, and the one that keeps it when that is closed.
fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
