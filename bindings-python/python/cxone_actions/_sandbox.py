"""A real gateway on a loopback port, for your own tests and for trying things out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal

from . import _native
from ._json import exact


class Sandbox:
    """A gateway in this process, listening when it is constructed.

    It knows the action ``a1b2c3d4-e5f6-7890-abcd-ef1234567890`` out of the box, and speaks as the `profile` does:
    ``"gateway"``, ``"genesys-data-action"``, ``"genesys-flow"`` or ``"cxone-extraction"``. Close it, or use it in a
    `with` or an `async with` statement. Raises `ValueError` when the options or a fault cannot be understood.
    """

    __slots__ = ("_native", "access_key_id", "access_key_secret", "base_url", "client_id", "client_secret")

    #: Where it listens: ``http://127.0.0.1:PORT``.
    base_url: str
    #: Credentials that its token service accepts.
    client_id: str
    client_secret: str
    #: The access key that ``"cxone-extraction"`` asks for beside them.
    access_key_id: str
    access_key_secret: str

    def __init__(
        self,
        profile: str = "gateway",
        *,
        seed: int = 0,
        actions: Iterable[Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        chosen = {"profile": profile, "seed": seed, "actions": None if actions is None else list(actions), **options}
        text = json.dumps({name: value for name, value in chosen.items() if value is not None})
        self._native = _native.NativeSandbox(text)
        self.base_url = self._native.base_url()
        self.client_id = self._native.client_id()
        self.client_secret = self._native.client_secret()
        self.access_key_id = self._native.access_key_id()
        self.access_key_secret = self._native.access_key_secret()

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What it received, oldest first; secrets and tokens are left out."""
        seen: list[dict[str, Any]] = exact(self._native.requests())
        return seen

    def executions(self, correlation_id: str) -> int:
        """How often the action of this invocation was executed."""
        return self._native.executions(correlation_id)

    def inject(
        self,
        point: Literal["token", "invoke", "poll", "discovery", "describe"],
        fault: Mapping[str, Any],
        times: int = 1,
    ) -> None:
        """Orders a fault for the next `times` requests of that sort.

        ``{"status": 429, "retry_after": 2}``, ``{"status": 503}``, ``{"close": "after_request"}`` (executed, and
        the answer is lost), ``{"delay": 1.5}`` (seconds). A profile has the points that it has requests for.
        """
        self._native.inject(point, json.dumps(dict(fault)), json.dumps(times))

    def clear(self) -> None:
        """Forgets the faults that were ordered, and what was received."""
        self._native.clear()

    def close(self) -> None:
        """Stops listening. What it saw and counted can still be read. Closing it again does nothing."""
        self._native.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Sandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Sandbox(base_url={self.base_url!r})"
