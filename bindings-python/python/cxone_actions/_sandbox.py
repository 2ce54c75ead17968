"""A real gateway on a loopback port, for your own tests and for trying things out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal
from uuid import UUID

from . import _native
from ._arguments import (
    Seconds,
    id_text,
    members_text,
    must_be_sayable,
    options_text,
    options_to_open,
    value_text,
)
from ._json import exact
from .types import Fault, SandboxAction


class Sandbox:
    """A gateway in this process, listening when it is constructed.

    It knows the action ``a1b2c3d4-e5f6-7890-abcd-ef1234567890`` out of the box. Close it, or use it in a `with` or an
    `async with` statement. It belongs to this process: in a forked child it says so.

        with Sandbox() as gateway, Client(**gateway.options) as client:
            assert client.run("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "CUST-998877"}).ok
    """

    #: Where it listens: ``http://127.0.0.1:PORT``.
    base_url: str
    #: Credentials that its token service accepts.
    client_id: str
    client_secret: str
    #: The access key that ``"cxone-extraction"`` asks for beside them.
    access_key_id: str
    access_key_secret: str

    @options_to_open
    def __init__(
        self,
        profile: str = "gateway",
        *,
        seed: int | None = None,
        port: int | None = None,
        actions: Iterable[SandboxAction] | None = None,
        actions_file: str | os.PathLike[str] | None = None,
        token_lifetime: Seconds | None = None,
        complete_after: Seconds | None = None,
        action_timeout: Seconds | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        scopes: Sequence[str] | None = None,
        rate_limit: str | None = None,
        deduplicate: bool | None = None,
        callback_secret: str | None = None,
        requests_kept: int | None = None,
        console: bool | None = None,
    ) -> None:
        """Opens a loopback port and listens.

        :param profile: the wire contract that it speaks: ``"gateway"``, ``"genesys-data-action"``, ``"genesys-flow"``
            or ``"cxone-extraction"``
        :param seed: decides the credentials, the tokens and the invocation ids (0)
        :param port: where it listens; 0, which it is unless it is said, is any free one
        :param actions: actions beyond those known out of the box, each a mapping as `SandboxAction` says
        :param actions_file: a TOML or JSON file of further actions, ``[[actions]]`` with the same members
        :param token_lifetime: how long a token is good for, seconds or a `timedelta` (3600)
        :param complete_after: how long an action takes that says nothing else, seconds or a `timedelta` (0.05)
        :param action_timeout: how long a profile that answers with the result waits for it before it answers 504 (60)
        :param client_id, client_secret: the client that is let in; made from the seed
        :param access_key_id, access_key_secret: its access key; made from the seed
        :param scopes: what the client may do: ``"integration:actions:write"``, ``"integration:actions:read"``, or both
        :param rate_limit: requests per time, as in ``"300/60s"``, or ``"none"``; the profile's
        :param deduplicate: whether a correlation id that was executed is answered with the first invocation (False)
        :param callback_secret: what its callbacks are signed with, ``whsec_`` and base64 of at least 16 bytes
        :param requests_kept: how many requests are remembered for `requests` (10,000)
        :param console: whether a console for people is served at ``/`` (False)
        :raises ValueError: options that cannot work; the first of them is named
        """

    def _open(self, options: dict[str, Any]) -> None:
        actions = options.get("actions")
        if actions is not None:
            if not isinstance(actions, Iterable):
                raise TypeError(f"`actions` must be an iterable of mappings, got {type(actions).__name__}")
            options["actions"] = list(actions)
            for index, action in enumerate(options["actions"]):
                _must_be_sayable(action, f"actions[{index}].")
        self._native = _native.NativeSandbox(options_text(options))
        self.base_url = self._native.base_url()
        self.client_id = self._native.client_id()
        self.client_secret = self._native.client_secret()
        self.access_key_id = self._native.access_key_id()
        self.access_key_secret = self._native.access_key_secret()

    @property
    def options(self) -> dict[str, Any]:
        """The options that let a client in, ``Client(**sandbox.options)``: where it is, profile and credentials."""
        return dict(self._native.options())

    @property
    def environ(self) -> dict[str, str]:
        """The same as environment variables, for a process that is to talk to it."""
        return dict(self._native.environ())

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What it received, oldest first, each with `point`, `method`, `path`, `body` and more; no secret is in it."""
        seen: list[dict[str, Any]] = exact(self._native.requests())
        return seen

    def executions(self, correlation_id: UUID | str) -> int:
        """How often the action of this invocation was executed.

        :param correlation_id: as it was sent
        :returns: 0 where it is not known
        """
        if not isinstance(correlation_id, (str, UUID)):
            raise TypeError(f"`correlation_id` must be text or a `UUID`, got {type(correlation_id).__name__}")
        return self._native.executions(id_text(correlation_id))

    def inject(
        self,
        point: Literal["token", "invoke", "poll", "discovery", "describe", "callback"],
        fault: Fault,
        times: int = 1,
    ) -> None:
        """Orders a fault for the next requests of one sort. Orders queue up.

        :param point: which requests; a profile has the points that it has requests for
        :param fault: what it does: ``{"status": 429, "retry_after": 2}``, ``{"status": 503}``, ``{"delay": 1.5}``
            (seconds), ``{"close": "after_request"}`` (executed, and the answer is lost); see `Fault`
        :param times: for how many requests, from 1
        :raises ValueError: a fault, a point or a number that cannot work; nothing is ordered then
        """
        if not isinstance(fault, Mapping):
            raise TypeError(f'`fault` must be a mapping such as {{"status": 503}}, got {type(fault).__name__}')
        _must_be_sayable(fault)
        # What is no text is no point either, which the sandbox says.
        where = point if isinstance(point, str) else type(point).__name__
        self._native.inject(where, members_text(fault), value_text(times))

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

    def __reduce__(self) -> Any:
        raise TypeError("`Sandbox` cannot be pickled; hand its `options` to the other process")


#: Members of a fault and of an action that take any value.
_ANY = ("body", "merge", "outputs", "input_schema", "output_schema")


def _must_be_sayable(told: object, place: str = "") -> None:
    if isinstance(told, Mapping):
        for name in _ANY:
            must_be_sayable(f"{place}{name}", told.get(name))
