"""A user's process at a bad moment: `child.py WHAT HOW COUNT`. The gateway and the trail come from the environment."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from actions import AT_ONCE, CREATE_CASE, INPUTS, NEVER_ENDS

what, how, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
kept: list[Any] = []
# So small that the trail goes on in new segments while everything else happens.
SMALL: dict[str, Any] = {"audit_segment_bytes": 65536}


def ready() -> None:
    print("ready", flush=True)


# exit


def begun(client: Any, least: int) -> bool:
    """So many have started, and something was sent: where the machine is busy, the token for it may come late."""
    return client.metrics().started >= least and next(iter(client.audit.records(event="sending")), None) is not None


async def in_flight(client: Any, least: int) -> None:
    kept.append(client)
    kept.extend(asyncio.ensure_future(client.run(NEVER_ENDS, {})) for _ in range(count))
    while not begun(client, least):
        await asyncio.sleep(0.001)
    ready()


async def drained(client: Any) -> None:
    async for _ in client.run_many(({"action_id": NEVER_ENDS} for _ in range(count)), concurrency=count):
        pass


def in_threads(client: Any) -> None:
    kept.append(client)
    for _ in range(count):
        threading.Thread(target=client.run, args=(NEVER_ENDS, {}), daemon=True).start()
    while not begun(client, count // 2):
        time.sleep(0.001)


def exit_() -> None:
    from cxone_actions import AsyncClient, Client

    if how in ("threads", "mixed"):
        in_threads(Client(**SMALL, max_in_flight=count))
    if how == "threads":
        ready()
        return

    async def main() -> None:
        # That three hundred threads hold it up is this program's own doing.
        asyncio.get_running_loop().slow_callback_duration = 60
        client = AsyncClient(**SMALL, max_in_flight=count)
        if how == "many":
            kept.append(asyncio.ensure_future(drained(client)))
            while not begun(client, count // 2):
                await asyncio.sleep(0.001)
            ready()
            return
        await in_flight(client, count if how == "waits" else count // 2)
        if how == "exits":
            sys.exit(0)
        if how == "raises":
            raise RuntimeError("the user's own")
        if how == "waits":
            while True:
                signal.pause()

    asyncio.run(main())


# fork


def in_child(work: Callable[[], bool]) -> int:
    child = os.fork()
    if child == 0:
        ok = False
        try:
            ok = work()
            print("child ok" if ok else "child failed", flush=True)
        finally:
            os._exit(0 if ok else 1)
    return child


def ended(child: int) -> None:
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, status


def fork() -> None:
    from cxone_actions import AsyncClient, Client

    client, asynchronous = Client(**SMALL), AsyncClient(**SMALL)

    def blocking() -> bool:
        ok = client.run(CREATE_CASE, INPUTS).ok and client.metrics().started == 1
        client.close()
        return ok

    def from_asyncio() -> bool:
        async def main() -> bool:
            async with asynchronous:
                given = await asyncio.gather(*(asynchronous.run(AT_ONCE, {}) for _ in range(10)))
                return all(result.ok for result in given)

        return asyncio.run(main())

    def twice() -> bool:
        ok = client.run(CREATE_CASE, INPUTS).ok
        ended(in_child(blocking))
        return ok

    if how == "fork_outlived":
        outlived(client)
    if how == "fork_in_batch":
        outcomes = client.run_many([{"action_id": AT_ONCE}, *[{"action_id": NEVER_ENDS}] * 3])
        assert next(outcomes).ok
        ended(in_child(lambda: refused(outcomes)))
        outcomes.close()
        return
    if how == "fork_hammered":
        hammered(client, blocking)
        return
    if how == "fork_unused":
        ended(in_child(blocking))
        return
    assert client.run(CREATE_CASE, INPUTS).ok
    assert asyncio.run(asynchronous.run(AT_ONCE, {})).ok
    if how == "fork_in_flight":
        in_threads(client)
    if how == "fork_in_thread":
        thread = threading.Thread(target=lambda: ended(in_child(blocking)))
        thread.start()
        thread.join()
    else:
        ended(in_child({"fork_async": from_asyncio, "fork_twice": twice}.get(how, blocking)))
    assert client.run(CREATE_CASE, INPUTS).ok


def refused(outcomes: Any) -> bool:
    try:
        next(outcomes)
    except RuntimeError as error:
        return "the parent of this process" in str(error)
    return False


def outlived(client: Any) -> None:
    """A child that goes on when its parent is killed with calls in flight."""
    in_threads(client)
    while client.metrics().detached + client.metrics().in_flight < count:
        time.sleep(0.001)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        ok = client.run(AT_ONCE, {}).ok
        os.write(writer, b"1" if ok else b"0")
        os.close(writer)
        # The end of standard input is the end of the test.
        sys.stdin.read()
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"1"
    ready()
    signal.pause()


def hammered(client: Any, blocking: Callable[[], bool]) -> None:
    """Forks again and again while other threads are in the middle of everything."""
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            assert client.run(AT_ONCE, {}).ok

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(count):
        ended(in_child(blocking))
    stop.set()
    for thread in threads:
        thread.join()


# multiprocessing


def work(_: int) -> str:
    global shared
    if shared is None:
        from cxone_actions import Client

        shared = Client(**SMALL)
    return str(shared.run(CREATE_CASE, INPUTS).status)


shared: Any = None


def multiprocessing_() -> None:
    import multiprocessing

    from cxone_actions import Client

    global shared
    shared = Client(**SMALL)
    assert shared.run(CREATE_CASE, INPUTS).ok
    context = multiprocessing.get_context(how)
    if what == "executor":
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            print(*executor.map(work, range(8)))
        return
    pool = context.Pool(2)
    print(*pool.map(work, range(8), chunksize=1))
    pool.close()
    pool.join()


# interrupt


def interrupt() -> None:
    from cxone_actions import AsyncClient, Client

    client = Client()
    invocation = client.invoke(NEVER_ENDS, {})

    def calls() -> Any:
        if how == "run":
            return client.run(NEVER_ENDS, {})
        if how == "poll":
            return client.poll(invocation)
        if how == "run_many":
            return list(client.run_many([{"action_id": NEVER_ENDS}] * 5))
        if how == "close":
            threading.Thread(target=client.run, args=(NEVER_ENDS, {}), daemon=True).start()
            time.sleep(0.1)
            return client.close(60)
        if how == "handler_in_a_loop":
            return asyncio.run(handled())
        return asyncio.run(AsyncClient().run(NEVER_ENDS, {}))

    async def handled() -> None:
        client.run(AT_ONCE, {}, on_result=lambda _: asyncio.sleep(60))

    struck: list[float] = []

    def strike(number: int, frame: Any) -> None:
        struck.append(time.monotonic())
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, strike)
    try:
        threading.Timer(0.2, ready).start()
        calls()
    except KeyboardInterrupt:
        print("interrupted after", time.monotonic() - struck[0])


# a function for tokens


def tokens() -> None:
    from cxone_actions import AsyncClient, Client
    from tokens import fetch

    access = [os.environ[f"CXONE_{name}"] for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET")]
    here, hangs, asked_by = os.getpid(), how.endswith("hangs"), list[int]()

    def vault() -> tuple[str, float]:
        asked_by.append(os.getpid())
        if hangs and os.getpid() == here:
            ready()
            time.sleep(60)
        return fetch(*access)

    async def later() -> tuple[str, float]:
        asked_by.append(os.getpid())
        if hangs and os.getpid() == here:
            ready()
            await asyncio.sleep(60)
        return fetch(*access)

    client, asynchronous = Client(token=vault), AsyncClient(token=later)
    kept.extend((client, asynchronous))

    def works() -> bool:
        ok = client.run(CREATE_CASE, INPUTS).ok and asyncio.run(asynchronous.run(AT_ONCE, {})).ok
        return ok and asked_by[-2:] == [os.getpid()] * 2

    def waits() -> None:
        threading.Thread(target=client.run, args=(AT_ONCE, {}), daemon=True).start()
        while not asked_by:
            time.sleep(0.001)

    async def main() -> None:
        kept.append(asyncio.ensure_future(asynchronous.run(AT_ONCE, {})))
        while not asked_by:
            await asyncio.sleep(0.001)

    if how == "async_hangs":
        asyncio.run(main())
    elif how == "sync_hangs":
        waits()
    elif how == "fork_hangs":
        for _ in range(5):
            waits()
        ended(in_child(works))
    else:
        assert works()
        ended(in_child(works))
        assert works()
        assert len(asked_by) == 2, "the parent's own tokens serve on"


# late and quiet


def late() -> None:
    from cxone_actions import AsyncClient, Client, CxoneError

    def use() -> None:
        for call in (
            lambda: client.run(AT_ONCE, {}),
            lambda: asyncio.run(asynchronous.run(AT_ONCE, {})),
            lambda: Client(),
        ):
            try:
                call()
            except CxoneError as error:
                print(type(error).__name__)

    client, asynchronous = Client(), AsyncClient()
    assert client.run(AT_ONCE, {}).ok
    # Handlers run last in, first out: this one comes after the library's.
    from cxone_actions import _process

    atexit.unregister(_process._drain)
    atexit.register(use)
    atexit.register(_process._drain)


def quiet() -> None:
    from cxone_actions import Client

    before = len(os.listdir("/proc/self/task"))
    client = Client()
    print(before, len(os.listdir("/proc/self/task")))
    assert client.metrics().started == 0


if __name__ == "__main__":
    {
        "exit": exit_,
        "fork": fork,
        "multiprocessing": multiprocessing_,
        "executor": multiprocessing_,
        "interrupt": interrupt,
        "late": late,
        "quiet": quiet,
        "tokens": tokens,
    }[what]()
