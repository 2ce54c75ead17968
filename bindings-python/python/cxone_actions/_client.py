"""The clients: `AsyncClient` for asyncio, `Client` with the same methods for everybody else.

Both are thin: what may be sent, when it is sent again and what an answer means is decided by the core, once for all
languages. What a method does is said in both, word for word the same: an editor shows the one that is called.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

from . import _batch, _blocking
from ._arguments import ResultHandler, Seconds, has_handler, id_text, seconds, target_text
from ._callbacks import CallbackListener, port_argument, text_argument
from ._errors import checked
from ._loop import port as port_here
from ._opened import Opened
from ._results import ActionDescription, ActionRequest, ActionResult, Inputs, Invocation, Outcome, read_result

__all__ = ["AsyncClient", "Client"]

C = TypeVar("C", bound="Opened")
R = TypeVar("R", bound=ActionRequest | Mapping[str, Any])


class AsyncClient(Opened):
    """Invokes Data Actions from asyncio.

    One client serves any number of tasks, event loops and threads. Cancelling a task stops its waiting, not the
    action: a request that is on the wire is finished in the background and recorded. After a fork the child goes
    on with the same object and gets connections, a token and a trail segment of its own.
    """

    async def invoke(
        self,
        action_id: str | UUID,
        inputs: Inputs | None = None,
        *,
        correlation_id: str | UUID | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
    ) -> Invocation:
        """Submits an action and returns as soon as the gateway has accepted it.

        :param action_id: which action; under the ``gateway`` profile a UUID, or the name that the policy gives it
        :param inputs: string, number, bool or None by key; integers of any size are sent exactly. What JSON cannot say
            (`Decimal`, `datetime`, `bytes`, NaN) is refused with its place and what to pass instead. Some profiles
            take lists and objects too
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``, a UUID is one; a random one is made where none is given
        :param callback_url: where the gateway may call back, https
        :param traceparent: the span that it is done for, as W3C Trace Context writes the header of that name
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :returns: what the gateway accepted: hand it to `poll`, or keep its `resume_token` for another process
        :raises ValidationError: the request breaks the contract; `violations` has every mistake, and nothing was sent
        :raises AccessDeniedError: the policy refuses it; nothing was sent
        :raises OutcomeUnknownError: it was sent, and no trustworthy answer came back, or none before the deadline: do
            not just call it again. A deadline that passes before it is sent raises another, with `executed` no
        :raises CxoneError: the others, see `executed`
        """
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, native = seconds(timeout), self._native
        told = await port_here().call(native, native.invoke, request, limit)
        return Invocation(**checked(told)["invocation"])

    async def poll(
        self,
        invocation: Invocation | UUID | str,
        *,
        timeout: Seconds | None = None,
        on_result: ResultHandler | None = None,
    ) -> ActionResult:
        """Waits for the terminal state of an accepted invocation.

        :param invocation: what `invoke` returned, a bare invocation id, or a `resume_token`
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :param on_result: called once with the result, sync or async, in the context of the caller; what it raises is
            recorded and never changes the result, and after 30 seconds it is waited for no longer
        :returns: the terminal result; ``FAILED`` and ``CANCELLED`` are results too, see `ActionResult.raise_for_status`
        :raises PollTimeoutError: the deadline passed; its `resume_token` goes on waiting
        :raises ProtocolError: what the gateway answers cannot be understood
        :raises CxoneError: the others, see `executed`
        """
        target, limit, deliver = target_text(invocation), seconds(timeout), has_handler(on_result)
        native = self._native
        return read_result(await port_here().call(native, native.poll, target, limit, deliver, on_result=on_result))

    async def run(
        self,
        action_id: str | UUID,
        inputs: Inputs | None = None,
        *,
        correlation_id: str | UUID | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
        on_result: ResultHandler | None = None,
    ) -> ActionResult:
        """Submits an action and waits for its terminal state: `invoke` and `poll` in one, under one deadline.

        :param action_id: which action; under the ``gateway`` profile a UUID, or the name that the policy gives it
        :param inputs: string, number, bool or None by key; integers of any size are sent exactly. What JSON cannot say
            (`Decimal`, `datetime`, `bytes`, NaN) is refused with its place and what to pass instead. Some profiles
            take lists and objects too
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``, a UUID is one; a random one is made where none is given
        :param callback_url: where the gateway may call back, https
        :param traceparent: the span that it is done for, as W3C Trace Context writes the header of that name
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :param on_result: called once with the result, sync or async, in the context of the caller; what it raises is
            recorded and never changes the result, and after 30 seconds it is waited for no longer
        :returns: the terminal result; ``FAILED`` and ``CANCELLED`` are results too, see `ActionResult.raise_for_status`
        :raises ValidationError: the request breaks the contract; `violations` has every mistake, and nothing was sent
        :raises AccessDeniedError: the policy refuses it; nothing was sent
        :raises OutcomeUnknownError: it was sent, and no trustworthy answer came back: do not just call it again
        :raises PollTimeoutError: the deadline passed; the action runs on, and its `resume_token` goes on waiting
        :raises CxoneError: the others, see `executed`
        """
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, deliver, native = seconds(timeout), has_handler(on_result), self._native
        return read_result(await port_here().call(native, native.run, request, limit, deliver, on_result=on_result))

    async def describe(self, action_id: str | UUID) -> ActionDescription:
        """Asks the gateway itself what an action is: its name and its JSON Schemas. Nothing is executed.

        :param action_id: which action, as the gateway calls it
        :returns: its name and schemas, each None where the gateway has none
        :raises ConfigError: the profile does not know how to ask
        :raises RequestRejectedError: the gateway has no such action
        :raises CxoneError: the others, see `executed`
        """
        named, native = id_text(action_id), self._native
        told = await port_here().call(native, native.describe, named)
        return ActionDescription(**checked(told)["description"])

    def run_many(
        self,
        requests: Iterable[R] | AsyncIterable[R],
        *,
        concurrency: int = 64,
        timeout: Seconds | None = None,
    ) -> AsyncGenerator[Outcome[R], None]:
        """Runs many requests; outcomes come in completion order, one for each request.

        None is lost to another's error. Leaving the loop early stops what has not been sent.

        :param requests: any iterable, sync or async, of `ActionRequest` or of mappings with the same fields; it is read
            lazily, never more than `concurrency` ahead of the outcomes that were taken; those that wait for a limit of
            their own action make room for as many more. What it raises comes at the end
        :param concurrency: how many are under way at once, from 1
        :param timeout: deadline of each request from its start, seconds or a `timedelta`; the client's where it is
            not given
        :returns: an iterator of `Outcome`, each with a `result` or an `error`; `Outcome.unwrap` gives the one or
            raises the other
        :raises ConfigError: `concurrency` is no whole number from 1
        :raises TypeError: `requests` is one request, or nothing to iterate over
        """
        bound, limit = _batch.checked(concurrency), seconds(timeout)
        return _batch.run_many(self, _batch.source(requests), bound, limit)

    async def listen_callbacks(
        self, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None
    ) -> CallbackListener:
        """Listens for callbacks: from now on an invocation without a `callback_url` gets an unguessable one of its own.

        A callback is a hint and no result: it makes the client look at once, and between them it looks rarely.

        :param host: the address to listen on
        :param port: the port to listen on; 0 is any free one
        :param public_url: where the gateway reaches it, https; on a loopback host it is not needed
        :returns: where it listens; it ends with the client, or when it is closed
        :raises ConfigError: nothing can listen there; `public_url` cannot be called, or is needed and not given; or the
            profile's body takes no callback URL
        """
        where = text_argument("host", host), port_argument(port), _public(public_url)
        told = await port_here().call(self._native, self._native.listen_callbacks, *where)
        return CallbackListener(self._native, **checked(told)["listener"])

    async def aclose(self, timeout: Seconds | None = None) -> None:
        """Stops taking calls and waits for what is under way. Closing it again does nothing.

        :param timeout: how long it waits, seconds or a `timedelta`; 30 s where it is not given, and 0 is not at all.
            Then whoever waits for an action that was accepted gets a `ClosedError` with a `resume_token`
        :raises ConfigError: `timeout` is below zero or above a year
        """
        await port_here().call(self._native, self._native.close, seconds(timeout), detached=True)

    def _close_without_a_loop(self) -> None:
        """`aclose` for who has no event loop, or no longer the one that it was used in."""
        _blocking.call(self._native, self._native.close, 5.0)

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

    def invoke(
        self,
        action_id: str | UUID,
        inputs: Inputs | None = None,
        *,
        correlation_id: str | UUID | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
    ) -> Invocation:
        """Submits an action and returns as soon as the gateway has accepted it.

        :param action_id: which action; under the ``gateway`` profile a UUID, or the name that the policy gives it
        :param inputs: string, number, bool or None by key; integers of any size are sent exactly. What JSON cannot say
            (`Decimal`, `datetime`, `bytes`, NaN) is refused with its place and what to pass instead. Some profiles
            take lists and objects too
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``, a UUID is one; a random one is made where none is given
        :param callback_url: where the gateway may call back, https
        :param traceparent: the span that it is done for, as W3C Trace Context writes the header of that name
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :returns: what the gateway accepted: hand it to `poll`, or keep its `resume_token` for another process
        :raises ValidationError: the request breaks the contract; `violations` has every mistake, and nothing was sent
        :raises AccessDeniedError: the policy refuses it; nothing was sent
        :raises OutcomeUnknownError: it was sent, and no trustworthy answer came back, or none before the deadline: do
            not just call it again. A deadline that passes before it is sent raises another, with `executed` no
        :raises CxoneError: the others, see `executed`
        """
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, native = seconds(timeout), self._native
        told = _blocking.call(native, native.invoke, request, limit)
        return Invocation(**checked(told)["invocation"])

    def poll(
        self,
        invocation: Invocation | UUID | str,
        *,
        timeout: Seconds | None = None,
        on_result: ResultHandler | None = None,
    ) -> ActionResult:
        """Waits for the terminal state of an accepted invocation.

        :param invocation: what `invoke` returned, a bare invocation id, or a `resume_token`
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :param on_result: called once with the result, sync or async, in the context of the caller; what it raises is
            recorded and never changes the result, and after 30 seconds it is waited for no longer
        :returns: the terminal result; ``FAILED`` and ``CANCELLED`` are results too, see `ActionResult.raise_for_status`
        :raises PollTimeoutError: the deadline passed; its `resume_token` goes on waiting
        :raises ProtocolError: what the gateway answers cannot be understood
        :raises CxoneError: the others, see `executed`
        """
        target, limit, deliver = target_text(invocation), seconds(timeout), has_handler(on_result)
        native = self._native
        return read_result(_blocking.call(native, native.poll, target, limit, deliver, on_result=on_result))

    def run(
        self,
        action_id: str | UUID,
        inputs: Inputs | None = None,
        *,
        correlation_id: str | UUID | None = None,
        callback_url: str | None = None,
        traceparent: str | None = None,
        timeout: Seconds | None = None,
        on_result: ResultHandler | None = None,
    ) -> ActionResult:
        """Submits an action and waits for its terminal state: `invoke` and `poll` in one, under one deadline.

        :param action_id: which action; under the ``gateway`` profile a UUID, or the name that the policy gives it
        :param inputs: string, number, bool or None by key; integers of any size are sent exactly. What JSON cannot say
            (`Decimal`, `datetime`, `bytes`, NaN) is refused with its place and what to pass instead. Some profiles
            take lists and objects too
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``, a UUID is one; a random one is made where none is given
        :param callback_url: where the gateway may call back, https
        :param traceparent: the span that it is done for, as W3C Trace Context writes the header of that name
        :param timeout: deadline from this call, seconds or a `timedelta`; the client's where it is not given
        :param on_result: called once with the result, sync or async, in the context of the caller; what it raises is
            recorded and never changes the result, and after 30 seconds it is waited for no longer
        :returns: the terminal result; ``FAILED`` and ``CANCELLED`` are results too, see `ActionResult.raise_for_status`
        :raises ValidationError: the request breaks the contract; `violations` has every mistake, and nothing was sent
        :raises AccessDeniedError: the policy refuses it; nothing was sent
        :raises OutcomeUnknownError: it was sent, and no trustworthy answer came back: do not just call it again
        :raises PollTimeoutError: the deadline passed; the action runs on, and its `resume_token` goes on waiting
        :raises CxoneError: the others, see `executed`
        """
        request = (action_id, inputs, correlation_id, callback_url, traceparent)
        limit, deliver, native = seconds(timeout), has_handler(on_result), self._native
        return read_result(_blocking.call(native, native.run, request, limit, deliver, on_result=on_result))

    def describe(self, action_id: str | UUID) -> ActionDescription:
        """Asks the gateway itself what an action is: its name and its JSON Schemas. Nothing is executed.

        :param action_id: which action, as the gateway calls it
        :returns: its name and schemas, each None where the gateway has none
        :raises ConfigError: the profile does not know how to ask
        :raises RequestRejectedError: the gateway has no such action
        :raises CxoneError: the others, see `executed`
        """
        named, native = id_text(action_id), self._native
        told = _blocking.call(native, native.describe, named)
        return ActionDescription(**checked(told)["description"])

    def run_many(
        self,
        requests: Iterable[R] | AsyncIterable[R],
        *,
        concurrency: int = 64,
        timeout: Seconds | None = None,
    ) -> Generator[Outcome[R], None, None]:
        """Runs many requests; outcomes come in completion order, one for each request.

        None is lost to another's error. Leaving the loop early stops what has not been sent.

        :param requests: any iterable, sync or async, of `ActionRequest` or of mappings with the same fields; it is read
            lazily, never more than `concurrency` ahead of the outcomes that were taken; those that wait for a limit of
            their own action make room for as many more. What it raises comes at the end
        :param concurrency: how many are under way at once, from 1
        :param timeout: deadline of each request from its start, seconds or a `timedelta`; the client's where it is
            not given
        :returns: an iterator of `Outcome`, each with a `result` or an `error`; `Outcome.unwrap` gives the one or
            raises the other
        :raises ConfigError: `concurrency` is no whole number from 1
        :raises TypeError: `requests` is one request, or nothing to iterate over
        """
        bound, limit = _batch.checked(concurrency), seconds(timeout)
        return _batch.run_many_blocking(self, _batch.source(requests), bound, limit)

    def listen_callbacks(
        self, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None
    ) -> CallbackListener:
        """Listens for callbacks: from now on an invocation without a `callback_url` gets an unguessable one of its own.

        A callback is a hint and no result: it makes the client look at once, and between them it looks rarely.

        :param host: the address to listen on
        :param port: the port to listen on; 0 is any free one
        :param public_url: where the gateway reaches it, https; on a loopback host it is not needed
        :returns: where it listens; it ends with the client, or when it is closed
        :raises ConfigError: nothing can listen there; `public_url` cannot be called, or is needed and not given; or the
            profile's body takes no callback URL
        """
        where = text_argument("host", host), port_argument(port), _public(public_url)
        told = _blocking.call(self._native, self._native.listen_callbacks, *where)
        return CallbackListener(self._native, **checked(told)["listener"])

    def close(self, timeout: Seconds | None = None) -> None:
        """Stops taking calls and waits for what is under way. Closing it again does nothing.

        :param timeout: how long it waits, seconds or a `timedelta`; 30 s where it is not given, and 0 is not at all.
            Then whoever waits for an action that was accepted gets a `ClosedError` with a `resume_token`
        :raises ConfigError: `timeout` is below zero or above a year
        """
        _blocking.call(self._native, self._native.close, seconds(timeout))

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _public(url: str | None) -> str | None:
    return None if url is None else text_argument("public_url", url)
