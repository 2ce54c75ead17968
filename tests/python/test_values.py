"""Values across the border: exact in both directions, and shown without what they hold."""

from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cxone_actions
from actions import AT_ONCE, CREATE_CASE, ECHOES, FAILS, INPUTS, NEVER_ENDS
from cxone_actions import Client, CxoneError, PollTimeoutError, Sandbox, ValidationError


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    with (
        Sandbox(requests_kept=0) as sandbox,
        Client(
            sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            poll_interval=0.001,
        ) as client,
    ):
        yield client


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
KEYS = st.text(min_size=1, max_size=20).filter(lambda key: "\0" not in key)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inputs=st.dictionaries(KEYS, SCALARS.filter(lambda value: not isinstance(value, str) or "\0" not in value)))
def test_what_is_sent_comes_back_as_it_was(shared: Client, inputs: dict[str, Any]) -> None:
    outputs = shared.run(ECHOES, inputs).outputs
    assert outputs == inputs
    assert [(key, type(value)) for key, value in outputs.items()] == [(k, type(v)) for k, v in inputs.items()]
    assert [str(value) for value in outputs.values()] == [str(value) for value in inputs.values()]


class Priority(IntEnum):
    HIGH = 7


class Queue(str, Enum):
    SALES = "sales"


class Loud(str):
    def __str__(self) -> str:
        return "CANARY"


class Sly(int):
    def __repr__(self) -> str:
        return "1000000"

    __str__ = __repr__


class Vague(float):
    def __repr__(self) -> str:
        return "CANARY"


class Keyed(dict[str, Any]):
    pass


class Custom(Mapping[str, Any]):
    def __getitem__(self, key: str) -> Any:
        return {"a": 1}[key]

    def __iter__(self) -> Iterator[str]:
        return iter(["a"])

    def __len__(self) -> int:
        return 1


def test_subclasses_go_by_value_whatever_they_print_themselves_as(client: Client, sandbox: Sandbox) -> None:
    inputs = {
        "int enum": Priority.HIGH,
        "str enum": Queue.SALES,
        "str": Loud("quiet"),
        "int": Sly(7),
        "big int": Sly(2**80),
        "float": Vague(1.5),
        "yes": True,
    }
    client.run(AT_ONCE, inputs)
    [body] = [json.loads(seen["body"]) for seen in sandbox.requests if seen["point"] == "invoke"]
    assert body["inputs"] == {
        "int enum": 7,
        "str enum": "sales",
        "str": "quiet",
        "int": 7,
        "big int": 2**80,
        "float": 1.5,
        "yes": True,
    }


@pytest.mark.parametrize(
    "inputs",
    [{"a": 1}, OrderedDict(a=1), MappingProxyType({"a": 1}), Keyed(a=1), Custom()],
    ids=lambda i: type(i).__name__,
)
def test_any_mapping_is_inputs(client: Client, inputs: Mapping[str, Any]) -> None:
    assert client.run(ECHOES, inputs).outputs == {"a": 1}


def deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_is_followed_so_far_and_then_refused_without_a_crash(client: Client) -> None:
    for value in (deep(60), deep(100_000)):
        with pytest.raises(ValidationError) as raised:
            client.run(AT_ONCE, {"deep": value})
        assert raised.value.executed == "no"


def test_every_mistake_of_a_request_is_named_at_once(client: Client, sandbox: Sandbox) -> None:
    itself: dict[str, Any] = {}
    itself["itself"] = itself
    with pytest.raises(ValidationError) as raised:
        client.run(
            7,  # type: ignore[arg-type]
            {"amount": float("nan"), "when": Decimal(1), "itself": itself, 7: "seven", "half": "\udc00", "ok": 1},  # type: ignore[dict-item]
            correlation_id="not allowed",
            callback_url="javascript:alert(1)",
        )
    found = {(violation.path, violation.code) for violation in raised.value.violations or ()}
    assert {
        ("/actionId", "type"),
        ("/inputs/amount", "non_finite"),
        ("/inputs/when", "unsupported_type"),
        ("/inputs", "key_type"),
        ("/inputs/half", "lone_surrogate"),
    } <= found
    assert {"/correlationId", "/callbackUrl"} <= {path for path, _ in found}
    assert raised.value.violations is not None
    assert all(violation["message"] in str(raised.value) for violation in raised.value.violations)
    assert sandbox.requests == []


def test_what_a_mapping_raises_reaches_its_owner(client: Client) -> None:
    class Broken(Custom):
        def __getitem__(self, key: str) -> Any:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        client.run(AT_ONCE, Broken())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740993", 2**53 + 1),
        ("100000000000000000000000", 10**23),
        ("-170141183460469231731687303715884105729", -(2**127) - 1),
        ("1e23", 1e23),
        ("1.0", 1.0),
        ("-0.0", -0.0),
        ("1e400", "1e400"),
        ("-1e400", "-1e400"),
        ("1" + "0" * 6000, 10**6000),
        ("-1" + "0" * 6000, -(10**6000)),
        ("null", None),
        ("0", 0),
        ('""', ""),
        ("false", False),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) else "",
)
def test_outputs_keep_their_value(client: Client, sandbox: Sandbox, text: str, value: Any) -> None:
    body = '{"invocationId":"i-1","status":"COMPLETED","outputs":{"n":' + text + "}}"
    sandbox.inject("invoke", {"status": 200, "body": body})
    outputs = client.run(AT_ONCE, {}).outputs
    assert outputs["n"] == value
    assert type(outputs["n"]) is type(value)


def test_what_is_absent_is_none(client: Client, sandbox: Sandbox) -> None:
    sandbox.inject("invoke", {"status": 200, "body": {"invocationId": "i-1", "status": "COMPLETED"}})
    assert client.run(AT_ONCE, {}).outputs is None


@pytest.fixture
def specimens(client: Client, sandbox: Sandbox, open_client: Callable[..., Client]) -> list[Any]:
    """One of everything that a user can hold, each made with a secret, an input and an output that must not show."""
    inputs = {"customerId": "CANARY-input"}
    sandbox.inject("poll", {"merge": {"outputs": {"secret": "CANARY-output"}}}, 99)
    invocation = client.invoke(CREATE_CASE, inputs)
    result = client.poll(invocation)
    failed = client.run(FAILS, inputs)
    [outcome] = client.run_many([{"action_id": AT_ONCE, "inputs": {"a": b"CANARY-input"}}])
    errors: list[CxoneError] = []
    for call in (
        lambda: client.run(AT_ONCE, {"a": float("nan"), "b": "CANARY-input"}),
        lambda: client.run(NEVER_ENDS, inputs, timeout=0.1),
        lambda: failed.raise_for_status(),
        lambda: open_client(client_secret="CANARY-secret").run(AT_ONCE, inputs),
        lambda: open_client(proxy="http://user:CANARY-secret@[::bad", base_url="http://x:CANARY-secret@y"),
    ):
        with pytest.raises(CxoneError) as raised:
            call()
        errors.append(raised.value)
    return [invocation, result, failed, outcome, client.metrics(), client.audit.verify(), *errors]


def test_nothing_shows_a_secret_an_input_or_an_output(specimens: list[Any], client: Client, sandbox: Sandbox) -> None:
    for specimen in [*specimens, client, client.audit, sandbox]:
        shown = f"{specimen!r} {specimen!s}"
        if isinstance(specimen, CxoneError):
            shown += json.dumps(specimen.to_dict())
            shown += str(vars(specimen))
        assert "CANARY" not in shown
        assert sandbox.client_secret not in shown
        assert len(repr(specimen)) < 1000


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_a_user_holds_can_be_pickled_and_copied(specimens: list[Any], protocol: int) -> None:
    for specimen in specimens:
        for again in (pickle.loads(pickle.dumps(specimen, protocol)), copy.copy(specimen), copy.deepcopy(specimen)):
            assert type(again) is type(specimen)
            assert repr(again) == repr(specimen)
            if isinstance(specimen, CxoneError):
                assert again.to_dict() == specimen.to_dict()
                assert again.args == specimen.args
            elif not isinstance(specimen, cxone_actions.Outcome):
                assert again == specimen


def test_a_client_is_not_pickled_and_says_what_to_do_instead(client: Client) -> None:
    with pytest.raises(TypeError, match="open one in each process"):
        pickle.dumps(client)


def test_a_pickled_handle_goes_on_elsewhere(client: Client) -> None:
    invocation = pickle.loads(pickle.dumps(client.invoke(CREATE_CASE, INPUTS)))
    assert client.poll(invocation).ok
    with pytest.raises(PollTimeoutError) as raised:
        client.poll(client.invoke(NEVER_ENDS, {}), timeout=0.05)
    assert pickle.loads(pickle.dumps(raised.value)).resume_token == raised.value.resume_token
