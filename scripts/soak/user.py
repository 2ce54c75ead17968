"""A user's process at a bad moment: `user.py MODE NUMBER COUNT`.

The gateway and the trail come from the environment.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import sys
import threading
import time
import warnings
import weakref

import repeated

from cxone_actions import ActionResult, AsyncClient, Client, OutcomeUnknownError

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
AT_ONCE = "00000000-0000-4000-8000-000000000004"
NEVER_ENDS = "00000000-0000-4000-8000-000000000005"
INPUTS = {"customerId": "CUST-998877", "priority": 1}

#: In flight when a loop is closed.
IN_FLIGHT = 300

mode, number, count = sys.argv[1], sys.argv[2], int(sys.argv[3])


def correlation(index: int) -> str:
    return f"{mode}-{number}-{index}"


kept: list[asyncio.Task[ActionResult]] = []


async def all_started(client: AsyncClient) -> None:
    while client.metrics().started < count // 2:  # noqa: ASYNC110 - the client counts, there is nothing to wait on
        await asyncio.sleep(0.001)


async def in_flight() -> None:
    client = AsyncClient(max_in_flight=count)
    kept.extend(
        asyncio.create_task(client.run(NEVER_ENDS, {}, correlation_id=correlation(index))) for index in range(count)
    )
    await all_started(client)
    print("on their way", flush=True)


async def leave() -> None:
    await in_flight()


async def wait_to_be_killed() -> None:
    await in_flight()
    await asyncio.sleep(60)


def leave_threads() -> None:
    client = Client(max_in_flight=count)
    for index in range(count):
        call = {"correlation_id": correlation(index)}
        threading.Thread(target=client.run, args=(NEVER_ENDS, {}), kwargs=call, daemon=True).start()
    while client.metrics().started < count // 2:
        time.sleep(0.001)
    print("on their way", flush=True)


def interrupted() -> None:
    # A shell that runs this in the background has Ctrl-C ignored, and Python would keep it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    client = Client()
    threading.Timer(0.2, lambda: print("on their way", flush=True)).start()
    try:
        client.run(NEVER_ENDS, {}, correlation_id=correlation(0))
    except KeyboardInterrupt:
        sys.exit(130)


def fork() -> None:
    # CPython says so from 3.12 on, of every process that has another thread; the library is made for it.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    client = Client()
    assert client.run(CREATE_CASE, INPUTS, correlation_id=correlation(0)).ok
    child = os.fork()
    if child == 0:
        ok = client.run(CREATE_CASE, INPUTS, correlation_id=correlation(1)).ok
        client.close()
        os._exit(0 if ok else 1)
    assert client.run(CREATE_CASE, INPUTS, correlation_id=correlation(2)).ok
    _, status = os.waitpid(child, 0)
    client.close()
    sys.exit(os.waitstatus_to_exitcode(status))


def lost() -> None:
    with Client() as client:
        for index in range(count):
            try:
                client.run(AT_ONCE, {}, correlation_id=correlation(index))
            except OutcomeUnknownError as error:
                if error.attempts != 1:
                    raise
        client.run(AT_ONCE, {}, correlation_id=correlation(count))


def loops() -> None:
    # What the first call of a process makes and keeps, the I/O thread above all, is no leak.
    assert repeated.MODES["calls"](1, repeated.Marks(1)) == 1
    before = repeated.left()
    kept = loops_that_are_kept()
    print(json.dumps({"loops": count, "kept": kept, "before": before, "after": repeated.left(before)}))


def loops_that_are_kept() -> int:
    """Loop after loop, closed with calls in flight; every other one cancels its tasks first, as `asyncio.run` does."""
    client, numbers = AsyncClient(max_in_flight=IN_FLIGHT), itertools.count()

    async def begin() -> list[asyncio.Task[ActionResult]]:
        already = client.metrics().started
        calls = (client.run(NEVER_ENDS, {}, correlation_id=correlation(next(numbers))) for _ in range(IN_FLIGHT))
        tasks = [asyncio.create_task(call) for call in calls]
        while client.metrics().started < already + IN_FLIGHT:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        return tasks

    async def waits() -> None:
        await begin()

    def closed() -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()
        for task in loop.run_until_complete(begin()):
            # asyncio would say on stderr that nobody cancelled it, which is what is wanted here.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()
        return weakref.ref(loop)

    gone = []
    for turn in range(count):
        if turn % 2:
            asyncio.run(waits())
        else:
            gone.append(closed())
        gc.collect()
    asyncio.run(client.aclose())
    return sum(ref() is not None for ref in gone)


match mode:
    case "exit":
        asyncio.run(leave())
    case "exit_threads":
        leave_threads()
    case "interrupt":
        interrupted()
    case "kill":
        asyncio.run(wait_to_be_killed())
    case "fork":
        fork()
    case "lost":
        lost()
    case "loops":
        loops()
    case _ if mode in repeated.MODES:
        repeated.run(mode, count)
    case _:
        sys.exit(f"no such mode: {mode}")
