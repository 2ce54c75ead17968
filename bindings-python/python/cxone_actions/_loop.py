"""The asyncio side of the completion queue: one queue for each event loop.

The promise: every call that was started ends its future in the loop that awaits it, one wake-up brings everything that
is ready, and no thread but the loop's own runs any Python code for it. Nothing here keeps a loop: one that is gone,
also with calls in flight, leaves neither memory nor a descriptor.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from . import _log, _tokens
from ._errors import raise_native
from ._native import NativeClient, NativeError, NativeQueue, rest_if_ending
from ._results import ActionResult, Told, read_result

#: A method of the native client that starts a call on a queue, which is its first argument, and gives its number.
Start = Callable[..., int]
OnResult = Callable[[ActionResult], Any]
#: The number of a call, the kind of the news (`done`, `deliver`, `token` or `aside`), and the news.
Message = tuple[int, str, Any]


class Started:
    """A call that was started, and who takes its news."""

    __slots__ = ("native", "number")

    def __init__(self, native: NativeClient) -> None:
        self.native = native
        self.number = 0

    def done(self, told: Told) -> None:
        """The answer."""

    def aside(self) -> None:
        """Its batch has room for another one."""

    def deliver(self, told: Told, loop: asyncio.AbstractEventLoop) -> None:
        """The result, for a handler; here there is none."""
        self.native.answer(self.number, None)

    def abandon(self) -> None:
        """The core need not answer any more."""
        self.native.cancel(self.number)


class Handling(Started):
    """A call whose result goes to a handler before it is answered."""

    __slots__ = ("_context", "_future", "_handler", "_on_result")

    def __init__(self, native: NativeClient, future: asyncio.Future[Told], on_result: OnResult) -> None:
        self.native = native
        self.number = 0
        self._future = future
        self._on_result = on_result
        self._context = contextvars.copy_context()
        self._handler: asyncio.Task[None] | None = None

    def done(self, told: Told) -> None:
        if not self._future.done():
            self._future.set_result(told)

    def deliver(self, told: Told, loop: asyncio.AbstractEventLoop) -> None:
        """Calls the caller's handler in the caller's context, and reports what it raised."""
        try:
            returned = self._context.run(self._on_result, read_result(told))
            if inspect.isawaitable(returned):
                self._handler = self._context.run(loop.create_task, self._finish(returned))
            else:
                self.native.answer(self.number, None)
        except BaseException as error:
            self.native.answer(self.number, _log.handler_raised(error))
            # A handler that raises `CancelledError` cancels nothing but itself.
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise

    async def _finish(self, returned: Any) -> None:
        try:
            await returned
        except BaseException as error:
            self.native.answer(self.number, _log.handler_raised(error))
            if not isinstance(error, (Exception, asyncio.CancelledError)):
                raise
        else:
            self.native.answer(self.number, None)

    def end(self) -> None:
        """Nobody waits any more: what is on the wire goes on in the core, a handler that still runs does not."""
        if not self._future.done() or self._future.cancelled():
            self.abandon()
        if self._handler is not None and not self._handler.get_loop().is_closed():
            self._handler.cancel()


class Port:
    """The completion queue of one event loop, and the calls that wait on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = weakref.ref(loop)
        #: Who has no more to do with a call than to await its answer, and by whom it is cancelled: the most of them.
        self._awaited: dict[int, tuple[NativeClient | None, asyncio.Future[Told]]] = {}
        self._calls: dict[int, Started] = {}
        self._queue = NativeQueue(True)
        descriptor = self._queue.fileno()
        try:
            if descriptor is None:
                raise NotImplementedError
            # From now on the loop keeps this port, and the port does not keep the loop.
            loop.add_reader(descriptor, self._read)
        except NotImplementedError:
            # One that takes no attributes has a port for as long as somebody waits in it.
            with contextlib.suppress(AttributeError):
                loop._cxone_actions_port = self  # type: ignore[attr-defined]
            threading.Thread(
                target=_watch,
                args=(self._queue, weakref.ref(self), self.loop),
                name="cxone-actions-queue",
                daemon=True,
            ).start()

    def start(self, started: Started, start: Start, *arguments: Any) -> None:
        """Starts a call; to be ended with `forget` whatever happens."""
        _log.follow()
        # Nothing can be read between these two lines: only this thread reads.
        started.number = start(self._queue, *arguments)
        self._calls[started.number] = started

    def forget(self, started: Started) -> None:
        """Takes no news of a call any more."""
        self._calls.pop(started.number, None)

    async def call(
        self,
        native: NativeClient,
        start: Start,
        *arguments: Any,
        on_result: OnResult | None = None,
        detached: bool = False,
    ) -> Told:
        """The answer to one call. Cancelling stops the waiting, not the action (and `detached` not even the call)."""
        # The loop that runs this; to ask asyncio for it costs a system call.
        loop = self.loop() or asyncio.get_running_loop()
        future: asyncio.Future[Told] = loop.create_future()
        if on_result is not None:
            return await self._handled(Handling(native, future, on_result), future, start, *arguments)
        _log.follow()
        try:
            # Nothing can be read between these two lines: only this thread reads.
            number = start(self._queue, *arguments)
        except NativeError as error:
            raise_native(error)
        # An invocation may go on for hours, and does not carry along what it was asked for.
        del arguments
        self._awaited[number] = (None if detached else native, future)
        try:
            return await future
        except BaseException:
            # Nobody waits any more: what is on the wire goes on in the core.
            if self._awaited.pop(number, None) is not None and not detached:
                native.cancel(number)
            raise

    async def _handled(self, waiting: Handling, future: asyncio.Future[Told], start: Start, *arguments: Any) -> Told:
        try:
            self.start(waiting, start, *arguments)
        except NativeError as error:
            raise_native(error)
        try:
            return await future
        finally:
            self.forget(waiting)
            waiting.end()

    def take(self, messages: list[Message]) -> None:
        loop = self.loop()
        _log.deliver()
        rest = iter(messages)
        try:
            self._take_each(rest, loop)
        except BaseException:
            # A handler ended the program, or wants to: the news of the other calls is theirs all the same.
            if loop is not None:
                loop.call_soon(self.take, list(rest))
            raise

    def _take_each(self, messages: Iterator[Message], loop: asyncio.AbstractEventLoop | None) -> None:
        awaited = self._awaited
        for number, kind, told in messages:
            answered = awaited.pop(number, None) if kind == "done" else None
            if answered is not None:
                if loop is not None and not answered[1].done():
                    answered[1].set_result(told)
                continue
            if kind == "token":
                _tokens.serve(number, told, loop)
                continue
            waiting = self._calls.get(number)
            if waiting is None or loop is None:
                continue
            if kind == "done":
                waiting.done(told)
            elif kind == "aside":
                waiting.aside()
            else:
                waiting.deliver(told, loop)

    def _read(self) -> None:
        rest_if_ending()
        self.take(self._queue.drain())

    def __del__(self) -> None:
        queue = getattr(self, "_queue", None)
        if queue is not None:
            queue.close()
            for waiting in list(self._calls.values()):
                waiting.abandon()
            for number, (native, _) in list(self._awaited.items()):
                if native is not None:
                    native.cancel(number)


def _watch(queue: NativeQueue, port: weakref.ref[Port], loop: weakref.ref[asyncio.AbstractEventLoop]) -> None:
    """Waits where a loop cannot watch a descriptor."""
    while queue.listen():
        alive, running = port(), loop()
        if alive is None or running is None:
            return
        try:
            running.call_soon_threadsafe(alive.take, queue.drain())
        except RuntimeError:  # the loop is closed
            return
        del alive, running


#: By the identity of their loops, which is looked up for each call. A loop takes its entry with it.
_ports: dict[int, weakref.ref[Port]] = {}


def port() -> Port:
    """The port of the running event loop."""
    loop = asyncio.get_running_loop()
    known = _ports.get(id(loop))
    if known is not None:
        found = known()
        if found is not None and found.loop() is loop:
            return found
    return _opened(loop)


def _opened(loop: asyncio.AbstractEventLoop) -> Port:
    place, opened = id(loop), Port(loop)

    def gone(known: weakref.ref[Port]) -> None:
        if _ports.get(place) is known:
            del _ports[place]

    _ports[place] = weakref.ref(opened, gone)
    return opened


if hasattr(os, "register_at_fork"):
    # The parent's loops are no business of the child's.
    os.register_at_fork(after_in_child=_ports.clear)
