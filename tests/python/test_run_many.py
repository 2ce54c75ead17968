"""`run_many`, from asyncio and from a thread that blocks: lazy, bounded, and one outcome for each request."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, ECHOES, FAILS, NEVER_ENDS
from cxone_actions import (
    ActionRequest,
    AsyncClient,
    Client,
    ConfigError,
    Outcome,
    PollTimeoutError,
    Sandbox,
    ValidationError,
    _batch,
    _sources,
)

Open = Callable[..., Client]
OpenAsync = Callable[..., AsyncClient]


def requests(count: int, read: list[int]) -> Iterator[ActionRequest]:
    for number in range(count):
        read.append(number)
        yield ActionRequest(ECHOES, {"number": number})


async def slowly(count: int, read: list[int]) -> AsyncIterator[ActionRequest]:
    for request in requests(count, read):
        await asyncio.sleep(0)
        yield request


SOURCES = [requests, slowly]


def check(outcomes: list[Outcome], count: int) -> None:
    assert sorted(outcome.index for outcome in outcomes) == list(range(count))
    for outcome in outcomes:
        assert outcome.error is None
        assert outcome.result is not None
        assert outcome.result.outputs == {"number": outcome.index}
        assert outcome.request.inputs == {"number": outcome.index}


@pytest.mark.parametrize("source", SOURCES)
def test_each_request_has_one_outcome(client: Client, open_async: OpenAsync, source: Any) -> None:
    async def main() -> list[Outcome]:
        async with open_async() as client:
            return [outcome async for outcome in client.run_many(source(200, []), concurrency=16)]

    check(asyncio.run(main()), 200)
    check(list(client.run_many(source(200, []), concurrency=16)), 200)


@pytest.mark.parametrize("source", SOURCES)
def test_the_source_is_never_read_further_ahead_than_asked(client: Client, open_async: OpenAsync, source: Any) -> None:
    async def main() -> None:
        read: list[int] = []
        taken = 0
        async with open_async() as client:
            outcomes = client.run_many(source(50, read), concurrency=7)
            assert read == []
            async for _ in outcomes:
                assert len(read) <= taken + 7
                await asyncio.sleep(0.002)
                assert len(read) <= taken + 7
                taken += 1

    asyncio.run(main())
    read: list[int] = []
    outcomes = client.run_many(source(50, read), concurrency=7)
    assert read == []
    for taken, _ in enumerate(outcomes):
        assert len(read) <= taken + 7


def test_outcomes_come_as_they_are_completed(client: Client, sandbox: Sandbox) -> None:
    slow = ActionRequest(CREATE_CASE, {"customerId": "C"})
    quick = ActionRequest(AT_ONCE, {})
    assert [outcome.index for outcome in client.run_many([slow, quick], concurrency=2)] == [1, 0]


def test_one_error_loses_no_other_outcome(client: Client, open_async: OpenAsync) -> None:
    mixed: list[Any] = [
        ActionRequest(AT_ONCE, {}),
        {"action_id": AT_ONCE, "inputs": {"bad": b"CANARY"}},
        {"actionId": AT_ONCE, "inputs": {}, "callbackURL": "https://hooks.example.com/"},
        {"action_id": FAILS},
        7,
        (AT_ONCE, {}),
        "text",
        None,
    ]

    async def main() -> list[Outcome]:
        async with open_async() as client:
            return [outcome async for outcome in client.run_many(iter(mixed))]

    for outcomes in (list(client.run_many(mixed)), asyncio.run(main())):
        outcomes.sort(key=lambda outcome: outcome.index)
        assert [outcome.request for outcome in outcomes] == mixed
        assert all((outcome.result is None) != (outcome.error is None) for outcome in outcomes)
        given = [outcome.error or (outcome.result and outcome.result.status) for outcome in outcomes]
        assert (given[0], given[3]) == ("COMPLETED", "FAILED")
        for error in (given[1], given[2], *given[4:]):
            assert isinstance(error, ValidationError)
            assert error.executed == "no"
            assert "CANARY" not in repr(error)
        assert [outcome.ok for outcome in outcomes] == [True] + [False] * 7


def breaks() -> Iterator[ActionRequest]:
    yield ActionRequest(AT_ONCE, {})
    yield ActionRequest(CREATE_CASE, {"customerId": "C"})
    raise LookupError("the source broke")


async def breaks_async() -> AsyncIterator[ActionRequest]:
    for request in breaks():
        yield request


async def cancels() -> AsyncIterator[ActionRequest]:
    for request in [ActionRequest(AT_ONCE, {}), ActionRequest(CREATE_CASE, {"customerId": "C"})]:
        yield request
    raise asyncio.CancelledError("the source broke")


@pytest.mark.parametrize("source", [breaks, breaks_async, cancels])
def test_what_the_source_raises_comes_after_the_outcomes_of_what_it_gave(
    client: Client, open_async: OpenAsync, source: Any
) -> None:
    async def main(seen: list[int]) -> None:
        async with open_async() as client:
            async for outcome in client.run_many(source()):
                seen.append(outcome.index)

    def blocking(seen: list[int]) -> None:
        for outcome in client.run_many(source()):
            seen.append(outcome.index)

    # Up to Python 3.10 a loop that is run keeps nothing of what a cancellation said.
    raised, said = (asyncio.CancelledError, None) if source is cancels else (LookupError, "the source broke")
    for run in (lambda seen: asyncio.run(main(seen)), blocking):
        seen: list[int] = []
        with pytest.raises(raised, match=said):
            run(seen)
        assert seen == [0, 1]


def test_leaving_early_stops_the_waiting(client: Client, open_async: OpenAsync) -> None:
    unending = [ActionRequest(AT_ONCE, {}), *(ActionRequest(NEVER_ENDS, {}) for _ in range(5))]

    async def main() -> None:
        async with open_async() as client:
            outcomes = client.run_many(unending)
            assert (await outcomes.__anext__()).ok
            await outcomes.aclose()
            while client.metrics().in_flight:
                await asyncio.sleep(0.005)

    asyncio.run(main())
    outcomes = client.run_many(unending)
    assert next(outcomes).ok
    outcomes.close()
    client.close(5)
    assert client.metrics().in_flight == 0


def given_while_the_source_is_slow(client: Client | AsyncClient, given: list[Outcome]) -> Iterator[ActionRequest]:
    """A source that takes until each request is completed, and goes on until an outcome was given."""
    for number in range(64):
        if given:
            return
        yield ActionRequest(AT_ONCE, {})
        while client.metrics().completed <= number:
            time.sleep(0.001)


async def nothing_but_the_first(client: Client | AsyncClient, given: list[Outcome]) -> AsyncIterator[ActionRequest]:
    """A source that has no second request before the outcome of the first was given."""
    yield ActionRequest(AT_ONCE, {})
    while not given:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("source", [given_while_the_source_is_slow, nothing_but_the_first])
def test_an_outcome_is_given_while_the_source_is_slow(client: Client, open_async: OpenAsync, source: Any) -> None:
    given: list[Outcome] = []
    for outcome in client.run_many(source(client, given), concurrency=64):
        given.append(outcome)
    assert 1 <= len(given) < 64

    async def main() -> None:
        async with open_async() as asynchronous:
            given.clear()
            async for outcome in asynchronous.run_many(source(asynchronous, given), concurrency=64):
                given.append(outcome)

    asyncio.run(main())
    assert 1 <= len(given) < 64


@pytest.mark.parametrize("source", SOURCES)
def test_news_of_a_slow_source_is_not_lost(open_async: OpenAsync, source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batch, "_LONG", -1.0)

    async def main() -> list[Outcome]:
        async with open_async() as client:
            return [outcome async for outcome in client.run_many(source(50, []), concurrency=4)]

    check(asyncio.run(asyncio.wait_for(main(), 20)), 50)


def test_an_asynchronous_source_is_read_where_a_loop_runs_too(client: Client) -> None:
    async def main() -> list[Outcome]:
        return list(client.run_many(slowly(50, []), concurrency=4))

    check(asyncio.run(main()), 50)


def test_an_asynchronous_source_sees_its_callers_context_and_ends_where_it_is_left(client: Client) -> None:
    whose = contextvars.ContextVar("whose", default="nobody's")
    seen: list[str] = []

    async def source() -> AsyncIterator[ActionRequest]:
        try:
            while True:
                seen.append(whose.get())
                whose.set("its own")
                yield ActionRequest(AT_ONCE, {})
        finally:
            await asyncio.sleep(0)
            seen.append("ended")

    whose.set("the caller's")
    # The first outcome may come before the source is read again; the second cannot.
    for count, _ in enumerate(client.run_many(source(), concurrency=2), 1):
        if count == 2:
            break
    assert seen[:2] == ["the caller's", "its own"]
    assert seen[-1] == "ended"
    assert whose.get() == "the caller's"
    assert [thread for thread in threading.enumerate() if thread.name == "cxone-actions-source"] == []


def test_a_batch_is_never_refused_because_of_its_own_length(open_client: Open, open_async: OpenAsync) -> None:
    narrow = {"max_in_flight": 2, "max_queued": 4}
    many = [ActionRequest(AT_ONCE, {})] * 200
    assert all(outcome.ok for outcome in open_client(**narrow).run_many(many, concurrency=200))

    async def main() -> list[Outcome]:
        async with open_async(**narrow) as asynchronous:
            return [outcome async for outcome in asynchronous.run_many(many, concurrency=200)]

    assert all(outcome.ok for outcome in asyncio.run(main()))


def test_the_deadline_is_each_requests_own(client: Client) -> None:
    assert client.run(AT_ONCE, {}).ok  # the token is no part of the first one's time
    outcomes = list(client.run_many([{"action_id": NEVER_ENDS}] * 3, concurrency=1, timeout=0.4))
    assert [type(outcome.error) for outcome in outcomes] == [PollTimeoutError] * 3


@pytest.mark.parametrize("concurrency", [0, -1, True, 1.5, "8", None])
def test_a_bound_that_is_none_is_refused_at_once(client: Client, open_async: OpenAsync, concurrency: Any) -> None:
    with pytest.raises(ConfigError, match="`concurrency`"):
        client.run_many([], concurrency=concurrency)
    with pytest.raises(ConfigError, match="`concurrency`"):
        open_async().run_many([], concurrency=concurrency)


def test_nothing_gives_nothing(client: Client) -> None:
    assert list(client.run_many([])) == []


class Broken(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("boom")

    def __iter__(self) -> Iterator[str]:
        return iter(["customerId"])

    def __len__(self) -> int:
        return 1


def test_a_request_that_raises_when_it_is_read_is_its_own_outcome(client: Client, open_async: OpenAsync) -> None:
    requests = [ActionRequest(AT_ONCE, {"n": 0}), ActionRequest(AT_ONCE, Broken()), ActionRequest(AT_ONCE, {"n": 2})]

    async def main() -> list[Outcome]:
        async with open_async() as asynchronous:
            return [outcome async for outcome in asynchronous.run_many(requests)]

    for outcomes in (list(client.run_many(requests)), asyncio.run(main())):
        by_index = {outcome.index: outcome for outcome in outcomes}
        assert isinstance(by_index[1].error, RuntimeError)
        assert [by_index[index].result is not None for index in (0, 1, 2)] == [True, False, True]


async def ends_when_it_is_left() -> AsyncIterator[ActionRequest]:
    yield ActionRequest(AT_ONCE, {})
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


async def raises_when_it_is_left() -> AsyncIterator[ActionRequest]:
    yield ActionRequest(AT_ONCE, {})
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise LookupError("the source broke") from None


async def goes_on_when_it_is_left() -> AsyncIterator[ActionRequest]:
    while True:
        yield ActionRequest(AT_ONCE, {})
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


LEFT = [ends_when_it_is_left, raises_when_it_is_left, goes_on_when_it_is_left]


@pytest.mark.parametrize("source", LEFT)
def test_a_source_that_its_reader_leaves_is_not_complained_of(
    client: Client, open_async: OpenAsync, source: Any
) -> None:
    said: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        async with open_async() as client:
            outcomes = client.run_many(source())
            assert (await outcomes.__anext__()).ok
            await outcomes.aclose()
            del outcomes
            await asyncio.sleep(0)
        gc.collect()

    asyncio.run(main())
    assert said == []
    blocking = client.run_many(source())
    assert next(blocking).ok
    blocking.close()
    assert "cxone-actions-source" not in [thread.name for thread in threading.enumerate()]


def test_a_source_that_does_not_end_is_left_behind_and_told_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_sources, "_FAREWELL", 0.1)
    stays, enough = threading.Event(), threading.Event()

    async def staying() -> AsyncIterator[ActionRequest]:
        yield ActionRequest(AT_ONCE, {})
        stays.set()
        while not enough.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.005)

    left = _sources.Threaded(staying(), lambda: None)
    while not stays.is_set():
        left.take()
        time.sleep(0.001)
    left.close()
    [source] = [thread for thread in threading.enumerate() if thread.name == "cxone-actions-source"]
    said = "the source of `run_many` did not end within 0.1 s of being told to; its thread goes on"
    assert [record.getMessage() for record in caplog.records].count(said) == 1
    enough.set()
    source.join()


def test_an_action_that_its_own_limit_keeps_does_not_keep_the_others(open_client: Open, open_async: OpenAsync) -> None:
    limited = {"id": NEVER_ENDS, "concurrency": 1, "inputs": "*"}
    policy = {"action": [limited, {"id": ECHOES, "inputs": "*"}]}

    def mixed(read: list[int]) -> Iterator[ActionRequest]:
        for request in requests(100, read):
            yield ActionRequest(NEVER_ENDS) if len(read) <= 5 else request

    def holds(outcome: Outcome, taken: int, read: list[int]) -> None:
        assert outcome.ok, outcome.error
        assert outcome.index >= 5
        assert len(read) <= taken + 8

    def begun(client: Client | AsyncClient) -> int:
        metrics = client.metrics()
        return metrics.started - metrics.completed

    async def main() -> None:
        read: list[int] = []
        taken = 0
        async with (
            open_async(policy=policy) as client,
            contextlib.aclosing(client.run_many(mixed(read), concurrency=4, timeout=30)) as outcomes,
        ):
            while taken < 80:
                holds(await outcomes.__anext__(), taken, read)
                taken += 1
            assert begun(client) <= 6

    asyncio.run(main())
    client = open_client(policy=policy)
    read: list[int] = []
    outcomes = client.run_many(mixed(read), concurrency=4, timeout=30)
    for taken in range(80):
        holds(next(outcomes), taken, read)
    assert begun(client) <= 6
    outcomes.close()


def test_a_source_for_which_there_can_be_no_loop_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(work: Coroutine[Any, Any, None]) -> None:
        work.close()
        raise OSError("too many open files")

    monkeypatch.setattr(asyncio, "run", refuses)
    with pytest.raises(OSError, match="too many open files"):
        list(client.run_many(slowly(1, [])))
