"""A great many calls in one process, and what they leave behind: memory at every tenth, descriptors at the end.

Printed as one JSON object, for the proof to judge.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

from cxone_actions import ActionResult, AsyncClient, Client

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
AT_ONCE = "00000000-0000-4000-8000-000000000004"
INPUTS = {"customerId": "CUST-998877", "priority": 1}
AT_ONE_TIME = 64
THREADS = 8

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Marks:
    """Counts calls, and looks at this process at every tenth of them."""

    def __init__(self, count: int) -> None:
        self._step = max(1, count // 10)
        self._counting = threading.Lock()
        self._began = time.monotonic()
        self._seen = 0
        self.memory: list[float] = []

    def one(self) -> None:
        with self._counting:
            self._seen += 1
            if self._seen % self._step == 0:
                self.memory.append(memory())

    def said(self) -> dict[str, Any]:
        seconds = time.monotonic() - self._began
        return {"calls": self._seen, "rate": round(self._seen / seconds), "memory": self.memory}


def memory() -> float:
    """MiB that are resident now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def left(before: dict[str, int] | None = None) -> dict[str, int]:
    """What this process has open, once the I/O thread has had a moment to let go of what is over: until it is no more
    than `before`, where that is known."""
    gc.collect()
    end = time.monotonic() + (0.05 if before is None else 5)
    while True:
        now = {"descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}
        if time.monotonic() > end or (before is not None and all(now[what] <= before[what] for what in now)):
            return now
        time.sleep(0.005)


async def run_many(client: AsyncClient, count: int, marks: Marks) -> None:
    requests = ({"action_id": AT_ONCE, "inputs": INPUTS} for _ in range(count))
    async for outcome in client.run_many(requests, concurrency=AT_ONE_TIME):
        assert outcome.ok, outcome.error
        marks.one()


async def by_turns(count: int, one: Callable[[], Any]) -> None:
    """So many at one time, each of which takes the next when it is done."""
    turns: Iterator[int] = iter(range(count))

    async def each() -> None:
        for _ in turns:
            await one()

    await asyncio.gather(*(each() for _ in range(AT_ONE_TIME)))


async def poll(client: AsyncClient, count: int, marks: Marks) -> None:
    async def one() -> None:
        invocation = await client.invoke(CREATE_CASE, INPUTS)
        assert (await client.poll(invocation)).ok
        marks.one()

    await by_turns(count, one)


async def handlers(client: AsyncClient, count: int, marks: Marks) -> None:
    """Functions of the caller's: for results, sync and async by turns, and for tokens, one of which serves a second."""
    called = 0

    def sync(result: ActionResult) -> None:
        nonlocal called
        called += result.ok

    async def later(result: ActionResult) -> None:
        await asyncio.sleep(0)
        sync(result)

    turn = 0

    async def one() -> None:
        nonlocal turn
        turn += 1
        assert (await client.run(AT_ONCE, INPUTS, on_result=later if turn % 2 else sync)).ok
        marks.one()

    await by_turns(count, one)
    assert called == count, called


def fetch() -> tuple[str, float]:
    names = ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")
    base_url, client_id, client_secret = (os.environ[f"CXONE_{name}"] for name in names)
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
    request = urllib.request.Request(f"{base_url}/api/v2/oauth/token", urllib.parse.urlencode(form).encode())
    with DIRECT.open(request, timeout=10) as answer:
        return json.load(answer)["access_token"], 1.0


def blocking(count: int, marks: Marks) -> int:
    """`run` from threads that block."""
    turns: Iterator[int] = iter(range(count))
    taking = threading.Lock()
    with Client() as client:

        def each() -> None:
            while True:
                with taking:
                    if next(turns, None) is None:
                        return
                assert client.run(AT_ONCE, INPUTS).ok
                marks.one()

        threads = [threading.Thread(target=each) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return client.metrics().completed


def asynchronous(work: Callable[[AsyncClient, int, Marks], Any], **options: Any) -> Callable[[int, Marks], int]:
    async def main(count: int, marks: Marks) -> int:
        async with AsyncClient(**options) as client:
            await work(client, count, marks)
        return client.metrics().completed

    return lambda count, marks: asyncio.run(main(count, marks))


MODES: dict[str, Callable[[int, Marks], int]] = {
    "calls": asynchronous(run_many),
    "calls_blocking": blocking,
    "calls_poll": asynchronous(poll, poll_interval=0.001),
    "calls_handlers": asynchronous(handlers, token=fetch),
}


def run(mode: str, count: int) -> None:
    # What the first call of a process makes and keeps, the I/O thread above all, is no leak.
    assert MODES[mode](1, Marks(1)) == 1
    before, marks = left(), Marks(count)
    completed = MODES[mode](count, marks)
    assert completed == count, completed
    print(json.dumps({**marks.said(), "before": before, "after": left(before)}))
