"""The command that comes with the package, over a trail that a client of the package wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actions import CREATE_CASE, INPUTS
from cxone_actions import Client


def audit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cxone_actions", "audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_trail_is_shown_verified_and_reported_as_the_client_knows_it(
    tmp_path: Path, open_client: Callable[..., Client]
) -> None:
    trail, page = tmp_path / "trail", tmp_path / "report.html"
    client = open_client(audit=trail, actor="svc-python")
    client.run(CREATE_CASE, INPUTS, correlation_id="order-1")
    shown = audit("show", trail, "--output", "jsonl", "--correlation-id", "order-1")
    assert shown.returncode == 0, shown.stderr
    records: list[Any] = [json.loads(line) for line in shown.stdout.splitlines()]
    assert records == list(client.audit.records(correlation_id="order-1"))
    made = audit("report", trail, "-o", page)
    assert (made.returncode, made.stdout) == (0, ""), made.stderr
    assert "svc-python" in page.read_text(encoding="utf-8")
    assert audit("verify", trail).returncode == 0
    segment = next(trail.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"order-1", b"order-2", 1))
    verified = audit("verify", trail, "--output", "json")
    assert verified.returncode == 1
    assert "it was edited" in json.loads(verified.stdout)["problems"][0]["what"]
