"""Many requests at once, bounded.

The promise: the source is read lazily, never more than `concurrency` requests ahead of the outcomes that were taken,
or as many more as wait for a limit of their own action;
each request has exactly one outcome, in completion order, and none is lost to another's error, nor to the source's own:
what the source raises comes after the outcomes of what it gave before.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _log, _tokens
from ._errors import ConfigError, CxoneError, raise_native
from ._loop import Started, port
from ._native import NativeBatch, NativeClient, NativeError, NativeQueue
from ._results import ActionRequest, Outcome, Told, read_result
from ._sources import Awaited, Plain, Threaded

if TYPE_CHECKING:
    from ._opened import Opened

RequestLike = ActionRequest | Mapping[str, Any]
Requests = Iterable[RequestLike] | AsyncIterable[RequestLike]


def fields(request: Any) -> Any:
    """A request as the native side reads it: a tuple of the five fields, or whatever the caller gave instead."""
    if isinstance(request, ActionRequest):
        return (request.action_id, request.inputs, request.correlation_id, request.callback_url, request.traceparent)
    return list(request) if isinstance(request, tuple) else request


def source(requests: Any) -> Any:
    """The requests, where they are many. One alone would be read letter by letter, or key by key."""
    if isinstance(requests, (str, bytes, bytearray, Mapping)) or not isinstance(requests, (Iterable, AsyncIterable)):
        raise TypeError(f"`requests` must be an iterable of requests, such as a list, got {type(requests).__name__}")
    return requests


def checked(concurrency: int) -> int:
    """The bound, where it is one."""
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigError("`concurrency` must be a whole number from 1")
    return concurrency


def _outcome(index: int, request: Any, told: Told) -> Outcome:
    try:
        return Outcome(index, request, read_result(told), None)
    except CxoneError as error:
        return Outcome(index, request, None, error)


class _Item(Started):
    """One call of a batch: nobody awaits it, its batch is told."""

    __slots__ = ("_ready", "_ring", "index", "request", "told")

    def __init__(
        self, native: NativeClient, index: int, request: Any, ready: deque[_Item], ring: asyncio.Event
    ) -> None:
        self.native = native
        self.number = 0
        self.index = index
        self.request = request
        #: The answer, once it is there.
        self.told: Told | None = None
        self._ready = ready
        self._ring = ring

    def done(self, told: Told) -> None:
        self.told = told
        self._ready.append(self)
        self._ring.set()

    def aside(self) -> None:
        self._ring.set()


#: A source that takes so long for a request gets the loop a turn, so that outcomes are not held up by it.
_LONG = 0.001
#: For the reader of the queue to be called, and for whoever waits for what it says.
_TURNS = 3


async def run_many(
    client: Opened, requests: Requests, concurrency: int, timeout: float | None
) -> AsyncGenerator[Outcome, None]:
    """Outcomes in completion order. The client lives as long as somebody reads them."""
    native, gate, ring, batch = client._native, port(), asyncio.Event(), NativeBatch(concurrency)
    source = Awaited(requests, ring.set) if isinstance(requests, AsyncIterable) else Plain(requests)
    running: set[_Item] = set()
    ready: deque[_Item] = deque()
    index = 0
    try:
        while True:
            # Before anything is looked at: what rings from now on is news.
            ring.clear()
            while source.open and len(running) < batch.room():
                began = time.monotonic()
                taken = source.take()
                slow = time.monotonic() - began > _LONG
                if taken is not None:
                    item, index = _Item(native, index, taken[0], ready, ring), index + 1
                    try:
                        gate.start(item, native.run_of_many, batch, fields(taken[0]), timeout)
                    except NativeError:
                        raise
                    except Exception as error:  # noqa: BLE001 - a request that raises when it is read is its own outcome
                        yield Outcome(item.index, taken[0], None, error)
                        continue
                    running.add(item)
                if slow:
                    for _ in range(_TURNS):
                        await asyncio.sleep(0)
                if taken is None or ready:
                    break
            if ready:
                item = ready.popleft()
                gate.forget(item)
                yield _outcome(item.index, item.request, item.told or "")
                running.discard(item)
            elif running or source.open:
                await ring.wait()
            elif source.raised is not None:
                raise source.raised
            else:
                return
    except NativeError as error:
        raise_native(error)
    finally:
        source.close()
        for item in running:
            gate.forget(item)
            if item.told is None:
                item.abandon()


def run_many_blocking(
    client: Opened, requests: Requests, concurrency: int, timeout: float | None
) -> Generator[Outcome, None, None]:
    """Outcomes in completion order, for a thread that blocks. The client lives as long as somebody reads them."""
    native = client._native
    queue, batch = NativeQueue(False), NativeBatch(concurrency)
    source = Threaded(requests, queue.nudge) if isinstance(requests, AsyncIterable) else Plain(requests)
    _log.follow()
    running: dict[int, tuple[int, Any]] = {}
    ready: deque[tuple[int, Told]] = deque()
    index = 0
    try:
        while True:
            taken = source.take() if source.open and len(running) < batch.room() else None
            if taken is not None:
                place, index = index, index + 1
                try:
                    number = native.run_of_many(queue, batch, fields(taken[0]), timeout)
                except NativeError:
                    raise
                except Exception as error:  # noqa: BLE001 - a request that raises when it is read is its own outcome
                    yield Outcome(place, taken[0], None, error)
                    continue
                running[number] = (place, taken[0])
            elif not ready and (running or source.open):
                queue.wait()
            # A source may be slow: what is there by now is given before it is asked again.
            for sender, kind, told in queue.drain():
                if kind == "token":
                    _tokens.serve(sender, told, None)
                elif kind == "done":
                    ready.append((sender, told))
            _log.deliver()
            if ready:
                number, told = ready.popleft()
                yield _outcome(*running[number], told)
                del running[number]
            elif running or source.open:
                continue
            elif source.raised is not None:
                raise source.raised
            else:
                return
    except NativeError as error:
        raise_native(error)
    finally:
        source.close()
        for number in running:
            native.cancel(number)
