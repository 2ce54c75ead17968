"""Where a function for tokens runs, and how long it lives: event loops, contexts, and clients that nobody holds."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, Client, Sandbox

WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


def test_what_is_awaited_is_awaited_in_a_loop_that_waits_for_the_client(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any], sandbox: Sandbox
) -> None:
    ran_in: list[Any] = []

    async def vault() -> str:
        ran_in.append(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        return issue()[0]

    async def call() -> None:
        assert (await client.run(AT_ONCE, {})).ok

    # One client, loop after loop, each with a token of its own: the last one is refused in between.
    client = AsyncClient(**options, token=vault)
    loops = [asyncio.new_event_loop() for _ in range(3)]
    for number, loop in enumerate(loops):
        if number:
            sandbox.inject("invoke", {"status": 401})
        loop.run_until_complete(call())
        loop.close()
    assert ran_in == loops
    asyncio.run(client.aclose())


def test_a_loop_that_ends_while_it_awaits_a_token_leaves_it_to_another(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    awaited: list[asyncio.AbstractEventLoop] = []
    first_awaits = threading.Event()

    async def vault() -> str:
        awaited.append(asyncio.get_running_loop())
        if len(awaited) == 1:
            first_awaits.set()
            await asyncio.sleep(60)
        return issue()[0]

    client = AsyncClient(**options, token=vault)

    def leaves() -> None:
        async def main() -> None:
            call = asyncio.ensure_future(client.run(AT_ONCE, {}))
            # It goes when the other waits for the same token.
            while client.metrics().started < 2:
                await asyncio.sleep(0.001)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        asyncio.run(main())

    async def stays() -> bool:
        return (await client.run(AT_ONCE, {})).ok

    leaving = threading.Thread(target=leaves)
    leaving.start()
    assert first_awaits.wait(30)
    began = time.monotonic()
    assert asyncio.run(stays())
    assert time.monotonic() - began < 30
    leaving.join()
    assert len(awaited) == 2
    asyncio.run(client.aclose())


def test_a_function_runs_in_the_context_in_which_the_client_was_made(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    seen: list[str] = []

    def vault() -> str:
        seen.append(WHERE.get())
        return issue()[0]

    async def later() -> str:
        await asyncio.sleep(0)
        return vault()

    token = WHERE.set("made here")
    clients = [Client(**options, token=vault), Client(**options, token=later)]
    asynchronous = AsyncClient(**options, token=later)
    WHERE.reset(token)
    for client in clients:
        assert client.run(AT_ONCE, {}).ok
        client.close()

    async def main() -> None:
        async with asynchronous:
            assert (await asynchronous.run(AT_ONCE, {})).ok

    asyncio.run(main())
    assert seen == ["made here"] * 3


def test_a_client_whose_function_knows_it_is_collected_all_the_same(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    class Owner:
        def __init__(self) -> None:
            self.client = Client(**options, token=self.token)

        def token(self) -> str:
            return issue()[0]

    owner = Owner()
    assert owner.client.run(AT_ONCE, {}).ok
    gone: list[weakref.ref[Any]] = [weakref.ref(owner), weakref.ref(owner.client)]
    del owner
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_many_requests_keep_the_function_of_a_client_that_nobody_else_holds(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    requests = [{"action_id": CREATE_CASE, "inputs": INPUTS}] * 5
    assert [outcome.error for outcome in Client(**options, token=lambda: issue()[0]).run_many(requests)] == [None] * 5

    async def main() -> list[Any]:
        outcomes = AsyncClient(**options, token=lambda: issue()[0]).run_many(requests)
        gc.collect()
        return [outcome.error async for outcome in outcomes]

    assert asyncio.run(main()) == [None] * 5
