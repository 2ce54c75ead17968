"""The measuring itself: a gateway on one core, one client at a time on the other, in rounds.

A machine that does other things at the same time makes everything slower, and never the same. So all clients of a case
stand beside each other in each round, whose order is another one in each, and what counts are ratios within a round.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from .cases import HELD_CONNECTIONS, HOLD_MS, ROOT, RUST, Case, Client
from .figures import RefusedError, accepted

CLIENT_CORE, GATEWAY_CORE = "0", "1"
#: What a machine may say of certificates, proxies and gateways: it would decide what is measured.
UNWANTED = re.compile(
    r"CXONE_|SSL_CERT|(NODE_EXTRA|REQUESTS|CURL)_CA_|(HTTPS?|ALL|NO)_PROXY|PYTHON|NODE_", re.IGNORECASE
)
#: Nothing takes so long; what does has hung.
LONGEST = 120


class Gateway:
    """`cxone-actions-bench gateway`, until its standard input ends."""

    def __init__(self, *, tls: bool) -> None:
        options = ["--tls"] if tls else ["--hold-ms", str(HOLD_MS)]
        self._process = subprocess.Popen(
            ["taskset", "-c", GATEWAY_CORE, RUST, "gateway", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.access: dict[str, str] = json.loads(self._process.stdout.readline())

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def action(self, number: int) -> str:
        return f"{self.access['action_id'][:-1]}{number}"


def argument(gateway: Gateway, case: Case, client: Client, directory: str) -> dict[str, Any]:
    """What a driver is told."""
    said: dict[str, Any] = {
        **gateway.access,
        "action_id": gateway.action(case.action),
        "ca_file": gateway.access.get("ca_file"),
        "concurrency": case.concurrency,
        "invocations": case.invocations(client),
        "payload": case.payload,
        "directory": directory,
        "mode": client.mode,
        "warmup": case.warmup(client),
    }
    return {**said, "connections": HELD_CONNECTIONS, "hold_ms": HOLD_MS} if case.held else said


def measure(gateway: Gateway, case: Case, client: Client) -> dict[str, float]:
    """One process, one line. The trail is written to the disk of the checkout and removed afterwards."""
    environment = {name: value for name, value in os.environ.items() if not UNWANTED.match(name)}
    if client.trusts_environment and (certificates := gateway.access.get("ca_file")):
        environment["NODE_EXTRA_CA_CERTS"] = certificates
    parent = ROOT / "target/bench"
    parent.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(prefix="trail-", dir=parent)
    try:
        said = argument(gateway, case, client, directory)
        ran = subprocess.run(
            ["taskset", "-c", CLIENT_CORE, *client.command, json.dumps(said)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(f"says nothing for {LONGEST} s") from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    lines = ran.stdout.strip().splitlines()
    if ran.returncode or not lines:
        raise RefusedError((ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1])
    return accepted(json.loads(lines[-1]), case.invocations(client))


def turned(clients: list[Client], by: int) -> list[Client]:
    """The same clients, begun with another one in each round."""
    by %= len(clients)
    return clients[by:] + clients[:by]


def wanted(case: Case, client: Client, only: str | None) -> bool:
    return only is None or re.search(only, f"{case.key}/{client.key}") is not None


def plan(cases: list[Case], only: str | None, rounds: int | None) -> Iterator[tuple[int, Case, Client]]:
    """Every measurement in its turn: each round goes through all cases that it still has a part in."""
    for number in range(max(rounds or case.rounds for case in cases)):
        for case in cases:
            clients = [client for client in case.clients() if wanted(case, client, only)]
            if clients and number < (rounds or case.rounds):
                yield from ((number, case, client) for client in turned(clients, number))


def run(
    planned: list[tuple[int, Case, Client]], tell: Callable[[str], None], keep: Callable[[dict[str, Any]], None]
) -> list[str]:
    """Measures what is planned, hands each row to `keep`, and returns what failed."""
    failed = []
    with ExitStack() as stack:
        plain = stack.enter_context(Gateway(tls=False))
        encrypted = stack.enter_context(Gateway(tls=True)) if any(case.tls for _, case, _ in planned) else plain
        for done, (number, case, client) in enumerate(planned, 1):
            where = f"[{done}/{len(planned)}] {case.name}: {client.name}"
            try:
                figures = measure(encrypted if case.tls else plain, case, client)
            except RefusedError as refused:
                failed.append(f"{case.name}: {client.name}: {refused}")
                tell(f"{where}: FAILED: {refused}")
                continue
            tell(f"{where}: {figures['cpu_us']:,.1f} µs CPU, {figures['per_second']:,.0f} a second")
            row = {"round": number, "case": case.key, "client": client.key}
            keep({**row, "invocations": case.invocations(client), "figures": figures})
    return failed
