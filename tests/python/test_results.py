"""What goes in and what comes back, as a user's own code and tests handle it: made by hand, faked, kept, sent on."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest

from actions import AT_ONCE, CREATE_CASE, FAILS, INPUTS, IS_CANCELLED
from cxone_actions import (
    ActionCancelledError,
    ActionDescription,
    ActionFailedError,
    ActionRequest,
    ActionResult,
    AsyncClient,
    Client,
    Invocation,
    Outcome,
    Sandbox,
    Unfinished,
    ValidationError,
)


def test_a_result_made_by_hand_cannot_contradict_itself() -> None:
    made = ActionResult(status="COMPLETED", outputs={"caseId": "C-1"})
    assert made.ok
    assert made.raise_for_status() is made
    failed = dataclasses.replace(made, status="FAILED", error_message="no such customer")
    assert not failed.ok
    with pytest.raises(ActionFailedError, match="no such customer") as raised:
        failed.raise_for_status()
    assert raised.value.result is failed
    with pytest.raises(ActionCancelledError) as cancelled:
        ActionResult(status="CANCELLED").raise_for_status()
    assert cancelled.value.result is not None
    with pytest.raises(ActionFailedError):
        dataclasses.replace(failed, duration_ms=float("nan")).raise_for_status()
    for impossible in ("DONE", "completed", ""):
        with pytest.raises(ValueError, match="`status` must be"):
            dataclasses.replace(made, status=impossible).raise_for_status()  # type: ignore[arg-type]


@pytest.mark.parametrize("action", [FAILS, IS_CANCELLED])
def test_the_error_of_a_result_has_the_result_and_its_pickle_has_not(client: Client, action: str) -> None:
    result = client.run(action, {"customerId": "CANARY-input"})
    with pytest.raises((ActionFailedError, ActionCancelledError)) as raised:
        result.raise_for_status()
    error: Any = raised.value
    assert error.result is result
    assert error.executed == "yes"
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert again.result is None
        assert again.to_dict() == error.to_dict()


MADE = [
    ActionResult(status="COMPLETED", outputs={"a": [1, {"b": 2**70}]}, raw={"status": "DONE"}),
    Invocation(status="PENDING", invocation_id="i-1", raw={"x": []}),
    ActionRequest("a", {"b": 1}, correlation_id="c-1"),
    ActionRequest(UUID(CREATE_CASE), {"b": 1}, correlation_id=UUID(int=1)),
    ActionDescription("a", input_schema={"type": "object"}),
    Unfinished(correlation_id="c-1", state="unknown"),
    Outcome(0, ActionRequest("a", {"b": 1}), ActionResult(status="FAILED")),
    Outcome(1, {"action_id": "a"}, error=ValidationError("no", hint="do")),
    Outcome(2, None, error=LookupError("mine")),
]


@pytest.mark.parametrize("value", MADE, ids=lambda value: type(value).__name__)
def test_what_comes_back_is_plain_data_on_demand_and_can_be_a_key(value: Any) -> None:
    plain = value.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert {field.name for field in dataclasses.fields(value)} <= set(plain)
    assert {value: 1}[copy.copy(value)] == 1


def test_the_dictionary_of_a_result_has_every_field_of_it(client: Client) -> None:
    invocation = client.invoke(CREATE_CASE, INPUTS)
    assert invocation.to_dict()["resume_token"] == invocation.resume_token
    result = client.poll(invocation)
    told = result.to_dict()
    assert (told["ok"], told["outputs"], told["status"]) == (True, result.outputs, "COMPLETED")
    assert client.check(CREATE_CASE, INPUTS).to_dict()["allowed"] is True
    assert client.audit.verify().to_dict()["problems"] == []


def test_an_outcome_can_be_made_for_a_request_of_a_named_type() -> None:
    made = Outcome[ActionRequest](0, ActionRequest("a"), ActionResult(status="COMPLETED"))
    assert made.ok
    assert made == Outcome(0, ActionRequest("a"), ActionResult(status="COMPLETED"))


def test_an_outcome_gives_its_result_or_raises_its_error(client: Client) -> None:
    requests: list[dict[str, Any]] = [{"action_id": AT_ONCE}, {"action_id": AT_ONCE, "inputs": {"a": b"x"}}]
    good, bad = sorted(client.run_many(requests), key=lambda outcome: outcome.index)
    assert good.unwrap() is good.result
    with pytest.raises(ValidationError) as raised:
        bad.unwrap()
    assert raised.value is bad.error


def test_a_method_of_a_client_can_be_faked(client: Client) -> None:
    made = ActionResult(status="COMPLETED", outputs={"caseId": "C-1"})
    with mock.patch.object(client, "run", autospec=True, return_value=made) as run:
        assert client.run(CREATE_CASE, INPUTS) is made
        run.assert_called_once_with(CREATE_CASE, INPUTS)
        with pytest.raises(TypeError):
            client.run(CREATE_CASE, inptus={})  # type: ignore[call-arg]
    faked = mock.create_autospec(AsyncClient, instance=True)
    faked.run.return_value = made
    assert asyncio.run(faked.run(CREATE_CASE)) is made


def test_a_uuid_is_an_id_wherever_one_is_asked_for(client: Client, sandbox: Sandbox) -> None:
    action, mine = UUID(CREATE_CASE), uuid4()
    invocation = client.invoke(action, INPUTS, correlation_id=mine)
    assert (invocation.action_id, invocation.correlation_id) == (CREATE_CASE, str(mine))
    assert invocation.invocation_id is not None
    assert client.poll(UUID(invocation.invocation_id)).ok
    assert sandbox.executions(mine) == 1
    assert client.check(action, INPUTS, correlation_id=mine)
    for request in (ActionRequest(action, INPUTS), {"action_id": action, "inputs": INPUTS, "correlation_id": uuid4()}):
        [outcome] = client.run_many([request])
        assert outcome.unwrap().action_id == CREATE_CASE
    assert len(list(client.audit.records(correlation_id=mine))) == len(
        list(client.audit.records(correlation_id=str(mine)))
    )


def test_a_uuid_is_no_input_and_the_refusal_says_what_to_do(client: Client) -> None:
    with pytest.raises(ValidationError) as raised:
        client.run(CREATE_CASE, {"customerId": uuid4()})
    [violation] = raised.value.violations or []
    assert violation.path == "/inputs/customerId"
    assert "UUID" in violation.message


@pytest.mark.parametrize("requests", ["abc", b"abc", {"action_id": AT_ONCE}, 5, None], ids=lambda it: type(it).__name__)
def test_one_request_is_not_taken_for_many(client: Client, requests: Any) -> None:
    with pytest.raises(TypeError, match="`requests` must be an iterable of requests, such as a list, got"):
        client.run_many(requests)
    with pytest.raises(TypeError, match="`requests` must be"):
        AsyncClient.run_many(mock.create_autospec(AsyncClient, instance=True), requests)


def test_what_is_shown_is_short_however_much_was_given(client: Client) -> None:
    many = {f"{'key' * 30}-{n}": b"" for n in range(500)}
    with pytest.raises(ValidationError) as raised:
        client.run(CREATE_CASE, many)
    assert len(raised.value.violations or ()) > 100
    client.reload_policy({"action": [{"id": CREATE_CASE, "inputs": {}}]})
    verdict = client.check(CREATE_CASE, dict.fromkeys(many, 1))
    assert not verdict
    request = ActionRequest("a" * 9000, many, correlation_id="c" * 9000)
    for value in (raised.value, verdict, request, Outcome(0, request, error=raised.value), client.audit.verify()):
        assert len(repr(value)) < 2000, type(value)


def test_a_client_shows_where_it_goes_and_nothing_else(client: Client, sandbox: Sandbox) -> None:
    assert repr(client) == f"<Client open 'gateway' at {sandbox.base_url!r}>"
    with Sandbox("genesys-flow") as other, Client(**other.options) as of_other:
        assert repr(of_other) == f"<Client open 'genesys-flow' at {other.base_url!r}>"
        assert other.client_secret not in repr(of_other)


def test_what_is_open_is_not_pickled_and_says_what_to_do(client: Client, sandbox: Sandbox) -> None:
    for opened, instead in ((client, "open one in each process"), (sandbox, "hand its `options`")):
        with pytest.raises(TypeError, match=f"^`{type(opened).__name__}` cannot be pickled; {instead}"):
            pickle.dumps(opened)


def test_a_client_that_nobody_closes_says_nothing(sandbox: Sandbox) -> None:
    program = (
        "import json, sys\nfrom cxone_actions import AsyncClient, Client\n"
        "kept = [each(**json.loads(sys.argv[1])) for each in (Client, AsyncClient)]\n"
        "kept[0].run('00000000-0000-4000-8000-000000000004', {})\ndel kept[0]"
    )
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, json.dumps(sandbox.options)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stderr) == (0, "")


def test_everything_but_the_address_of_a_gateway_has_a_name() -> None:
    classes: list[tuple[Any, str]] = [(Client, "base_url"), (AsyncClient, "base_url"), (Sandbox, "profile")]
    for cls, first in classes:
        with pytest.raises(TypeError, match=rf"^{cls.__name__}\(\) takes one `{first}`"):
            cls("http://127.0.0.1:1", {"client_id": "x"})


def test_what_the_gateway_sent_is_read_once_and_the_same_however_a_result_is_looked_at(client: Client) -> None:
    result = client.run(CREATE_CASE, INPUTS)
    kept = pickle.loads(pickle.dumps(copy.copy(result)))
    assert kept == result
    assert kept.outputs == result.outputs
    assert result.outputs is result.outputs
    assert result.raw is result.raw
    assert dataclasses.replace(result).outputs is result.outputs
    assert client.run(CREATE_CASE, INPUTS).to_dict()["outputs"].keys() == result.outputs.keys()
