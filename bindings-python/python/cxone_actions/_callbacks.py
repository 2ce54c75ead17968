"""Callbacks: the listener of a client's own, and the requests that somebody else's server hands to `notify`.

The promise: a request goes to the core as it came, byte for byte; nothing here reads a body or compares a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import _native

#: As servers have them: a mapping (of lists, where a header came more than once), or pairs.
Headers = Mapping[Any, Any] | Iterable[tuple[Any, Any]]


class CallbackListener:
    """Where callbacks arrive, as `listen_callbacks` opened it, until it or its client is closed.

    Close it, or use it in a `with` or an `async with` statement. In a forked child it is its parent's.
    """

    __slots__ = ("_native", "_number", "_port", "_url")

    def __init__(self, native: _native.NativeClient, number: int, url: str, port: int) -> None:
        self._native = native
        self._number = number
        self._url = url
        self._port = port

    @property
    def url(self) -> str:
        """What the addresses that it gives out begin with: `public_url`, or where it listens."""
        return self._url

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    def close(self) -> None:
        """Stops listening; what is being received has a second. Whoever waits goes on as without callbacks.

        Closing it again does nothing, and neither does closing it in a forked child.
        """
        self._native.close_listener(self._number)

    def __enter__(self) -> CallbackListener:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> CallbackListener:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CallbackListener {self._url!r} on port {self._port}>"

    def __reduce__(self) -> Any:
        raise TypeError("`CallbackListener` cannot be pickled; listen in each process")


def text_argument(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be text, got {type(value).__name__}")
    return value.encode(errors="replace").decode()  # half of a character is none


def port_argument(port: object) -> int:
    """A port; one that no address has is left for the core to refuse."""
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"`port` must be a number, got {type(port).__name__}")
    return port if 0 <= port < 1 << 16 else -1


def pairs(headers: Headers) -> list[tuple[str, bytes]]:
    """Names, and values as they were on the wire."""
    items: Any = getattr(headers, "items", None)
    try:
        named: Any = items() if callable(items) else headers
        return [
            (_wire(name).decode("latin-1"), _wire(value))
            for name, given in named
            for value in (given if isinstance(given, (list, tuple)) else (given,))
        ]
    except (TypeError, ValueError):
        raise TypeError(
            "`headers` must be a mapping or pairs of text or bytes, as a server has the headers of a request, "
            f"got {type(headers).__name__}"
        ) from None


def _wire(text: object) -> bytes:
    # What a server shows as text is Latin-1, as WSGI has it; what lies beyond was never in a header.
    return text.encode("latin-1", "replace") if isinstance(text, str) else memoryview(text).tobytes()  # type: ignore[arg-type]


def body_bytes(raw_body: object) -> bytes:
    if isinstance(raw_body, str):
        return raw_body.encode(errors="replace")
    try:
        return memoryview(raw_body).tobytes()  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"`raw_body` must be the bytes of the request as they came, got {type(raw_body).__name__}"
        ) from None
