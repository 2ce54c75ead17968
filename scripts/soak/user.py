"""A user's process at a bad moment: `user.py MODE NUMBER COUNT`.

The gateway and the trail come from the environment.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import threading
import time

from cxone_actions import ActionResult, AsyncClient, Client, OutcomeUnknownError

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
AT_ONCE = "00000000-0000-4000-8000-000000000004"
NEVER_ENDS = "00000000-0000-4000-8000-000000000005"
INPUTS = {"customerId": "CUST-998877", "priority": 1}

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


async def calls() -> None:
    async with AsyncClient() as client:
        requests = ({"action_id": AT_ONCE, "inputs": INPUTS} for _ in range(count))
        marks: list[int] = []
        began = time.monotonic()
        seen = 0
        async for outcome in client.run_many(requests, concurrency=64):
            assert isinstance(outcome.result, ActionResult), outcome.error
            seen += 1
            if seen % max(1, count // 10) == 0:
                marks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        took = time.monotonic() - began
        metrics = client.metrics()
        assert metrics.started == metrics.completed == seen == count, metrics
    early, late = marks[len(marks) // 2] / 1024, marks[-1] / 1024
    print(f"{count / took:.0f} calls/s, peak memory {early:.0f} MiB at half, {late:.0f} MiB at the end")


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
    case "calls":
        asyncio.run(calls())
    case _:
        sys.exit(f"no such mode: {mode}")
