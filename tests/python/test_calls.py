"""The calls themselves, from asyncio and from a thread that blocks: results, handlers, deadlines, cancelling."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, ECHOES, FAILS, INPUTS, IS_CANCELLED, NEVER_ENDS
from cxone_actions import (
    ActionCancelledError,
    ActionFailedError,
    ActionRequest,
    ActionResult,
    AsyncClient,
    Client,
    ClosedError,
    ConfigError,
    OverloadedError,
    PollTimeoutError,
    Sandbox,
    UnavailableError,
    ValidationError,
)

Open = Callable[..., Client]
OpenAsync = Callable[..., AsyncClient]
WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


def events(client: Client | AsyncClient) -> list[str]:
    return [record["event"] for record in client.audit.records()]


def test_the_missions_example_counts_as_one_invocation(client: Client, sandbox: Sandbox) -> None:
    delivered: list[ActionResult] = []
    result = client.run(CREATE_CASE, INPUTS, correlation_id="corr-001", on_result=delivered.append)
    assert (result.status, result.ok, result.attempts) == ("COMPLETED", True, 1)
    assert result.outputs["queue"] == "priority-support"
    assert delivered == [result]
    assert sandbox.executions("corr-001") == 1
    metrics = client.metrics()
    assert (metrics.started, metrics.completed, metrics.success_rate) == (1, 1, 1.0)
    assert events(client) == ["config", "started", "token_refreshed", "sending", "accepted", "terminal", "delivered"]
    assert client.audit.verify().ok


def test_invoke_and_poll_are_run_in_two_steps(open_async: OpenAsync) -> None:
    async def main() -> None:
        async with open_async() as client:
            invocation = await client.invoke(CREATE_CASE, INPUTS)
            assert invocation.action_id == CREATE_CASE
            assert client.metrics().detached == 1
            assert invocation.invocation_id is not None
            assert invocation.resume_token is not None
            results = [
                await client.poll(target) for target in (invocation, invocation.resume_token, invocation.invocation_id)
            ]
            assert [result.status for result in results] == ["COMPLETED"] * 3
            assert results[0].correlation_id == results[1].correlation_id == invocation.correlation_id
            assert (client.metrics().started, client.metrics().completed) == (1, 1)

    asyncio.run(main())


def test_what_ended_at_once_is_never_polled(client: Client, sandbox: Sandbox) -> None:
    invocation = client.invoke(AT_ONCE, {"a": 1})
    assert client.poll(invocation).ok
    assert client.run(AT_ONCE, {"a": 1}).polls == 0
    assert [seen for seen in sandbox.requests if seen["point"] == "poll"] == []


@pytest.mark.parametrize(("action", "error"), [(FAILS, ActionFailedError), (IS_CANCELLED, ActionCancelledError)])
def test_a_result_that_is_none_raises_only_when_asked(
    client: Client, action: str, error: type[ActionFailedError | ActionCancelledError]
) -> None:
    result = client.run(action, {}, correlation_id="corr-001")
    assert not result.ok
    with pytest.raises(error) as raised:
        result.raise_for_status()
    assert raised.value.executed == "yes"
    assert (raised.value.action_id, raised.value.correlation_id) == (action, "corr-001")
    assert raised.value.hint is not None


def test_a_result_that_completed_is_given_back(client: Client) -> None:
    result = client.run(CREATE_CASE, INPUTS)
    assert result.raise_for_status() is result


def test_a_handler_runs_in_the_context_of_its_caller(open_async: OpenAsync) -> None:
    seen: list[tuple[str, str, bool]] = []

    async def main() -> None:
        here = threading.current_thread()

        def plainly(_: ActionResult) -> None:
            seen.append(("sync", WHERE.get(), threading.current_thread() is here))

        async def awaiting(_: ActionResult) -> None:
            await asyncio.sleep(0)
            seen.append(("async", WHERE.get(), threading.current_thread() is here))

        async def call(where: str, handler: Any) -> None:
            WHERE.set(where)
            await client.run(CREATE_CASE, INPUTS, on_result=handler)

        async with open_async() as client:
            await asyncio.gather(call("first", plainly), call("second", awaiting))

    asyncio.run(main())
    assert sorted(seen) == [("async", "second", True), ("sync", "first", True)]


def test_a_blocking_handler_runs_in_the_thread_of_its_caller(client: Client) -> None:
    seen: list[tuple[str, int]] = []

    async def awaiting(_: ActionResult) -> None:
        await asyncio.sleep(0)
        seen.append((WHERE.get(), threading.get_ident()))

    token = WHERE.set("here")
    try:
        client.run(CREATE_CASE, INPUTS, on_result=lambda _: seen.append((WHERE.get(), threading.get_ident())))
        client.run(CREATE_CASE, INPUTS, on_result=awaiting)
    finally:
        WHERE.reset(token)
    assert seen == [("here", threading.get_ident())] * 2


def raises(_: ActionResult) -> None:
    raise LookupError("CANARY")


async def raises_later(_: ActionResult) -> None:
    await asyncio.sleep(0)
    raise LookupError("CANARY")


def cancels(_: ActionResult) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("handler", "named"), [(raises, "LookupError"), (raises_later, "LookupError"), (cancels, "CancelledError")]
)
def test_what_a_handler_raises_is_recorded_and_changes_nothing(
    client: Client, open_async: OpenAsync, handler: Any, named: str
) -> None:
    async def main() -> AsyncClient:
        async with open_async() as client:
            assert (await client.run(CREATE_CASE, INPUTS, on_result=handler)).ok
            return client

    assert client.run(CREATE_CASE, INPUTS, on_result=handler).ok
    for used in (client, asyncio.run(main())):
        [record] = used.audit.records(event="callback_failed")
        assert record["note"] == named
        assert "CANARY" not in str(record)
        assert used.metrics().callback_failures == 1
        assert used.metrics().success_rate == 1.0


def test_a_handler_that_cancels_or_ends_the_program_takes_no_news_from_other_calls(open_async: OpenAsync) -> None:
    seen: list[str | None] = []

    def handler(result: ActionResult) -> None:
        seen.append(result.correlation_id)
        if result.correlation_id == "c-3":
            raise asyncio.CancelledError
        if result.correlation_id == "c-5":
            raise KeyboardInterrupt

    async def call(client: AsyncClient, number: int) -> bool:
        return (await client.run(AT_ONCE, {}, correlation_id=f"c-{number}", on_result=handler)).ok

    client = open_async()
    loop = asyncio.new_event_loop()
    calls = [loop.create_task(call(client, number)) for number in range(60)]
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(asyncio.wait(calls, timeout=20))
    done, pending = loop.run_until_complete(asyncio.wait(calls, timeout=20))
    loop.run_until_complete(client.aclose())
    loop.close()
    assert not pending
    assert [call.result() for call in done] == [True] * 60
    assert len(seen) == 60


def test_a_handler_may_call_the_client_again(client: Client, open_async: OpenAsync) -> None:
    again: list[ActionResult] = []

    async def once_more(_: ActionResult) -> None:
        again.append(await asynchronous.run(AT_ONCE, {}))

    async def main() -> None:
        async with asynchronous:
            await asynchronous.run(CREATE_CASE, INPUTS, on_result=once_more)

    asynchronous = open_async()
    asyncio.run(main())
    client.run(CREATE_CASE, INPUTS, on_result=lambda _: again.append(client.run(AT_ONCE, {})))
    assert [result.ok for result in again] == [True, True]


def test_a_handler_that_closes_the_client_or_stops_the_loop_keeps_the_result(open_async: OpenAsync) -> None:
    async def main() -> ActionResult:
        client = open_async()
        return await client.run(CREATE_CASE, INPUTS, on_result=lambda _: client.aclose(0.2))

    assert asyncio.run(main()).ok

    stopping = open_async()
    loop = asyncio.new_event_loop()
    task = loop.create_task(stopping.run(CREATE_CASE, INPUTS, on_result=lambda _: loop.stop()))
    loop.run_forever()
    assert loop.run_until_complete(task).ok
    loop.run_until_complete(stopping.aclose())
    loop.close()


@pytest.mark.parametrize("timeout", [0.5, timedelta(milliseconds=500)])
def test_a_deadline_hands_back_a_token_that_goes_on(open_client: Open, sandbox: Sandbox, timeout: Any) -> None:
    client = open_client()
    assert client.run(AT_ONCE, {}).ok  # the token is no part of the time
    began = time.monotonic()
    with pytest.raises(PollTimeoutError) as raised:
        client.run(NEVER_ENDS, {}, correlation_id="corr-001", timeout=timeout)
    # On a slow machine the last look begins earlier, so that it ends in time.
    assert 0.2 < time.monotonic() - began < 10
    error = raised.value
    assert isinstance(error, TimeoutError)
    assert error.executed == "yes"
    assert error.last_status is not None
    assert error.resume_token is not None
    with pytest.raises(PollTimeoutError):
        client.poll(error.resume_token, timeout=timeout)
    assert client.metrics().detached == 1


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), 1e300, pytest.param(10**400, id="beyond-a-float")]
)
def test_a_deadline_that_cannot_be_is_refused_before_anything_is_sent(
    client: Client, sandbox: Sandbox, timeout: float
) -> None:
    with pytest.raises(ConfigError, match="`timeout` must be above zero") as raised:
        client.run(CREATE_CASE, INPUTS, timeout=timeout)
    assert raised.value.executed == "no"
    assert sandbox.requests == []


def test_cancelling_stops_the_waiting_and_not_the_action(open_async: OpenAsync, sandbox: Sandbox) -> None:
    async def main() -> None:
        client = open_async()
        sandbox.inject("invoke", {"delay": 0.2})
        task = asyncio.create_task(client.run(NEVER_ENDS, {}, correlation_id="corr-001"))
        while "sending" not in events(client):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
        assert sandbox.executions("corr-001") == 1
        assert events(client)[-3:] == ["accepted", "detached", "closed"]
        metrics = client.metrics()
        assert (metrics.started, metrics.detached, metrics.in_flight) == (1, 1, 0)

    asyncio.run(main())


def test_cancelling_a_poll_leaves_it_resumable(open_async: OpenAsync) -> None:
    async def main() -> None:
        async with open_async() as client:
            invocation = await client.invoke(NEVER_ENDS, {})
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.poll(invocation), 0.1)
            while client.metrics().in_flight:
                await asyncio.sleep(0.005)
            assert client.metrics().detached == 1
            with pytest.raises(PollTimeoutError):
                await client.poll(invocation, timeout=0.1)

    asyncio.run(main())


def test_cancelling_cancels_the_handler_that_is_awaited(open_async: OpenAsync) -> None:
    async def main() -> None:
        entered, left = asyncio.Event(), asyncio.Event()

        async def hangs(_: ActionResult) -> None:
            entered.set()
            try:
                await asyncio.Event().wait()
            finally:
                left.set()

        async with open_async() as client:
            task = asyncio.create_task(client.run(CREATE_CASE, INPUTS, on_result=hangs))
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(left.wait(), 5)
            assert client.metrics().completed == 1

    asyncio.run(main())


def test_a_closed_client_refuses_every_call_and_still_shows_its_numbers(client: Client, sandbox: Sandbox) -> None:
    client.run(CREATE_CASE, INPUTS)
    client.close()
    client.close()
    for call in (client.run, client.invoke):
        with pytest.raises(ClosedError) as raised:
            call(CREATE_CASE, INPUTS)
        assert raised.value.executed == "no"
    with pytest.raises(ClosedError):
        client.poll("some-invocation")
    assert client.metrics().completed == 1
    assert client.audit.verify().ok
    assert repr(client) == f"<Client closed 'gateway' at {sandbox.base_url!r}>"


@pytest.mark.parametrize("target", ["", "..", "../../admin", 7, None, ["x"], {"invocation_id": "../x"}])
def test_what_is_no_invocation_is_refused_without_a_request(client: Client, sandbox: Sandbox, target: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        client.poll(target)
    assert raised.value.executed == "no"
    assert sandbox.requests == []


def test_many_threads_share_one_client(client: Client) -> None:
    results: list[ActionResult] = []

    def work(number: int) -> None:
        results.extend(client.run(ECHOES, {"number": number * 100 + turn}) for turn in range(5))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result.outputs["number"] for result in results) == sorted(
        number * 100 + turn for number in range(32) for turn in range(5)
    )
    assert client.metrics().completed == 160


def test_a_queue_that_is_full_refuses_and_sends_nothing(open_async: OpenAsync, sandbox: Sandbox) -> None:
    async def main() -> None:
        async with open_async(max_in_flight=1, max_queued=1) as client:
            sandbox.inject("invoke", {"delay": 0.3}, 10)
            calls = [client.run(AT_ONCE, {}, correlation_id=f"corr-{number}") for number in range(10)]
            given = await asyncio.gather(*calls, return_exceptions=True)
            refused = [error for error in given if isinstance(error, OverloadedError)]
            assert refused
            assert {error.executed for error in refused} == {"no"}
            assert sum(sandbox.executions(f"corr-{number}") for number in range(10)) == 10 - len(refused)

    asyncio.run(main())


def test_a_gateway_that_is_down_is_unavailable_and_nothing_was_executed(open_client: Open, sandbox: Sandbox) -> None:
    client = open_client(max_attempts=1)
    sandbox.close()
    with pytest.raises(UnavailableError) as raised:
        client.run(CREATE_CASE, INPUTS)
    assert raised.value.executed == "no"


def test_a_request_is_shown_without_its_values() -> None:
    request = ActionRequest(CREATE_CASE, {"customerId": "CANARY", "a": 1}, callback_url="https://x/?CANARY")
    assert "CANARY" not in repr(request)
    assert "customerId" in repr(request)


def test_closing_with_no_patience_does_not_wait_and_a_bad_one_is_named(open_client: Open) -> None:
    client = open_client()
    with pytest.raises(ConfigError, match="`timeout` must be above zero"):
        client.close(-1)
    began = time.monotonic()
    client.close(0)
    assert time.monotonic() - began < 20
    with pytest.raises(ClosedError):
        client.run(AT_ONCE, {})


@pytest.mark.parametrize("wrong", [{"on_result": 5}, {"timeout": "5"}])
def test_a_handler_or_a_deadline_of_the_wrong_type_is_named_before_anything_is_sent(
    client: Client, sandbox: Sandbox, wrong: dict[str, Any]
) -> None:
    (name,) = wrong
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        client.run(AT_ONCE, {}, **wrong)
    assert sandbox.requests == []
