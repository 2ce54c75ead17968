"""What is proved, and how it is judged: by the gateway's own count of executions, and by the trail on disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from cxone_actions import Client, Sandbox

HERE = Path(__file__).parent
PYTHON = [sys.executable, str(HERE / "user.py")]
NODE = ["node", str(HERE / "user.mjs")]
# A process that has calls in flight has this long to end.
PATIENCE = 5.0
IN_FLIGHT = 300


@dataclass
class Outcome:
    complaints: list[str] = field(default_factory=list)
    slowest: float | None = None
    figures: str = ""

    def took(self, seconds: float) -> None:
        self.slowest = max(seconds, self.slowest or 0.0)


@dataclass
class Proof:
    promise: str
    times: int
    run: Callable[[int], Outcome]
    #: So many times in every run of the tests; where it is none, they have tests of their own for it.
    small: int = 0


@contextmanager
def gateway(complete_after: float) -> Iterator[tuple[Sandbox, Path, dict[str, str]]]:
    """A sandbox, a directory for trails, and the environment of a child that uses both."""
    audit = Path(tempfile.mkdtemp(prefix="cxone-actions-soak-"))
    with Sandbox(complete_after=complete_after, requests_kept=0) as sandbox:
        env = {
            **os.environ,
            "CXONE_BASE_URL": sandbox.base_url,
            "CXONE_CLIENT_ID": sandbox.client_id,
            "CXONE_CLIENT_SECRET": sandbox.client_secret,
            "CXONE_AUDIT_DIR": str(audit),
        }
        try:
            yield sandbox, audit, env
        finally:
            shutil.rmtree(audit, ignore_errors=True)


def judge(sandbox: Sandbox, audit: Path, outcome: Outcome, label: str) -> Counter[str]:
    """Nothing was executed twice, what the trail says was sent is all that was executed, and the chain holds."""
    states: Counter[str] = Counter()
    with Client(
        sandbox.base_url, client_id=sandbox.client_id, client_secret=sandbox.client_secret, audit=str(audit)
    ) as client:
        proof = client.audit.verify()
        if not proof.ok:
            outcome.complaints.append(f"{label}: the trail does not verify: {proof.problems}")
        for record in client.audit.records(event="sending"):
            states["sent"] += 1
            executed = sandbox.executions(record["correlation_id"])
            states["executed"] += executed
            if executed > 1:
                outcome.complaints.append(f"{label}: {record['correlation_id']} was executed {executed} times")
        for unfinished in client.recover():
            states[unfinished.state] += 1
    return states


def ended_with_calls_in_flight(command: list[str], mode: str) -> Callable[[int], Outcome]:
    def run(times: int) -> Outcome:
        outcome, states = Outcome(), Counter[str]()
        for number in range(times):
            with gateway(complete_after=30.0) as (sandbox, audit, env):
                child = subprocess.Popen(
                    [*command, mode, f"{number}", f"{IN_FLIGHT}"],
                    env=env,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                )
                assert child.stdout is not None
                child.stdout.readline()  # the child says when its calls are on their way
                began = time.monotonic()
                if mode == "kill":
                    child.kill()
                elif mode == "interrupt":
                    child.send_signal(signal.SIGINT)
                try:
                    _, stderr = child.communicate(timeout=PATIENCE)
                    code = child.returncode
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.communicate()
                    code, stderr = -1, b"it did not end"
                outcome.took(time.monotonic() - began)
                wanted = {"kill": -signal.SIGKILL, "interrupt": 130}.get(mode, 0)
                if code != wanted or stderr:
                    outcome.complaints.append(f"{number}: exit code {code}, wanted {wanted}: {stderr.decode()[-300:]}")
                states += judge(sandbox, audit, outcome, f"{number}")
        outcome.figures = ", ".join(f"{name} {count}" for name, count in sorted(states.items()))
        return outcome

    return run


def fork_uses_the_client(times: int) -> Outcome:
    outcome = Outcome()
    with gateway(complete_after=0.01) as (sandbox, audit, env):
        for number in range(times):
            began = time.monotonic()
            child = subprocess.run(
                [*PYTHON, "fork", f"{number}", "1"], env=env, capture_output=True, timeout=30, check=False
            )
            outcome.took(time.monotonic() - began)
            if child.returncode != 0 or child.stderr:
                outcome.complaints.append(f"{number}: {child.returncode}: {child.stderr.decode()[-300:]}")
        states = judge(sandbox, audit, outcome, "after all of them")
    outcome.figures = ", ".join(f"{name} {count}" for name, count in sorted(states.items()))
    return outcome


def loops_are_closed(times: int) -> Outcome:
    """Event loops that are closed with 300 calls in flight, in one process."""
    outcome = Outcome()
    with gateway(complete_after=30.0) as (sandbox, audit, env):
        said = ended_well([*PYTHON, "loops", "0", f"{times}"], env, outcome)
        if said is not None:
            if said["kept"] or said["loops"] != times:
                outcome.complaints.append(f"{said['kept']} of {said['loops']} loops are still there")
            judge_what_is_left(said, outcome)
        states = judge(sandbox, audit, outcome, "after all of them")
    outcome.figures = ", ".join([f"{name} {count}" for name, count in sorted(states.items())] + [outcome.figures])
    return outcome


def ended_well(command: list[str], env: dict[str, str], outcome: Outcome) -> dict[str, Any] | None:
    """What a child has to say that ended as it should, without a word on stderr."""
    child = subprocess.run(command, env=env, capture_output=True, check=False)
    if child.returncode != 0 or child.stderr:
        outcome.complaints.append(f"exit code {child.returncode}: {child.stderr.decode()[-300:]}")
    if child.returncode != 0:
        return None
    said: dict[str, Any] = json.loads(child.stdout)
    return said


def judge_what_is_left(said: dict[str, Any], outcome: Outcome) -> None:
    """As many descriptors, threads and handles as before."""
    before, after = said["before"], said["after"]
    if any(after[what] > before[what] for what in before):
        outcome.complaints.append(f"before {before}, after {after}")
    outcome.figures += f"descriptors {before['descriptors']} to {after['descriptors']}"


#: So many MiB more than after the warm-up are no growth: allocators keep what they once needed, and V8 the pages of its
#: young generation, which grows when the machine is busy.
SLACK = {"python": 4.0, "node": 16.0}


def many_calls(command: list[str], mode: str = "calls") -> Callable[[int], Outcome]:
    """The memory at every tenth is flat after the second: by then the trail in memory is as long as it gets."""

    def run(times: int) -> Outcome:
        outcome = Outcome()
        with gateway(complete_after=0.0) as (_, _, env):
            del env["CXONE_AUDIT_DIR"]
            said = ended_well([*command, mode, "0", f"{times}"], env, outcome)
        if said is not None:
            marks = said["memory"]
            outcome.figures = f"{said['rate']} calls/s, MiB {' '.join(f'{mark:.0f}' for mark in marks)}, "
            slack = SLACK["node" if command == NODE else "python"]
            if max(marks[2:]) > max(marks[1] * 1.05, marks[1] + slack):
                outcome.complaints.append(f"the memory grows: {marks}")
            judge_what_is_left(said, outcome)
        return outcome

    return run


CUTS: tuple[Literal["before_request", "after_request", "reset", "mid_head", "mid_response"], ...]
CUTS = ("before_request", "after_request", "reset", "mid_head", "mid_response")


def lost_answers(times: int) -> Outcome:
    """Connections that are cut as the request is written: each invocation is executed at most once."""
    outcome = Outcome()
    with gateway(complete_after=0.0) as (sandbox, audit, env):
        for number, how in enumerate(CUTS):
            sandbox.inject("invoke", {"close": how}, times=max(1, times // 5))
            child = subprocess.run(
                [*PYTHON, "lost", f"{number}", f"{max(1, times // 5)}"], env=env, capture_output=True, check=False
            )
            if child.returncode != 0:
                outcome.complaints.append(f"{how}: {child.returncode}: {child.stderr.decode()[-300:]}")
        states = judge(sandbox, audit, outcome, "after all of them")
    outcome.figures = ", ".join(f"{name} {count}" for name, count in sorted(states.items()))
    return outcome


ALL = [
    Proof("Python exits while 300 calls are in flight", 200, ended_with_calls_in_flight(PYTHON, "exit")),
    Proof(
        "Python exits while a blocking client has 300 in flight",
        200,
        ended_with_calls_in_flight(PYTHON, "exit_threads"),
    ),
    Proof("Ctrl-C in a blocking call ends it", 100, ended_with_calls_in_flight(PYTHON, "interrupt")),
    Proof("kill -9 with 300 calls in flight; the trail survives", 200, ended_with_calls_in_flight(PYTHON, "kill")),
    Proof("a forked child uses the client of its parent", 200, fork_uses_the_client),
    Proof("Node: process.exit while 300 calls are in flight", 200, ended_with_calls_in_flight(NODE, "exit")),
    Proof("Node: a worker is terminated with 300 in flight", 100, ended_with_calls_in_flight(NODE, "worker")),
    Proof("connections cut around the request: executed at most once", 10_000, lost_answers),
    Proof("event loops are closed with 300 calls in flight", 20, loops_are_closed, small=4),
    Proof("a great many calls from Python: run_many", 1_000_000, many_calls(PYTHON), small=20_000),
    Proof(
        "a great many calls from Python: run, in 8 threads",
        1_000_000,
        many_calls(PYTHON, "calls_blocking"),
        small=20_000,
    ),
    Proof("a great many calls from Python: invoke and poll", 1_000_000, many_calls(PYTHON, "calls_poll"), small=20_000),
    Proof(
        "a great many calls from Python: on_result and token",
        1_000_000,
        many_calls(PYTHON, "calls_handlers"),
        small=20_000,
    ),
    Proof("a great many calls from Node: runMany", 1_000_000, many_calls(NODE)),
    Proof("a great many calls from Node: invoke and poll", 1_000_000, many_calls(NODE, "calls_poll")),
    Proof("a great many calls from Node: onResult and signals", 1_000_000, many_calls(NODE, "calls_handlers")),
]
