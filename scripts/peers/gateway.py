"""A gateway on raw sockets that does one thing wrong and counts what reached it.

It never guesses: a request is counted when its last byte has come, before anything is answered.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

TOKEN = "canary-token"
SECRET = "canary-secret"
INPUT = "canary-input"


@dataclass(frozen=True)
class Request:
    """One request, whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def kind(self) -> str:
        if "/oauth/token" in self.target:
            return "token"
        return "invoke" if self.method == "POST" else "look"


#: What is done about the n-th request (from 1) of the faulty kind; true keeps the connection.
Fault = Callable[["Gateway", socket.socket, Request, int], bool]


@dataclass
class Gateway:
    """Serves tokens and healthy answers; requests of the kind `faulty` meet `fault`."""

    host: str
    fault: Fault | None
    faulty: str = "invoke"
    elsewhere: str = ""
    requests: list[Request] = field(default_factory=list)
    #: Bytes of the answer that the client took, where a fault counts them.
    taken: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._listener = socket.create_server((self.host, 0), backlog=512)
        self.url = f"http://{self.host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def seen(self, kind: str) -> list[Request]:
        with self._lock:
            return [request for request in self.requests if request.kind == kind]

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            while (request := _read(stream)) is not None:
                with self._lock:
                    self.requests.append(request)
                    nth = sum(one.kind == request.kind for one in self.requests)
                if self.fault is not None and request.kind == self.faulty:
                    keep = self.fault(self, connection, request, nth)
                else:
                    keep = healthy(self, connection, request, nth)
                if not keep:
                    return


def _read(stream: socket.SocketIO | object) -> Request | None:
    readline, read = stream.readline, stream.read  # type: ignore[union-attr]
    first = readline().decode("latin-1").split()
    if len(first) < 2:
        return None
    headers: dict[str, str] = {}
    while (line := readline().decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int(readline().split(b";")[0], 16):
            body += read(size)
            readline()
        readline()
    else:
        body = read(int(headers.get("content-length", "0")))
    return Request(first[0], first[1], headers, body, time.monotonic())


def answer(connection: socket.socket, status: int, body: bytes, *headers: str) -> bool:
    head = [f"HTTP/1.1 {status} Said", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return True


def healthy(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    if request.kind == "token":
        return answer(connection, 200, b'{"access_token":"%s","expires_in":3600}' % f"{TOKEN}-{nth}".encode())
    if request.kind == "invoke":
        return answer(connection, 200, b'{"invocationId":"inv-1","status":"PENDING"}')
    return answer(connection, 200, state())


def state(outputs: object = None, status: str = "COMPLETED", about: str = "inv-1") -> bytes:
    """What a look is answered, in the words of both wires."""
    outputs = {"n": 2**53 + 1} if outputs is None else outputs
    return json.dumps(
        {"id": about, "invocationId": about, "status": status, "outputs": outputs, "outputData": outputs}
    ).encode()


def closes(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    return False


def closes_the_second(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    return healthy(gateway, connection, request, nth) if nth == 1 else False


def resets(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def half_a_head(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Ty")
    return False


def says(status: int, *headers: str, times: int = 1_000_000, body: bytes = b'{"message":"no"}') -> Fault:
    def fault(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
        if nth > times:
            return healthy(gateway, connection, request, nth)
        return answer(connection, status, body, *(header.format(elsewhere=gateway.elsewhere) for header in headers))

    return fault


def is_silent(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    time.sleep(600)
    return False


def breaks_off(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")
    connection.sendall(b'{"invocationId":')
    return False


def drips(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6000\r\n\r\n")
    for _ in range(6000):
        connection.sendall(b" ")
        time.sleep(0.1)
    return False


def pours(mebibytes: int) -> Fault:
    def fault(gateway: Gateway, connection: socket.socket, request: Request, nth: int) -> bool:
        head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {mebibytes << 20}", "", ""]
        connection.sendall("\r\n".join(head).encode())
        for _ in range(mebibytes):
            connection.sendall(b" " * (1 << 20))
            gateway.taken += 1 << 20
        return False

    return fault


def unpacks_to(mebibytes: int) -> Fault:
    packer = zlib.compressobj(9, wbits=31)
    packed = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(mebibytes)) + packer.flush()
    return says(200, "Content-Encoding: gzip", body=packed)
