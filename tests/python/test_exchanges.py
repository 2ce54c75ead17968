"""`tests/vectors/exchanges.json` from Python: what a gateway answers, and what becomes of the call.

The file makes the promises, `tests/vectors/README.md` says how it is read. Here is only how Python calls and compares.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pytest

from cxone_actions import ActionResult, AsyncClient, CxoneError, Invocation, Sandbox
from vectors import load

FILE = load("exchanges.json")
CASES = FILE["cases"]
# Each case has a gateway of its own, so they do not see one another.
AT_ONCE = 8
PATIENCE = 10.0
ENDS = ("completed", "failed", "cancelled", "rejected", "aborted", "unknown", "in_flight", "detached")

Given = ActionResult | Invocation | CxoneError


@pytest.fixture(scope="module")
def complaints(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """What each of the chosen cases did not keep."""
    chosen = {name for item in request.session.items for name in case_names(item)}

    async def all_of_them() -> dict[str, list[str]]:
        permits = asyncio.Semaphore(AT_ONCE)

        async def one(case: dict[str, Any]) -> tuple[str, list[str]]:
            async with permits:
                return case["name"], await complaints_about(case)

        return dict(await asyncio.gather(*(one(case) for case in CASES if case["name"] in chosen)))

    return asyncio.run(all_of_them())


def case_names(item: pytest.Item) -> list[str]:
    callspec = getattr(item, "callspec", None) if item.path.name == "test_exchanges.py" else None
    return [] if callspec is None else [callspec.params["case"]["name"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_an_exchange_gives_what_its_case_promises(case: dict[str, Any], complaints: dict[str, list[str]]) -> None:
    assert complaints[case["name"]] == []


def test_there_are_exchanges() -> None:
    assert len(CASES) >= 100


async def complaints_about(case: dict[str, Any]) -> list[str]:
    said: list[str] = []
    with Sandbox(**merged(case, "sandbox")) as sandbox:
        for order in case.get("inject", ()):
            sandbox.inject(order["point"], order["fault"], order.get("times", 1))
        request = exact(merged(case, "request"))
        calls = Calls(case, request)
        began = time.monotonic()
        client = None
        try:
            client = AsyncClient(**placed(merged(case, "options"), sandbox))
            given: Given = await calls.make(client)
        except CxoneError as error:
            given = error
        took = time.monotonic() - began

        expect = case["expect"]
        compare_given(said, expect, given)
        compare_gateway(said, expect, sandbox, request)
        same(said, "deliveries", expect.get("deliveries", int(isinstance(given, ActionResult))), calls.deliveries)
        if took > expect.get("at_most_seconds", math.inf):
            said.append(f"took {took:.3f} s, at most {expect['at_most_seconds']} s")
        shown = []
        if isinstance(given, CxoneError):
            shown += [str(given), repr(given), json.dumps(given.to_dict())]
        if client is not None:
            shown += compare_client(said, expect, client)
            await client.aclose(2)
        compare_secrets(said, shown, sandbox, request)
    return said


class Calls:
    """How the case's call is made."""

    def __init__(self, case: dict[str, Any], request: dict[str, Any]) -> None:
        self.case = case
        self.request = {name: value for name, value in request.items() if value is not None}
        self.deliveries = 0

    async def on_result(self, _: ActionResult) -> None:
        self.deliveries += 1
        if self.case.get("callback") == "raises":
            raise RuntimeError("CANARY")

    async def make(self, client: AsyncClient) -> Given:
        call = self.case.get("call", "run")
        if call == "run":
            return await self.run(client)
        if call == "run_twice":
            await self.run(client)
            self.deliveries = 0
            return await self.run(client, "-2")
        if call == "run_then_poll_token":
            try:
                return await self.run(client)
            except CxoneError as error:
                return await self.poll(client, error.resume_token or "")
        if call == "poll":
            return await self.poll(client, self.case["target"])
        invocation = await client.invoke(**self.request)
        if call == "invoke":
            return invocation
        return await self.poll(client, invocation if call == "invoke_then_poll" else invocation.resume_token or "")

    async def run(self, client: AsyncClient, suffix: str = "") -> ActionResult:
        request = dict(self.request)
        if suffix:
            request["correlation_id"] += suffix
        return await client.run(**request, on_result=self.on_result)

    async def poll(self, client: AsyncClient, target: Invocation | str) -> ActionResult:
        return await client.poll(target, timeout=PATIENCE, on_result=self.on_result)


def compare_given(said: list[str], expect: Mapping[str, Any], given: Given) -> None:
    if isinstance(given, CxoneError):
        kind, seen = "error", given.to_dict()
    else:
        kind, seen = "result" if isinstance(given, ActionResult) else "invocation", asdict(given)
    if kind not in expect:
        said.append(f"gave a {kind}: {seen}")
        return
    for field, wanted in expect[kind].items():
        if field == "resume_token":
            same(said, field, wanted, isinstance(seen["resume_token"], str))
        elif field == "message_has":
            if wanted not in seen["message"]:
                said.append(f"the message is {seen['message']}")
        elif field == "paths":
            paths = [violation["path"] for violation in seen["violations"] or ()]
            same(said, field, sorted(wanted), sorted(paths))
        else:
            same(said, f"{kind}.{field}", exact(wanted), seen[field])


def compare_gateway(said: list[str], expect: Mapping[str, Any], sandbox: Sandbox, request: Mapping[str, Any]) -> None:
    points = Counter(seen["point"] for seen in sandbox.requests)
    for field, point in (("sends", "invoke"), ("token_posts", "token"), ("polls_seen", "poll")):
        if field in expect:
            same(said, field, expect[field], points[point])
    correlation = request.get("correlation_id") or ""
    if "executions" in expect:
        same(said, "executions", expect["executions"], sandbox.executions(correlation))
    for name in (correlation, f"{correlation}-2"):
        if sandbox.executions(name) > 1:
            said.append(f"`{name}` was executed {sandbox.executions(name)} times")


def compare_client(said: list[str], expect: Mapping[str, Any], client: AsyncClient) -> list[str]:
    """Metrics and trail; the records, which have to be searched for secrets."""
    metrics = client.metrics().to_dict()
    for field, wanted in expect.get("metrics", {}).items():
        same(said, f"metrics.{field}", wanted, metrics[field])
    if metrics["started"] != sum(metrics[end] for end in ENDS) or metrics["in_flight"] != 0:
        said.append(f"started is not the sum of its ends: {metrics}")
    records = list(client.audit.records())
    if "audit_events" in expect:
        same(said, "audit_events", expect["audit_events"], [record["event"] for record in records])
    verification = client.audit.verify()
    if not verification.ok:
        said.append(f"the trail does not verify: {verification}")
    return [json.dumps(record) for record in records]


def compare_secrets(said: list[str], shown: list[str], sandbox: Sandbox, request: Mapping[str, Any]) -> None:
    said += [f"a secret is in the URL of {seen}" for seen in sandbox.requests if "secret" in seen["path"]]
    inputs = request.get("inputs")
    values = inputs.values() if isinstance(inputs, dict) else ()
    hidden = [sandbox.client_secret, "Bearer ", "CANARY"]
    hidden += [value for value in values if isinstance(value, str) and len(value) >= 6]
    said += [f"{value!r} is in: {text}" for value in hidden for text in shown if value in text]


def placed(options: dict[str, Any], sandbox: Sandbox) -> dict[str, Any]:
    """The options with what the client needs to reach this sandbox."""
    port = sandbox.base_url.rpartition(":")[2]
    options["base_url"] = options.get("base_url", sandbox.base_url).replace("{port}", port)
    options.setdefault("client_id", sandbox.client_id)
    options.setdefault("client_secret", sandbox.client_secret)
    return options


def merged(case: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The case's own values over the defaults."""
    return {**FILE["defaults"].get(key, {}), **case.get(key, {})}


def exact(value: Any) -> Any:
    """`{"$integer": "…"}` as the number that it stands for, everywhere in a value."""
    if isinstance(value, dict):
        if "$integer" in value:
            return int(value["$integer"])
        return {key: exact(item) for key, item in value.items()}
    return [exact(item) for item in value] if isinstance(value, list) else value


def same(said: list[str], what: str, wanted: Any, seen: Any) -> None:
    """Numbers compare by their value, and true is not 1."""
    if wanted != seen or isinstance(wanted, bool) != isinstance(seen, bool):
        said.append(f"{what}: wanted {wanted!r}, saw {seen!r}")
