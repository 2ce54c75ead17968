"""Event loops of every sort: one after the other, several at once, with and without descriptors to watch."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, INPUTS, NEVER_ENDS
from cxone_actions import ActionResult, AsyncClient, Client, _loop

OpenAsync = Callable[..., AsyncClient]


def falls_to(most: int, count: Callable[[], int]) -> bool:
    """Whether it does soon: what is over is let go of by the I/O thread, a moment after its news was read."""
    end = time.monotonic() + 30
    while count() > most and time.monotonic() < end:
        time.sleep(0.005)
    return count() <= most


def open_ones(kind: str) -> int:
    """The descriptors of a kind. One that another thread closes while they are looked at is open no more."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(entry).startswith(kind)
    return count


class Unwatching(asyncio.SelectorEventLoop):
    """A loop that cannot watch a descriptor, as the one of Windows."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


def run_in(loop: asyncio.AbstractEventLoop, main: Any) -> Any:
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


def test_one_client_serves_loop_after_loop(open_async: OpenAsync) -> None:
    client = open_async()
    for _ in range(20):
        assert asyncio.run(client.run(AT_ONCE, {})).ok
    asyncio.run(client.aclose())
    assert client.metrics().completed == 20


def test_one_client_serves_loops_in_many_threads(open_async: OpenAsync) -> None:
    client = open_async()
    results: list[bool] = []

    async def many() -> None:
        given = await asyncio.gather(*(client.run(AT_ONCE, {}) for _ in range(20)))
        results.extend(result.ok for result in given)

    threads = [threading.Thread(target=lambda: asyncio.run(many())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 160
    asyncio.run(client.aclose())


def test_two_loops_of_one_thread_take_turns(open_async: OpenAsync) -> None:
    client = open_async()
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    waiting = first.create_task(client.run(CREATE_CASE, INPUTS))
    first.run_until_complete(asyncio.sleep(0))
    assert second.run_until_complete(client.run(AT_ONCE, {})).ok
    assert first.run_until_complete(waiting).ok
    second.run_until_complete(client.aclose())
    first.close()
    second.close()


def test_a_loop_that_cannot_watch_a_descriptor_is_served_by_a_thread(open_async: OpenAsync) -> None:
    async def main() -> list[bool]:
        async with open_async() as client:
            seen: list[bool] = []
            await client.run(CREATE_CASE, INPUTS, on_result=lambda result: seen.append(result.ok))
            given = await asyncio.gather(*(client.run(AT_ONCE, {}) for _ in range(50)))
            return seen + [result.ok for result in given]

    assert run_in(Unwatching(), main()) == [True] * 51


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not made for Windows")
def test_uvloop_serves_as_well(open_async: OpenAsync) -> None:
    import uvloop

    async def main() -> list[bool]:
        async with open_async() as client:
            given = await asyncio.gather(*(client.run(AT_ONCE, {}) for _ in range(50)))
            task = asyncio.ensure_future(client.run(NEVER_ENDS, {}))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return [result.ok for result in given]

    assert run_in(uvloop.new_event_loop(), main()) == [True] * 50


def test_the_blocking_client_works_where_a_loop_runs(client: Client) -> None:
    async def main() -> bool:
        return client.run(AT_ONCE, {}).ok

    assert asyncio.run(main())


def test_an_asynchronous_handler_of_the_blocking_client_runs_where_a_loop_runs_too(client: Client) -> None:
    seen: list[bool] = []

    async def handler(result: ActionResult) -> None:
        await asyncio.sleep(0)
        seen.append(result.ok)

    async def main() -> None:
        client.run(AT_ONCE, {}, on_result=handler)

    client.run(AT_ONCE, {}, on_result=handler)
    asyncio.run(main())
    assert seen == [True, True]
    assert client.metrics().callback_failures == 0


def test_a_client_that_is_closed_keeps_no_connection(open_client: Callable[..., Client]) -> None:
    def sockets() -> int:
        return open_ones("socket:")

    before, client = sockets(), open_client()
    assert all(outcome.ok for outcome in client.run_many([{"action_id": AT_ONCE}] * 50, concurrency=8))
    assert sockets() > before
    client.close()
    assert falls_to(before, sockets)


def test_a_loop_that_is_closed_with_calls_in_flight_loses_nothing_but_the_waiting(open_async: OpenAsync) -> None:
    client = open_async()
    loop = asyncio.new_event_loop()
    task = loop.create_task(client.run(CREATE_CASE, INPUTS, correlation_id="corr-001"))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    del task, loop
    gc.collect()
    asyncio.run(client.aclose())
    metrics = client.metrics()
    assert (metrics.started, metrics.in_flight) == (1, 0)


def uvloops() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


LOOPS = [asyncio.new_event_loop, Unwatching, *([uvloops] if sys.platform != "win32" else [])]


def of_loops() -> int:
    """The descriptors that loops have, and queues; connections to the gateway are the client's."""
    return open_ones("anon_inode:")


def until_no_queue_is_watched() -> None:
    for thread in threading.enumerate():
        if thread.name == "cxone-actions-queue":
            thread.join(30)


@pytest.mark.parametrize("make", LOOPS)
def test_twenty_loops_closed_with_calls_in_flight_leave_nothing(open_async: OpenAsync, make: Any) -> None:
    client = open_async(max_in_flight=200)

    async def in_flight(count: int) -> list[asyncio.Task[ActionResult]]:
        tasks = [asyncio.create_task(client.run(NEVER_ENDS, {})) for _ in range(5)]
        while len(list(client.audit.records(event="accepted"))) < count:
            await asyncio.sleep(0.001)
        return tasks

    def closed_in_the_middle(turn: int) -> weakref.ref[Any]:
        loop = make()
        for task in run_in(loop, in_flight(1 + 5 * turn)):
            task._log_destroy_pending = False
        return weakref.ref(loop)

    run_in(make(), client.run(AT_ONCE, {}))
    gc.collect()
    until_no_queue_is_watched()
    descriptors, threads = of_loops(), threading.active_count()
    gone = [closed_in_the_middle(turn) for turn in range(1, 21)]
    gc.collect()
    until_no_queue_is_watched()
    assert [ref() for ref in gone] == [None] * 20
    assert not _loop._ports
    assert falls_to(descriptors, of_loops)
    assert threading.active_count() <= threads
    asyncio.run(client.aclose())
    assert (client.metrics().in_flight, client.metrics().detached) == (0, 100)


@pytest.mark.parametrize("make", LOOPS)
def test_a_task_that_nobody_but_its_loop_keeps_goes_on(open_async: OpenAsync, make: Any) -> None:
    seen: list[bool] = []

    async def main() -> None:
        async with open_async() as client:
            asyncio.create_task(client.run(CREATE_CASE, INPUTS, on_result=lambda result: seen.append(result.ok)))  # noqa: RUF006
            await asyncio.sleep(0)
            while not seen:
                gc.collect()
                await asyncio.sleep(0.001)

    run_in(make(), main())


@pytest.mark.parametrize("make", LOOPS)
def test_a_loop_that_is_gone_leaves_neither_a_descriptor_nor_a_thread(open_async: OpenAsync, make: Any) -> None:
    client = open_async()
    run_in(make(), client.run(AT_ONCE, {}))
    gc.collect()
    ports, descriptors, threads = len(_loop._ports), len(os.listdir("/proc/self/fd")), threading.active_count()
    gone: list[weakref.ref[Any]] = []
    for _ in range(10):
        loop = make()
        gone.append(weakref.ref(loop))
        run_in(loop, client.run(AT_ONCE, {}))
        del loop
    gc.collect()
    until_no_queue_is_watched()
    assert [ref() for ref in gone] == [None] * 10
    assert len(_loop._ports) <= ports
    assert falls_to(descriptors, lambda: len(os.listdir("/proc/self/fd")))
    assert threading.active_count() <= threads
    asyncio.run(client.aclose())
