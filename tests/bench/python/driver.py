"""What every driver in Python does: reads its case, counts, and says one line of JSON.

The clients differ, the measuring does not: the same clock around one invocation, the CPU time of the whole process.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, perf_counter_ns
from uuid import uuid4

URL = "/api/v2/integrations/actions/invocations"
#: What a user who writes the loop by hand sleeps between two looks.
PAUSE = 0.1
#: The same where an action is known to take seconds.
HELD_PAUSE = 0.25


@dataclass(frozen=True)
class Case:
    """What one measurement is about, as the orchestrator words it."""

    base_url: str
    client_id: str
    client_secret: str
    action_id: str
    concurrency: int
    invocations: int
    payload: int
    directory: str
    mode: str
    warmup: int
    ca_file: str | None = None
    #: Connections that a client may have; as many as invocations where nothing is said.
    connections: int = 0
    #: Milliseconds that the action is known to take.
    hold_ms: int = 0

    @staticmethod
    def read() -> Case:
        return Case(**json.loads(sys.argv[1]))

    @property
    def pool(self) -> int:
        return self.connections or self.concurrency

    @property
    def pause(self) -> float:
        return HELD_PAUSE if self.hold_ms else PAUSE

    @property
    def hold(self) -> float:
        return self.hold_ms / 1000

    def inputs(self) -> dict[str, str | int]:
        """Padded so that the body that carries them has about `payload` bytes."""
        inputs: dict[str, str | int] = {
            "customerId": "CUST-998877",
            "orderReference": "ORD-2023-1122",
            "priority": 1,
            "note": "",
        }
        bare = {"actionId": self.action_id, "inputs": inputs, "correlationId": str(uuid4())}
        missing = self.payload - len(json.dumps(bare, separators=(",", ":")))
        return {**inputs, "note": "x" * max(0, missing)}

    def body(self, inputs: dict[str, str | int]) -> dict[str, object]:
        """As a peer's user writes it."""
        return {"actionId": self.action_id, "inputs": inputs, "correlationId": str(uuid4())}

    def form(self) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": "integration:actions:write integration:actions:read",
        }


def memory(name: str) -> int:
    """`VmHWM` or `VmRSS` of this process in KiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Measure:
    """Made just before the measured part, stopped just after it."""

    def __init__(self) -> None:
        self.took: list[int] = []
        self._stopped = (0.0, 0.0, 0)
        self._resident = memory("VmRSS")
        self._began, self._cpu = perf_counter(), cpu()

    def stop(self) -> None:
        self._stopped = (cpu() - self._cpu, perf_counter() - self._began, memory("VmHWM"))

    def say(self, case: Case) -> None:
        """Prints the line; exits 1 where an invocation is missing."""
        (used, seconds, peak), took = self._stopped, sorted(self.took)
        said = {
            "cpu_us": used * 1e6 / case.invocations,
            "per_second": case.invocations / seconds,
            "p50_us": took[len(took) // 2] / 1000,
            "p99_us": took[len(took) * 99 // 100] / 1000,
            "peak_kb": peak,
            "grew_kb": peak - self._resident,
            "ended": len(took),
        }
        print(json.dumps(said), flush=True)
        sys.exit(len(took) != case.invocations)


async def tasks(one: Callable[[], Awaitable[str]], count: int, at_once: int, took: list[int]) -> None:
    """`count` invocations from `at_once` tasks that loop; `one` says how its invocation ended."""
    left = iter(range(count))

    async def loop() -> None:
        for _ in left:
            began = perf_counter_ns()
            status = await one()
            if status == "COMPLETED":
                took.append(perf_counter_ns() - began)

    await asyncio.gather(*(loop() for _ in range(min(at_once, count))))


def threads(one: Callable[[], str], count: int, at_once: int, took: list[int]) -> None:
    """The same from threads. What one of them raises ends the process."""
    left, failed = iter(range(count)), []

    def loop() -> None:
        try:
            for _ in left:
                began = perf_counter_ns()
                if one() == "COMPLETED":
                    took.append(perf_counter_ns() - began)
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=loop) for _ in range(min(at_once, count))]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failed:
        raise failed[0]
