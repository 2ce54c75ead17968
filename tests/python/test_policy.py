"""The policy at work from Python: asked, changed while a client is open, and in a forked child."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import (
    AccessDeniedError,
    AsyncClient,
    Client,
    ConfigError,
    RateLimitedError,
    Sandbox,
    ValidationError,
)
from forks import in_a_forked_child

OPEN = {"action": [{"id": CREATE_CASE, "name": "create-case", "inputs": "*"}]}
CLOSED: dict[str, Any] = {"action": []}


def limited(**more: Any) -> dict[str, Any]:
    return {"action": [{**OPEN["action"][0], **more}]}


def notes(client: Client) -> list[str]:
    return [record["note"] for record in client.audit.records(event="config")]


def test_a_name_stands_for_its_action_in_every_call_of_both_clients(
    open_client: Callable[..., Client], open_async: Callable[..., AsyncClient]
) -> None:
    client = open_client(policy=OPEN)
    assert client.run("create-case", INPUTS).action_id == CREATE_CASE
    assert client.check("create-case", INPUTS).action_id == CREATE_CASE
    [outcome] = client.run_many([{"action_id": "create-case", "inputs": INPUTS}])
    assert outcome.ok

    async def main() -> None:
        async with open_async(policy=OPEN) as other:
            assert (await other.invoke("create-case", INPUTS)).action_id == CREATE_CASE
            assert other.check("create-case", INPUTS).action_name == "create-case"
            with pytest.raises(ValidationError, match="did you mean `create-case`"):
                await other.run("create_case", INPUTS)

    asyncio.run(main())


def test_a_question_is_asked_at_any_time_in_any_way_of_saying_it_and_leaves_no_trace(
    open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    hours = [{"days": ["mon"], "from": "08:00", "to": "09:00", "zone": "Europe/Berlin"}]
    client = open_client(policy=limited(when=hours))
    monday = datetime(2026, 11, 23, 7, 30, tzinfo=timezone.utc)
    for inside in (monday, "2026-11-23T07:30:00Z", monday.astimezone(timezone(timedelta(hours=5)))):
        assert client.check("create-case", at=inside)
    # Without a zone it is local time, as it is for the trail.
    assert client.check("create-case", at=monday.astimezone().replace(tzinfo=None))
    outside = client.check("create-case", {"key": "CANARY"}, at=monday + timedelta(hours=1))
    assert not outside
    assert outside.opens_at == datetime(2026, 11, 30, 7, tzinfo=timezone.utc)
    assert "CANARY" not in repr(outside)
    with pytest.raises(ConfigError, match="`at` must be a time"):
        client.check("create-case", at="monday")
    with pytest.raises(TypeError, match="`at` must be a `datetime`"):
        client.check("create-case", at=7)  # type: ignore[arg-type]
    assert [record["event"] for record in client.audit.records()] == ["config"]
    assert (client.metrics().denied, client.metrics().invalid, len(sandbox.requests)) == (0, 0, 0)


def test_outside_its_hours_an_action_is_refused_and_nothing_is_sent(
    open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    later = (datetime.now(timezone.utc) + timedelta(days=3)).strftime("%a").lower()
    client = open_client(policy=limited(when=[{"days": [later], "zone": "UTC"}]))
    with pytest.raises(AccessDeniedError) as raised:
        client.run("create-case", INPUTS)
    assert raised.value.violations is not None
    [violation] = raised.value.violations
    assert (raised.value.executed, violation.path, violation.code) == ("no", "/actionId", "outside_hours")
    assert sandbox.requests == []


def test_a_policy_is_changed_while_the_client_is_open_and_a_mistake_changes_nothing(
    open_client: Callable[..., Client], tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(f'[[action]]\nid = "{CREATE_CASE}"\ninputs = "*"\n')
    client = open_client(policy=path)
    first = client.check(CREATE_CASE).policy
    assert client.run(CREATE_CASE, INPUTS).ok
    path.write_text("[[action]]\nid = 7\n")
    with pytest.raises(ConfigError, match=r"policy\.toml, line 2") as raised:
        client.reload_policy()
    assert raised.value.executed == "no"
    assert client.run(CREATE_CASE, INPUTS).ok
    path.write_text("action = []\n")
    second = client.reload_policy()
    with pytest.raises(AccessDeniedError):
        client.run(CREATE_CASE, INPUTS)
    third = client.reload_policy(OPEN)
    assert client.run("create-case", INPUTS).ok
    assert client.reload_policy(str(path)) == second
    assert client.reload_policy(path) == second
    assert notes(client)[1:] == [
        f"policy {first} stays: what was read is none",
        f"policy {second}, before {first}",
        f"policy {third}, before {second}",
        f"policy {second}, before {third}",
        f"policy {second}, before {second}",
    ]
    for nothing in (7, [], {"action": {}}, object()):
        with pytest.raises(ConfigError):
            client.reload_policy(nothing)  # type: ignore[arg-type]
    assert client.audit.verify().ok


def test_a_file_that_changed_is_read_again_by_a_later_call(open_client: Callable[..., Client], tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("action = []\n")
    client = open_client(policy=path, policy_refresh=timedelta(milliseconds=1))
    assert not client.check(CREATE_CASE)
    beside = tmp_path / "next.toml"
    beside.write_text(f'[[action]]\nid = "{CREATE_CASE}"\ninputs = "*"\n')
    beside.replace(path)
    deadline = datetime.now() + timedelta(seconds=60)
    while not client.check(CREATE_CASE):
        assert datetime.now() < deadline
    assert client.run(CREATE_CASE, INPUTS).ok


def test_a_limit_that_lets_nobody_through_before_the_deadline_sends_nothing(
    open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    client = open_client(policy=limited(rate="1/h"))
    assert client.run("create-case", INPUTS).ok
    with pytest.raises(RateLimitedError) as raised:
        client.run("create-case", INPUTS)
    assert raised.value.executed == "no"
    assert (raised.value.retry_after or 0) > 3000
    assert sum(seen["point"] == "invoke" for seen in sandbox.requests) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_the_policy_that_its_parent_had_at_the_fork(
    open_client: Callable[..., Client],
) -> None:
    client = open_client(policy=CLOSED)
    digest = client.reload_policy(OPEN)

    def work() -> None:
        verdict = client.check("create-case", INPUTS)
        assert verdict
        assert verdict.policy == digest

    in_a_forked_child(work)
