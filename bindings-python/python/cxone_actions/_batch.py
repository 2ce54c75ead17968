"""Many requests at once, bounded.

The promise: the source is read lazily, never more than `concurrency` requests ahead of the outcomes that were taken;
each request has exactly one outcome, in completion order, and none is lost to another's error, nor to the source's own:
what the source raises comes after the outcomes of what it gave before.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from . import _blocking, _log, _tokens
from ._errors import ConfigError, CxoneError, from_fields, raise_native
from ._json import exact
from ._loop import Start, Waiting, port
from ._native import NativeClient, NativeError, NativeQueue
from ._results import ActionRequest, Outcome, read_result

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


def _starting(native: NativeClient, request: Any, timeout: float | None) -> Start:
    return lambda queue: native.run(queue, fields(request), timeout, False)


def _outcome(index: int, request: Any, text: str) -> Outcome:
    answer = exact(text)
    error: CxoneError | None = from_fields(answer["error"]) if "error" in answer else None
    result = None if error is not None else read_result(answer["result"])
    return Outcome(index, request, result, error)


class _Source:
    """The requests, read one by one from the event loop; an async source is read by one task at a time."""

    def __init__(self, requests: Requests, ring: asyncio.Event) -> None:
        self._ring = ring
        self._following: asyncio.Future[Any] | None = None
        self.raised: BaseException | None = None
        self.open = True
        self._sync: Iterator[Any] | None = None
        self._async: AsyncIterator[Any] | None = None
        if isinstance(requests, AsyncIterable):
            self._async = requests.__aiter__()
        else:
            self._sync = iter(requests)

    def take(self) -> tuple[Any] | None:
        """The next request in a tuple; none where there is none yet, or none any more."""
        try:
            if self._sync is not None:
                return (next(self._sync),)
            if self._following is None:
                self._following = asyncio.ensure_future(self._next())
                self._following.add_done_callback(lambda _: self._ring.set())
            if not self._following.done():
                return None
            following, self._following = self._following, None
            return (following.result(),)
        except (StopIteration, _End):
            self.open = False
        except Exception as error:  # noqa: BLE001 - it is the source's own, and raised at its end
            self.open, self.raised = False, error
        return None

    async def _next(self) -> Any:
        assert self._async is not None
        try:
            return await self._async.__anext__()
        except StopAsyncIteration:
            raise _End from None

    def close(self) -> None:
        if self._following is not None:
            self._following.cancel()


class _End(Exception):  # noqa: N818 - the end is no error
    """The end of an async source: a future cannot carry a `StopAsyncIteration` out."""


def _finished(ready: deque[Waiting], ring: asyncio.Event, waiting: Waiting, _: asyncio.Future[str]) -> None:
    ready.append(waiting)
    ring.set()


async def run_many(
    client: Opened, requests: Requests, concurrency: int, timeout: float | None
) -> AsyncGenerator[Outcome, None]:
    """Outcomes in completion order. The client lives as long as somebody reads them."""
    native, gate, ring = client._native, port(), asyncio.Event()
    source = _Source(requests, ring)
    running: dict[Waiting, tuple[int, Any]] = {}
    ready: deque[Waiting] = deque()
    index = 0
    try:
        while True:
            while source.open and len(running) < concurrency:
                taken = source.take()
                if taken is None:
                    break
                place, index = index, index + 1
                try:
                    waiting = gate.start(native, _starting(native, taken[0], timeout))
                except NativeError:
                    raise
                except Exception as error:  # noqa: BLE001 - a request that raises when it is read is its own outcome
                    yield Outcome(place, taken[0], None, error)
                    continue
                running[waiting] = (place, taken[0])
                waiting.future.add_done_callback(partial(_finished, ready, ring, waiting))
            if ready:
                waiting = ready.popleft()
                place, request = running[waiting]
                outcome = _outcome(place, request, waiting.future.result())
                gate.end(waiting)
                yield outcome
                del running[waiting]
            elif running or source.open:
                ring.clear()
                await ring.wait()
            elif source.raised is not None:
                raise source.raised
            else:
                return
    except NativeError as error:
        raise_native(error)
    finally:
        source.close()
        for waiting in running:
            gate.end(waiting)


def run_many_blocking(
    client: Opened, requests: Requests, concurrency: int, timeout: float | None
) -> Generator[Outcome, None, None]:
    """Outcomes in completion order, for a thread that blocks. The client lives as long as somebody reads them."""
    native = client._native
    source = _blocking.drive(requests) if isinstance(requests, AsyncIterable) else iter(requests)
    queue = NativeQueue(False)
    _log.follow()
    running: dict[int, tuple[int, Any]] = {}
    ready: deque[tuple[int, str]] = deque()
    open_, raised, index = True, None, 0
    try:
        while True:
            while open_ and len(running) < concurrency:
                try:
                    request = next(source)
                except StopIteration:
                    open_ = False
                except Exception as error:  # noqa: BLE001 - it is the source's own, and raised at its end
                    open_, raised = False, error
                else:
                    place, index = index, index + 1
                    try:
                        number = _starting(native, request, timeout)(queue)
                    except NativeError:
                        raise
                    except Exception as error:  # noqa: BLE001 - a request that raises when it is read is its own outcome
                        yield Outcome(place, request, None, error)
                        continue
                    running[number] = (place, request)
            if ready:
                number, text = ready.popleft()
                yield _outcome(*running[number], text)
                del running[number]
            elif running:
                queue.wait()
                for sender, kind, text in queue.drain():
                    if kind == "token":
                        _tokens.serve(sender, text, None)
                    else:
                        ready.append((sender, text))
                _log.deliver()
            elif raised is not None:
                raise raised
            else:
                return
    except NativeError as error:
        raise_native(error)
    finally:
        for number in running:
            native.cancel(number)
