"""The whole sentence from Python: may I send this, send it once, learn what became of it, and be able to prove it.

Needs no account: the gateway is the embedded sandbox. With a real one, the client is made with its `base_url` and
your credentials, and nothing else changes.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence

from cxone_actions import (
    AccessDeniedError,
    ActionResult,
    AsyncClient,
    Metrics,
    Sandbox,
    ValidationError,
    __version__,
)

ACTION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
INPUTS = {"customerId": "CUST-998877", "orderReference": "ORD-2023-1122", "priority": 1}

# What may be called, and with what. An action or an input that is not listed is refused.
POLICY = {
    "action": [
        {
            "id": ACTION,
            "name": "create-case",
            "inputs": {
                "customerId": {"type": "string", "required": True, "max_length": 64},
                "orderReference": {"type": "string", "pattern": "^ORD-[0-9]{4}-[0-9]{4}$"},
                "priority": {"type": "integer", "minimum": 1, "maximum": 5},
            },
        }
    ]
}


async def main() -> int:
    delivered: list[ActionResult] = []
    with Sandbox() as sandbox:
        title(f"cxone-actions {__version__} from Python {platform.python_version()}")
        print(f"  gateway      {sandbox.base_url} (the embedded sandbox)")
        print(f"  allow-list   create-case with {', '.join(INPUTS)}")

        async with AsyncClient(
            sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            policy=POLICY,
        ) as client:
            result = await client.run(ACTION, INPUTS, correlation_id="corr-001", on_result=delivered.append)
            metrics = client.metrics()
            show_result(result, len(delivered))
            show_trail([dict(record) for record in client.audit.records()])
            proof = client.audit.verify()
            print(f"  {proof.records} records, {'the chain verifies' if proof.ok else 'THE CHAIN IS BROKEN'}")
            show_metrics(metrics)
            before = len(sandbox.requests)
            refused = await show_refusals(client)
            leaked = len(sandbox.requests) - before
            print(f"  the gateway saw {leaked} of them; recorded as {', '.join(refused)}")
        executed = sandbox.executions("corr-001")

    good = (
        result.status == "COMPLETED"
        and metrics.success_rate == 1
        and metrics.started == 1
        and len(delivered) == 1
        and executed == 1
        and proof.ok
        and refused == ["denied", "denied", "invalid"]
        and leaked == 0
    )
    verdict = paint("32", "ok") if good else paint("31", "NOT OK")
    print(f"\n{verdict}: executed {times(executed)}, delivered {times(len(delivered))}\n")
    return 0 if good else 1


async def show_refusals(client: AsyncClient) -> list[str]:
    """What is not allowed, or not well formed, is refused before a connection is opened. Gives what was recorded."""
    title("Refused, and never sent")
    first = sum(1 for _ in client.audit.records())
    for inputs in ({**INPUTS, "priority": 9}, {**INPUTS, "discount": 100}, {**INPUTS, "customerId": ["CUST-998877"]}):
        try:
            await client.run(ACTION, inputs)
        except (AccessDeniedError, ValidationError) as error:
            for violation in error.violations or ():
                print(f"  {error.kind:<12}{violation.path:<21}{violation.message}")
    return [record["event"] for record in client.audit.records()][first:]


def show_result(result: ActionResult, deliveries: int) -> None:
    title("Result")
    rows: list[tuple[str, object]] = [
        ("status", paint("32", result.status) if result.ok else paint("31", result.status)),
        ("correlation", result.correlation_id),
        ("invocation", result.invocation_id),
        ("sent", times(result.attempts)),
        ("polled", times(result.polls)),
        ("callback", times(deliveries)),
    ]
    outputs = result.outputs if isinstance(result.outputs, dict) else {}
    rows += [(f"outputs.{key}", value) for key, value in outputs.items()]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")


def show_trail(records: Sequence[Mapping[str, object]]) -> None:
    title("Audit trail")
    keys = ["seq", "ts", "event", "attempt", "http_status", "status", "input_keys", "hash"]
    names = ["seq", "time", "event", "attempt", "http", "status", "input keys", "hash"]
    table(names, [[short(key, record.get(key)) for key in keys] for record in records])


def show_metrics(metrics: Metrics) -> None:
    title("Metrics")
    counts = ["started", "completed", "failed", "cancelled", "rejected", "aborted", "unknown", "detached"]
    print("  " + "  ".join(f"{name} {getattr(metrics, name)}" for name in counts))
    print(f"  success rate {metrics.success_rate}\n")
    series = {"accepted after": metrics.invoke_latency, "finished after": metrics.duration}
    rows = [
        [name, str(s.count), *(milliseconds(v) for v in (s.mean_ms, s.p50_ms, s.p90_ms, s.p95_ms, s.p99_ms, s.max_ms))]
        for name, s in series.items()
    ]
    table(["", "count", "mean", "p50", "p90", "p95", "p99", "max"], rows)


# ── how it looks ──


def title(text: str) -> None:
    print(f"\n{paint('1', text)}")


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [names, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for number, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        print("  " + (paint("2", text) if number == 0 else text))


def short(key: str, value: object) -> str:
    if value is None:
        return "-"
    if key == "ts":
        return str(value)[11:23]
    if key == "hash":
        return str(value)[:8]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def times(count: int) -> str:
    return f"{count} time" if count == 1 else f"{count} times"


def milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"


def paint(code: str, text: str) -> str:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
