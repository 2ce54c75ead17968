"""Tokens from a function of the caller's: sync and async, in every loop and thread, whatever it does."""

from __future__ import annotations

import asyncio
import gc
import itertools
import pickle
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from actions import AT_ONCE
from cxone_actions import AsyncClient, AuthenticationError, Client, CxoneError, Sandbox, UnavailableError


class Vault:
    """A function of every sort, which counts how often it is called."""

    def __init__(self, issue: Callable[[], tuple[str, float]]) -> None:
        self.issue = issue
        self.calls = 0

    def __call__(self) -> tuple[str, float]:
        self.calls += 1
        return self.issue()

    def text(self) -> str:
        return self()[0]

    def lasting(self) -> tuple[str, timedelta]:
        token, seconds = self()
        return token, timedelta(seconds=seconds)

    async def later(self) -> tuple[str, float]:
        await asyncio.sleep(0.01)
        return self()

    def promised(self) -> Any:
        return self.later()


SORTS = ["__call__", "text", "lasting", "later", "promised"]


@pytest.mark.parametrize("sort", SORTS)
def test_a_function_is_asked_once_for_everybody(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any], sort: str
) -> None:
    vault = Vault(issue)
    with Client(**options, token=getattr(vault, sort)) as client:
        assert [client.run(AT_ONCE, {}).ok for _ in range(5)] == [True] * 5
        assert [outcome.error for outcome in client.run_many([{"action_id": AT_ONCE}] * 20)] == [None] * 20
    assert (vault.calls, client.metrics().token_refreshes) == (1, 1)

    async def main() -> None:
        async with AsyncClient(**options, token=getattr(vault, sort)) as client:
            assert all(result.ok for result in await asyncio.gather(*(client.run(AT_ONCE, {}) for _ in range(50))))
            requests = [{"action_id": AT_ONCE}] * 20
            assert [outcome.error async for outcome in client.run_many(requests)] == [None] * 20

    asyncio.run(main())
    assert vault.calls == 2


def test_many_threads_cost_one_call(issue: Callable[[], tuple[str, float]], options: dict[str, Any]) -> None:
    vault, results = Vault(issue), []
    with Client(**options, token=vault) as client:
        threads = [threading.Thread(target=lambda: results.append(client.run(AT_ONCE, {}).ok)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (results, vault.calls) == ([True] * 30, 1)


def test_a_refused_token_is_asked_for_again_once(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any], sandbox: Sandbox
) -> None:
    vault = Vault(issue)
    with Client(**options, token=vault) as client:
        assert client.run(AT_ONCE, {}).ok
        sandbox.inject("invoke", {"status": 401})
        result = client.run(AT_ONCE, {})
        assert (result.attempts, vault.calls) == (2, 2)


def test_a_token_is_renewed_before_it_runs_out(issue: Callable[[], tuple[str, float]], options: dict[str, Any]) -> None:
    asked: list[float] = []

    def vault() -> tuple[str, float]:
        asked.append(time.monotonic())
        return issue()[0], 1.4

    def renewed_early() -> bool:
        return any(later - earlier < 1.3 for earlier, later in itertools.pairwise(asked))

    with Client(**options, token=vault) as client:
        # A machine that stood still meanwhile may have come too late: one of five counts.
        while not renewed_early() and len(asked) < 6:
            assert client.run(AT_ONCE, {}).ok
            time.sleep(0.02)
    assert renewed_early(), asked


def test_a_function_that_hangs_holds_up_nobody_while_its_last_token_serves(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    over, calls = threading.Event(), {"blocking": 0, "asynchronous": 0}

    def hangs_from_the_second_on(whose: str) -> tuple[str, float]:
        calls[whose] += 1
        if calls[whose] > 1:
            over.wait()
        return issue()[0], 4.0

    async def later() -> tuple[str, float]:
        return await asyncio.to_thread(hangs_from_the_second_on, "asynchronous")

    def both() -> None:
        # One that is held up does not end in this time.
        assert client.run(AT_ONCE, {}, timeout=2).ok
        assert loop.run_until_complete(asynchronous.run(AT_ONCE, {}, timeout=2)).ok

    asynchronous, loop = AsyncClient(**options, token=later), asyncio.new_event_loop()
    with Client(**options, token=lambda: hangs_from_the_second_on("blocking")) as client:
        both()
        while min(calls.values()) == 1:
            both()
            time.sleep(0.02)
        both()
        assert (client.metrics().token_refreshes, asynchronous.metrics().token_refreshes) == (1, 1)
    over.set()
    loop.run_until_complete(asynchronous.aclose())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_a_function_that_blocks_does_not_block_the_event_loop(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    entered, turned = threading.Event(), threading.Event()

    def vault() -> tuple[str, float]:
        entered.set()
        assert turned.wait(20), "the loop stood still"
        return issue()

    async def main() -> None:
        async with AsyncClient(**options, token=vault) as client:
            call = asyncio.ensure_future(client.run(AT_ONCE, {}))
            while not entered.is_set():
                await asyncio.sleep(0.001)
            turned.set()
            assert (await call).ok

    asyncio.run(main())


class VaultError(Exception):
    pass


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("does", "says"),
    [
        (VaultError("s3cr3t"), "`token` raised `VaultError`"),
        (KeyboardInterrupt("s3cr3t"), "`token` raised `KeyboardInterrupt`"),
        (SystemExit("s3cr3t"), "`token` raised `SystemExit`"),
        (TimeoutError("s3cr3t"), "`token` raised `TimeoutError`"),
        (None, "`token` returned NoneType"),
        (7, "`token` returned int"),
        (b"s3cr3t", "`token` returned bytes"),
        ({"access_token": "s3cr3t"}, "`token` returned dict"),
        (("s3cr3t", "soon"), "`token` returned tuple"),
        (("s3cr3t", True), "`token` returned tuple"),
        (("s3cr3t", 1, 2), "`token` returned tuple"),
        (("s3cr3t", 0), "`token` returned a token that has already expired"),
        (("s3cr3t", -5), "`token` returned a token that has already expired: its lifetime is negative"),
        (
            ("s3cr3t", float("nan")),
            "`token` returned a token whose lifetime is not a number; leave it out where it is not known",
        ),
        (
            ("s3cr3t", float("inf")),
            "`token` returned a token whose lifetime is infinite; leave it out where it is not known",
        ),
        ("", "`token` returned a token that no header may hold"),
        ("s3cr3t\r\nX: y", "`token` returned a token that no header may hold"),
        ("s3cr3t\ud800", "`token` raised `UnicodeEncodeError`"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_a_function_does_wrong_is_a_typed_error_without_its_text(
    options: dict[str, Any], sandbox: Sandbox, does: Any, says: str, asynchronous: bool
) -> None:
    def vault() -> Any:
        if isinstance(does, BaseException):
            raise does
        return does

    async def later() -> Any:
        return vault()

    with Client(**options, token=later if asynchronous else vault) as client:
        with pytest.raises(AuthenticationError) as raised:
            client.run(AT_ONCE, {})
        error = raised.value
        assert (error.executed, error.attempts) == ("no", 0)
        assert str(error).startswith(says), str(error)
        shown = f"{error} {error!r} {error.to_dict()} {list(client.audit.records())} {client!r}"
        assert "s3cr3t" not in shown
        # What the function raised is the caller's own, and comes back as it was.
        assert error.__cause__ is (does if isinstance(does, BaseException) else None)
    assert [seen for seen in sandbox.requests if seen["point"] == "invoke"] == []


def test_what_a_token_function_raised_is_the_cause_where_it_was_raised_and_is_not_pickled(
    options: dict[str, Any],
) -> None:
    raised = []

    def vault() -> str:
        raised.append(VaultError("s3cr3t"))
        raise raised[-1]

    client = Client(**options, token=vault)
    with client, pytest.raises(AuthenticationError) as caught:
        client.run(AT_ONCE, {})
    cause = caught.value.__cause__
    assert cause is raised[0]
    assert [frame.name for frame in traceback.extract_tb(cause.__traceback__)] == ["vault"]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.to_dict(), again.__cause__) == (caught.value.to_dict(), None)
    gone = weakref.ref(client)
    del client, caught
    gc.collect()
    assert gone() is None, "what was raised keeps no client alive"


def test_a_function_that_failed_is_asked_again_soon_and_not_all_the_time(
    issue: Callable[[], tuple[str, float]], options: dict[str, Any]
) -> None:
    calls: list[float] = []

    def vault() -> tuple[str, float]:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise VaultError
        return issue()

    with Client(**options, token=vault) as client:
        failed = 0
        while True:
            try:
                assert client.run(AT_ONCE, {}).ok
                break
            except AuthenticationError:
                failed += 1
                time.sleep(0.01)
    assert len(calls) == 3
    assert failed > 2, "each call asked"
    assert 0.6 < calls[2] - calls[0] < 30


def test_closing_does_not_wait_for_a_function_that_hangs(options: dict[str, Any]) -> None:
    hanging = threading.Event()
    client = Client(**options, token=lambda: str(hanging.wait(60)))
    errors: list[CxoneError] = []

    def call() -> None:
        try:
            client.run(AT_ONCE, {})
        except CxoneError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    while client.metrics().started == 0:
        time.sleep(0.001)
    began = time.monotonic()
    client.close(0.1)
    thread.join()
    assert time.monotonic() - began < 20
    assert [(error.kind, error.executed) for error in errors] == [("closed", "no")]
    hanging.set()


def test_a_call_ends_at_its_deadline_while_the_function_hangs(options: dict[str, Any]) -> None:
    hanging = threading.Event()
    with Client(**options, token=lambda: str(hanging.wait(60))) as client:
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="deadline"):
            client.run(AT_ONCE, {}, timeout=0.3)
        assert time.monotonic() - began < 20
        hanging.set()
