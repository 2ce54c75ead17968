"""Where the requests of a batch come from.

The promise: a source is read when there is room for a request, by one reader at a time and never further; what it
raises is kept until it is asked for; and whoever stops early leaves no source running.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import Any, Protocol

from . import _log

#: So long a source that is told to stop may take; it may be in the middle of something that blocks.
_FAREWELL = 5.0


class Source(Protocol):
    """What a batch reads."""

    #: Whether there may be another request.
    open: bool
    #: What reading it came to, once it is not open any more.
    raised: BaseException | None

    def take(self) -> tuple[Any] | None:
        """The next request in a tuple; none where there is none yet, or none any more."""

    def close(self) -> None:
        """Nobody reads it any more."""


class Plain:
    """An iterable, read where it is asked."""

    def __init__(self, requests: Iterable[Any]) -> None:
        self._requests = iter(requests)
        self.open = True
        self.raised: BaseException | None = None

    def take(self) -> tuple[Any] | None:
        try:
            return (next(self._requests),)
        except StopIteration:
            self.open = False
        except Exception as error:  # noqa: BLE001 - it is the source's own, and raised at its end
            self.open, self.raised = False, error
        return None

    def close(self) -> None:
        pass


class Awaited:
    """An asynchronous iterable, read by one task at a time of the loop that asks. `ring` is called when it has news."""

    def __init__(self, requests: AsyncIterable[Any], ring: Callable[[], None]) -> None:
        self._requests: AsyncIterator[Any] = requests.__aiter__()
        self._ring = ring
        self._following: asyncio.Future[tuple[Any] | None] | None = None
        self.open = True
        self.raised: BaseException | None = None

    def take(self) -> tuple[Any] | None:
        if self._following is None:
            self._following = asyncio.ensure_future(self._next())
            self._following.add_done_callback(lambda _: self._ring())
        if not self._following.done():
            return None
        following, self._following = self._following, None
        try:
            taken = following.result()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - it is the source's own, and raised at its end
            self.open, self.raised = False, error
            return None
        self.open = taken is not None
        return taken

    async def _next(self) -> tuple[Any] | None:
        try:
            return (await self._requests.__anext__(),)
        except StopAsyncIteration:
            return None

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            # What it raises because of that is nobody's news.
            self._following.add_done_callback(_unheard)


def _unheard(following: asyncio.Future[Any]) -> None:
    if not following.cancelled():
        following.exception()


class Threaded:
    """An asynchronous iterable, read by a thread with an event loop of its own: for a reader that blocks, also where a
    loop runs already, as in a notebook. `ring` is called in that thread when there is news.
    """

    def __init__(self, requests: AsyncIterable[Any], ring: Callable[[], None]) -> None:
        self._requests = requests
        self._ring = ring
        self._given: deque[tuple[Any]] = deque()
        #: Whether the source waits to be asked for another.
        self._waits = False
        self._closing = False
        self.open = True
        self.raised: BaseException | None = None
        self._begun = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Event | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._follow,), name="cxone-actions-source", daemon=True
        )
        self._thread.start()

    def take(self) -> tuple[Any] | None:
        if self._given:
            return self._given.popleft()
        if self._waits and self._loop is not None and self._asked is not None:
            self._waits = False
            self._loop.call_soon_threadsafe(self._asked.set)
        return None

    def _follow(self) -> None:
        try:
            asyncio.run(self._read())
        except BaseException as error:  # noqa: BLE001 - there was no loop to be had, and somebody waits for the source
            if self.open:
                self.raised, self.open = error, False
                self._begun.set()
                self._ring()

    async def _read(self) -> None:
        self._loop, self._task, self._asked = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
        self._begun.set()
        try:
            async for request in self._requests:
                # It may not have heeded that it is to end.
                if self._closing:
                    break
                self._given.append((request,))
                self._waits = True
                self._ring()
                await self._asked.wait()
                self._asked.clear()
                if self._closing:
                    break
        except BaseException as error:  # noqa: BLE001 - it is the source's own, and raised at its end
            self.raised = error
        finally:
            self.open = False
            self._ring()

    def close(self) -> None:
        """Has the source end, as leaving an `async for` does, and waits until it has."""
        self._closing = True
        # A source that was forgotten may be collected in its own thread, or when no other thread runs any more.
        if self._thread is threading.current_thread() or sys.is_finalizing():
            return
        self._begun.wait(_FAREWELL)
        if self._loop is not None and self._task is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(_FAREWELL)
        if self._thread.is_alive():
            _log.left_behind(_FAREWELL)
