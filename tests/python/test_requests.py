"""`tests/vectors/requests.json` from Python: the exact bytes that the gateway gets, or every violation and no send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxone_actions import ActionRequest, Client, Sandbox, ValidationError
from vectors import load, python

CASES = [
    case
    for case in load("requests.json")["cases"]
    if "request" in case and "python" in case.get("languages", ["python"])
]


@pytest.fixture(scope="module")
def gateway() -> Iterator[Sandbox]:
    with Sandbox() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def clients(gateway: Sandbox) -> Iterator[dict[tuple[str, ...], Client]]:
    """One client for each list of hosts that may be called back."""
    opened = {
        hosts: Client(
            gateway.base_url,
            client_id=gateway.client_id,
            client_secret=gateway.client_secret,
            callback_hosts=hosts,
        )
        for hosts in {tuple(case.get("callback_hosts", ())) for case in CASES}
    }
    yield opened
    for client in opened.values():
        client.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_request_gives_the_bytes_or_the_violations_that_the_vectors_promise(
    case: dict[str, Any], gateway: Sandbox, clients: dict[tuple[str, ...], Client]
) -> None:
    keeps_its_promise(case, python(case["request"]), gateway, clients)


#: The fields of a request by their names on the wire.
FIELDS = {
    "actionId": "action_id",
    "inputs": "inputs",
    "correlationId": "correlation_id",
    "callbackUrl": "callback_url",
    "traceparent": "traceparent",
}
WHOLE = [
    case
    for case in CASES
    if isinstance(case["request"], dict) and {"actionId"} <= case["request"].keys() <= FIELDS.keys()
]


@pytest.mark.parametrize("case", WHOLE, ids=lambda case: case["name"])
def test_a_request_that_crosses_without_text_gives_the_same_as_its_text(
    case: dict[str, Any], gateway: Sandbox, clients: dict[tuple[str, ...], Client]
) -> None:
    said = python(case["request"])
    request = ActionRequest(**{FIELDS[name]: value for name, value in said.items()})
    keeps_its_promise(case, request, gateway, clients)


def keeps_its_promise(
    case: dict[str, Any], request: Any, gateway: Sandbox, clients: dict[tuple[str, ...], Client]
) -> None:
    client = clients[tuple(case.get("callback_hosts", ()))]
    gateway.clear()
    # Whatever the action is, the gateway accepts it, and says at once that it is done.
    gateway.inject("invoke", {"status": 200, "body": {"invocationId": "x", "status": "COMPLETED"}})
    [outcome] = client.run_many([request])
    invoked = [seen for seen in gateway.requests if seen["point"] == "invoke"]
    expect = case["expect"]
    if "violations" in expect:
        assert isinstance(outcome.error, ValidationError)
        assert [dict(violation) for violation in outcome.error.violations or ()] == expect["violations"]
        assert "CANARY" not in f"{outcome.error} {outcome.error!r} {outcome.error.to_dict()}"
        assert invoked == []
    else:
        assert outcome.error is None
        body = invoked[0]["body"]
        assert len(invoked) == 1
        assert body == expect["body"] if "body" in expect else len(body.encode()) == expect["bytes"]


def test_the_vectors_have_cases_for_python() -> None:
    assert len(CASES) > 100
    assert len(WHOLE) > 50


@pytest.mark.parametrize("case", load("callback_urls.json")["cases"], ids=lambda case: case["name"])
def test_a_callback_url_in_any_spelling_is_taken_or_refused_as_the_vectors_promise(case: dict[str, Any]) -> None:
    """Fault 19."""
    with Client("http://127.0.0.1:1", token="x", callback_hosts=case.get("callback_hosts", ())) as client:
        for url in case["urls"]:
            verdict = client.check("a1b2c3d4-e5f6-7890-abcd-ef1234567890", callback_url=url)
            assert verdict.allowed == (case["codes"] == []), url
            assert [violation.code for violation in verdict.violations] == case["codes"], url
