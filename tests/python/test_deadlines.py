"""The deadline of one `invoke`: what it ends with says whether anything was sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, Client, ConfigError, CxoneError, OutcomeUnknownError, Sandbox, UnavailableError

Open = Callable[..., Client]
OpenAsync = Callable[..., AsyncClient]
SOON = [pytest.param(0.3, id="seconds"), pytest.param(timedelta(milliseconds=300), id="timedelta")]


def events(client: Client | AsyncClient) -> list[str]:
    return [record["event"] for record in client.audit.records(correlation_id="late")]


def test_a_deadline_on_the_wire_is_an_unknown_outcome_and_the_answer_is_recorded(
    client: Client, sandbox: Sandbox
) -> None:
    assert client.run(CREATE_CASE, INPUTS).ok
    sandbox.inject("invoke", {"delay": 3})
    with pytest.raises(OutcomeUnknownError, match="the deadline passed while the request was on the wire") as raised:
        client.invoke(CREATE_CASE, INPUTS, correlation_id="late", timeout=1)
    assert (raised.value.executed, raised.value.attempts) == ("unknown", 1)
    while client.metrics().detached == 0:
        time.sleep(0.01)
    assert events(client) == ["started", "sending", "accepted", "detached"]
    assert sandbox.executions("late") == 1


@pytest.mark.parametrize("timeout", SOON)
def test_a_deadline_before_the_send_is_definite_also_from_asyncio(
    open_async: OpenAsync, sandbox: Sandbox, timeout: Any
) -> None:
    async def main() -> None:
        async with open_async() as client:
            sandbox.inject("token", {"delay": 20}, 9)
            with pytest.raises(UnavailableError) as raised:
                await client.invoke(CREATE_CASE, INPUTS, correlation_id="late", timeout=timeout)
            assert raised.value.executed == "no"
            assert events(client) == ["started", "rejected"]
            assert client.metrics().rejected == 1
            assert sandbox.executions("late") == 0
            await client.aclose(0)

    asyncio.run(main())


def test_a_deadline_that_is_over_at_once_sends_nothing(client: Client, sandbox: Sandbox) -> None:
    assert client.run(CREATE_CASE, INPUTS).ok
    sent = len(sandbox.requests)
    for call in (client.invoke, client.run):
        with pytest.raises(CxoneError, match="deadline") as raised:
            call(CREATE_CASE, INPUTS, timeout=1e-6)
        assert raised.value.executed == "no"
    assert len(sandbox.requests) == sent


def test_a_deadline_that_cannot_be_is_refused_before_anything_is_sent(client: Client, sandbox: Sandbox) -> None:
    for timeout in (0, -1, float("nan"), float("inf"), 10**400):
        with pytest.raises(ConfigError, match="`timeout` must be above zero") as raised:
            client.invoke(CREATE_CASE, INPUTS, timeout=timeout)
        assert raised.value.executed == "no"
    with pytest.raises(TypeError, match="`timeout` must be seconds or a `timedelta`, got str"):
        client.invoke(CREATE_CASE, INPUTS, timeout="5")  # type: ignore[arg-type]
    assert sandbox.requests == []
