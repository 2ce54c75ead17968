"""The gateway of raw sockets (`tests/faults`) in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "fault-gateway"


class FaultGateway:
    """A gateway that follows a script: `{"gateway": {…}, "script": {…}, "always": {…}}`."""

    def __init__(self, script: Mapping[str, Any]) -> None:
        assert PROGRAM.exists(), f"{PROGRAM} is not built: `make test-python` builds it"
        self._process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        access = self._ask(json.dumps(script))
        self.base_url: str = access["base_url"]
        self.client_id: str = access["client_id"]
        self.client_secret: str = access["client_secret"]
        self.ca_file: str = access["ca_file"]

    def __enter__(self) -> FaultGateway:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    @property
    def requests(self) -> list[dict[str, Any]]:
        requests: list[dict[str, Any]] = self._seen()["requests"]
        return requests

    def executions(self, correlation_id: str, /) -> int:
        return int(self._seen()["executions"].get(correlation_id, 0))

    @property
    def counters(self) -> dict[str, int]:
        """What nobody but this gateway counts."""
        seen = self._seen()
        counters = {name: seen[name] for name in ("seen_elsewhere", "connections", "written")}
        return {**counters, "altered": len(seen["altered"])}

    def _seen(self) -> dict[str, Any]:
        return self._ask("counters")

    def _ask(self, line: str) -> dict[str, Any]:
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer
