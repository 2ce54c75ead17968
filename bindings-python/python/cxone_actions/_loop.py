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
from ._json import exact
from ._native import NativeClient, NativeQueue, rest_if_ending
from ._results import ActionResult, read_result

Start = Callable[[NativeQueue], int]
OnResult = Callable[[ActionResult], Any]
#: The number of a call, the kind of the news (`done`, `deliver`, `token` or `aside`), and the news.
Message = tuple[int, str, str]


class Started:
    """A call that was started, and who takes its news."""

    __slots__ = ("native", "number")

    def __init__(self, native: NativeClient) -> None:
        self.native = native
        self.number = 0

    def done(self, text: str) -> None:
        """The answer."""

    def aside(self) -> None:
        """Its batch has room for another one."""

    def deliver(self, text: str, loop: asyncio.AbstractEventLoop) -> None:
        """The result, for a handler; here there is none."""
        self.native.answer(self.number, None)

    def abandon(self) -> None:
        """The core need not answer any more."""
        self.native.cancel(self.number)


class Waiting(Started):
    """A call that is awaited."""

    __slots__ = ("_context", "_detached", "_handler", "_on_result", "future")

    def __init__(
        self, native: NativeClient, future: asyncio.Future[str], on_result: OnResult | None, detached: bool
    ) -> None:
        self.native = native
        self.number = 0
        self.future = future
        self._detached = detached
        self._on_result = on_result
        self._context = contextvars.copy_context() if on_result is not None else None
        self._handler: asyncio.Task[None] | None = None

    def done(self, text: str) -> None:
        if not self.future.done():
            self.future.set_result(text)

    def deliver(self, text: str, loop: asyncio.AbstractEventLoop) -> None:
        """Calls the caller's handler in the caller's context, and reports what it raised."""
        if self._on_result is None or self._context is None:
            super().deliver(text, loop)
            return
        try:
            returned = self._context.run(self._on_result, read_result(exact(text)))
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
        if self._detached:
            return
        if not self.future.done() or self.future.cancelled():
            self.abandon()
        if self._handler is not None and not self._handler.get_loop().is_closed():
            self._handler.cancel()

    def abandon(self) -> None:
        if not self._detached:
            super().abandon()


class Port:
    """The completion queue of one event loop, and the calls that wait on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
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
                args=(self._queue, weakref.ref(self), self._loop),
                name="cxone-actions-queue",
                daemon=True,
            ).start()

    def start(self, start: Start, started: Started) -> None:
        """Starts a call; to be ended with `forget` whatever happens."""
        _log.follow()
        # Nothing can be read between these two lines: only this thread reads.
        started.number = start(self._queue)
        self._calls[started.number] = started

    def forget(self, started: Started) -> None:
        """Takes no news of a call any more."""
        self._calls.pop(started.number, None)

    async def call(
        self, native: NativeClient, start: Start, on_result: OnResult | None = None, *, detached: bool = False
    ) -> Any:
        """The answer to one call. Cancelling stops the waiting, not the action (and `detached` not even the call)."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiting = Waiting(native, future, on_result, detached)
        self.start(start, waiting)
        try:
            return exact(await future)
        finally:
            self.forget(waiting)
            waiting.end()

    def take(self, messages: list[Message]) -> None:
        loop = self._loop()
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
        for number, kind, text in messages:
            if kind == "token":
                _tokens.serve(number, text, loop)
                continue
            waiting = self._calls.get(number)
            if waiting is None or loop is None:
                continue
            if kind == "done":
                waiting.done(text)
            elif kind == "aside":
                waiting.aside()
            else:
                waiting.deliver(text, loop)

    def _read(self) -> None:
        rest_if_ending()
        self.take(self._queue.drain())

    def __del__(self) -> None:
        queue = getattr(self, "_queue", None)
        if queue is not None:
            queue.close()
            for waiting in list(self._calls.values()):
                waiting.abandon()


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


_ports: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Port]] = weakref.WeakKeyDictionary()
_opening = threading.Lock()


def port() -> Port:
    """The port of the running event loop."""
    loop = asyncio.get_running_loop()
    known = _ports.get(loop)
    found = known() if known is not None else None
    if found is None:
        found = Port(loop)
        with _opening:
            _ports[loop] = weakref.ref(found)
    return found


def _in_child() -> None:
    # The parent's loops, and a lock that one of its threads may have held, are no business of the child's.
    global _ports, _opening
    _ports = weakref.WeakKeyDictionary()
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
