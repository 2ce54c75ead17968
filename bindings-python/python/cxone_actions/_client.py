"""The clients: `AsyncClient` for asyncio, `Client` with the same methods for everybody else.

Both are thin: what may be sent, when it is sent again and what an answer means is decided by the core, once for all
languages.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from . import _batch, _blocking, _native
from ._arguments import Handler, Seconds, has_handler, seconds, target_text
from ._errors import from_fields, raise_native
from ._loop import Start, port
from ._opened import Opened
from ._results import ActionDescription, ActionResult, Invocation, Outcome

__all__ = ["AsyncClient", "Client"]

C = TypeVar("C", bound="Opened")


class AsyncClient(Opened):
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


class Client(Opened):
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
