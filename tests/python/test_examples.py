"""Each file of examples/python, run as a user runs it, against a gateway."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cxone_actions import Sandbox, types
from pages import ROOT

EXAMPLES = ROOT / "examples" / "python"


def test_every_example_is_run_here() -> None:
    files = (Path(__file__), Path(__file__).with_name("test_callback_examples.py"))
    here = "".join(file.read_text(encoding="utf-8") for file in files)
    assert {example.name for example in EXAMPLES.iterdir() if example.is_file()} == set(
        re.findall(r'EXAMPLES / "(\w+\.\w+)"', here)
    )


@pytest.fixture
def environment(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    return {**os.environ, **sandbox.environ, "CXONE_AUDIT_DIR": str(tmp_path / "trail")}


@contextmanager
def served(environment: dict[str, str], log: Path) -> Iterator[httpx.Client]:
    """The endpoint under uvicorn, which ends without a word too many."""
    folder, name = (EXAMPLES / "fastapi_endpoint.py").parent, (EXAMPLES / "fastapi_endpoint.py").stem
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        f"{name}:app",
        "--port",
        "0",
        "--app-dir",
        str(folder),
        "--no-use-colors",
    ]
    with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out, stderr=out) as server:
        try:
            until = time.monotonic() + 30
            while not (address := re.search(r"running on (http://\S+)", log.read_text())):
                assert server.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.02)
            with httpx.Client(base_url=address[1], timeout=30, trust_env=False) as browser:
                yield browser
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            finally:
                # Leaving the block waits for it, however long that takes.
                server.kill()
    said = log.read_text()
    assert "Application shutdown complete" in said
    assert "Traceback" not in said
    assert "Warning" not in said


def test_the_endpoint_tells_its_caller_how_each_call_ended(
    environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    case = {"customerId": "CUST-998877", "orderReference": "ORD-2023-1122", "priority": 1}
    cases: list[tuple[types.Fault | None, int, str | None]] = [
        (None, 200, None),
        ({"status": 403}, 502, "no"),
        ({"status": 409}, 502, "no"),
        ({"close": "after_request"}, 502, "unknown"),
    ]
    with served(environment, tmp_path / "log") as browser:
        for number, (fault, status, executed) in enumerate(cases):
            if fault is not None:
                sandbox.inject("invoke", fault)
            answer = browser.post("/cases", json=case, headers={"X-Correlation-Id": f"order-{number}"})
            assert (answer.status_code, answer.json().get("executed")) == (status, executed), answer.text
        assert answer.json()["look_for"] == "order-3"
        assert [sandbox.executions(f"order-{number}") for number in range(4)] == [1, 0, 0, 1]

        refused = browser.post("/cases", json=case, headers={"X-Correlation-Id": "not allowed"})
        assert refused.status_code == 422
        assert refused.json()["violations"][0]["path"] == "/correlationId"
        assert browser.post("/cases", json={"priority": 1}).status_code == 422
        assert "cxone_invocations_total{" in (numbers := browser.get("/metrics").text), numbers


def test_the_task_is_executed_once_however_often_it_is_tried(
    environment: dict[str, str], sandbox: Sandbox, tmp_path: Path
) -> None:
    def tried(customer: str, *more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / "airflow_task.py"), customer, str(tmp_path / "state.json"), *more]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def executions() -> int:
        sent = [json.loads(seen["body"])["correlationId"] for seen in sandbox.requests if seen["point"] == "invoke"]
        return sum(sandbox.executions(name) for name in set(sent))

    # Nothing was executed, and it may be different the next time.
    sandbox.inject("invoke", {"status": 429, "retry_after": 300})
    first = tried("CUST-1", "2")
    assert (first.returncode, executions()) == (75, 0), first.stderr
    assert tried("CUST-1").returncode == 0
    assert executions() == 1

    # Accepted, and not at its end before the first try ran out of time: the second one sends nothing.
    sandbox.clear()
    sandbox.inject("poll", {"status": 200, "body": {"status": "RUNNING"}}, 10_000)
    assert tried("CUST-2", "0.3").returncode == 75
    assert executions() == 1
    sandbox.clear()
    second = tried("CUST-2")
    assert second.returncode == 0, second.stderr
    assert {seen["point"] for seen in sandbox.requests} == {"token", "poll"}

    # What cannot be known, or cannot get better, is not tried again.
    sandbox.clear()
    sandbox.inject("invoke", {"close": "after_request"})
    lost = tried("CUST-3")
    assert (lost.returncode, executions()) == (1, 1)
    assert "it may have been executed: look for" in lost.stderr
    sandbox.inject("invoke", {"status": 403})
    assert tried("CUST-4").returncode == 1

    # Killed in the middle of the POST: the next try says so, and sends nothing.
    sandbox.clear()
    sandbox.inject("invoke", {"delay": 30, "executed": True})
    command = [sys.executable, str(EXAMPLES / "airflow_task.py"), "CUST-5", str(tmp_path / "state.json")]
    with subprocess.Popen(command, env=environment) as killed:
        until = time.monotonic() + 30
        while not any(seen["point"] == "invoke" for seen in sandbox.requests):
            assert killed.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        killed.kill()
    doubtful = tried("CUST-5")
    assert doubtful.returncode == 1
    assert "a try died while it was sending: look for" in doubtful.stderr
    assert len([seen for seen in sandbox.requests if seen["point"] == "invoke"]) == 1


def test_the_notebook_runs_from_its_first_cell_to_its_last(environment: dict[str, str], tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.ipynb"
    notebook.write_text((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "jupyter", "execute", "--inplace", "--timeout=60", str(notebook)]
    folders = {name: str(tmp_path / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    run = subprocess.run(command, env={**environment, **folders}, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    shown = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [output for output in shown if output["output_type"] == "error" or output.get("name") == "stderr"]
    printed = ["".join(map(text, cell["outputs"])) for cell in cells if cell.get("outputs")]
    assert "status='COMPLETED'" in printed[0]
    assert printed[1] == "['priority-support', 'support']"
    assert printed[2] == "COMPLETED\n20 of 20\n"
    assert "completed=21" in printed[3]


def text(output: dict[str, Any]) -> str:
    return "".join(output.get("text") or output["data"]["text/plain"])


def test_the_batch_is_killed_and_started_again_and_each_row_is_executed_once(tmp_path: Path) -> None:
    count = 1500
    source, results = tmp_path / "cases.csv", tmp_path / "results.csv"
    with source.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["customerId", "orderReference", "priority"])
        lines.writerows([f"CUST-{n}", f"ORD-2026-{n:04}", 1 + n % 5] for n in range(count))
    with Sandbox(complete_after=0.02, requests_kept=0) as sandbox:
        command = [sys.executable, str(EXAMPLES / "csv_batch.py"), str(source), str(results), str(tmp_path / "trail")]
        environment = {**os.environ, **sandbox.environ}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as batch:
            until = time.monotonic() + 60
            while not results.exists() or results.read_bytes().count(b"\n") < count // 5:
                assert batch.poll() is None
                assert time.monotonic() < until
                time.sleep(0.005)
            batch.kill()
        before = results.read_bytes().count(b"\n")
        assert before < count, "it was killed in the middle"

        again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        looked_at = {line.partition(":")[0] for line in again.stderr.splitlines()}
        assert again.returncode == (1 if looked_at else 0), again.stderr
        third = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert third.stdout.startswith("sent 0, completed 0")

        names = [f"case-CUST-{n}" for n in range(count)]
        with results.open(newline="") as file:
            kept = [line[0] for line in csv.reader(file)]
        assert sorted(kept) == sorted(set(kept))
        assert set(kept) | looked_at == set(names)
        for name in names:
            assert sandbox.executions(name) == 1 if name in set(kept) else sandbox.executions(name) <= 1
