"""cxone-actions from Python: `run` in tasks, `run` in threads, `run_many`. Contract, policy, a trail on disk and
metrics as everybody has them; what is set besides are the limits that a case needs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter_ns
from typing import Any

from driver import Case, Measure, tasks, threads

from cxone_actions import ActionRequest, AsyncClient, Client


def policy(action_id: str) -> dict[str, Any]:
    rules = {
        "customerId": {"type": "string", "required": True, "max_length": 64},
        "orderReference": {"type": "string", "pattern": "^ORD-[0-9]{4}-[0-9]{4}$"},
        "priority": {"type": "integer", "minimum": 1, "maximum": 5},
        "note": {"type": "string"},
    }
    return {"action": [{"id": action_id, "name": "create-case", "inputs": rules}]}


def options(case: Case) -> dict[str, Any]:
    said: dict[str, Any] = {
        "base_url": case.base_url,
        "client_id": case.client_id,
        "client_secret": case.client_secret,
        "policy": policy(case.action_id),
        "audit": case.directory,
        "durability": "process",
    }
    if case.ca_file:
        said["ca_file"] = case.ca_file
    if case.pool > 64:
        said["max_in_flight"] = case.pool
    if case.concurrency > 1024:
        said["max_queued"] = case.concurrency
    # Told as much as the peers, which sleep as long before they look.
    if case.hold_ms:
        said["poll_interval"] = case.hold
    return said


async def in_tasks(case: Case) -> Measure:
    inputs = case.inputs()
    async with AsyncClient(**options(case)) as client:

        async def one() -> str:
            return (await client.run(case.action_id, inputs)).status

        await tasks(one, case.warmup, case.concurrency, [])
        measure = Measure()
        await tasks(one, case.invocations, case.concurrency, measure.took)
        measure.stop()
        check(client, case, measure)
    return measure


async def in_a_batch(case: Case) -> Measure:
    inputs = case.inputs()
    async with AsyncClient(**options(case)) as client:

        async def batch(count: int, took: list[int]) -> None:
            began: list[int] = []

            def requests() -> Iterator[ActionRequest]:
                for _ in range(count):
                    began.append(perf_counter_ns())
                    yield ActionRequest(case.action_id, inputs)

            async for outcome in client.run_many(requests(), concurrency=case.concurrency):
                if outcome.unwrap().status == "COMPLETED":
                    took.append(perf_counter_ns() - began[outcome.index])

        await batch(case.warmup, [])
        measure = Measure()
        await batch(case.invocations, measure.took)
        measure.stop()
        check(client, case, measure)
    return measure


def in_threads(case: Case) -> Measure:
    inputs = case.inputs()
    with Client(**options(case)) as client:

        def one() -> str:
            return client.run(case.action_id, inputs).status

        threads(one, case.warmup, case.concurrency, [])
        measure = Measure()
        threads(one, case.invocations, case.concurrency, measure.took)
        measure.stop()
        check(client, case, measure)
    return measure


def check(client: AsyncClient | Client, case: Case, measure: Measure) -> None:
    """The metrics have counted what was measured."""
    counted = client.metrics().completed
    if counted != case.warmup + len(measure.took):
        raise SystemExit(f"{len(measure.took)} and {case.warmup} to warm up ended, and the metrics say {counted}")


def main() -> None:
    case = Case.read()
    if case.mode == "threads":
        measure = in_threads(case)
    else:
        measure = asyncio.run({"run": in_tasks, "run_many": in_a_batch}[case.mode](case))
    measure.say(case)


if __name__ == "__main__":
    main()
