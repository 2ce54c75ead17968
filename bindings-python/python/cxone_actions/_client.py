"""The clients: `AsyncClient` for asyncio, `Client` with the same methods for everybody else.

Both are thin: what may be sent, when it is sent again and what an answer means is decided by the core, once for all
languages.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, TypeVar

from . import _batch, _blocking, _checkpoints, _log, _metrics, _native, _tokens
from ._arguments import (
    Handler,
    Seconds,
    has_handler,
    moment,
    options_text,
    policy_text,
    seconds,
    target_text,
    verdict,
)
from ._audit import AuditTrail
from ._checkpoints import CheckpointFunction
from ._errors import from_fields, raise_native
from ._json import exact
from ._loop import Start, port
from ._results import ActionDescription, ActionResult, Invocation, Outcome, Unfinished, Verdict
from ._tokens import TokenFunction

__all__ = ["AsyncClient", "Client"]

C = TypeVar("C", bound="_Opened")


class _Opened:
    """What both clients are made of."""

    __slots__ = ("__weakref__", "_native", "_notes", "_tokens", "audit")

    #: The audit trail of this client.
    audit: AuditTrail

    def __init__(
        self,
        base_url: str | None = None,
        *,
        profile: str | os.PathLike[str] | None = None,
        region: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        token: str | TokenFunction | None = None,
        client_auth: Literal["post", "basic", "query"] | None = None,
        scope: str | None = None,
        policy: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        policy_refresh: Seconds | None = None,
        audit: str | os.PathLike[str] | None = None,
        actor: str | None = None,
        durability: Literal["process", "power"] | None = None,
        audit_failure: Literal["fail_closed", "continue_with_gap"] | None = None,
        audit_key: str | None = None,
        audit_checkpoints: str | os.PathLike[str] | CheckpointFunction | None = None,
        audit_segment_bytes: int | None = None,
        audit_retention_days: int | None = None,
        timeout: Seconds | None = None,
        request_timeout: Seconds | None = None,
        connect_timeout: Seconds | None = None,
        poll_interval: Seconds | None = None,
        max_attempts: int | None = None,
        delivery: Literal["at_most_once", "idempotent", "at_least_once"] | None = None,
        max_in_flight: int | None = None,
        max_queued: int | None = None,
        rate_limit: str | None = None,
        validate: Literal["contract", "schema"] | None = None,
        callback_hosts: Sequence[str] | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        http1_only: bool | None = None,
        traces: str | None = None,
        **unknown: Any,
    ) -> None:
        """Opens a client. It reads files (policy, certificates, the trail) and touches no network.

        None leaves an option to its environment variable (`CXONE_BASE_URL`, …), then to the profile, then to its
        default.

        :param base_url: where the gateway is: https, or http on a loopback address (`CXONE_BASE_URL`)
        :param profile: the wire contract: a built-in name or a path to a TOML file (`CXONE_PROFILE`, ``"gateway"``)
        :param region: fills ``{region}`` in a profile's URLs (`CXONE_REGION`)
        :param client_id, client_secret: OAuth client credentials (`CXONE_CLIENT_ID`, `CXONE_CLIENT_SECRET`, or
            `CXONE_CLIENT_SECRET_FILE` names a file that holds it)
        :param access_key_id, access_key_secret: an access key, where the profile's grant uses one
        :param token: instead of credentials, a bearer token that somebody else keeps fresh (`CXONE_TOKEN`), or a
            function, sync or async, that returns one, or one and the seconds that it serves. It is called in a thread
            of its own when a token is needed, early enough before one runs out, and after a 401; never twice at a
            time, and valid tokens are used meanwhile. What it returns to be awaited is awaited in an event loop that
            waits for the client. A token without a time serves for five minutes. After 30 s it is waited for no longer
        :param client_auth: how the client authenticates at the token service; ``"query"`` is unsafe
        :param scope: OAuth scopes, separated by spaces
        :param policy: who may call what: a TOML or JSON file, or the same structure (`CXONE_POLICY`); without
            one every action is allowed
        :param policy_refresh: a policy file that changed is read again, looked at no more often than this
        :param audit: directory of the durable audit trail (`CXONE_AUDIT_DIR`); without one the last 10,000
            records are kept in memory
        :param actor: who acts, as the trail says it (`CXONE_ACTOR`)
        :param durability: what a record of the trail survives: the death of the process (``"process"``), or the loss of
            ``"power"`` (`CXONE_DURABILITY`)
        :param audit_failure: while the trail cannot be written, ``"fail_closed"`` sends nothing;
            ``"continue_with_gap"`` goes on and writes later how many records are missing
        :param audit_key: seals the trail's records (HMAC-SHA256), at least 16 bytes (`CXONE_AUDIT_KEY`, or
            `CXONE_AUDIT_KEY_FILE` names a file that holds it)
        :param audit_checkpoints: a file elsewhere that is told the head of the chain, so that a cut tail is seen, or a
            (possibly async) function that is called with each `Checkpoint`, in a thread of its own: one after the
            other, after every thousand records, every minute in which there were any, when a segment ends, at `flush`
            and at `close`. It has 10 s; what it raises is logged and noted in the trail, and stops nothing
            (`CXONE_AUDIT_CHECKPOINTS`)
        :param audit_segment_bytes: the size at which a segment of the trail is ended and the next begun (64 MiB)
        :param audit_retention_days: segments of the trail that ended so many days ago are removed
        :param timeout: deadline of one `poll` or `run` from the call, seconds or `timedelta` (`CXONE_TIMEOUT`, 120)
        :param request_timeout: one HTTP attempt with its body (30 s)
        :param connect_timeout: one connection with TLS (5 s)
        :param poll_interval: a fixed time between two looks; adaptive where it is not given
        :param max_attempts: sends of one invocation (4)
        :param delivery: what may be done about a request whose outcome is unknown; ``"at_most_once"`` never
            sends it again
        :param max_in_flight: HTTP requests at once (64)
        :param max_queued: callers that wait for their turn (1024)
        :param rate_limit: sends per time, as in ``"300/60s"``
        :param validate: ``"schema"`` checks inputs against the gateway's JSON Schema of the action before they are
            sent, where the profile knows how to ask for it; ``"contract"`` (the default) does not
        :param callback_hosts: hosts that `callback_url` may name; empty is any public https host
        :param proxy: proxy URL (`HTTPS_PROXY`; `NO_PROXY` lists what goes around it)
        :param ca_file: certificates to trust, PEM (`SSL_CERT_FILE`)
        :param client_cert: client certificate and key, PEM
        :param http1_only: never speak HTTP/2
        :param traces: where spans are sent: the URL of an OTLP/HTTP collector (`CXONE_TRACES`)

        :raises ConfigError: options that cannot work, all of them at once, an unknown one with its nearest neighbour
        :raises AuditError: the durable trail cannot be written
        """
        options = {
            "base_url": base_url,
            "profile": profile,
            "region": region,
            "client_id": client_id,
            "client_secret": client_secret,
            "access_key_id": access_key_id,
            "access_key_secret": access_key_secret,
            "token": token,
            "client_auth": client_auth,
            "scope": scope,
            "policy": policy,
            "policy_refresh": policy_refresh,
            "audit": audit,
            "actor": actor,
            "durability": durability,
            "audit_failure": audit_failure,
            "audit_key": audit_key,
            "audit_checkpoints": audit_checkpoints,
            "audit_segment_bytes": audit_segment_bytes,
            "audit_retention_days": audit_retention_days,
            "timeout": timeout,
            "request_timeout": request_timeout,
            "connect_timeout": connect_timeout,
            "poll_interval": poll_interval,
            "max_attempts": max_attempts,
            "delivery": delivery,
            "max_in_flight": max_in_flight,
            "max_queued": max_queued,
            "rate_limit": rate_limit,
            "validate": validate,
            "callback_hosts": callback_hosts,
            "proxy": proxy,
            "ca_file": ca_file,
            "client_cert": client_cert,
            "http1_only": http1_only,
            "traces": traces,
            **unknown,
        }
        function = token if callable(token) else None
        if function is not None:
            options["token"] = None
        notes = _checkpoints.Notes(audit_checkpoints) if callable(audit_checkpoints) else None
        if notes is not None:
            options["audit_checkpoints"] = None
        # Nothing of it is left in this frame, should a traceback show its locals.
        text = options_text(options)
        options = {}
        client_secret = access_key_secret = token = proxy = None
        _log.follow()
        try:
            self._native = _native.NativeClient(text, function is not None, notes.queue if notes else None)
        except _native.NativeError as error:
            text = ""
            raise_native(error)
        self._tokens = _tokens.Source(self._native, function) if function is not None else None
        self._notes = notes
        if notes is not None:
            notes.begin(self._native)
        self.audit = AuditTrail(self._native)

    def metrics(self) -> _metrics.Metrics:
        """A consistent snapshot of this client's numbers; also after it was closed."""
        try:
            text, prometheus = self._native.metrics()
        except _native.NativeError as error:
            raise_native(error)
        return _metrics.read(exact(text), prometheus)

    def recover(self) -> list[Unfinished]:
        """What processes that are gone left behind in the directory of the durable trail; empty without one.

        :raises AuditError: the trail cannot be read
        """
        try:
            found = exact(self._native.recover())
        except _native.NativeError as error:
            raise_native(error)
        return [Unfinished(**unfinished) for unfinished in found]

    def check(
        self,
        action_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        callback_url: str | None = None,
        at: datetime | str | None = None,
    ) -> Verdict:
        """What a call with these arguments would be told by contract and policy, with every reason for and against it.

        Nothing is sent, recorded or counted.

        :param at: judge it at another time than now: a `datetime` (without a zone: local time) or ISO 8601 text
        :raises ConfigError: `at` is no time
        """
        try:
            text = self._native.check((action_id, inputs, correlation_id, callback_url), moment(at))
        except _native.NativeError as error:
            raise_native(error)
        return verdict(text)

    def reload_policy(self, policy: str | os.PathLike[str] | Mapping[str, Any] | None = None) -> str:
        """Reads the policy again, or another one from now on; the digest of what holds now.

        Each call sees one whole policy, and the trail has a ``config`` record of the change.

        :param policy: a TOML or JSON file, or the same structure; the one that was last given where it is left out
        :raises ConfigError: every mistake in it; then the policy that holds stays
        """
        try:
            return self._native.reload_policy(policy_text(policy))
        except _native.NativeError as error:
            raise_native(error)

    def __repr__(self) -> str:
        native = getattr(self, "_native", None)  # none where the options were refused
        return f"<{type(self).__name__} {'closed' if native is None or native.closed else 'open'}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"a `{type(self).__name__}` cannot be pickled; open one in each process")


class AsyncClient(_Opened):
    """Invokes Data Actions from asyncio.

    One client serves any number of tasks, event loops and threads. Cancelling a task stops its waiting, not the
    action: a request that is on the wire is finished in the background and recorded. After a fork the child goes
    on with the same object and gets connections, a token and a trail segment of its own.
    """

    __slots__ = ()

    async def invoke(
        self,
        action_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
    ) -> Invocation:
        """Submits an action and returns as soon as the gateway has accepted it.

        :param action_id: which action; a UUID under the ``gateway`` profile, or the name that the policy gives it
        :param inputs: string, number, bool or None by key; integers of any size are sent exactly
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``; a UUID is made where none is given
        :param callback_url: where the gateway may call back, https
        :param traceparent: the span that it is done for, as W3C's header of that name writes it
        :raises ValidationError: the request breaks the contract; nothing was sent
        :raises AccessDeniedError: the policy refuses it; nothing was sent
        :raises CxoneError: the others, see `executed`
        """
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        answer = await self._call(lambda queue: self._native.invoke(queue, request))
        return Invocation(**answer["invocation"])

    async def poll(
        self,
        invocation: Invocation | str,
        *,
        timeout: Seconds | None = None,
        on_result: Handler | None = None,
    ) -> ActionResult:
        """Waits for the terminal state of an accepted invocation.

        :param invocation: what `invoke` returned, a bare invocation id, or a `resume_token`
        :param timeout: deadline from this call, seconds or `timedelta`; the client's where it is not given
        :param on_result: called once with the result, sync or async, in the context of the caller; what it raises is
            recorded and never changes the result, and after 30 seconds it is waited for no longer
        :raises PollTimeoutError: the deadline passed; its `resume_token` goes on waiting
        :raises CxoneError: the others, see `executed`
        """
        target, limit, deliver = target_text(invocation), seconds(timeout), has_handler(on_result)
        answer = await self._call(lambda queue: self._native.poll(queue, target, limit, deliver), on_result)
        return ActionResult(**answer["result"])

    async def run(
        self,
        action_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
        on_result: Handler | None = None,
    ) -> ActionResult:
        """Submits an action and waits for its terminal state: `invoke` and `poll` in one, under one deadline."""
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, deliver = seconds(timeout), has_handler(on_result)
        answer = await self._call(lambda queue: self._native.run(queue, request, limit, deliver), on_result)
        return ActionResult(**answer["result"])

    async def describe(self, action_id: str) -> ActionDescription:
        """What the gateway itself says of an action, where the profile knows how to ask: its name and JSON Schemas.

        :raises ConfigError: the profile does not know how to ask
        :raises RequestRejectedError: the gateway has no such action
        :raises CxoneError: the others; nothing is executed
        """
        answer = await self._call(lambda queue: self._native.describe(queue, action_id))
        return ActionDescription(**answer["description"])

    def run_many(
        self, requests: _batch.Requests, *, concurrency: int = 64, timeout: Seconds | None = None
    ) -> AsyncGenerator[Outcome, None]:
        """Runs many requests; outcomes come in completion order, one for each request.

        :param requests: any iterable, sync or async, of `ActionRequest` or of mappings with the same fields; it
            is read lazily, never more than `concurrency` ahead
        :param timeout: deadline of each request from its start, seconds or `timedelta`
        """
        return _batch.run_many(self, requests, _batch.checked(concurrency), seconds(timeout))

    async def aclose(self, timeout: Seconds | None = None) -> None:
        """Stops taking calls and waits for what is under way, for at most `timeout` (30 s)."""
        limit = seconds(timeout)
        try:
            await port().call(self._native, lambda queue: self._native.close(queue, limit), detached=True)
        except _native.NativeError as error:
            raise_native(error)

    async def _call(self, start: Start, on_result: Handler | None = None) -> Any:
        try:
            answer = await port().call(self._native, start, on_result)
        except _native.NativeError as error:
            raise_native(error)
        return _checked(answer)

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Client(_Opened):
    """Invokes Data Actions and blocks while it waits: `AsyncClient` without `await`.

    One client serves any number of threads. Ctrl-C stops the waiting within 50 ms, not the action. After a fork
    the child goes on with the same object and gets connections, a token and a trail segment of its own.
    """

    __slots__ = ()

    def invoke(
        self,
        action_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
    ) -> Invocation:
        """Submits an action and returns as soon as the gateway has accepted it; see `AsyncClient.invoke`."""
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        answer = self._call(lambda queue: self._native.invoke(queue, request))
        return Invocation(**answer["invocation"])

    def poll(
        self,
        invocation: Invocation | str,
        *,
        timeout: Seconds | None = None,
        on_result: Handler | None = None,
    ) -> ActionResult:
        """Waits for the terminal state of an accepted invocation; see `AsyncClient.poll`."""
        target, limit, deliver = target_text(invocation), seconds(timeout), has_handler(on_result)
        answer = self._call(lambda queue: self._native.poll(queue, target, limit, deliver), on_result)
        return ActionResult(**answer["result"])

    def run(
        self,
        action_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        correlation_id: str | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
        on_result: Handler | None = None,
    ) -> ActionResult:
        """Submits an action and waits for its terminal state; see `AsyncClient.run`."""
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, deliver = seconds(timeout), has_handler(on_result)
        answer = self._call(lambda queue: self._native.run(queue, request, limit, deliver), on_result)
        return ActionResult(**answer["result"])

    def describe(self, action_id: str) -> ActionDescription:
        """What the gateway itself says of an action; see `AsyncClient.describe`."""
        answer = self._call(lambda queue: self._native.describe(queue, action_id))
        return ActionDescription(**answer["description"])

    def run_many(
        self, requests: _batch.Requests, *, concurrency: int = 64, timeout: Seconds | None = None
    ) -> Generator[Outcome, None, None]:
        """Runs many requests; outcomes come in completion order; see `AsyncClient.run_many`."""
        return _batch.run_many_blocking(self, requests, _batch.checked(concurrency), seconds(timeout))

    def close(self, timeout: Seconds | None = None) -> None:
        """Stops taking calls and waits for what is under way, for at most `timeout` (30 s)."""
        limit = seconds(timeout)
        try:
            _blocking.call(self._native, lambda queue: self._native.close(queue, limit))
        except _native.NativeError as error:
            raise_native(error)

    def _call(self, start: Start, on_result: Handler | None = None) -> Any:
        try:
            answer = _blocking.call(self._native, start, on_result)
        except _native.NativeError as error:
            raise_native(error)
        return _checked(answer)

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _checked(answer: Any) -> Any:
    if "error" in answer:
        raise from_fields(answer["error"])
    return answer
