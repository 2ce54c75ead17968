"""How a case of the vectors is called and compared: what `exchanges.json` and `faults.json` have in common.

The files make the promises, `tests/vectors/README.md` says how they are read. Here is how Python calls and compares.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import json
import math
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import pytest

from cxone_actions import ActionDescription, ActionResult, AsyncClient, CxoneError, Invocation

# Each case has a gateway of its own, so they do not see one another.
AT_ONCE = 8
PATIENCE = 10.0
ENDS = ("completed", "failed", "cancelled", "rejected", "aborted", "unknown", "in_flight", "detached")

Case = Mapping[str, Any]
Given = ActionResult | Invocation | ActionDescription | CxoneError
KINDS: dict[type, str] = {ActionResult: "result", Invocation: "invocation", ActionDescription: "description"}


class Gateway(Protocol):
    """What a case needs of the gateway that was made for it."""

    @property
    def base_url(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def client_secret(self) -> str: ...
    @property
    def requests(self) -> Sequence[Mapping[str, Any]]: ...
    def executions(self, correlation_id: str, /) -> int: ...


class Vectors:
    """The cases of one file, each run against the gateway that `open_gateway` makes for it."""

    def __init__(self, file: Any, open_gateway: Callable[[Case, Case], AbstractContextManager[Gateway]]) -> None:
        self.defaults: Case = file["defaults"]
        self.cases: list[dict[str, Any]] = file["cases"]
        self.open_gateway = open_gateway

    def complaints(self, request: pytest.FixtureRequest) -> dict[str, list[str]]:
        """What each of the chosen cases did not keep."""
        chosen = {name for item in request.session.items for name in self.names(item)}

        async def all_of_them() -> dict[str, list[str]]:
            permits = asyncio.Semaphore(AT_ONCE)

            async def one(case: dict[str, Any]) -> tuple[str, list[str]]:
                async with permits:
                    with self.open_gateway(self.defaults, case) as gateway:
                        return case["name"], await complaints_about(self.defaults, case, gateway)

            return dict(await asyncio.gather(*(one(case) for case in self.cases if case["name"] in chosen)))

        return asyncio.run(all_of_them())

    def names(self, item: pytest.Item) -> list[str]:
        callspec = getattr(item, "callspec", None)
        case = {} if callspec is None else callspec.params.get("case", {})
        return [case["name"]] if any(case is known for known in self.cases) else []


async def complaints_about(defaults: Case, case: dict[str, Any], gateway: Gateway) -> list[str]:
    said: list[str] = []
    request = exact(merged(defaults, case, "request"))
    calls = Calls(case, request)
    began = time.monotonic()
    client = None
    try:
        client = AsyncClient(**placed(merged(defaults, case, "options"), gateway))
        given: Given = await calls.make(client)
    except CxoneError as error:
        given = error
    took = time.monotonic() - began

    expect = case["expect"]
    compare_given(said, expect, given)
    compare_gateway(said, expect, gateway, request)
    same(said, "deliveries", expect.get("deliveries", int(isinstance(given, ActionResult))), calls.deliveries)
    if took > expect.get("at_most_seconds", math.inf):
        said.append(f"took {took:.3f} s, at most {expect['at_most_seconds']} s")
    shown = []
    if isinstance(given, CxoneError):
        shown += [str(given), repr(given), repr(given.__cause__), json.dumps(given.to_dict(), ensure_ascii=False)]
    if client is not None:
        shown += compare_client(said, expect, client)
        await client.aclose(2)
    compare_secrets(said, shown, gateway, request)
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
        if call == "describe":
            return await client.describe(self.request["action_id"])
        invocation = await client.invoke(**self.request, timeout=self.case.get("timeout"))
        if call == "invoke":
            return invocation
        return await self.poll(client, invocation if call == "invoke_then_poll" else invocation.resume_token or "")

    async def run(self, client: AsyncClient, suffix: str = "") -> ActionResult:
        request = dict(self.request)
        if suffix:
            request["correlation_id"] += suffix
        return await client.run(**request, timeout=self.case.get("timeout"), on_result=self.on_result)

    async def poll(self, client: AsyncClient, target: Invocation | str) -> ActionResult:
        return await client.poll(target, timeout=PATIENCE, on_result=self.on_result)


def compare_given(said: list[str], expect: Case, given: Given) -> None:
    if isinstance(given, CxoneError):
        kind, seen = "error", {**given.to_dict(), "cause": system_code(given.__cause__)}
    else:
        kind, seen = KINDS[type(given)], given.to_dict()
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


def compare_gateway(said: list[str], expect: Case, gateway: Gateway, request: Case) -> None:
    points = Counter(seen["point"] for seen in gateway.requests)
    for field, point in (("sends", "invoke"), ("token_posts", "token"), ("polls_seen", "poll")):
        if field in expect:
            same(said, field, expect[field], points[point])
    # What only a gateway of raw sockets counts.
    counters: Mapping[str, int] = getattr(gateway, "counters", {})
    for field, count in counters.items():
        if field in expect:
            same(said, field, expect[field], count)
        if count > expect.get(f"{field}_at_most", math.inf):
            said.append(f"{field}: at most {expect[f'{field}_at_most']}, saw {count}")
    if counters.get("altered", 0) != 0:
        said.append("it was sent again altered")
    correlation = request.get("correlation_id") or ""
    if "executions" in expect:
        same(said, "executions", expect["executions"], gateway.executions(correlation))
    for name in (correlation, f"{correlation}-2"):
        if gateway.executions(name) > 1:
            said.append(f"`{name}` was executed {gateway.executions(name)} times")


def compare_client(said: list[str], expect: Case, client: AsyncClient) -> list[str]:
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
    return [json.dumps(record, ensure_ascii=False) for record in records]


def compare_secrets(said: list[str], shown: list[str], gateway: Gateway, request: Case) -> None:
    said += [f"a secret is in the URL of {seen}" for seen in gateway.requests if "secret" in seen["path"]]
    inputs = request.get("inputs")
    values = inputs.values() if isinstance(inputs, dict) else ()
    hidden = [gateway.client_secret, "Bearer ", "CANARY"]
    hidden += [value for value in values if isinstance(value, str) and len(value) >= 6]
    # What was taken out of a text left a sign of it.
    shown = [text.replace("Bearer …", "…") for text in shown]
    said += [f"{value!r} is in: {text}" for value in hidden for text in shown if value in text]


def placed(options: dict[str, Any], gateway: Gateway) -> dict[str, Any]:
    """The options with what the client needs to reach this gateway; what the case says itself stays, None too."""
    for name in ("base_url", "client_id", "client_secret"):
        options.setdefault(name, getattr(gateway, name))
    holes = {"{port}": gateway.base_url.rpartition(":")[2]}
    holes |= {f"{{{name}}}": getattr(gateway, name, "") for name in ("access_key_id", "access_key_secret")}
    for name, value in options.items():
        if isinstance(value, str):
            options[name] = functools.reduce(lambda text, hole: text.replace(*hole), holes.items(), value)
    ca_file = getattr(gateway, "ca_file", None)
    return {**options, "ca_file": ca_file} if ca_file else options


def system_code(cause: BaseException | None) -> str | None:
    """What the vectors call what Python has an exception for."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return {7: "CERT_SIGNATURE_FAILURE", 62: "ERR_TLS_CERT_ALTNAME_INVALID", 10: "CERT_HAS_EXPIRED"}[
            cause.verify_code
        ]
    if isinstance(cause, ssl.SSLError):
        return "ERR_TLS"
    if isinstance(cause, socket.gaierror):
        return "ENOTFOUND"
    return errno.errorcode[cause.errno] if isinstance(cause, OSError) and cause.errno else None


def merged(defaults: Case, case: Case, key: str) -> dict[str, Any]:
    """The case's own values over the defaults."""
    return {**defaults.get(key, {}), **case.get(key, {})}


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
