"""Where it was measured and with what: only what another machine would have different, and no date."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from .cases import PEERS_PYTHON, ROOT


def _said(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return ran.stdout.strip() if ran.returncode == 0 else "unknown"


def _crate(name: str) -> str:
    lock = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    return ", ".join(re.findall(rf'name = "{name}"\nversion = "([^"]+)"', lock)) or "unknown"


def about() -> dict[str, Any]:
    """For the raw file."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    installed = json.loads(_said(PEERS_PYTHON, "-m", "pip", "list", "--format", "json") or "[]")
    python = {row["name"]: row["version"] for row in installed}
    node = json.loads((ROOT / "tests/bench/node/package.json").read_text(encoding="utf-8"))["dependencies"]
    ours = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["version"]
    return {
        "machine": {
            "CPU": cpu[1] if cpu else platform.machine(),
            "cores": os.cpu_count(),
            "memory": f"{memory:.0f} GiB",
            "kernel": f"{platform.system()} {platform.release()}",
        },
        "versions": {
            "cxone-actions": ours,
            "rustc": _said("rustc", "--version").removeprefix("rustc ").split(" ")[0],
            "hyper": _crate("hyper"),
            "Python": platform.python_version(),
            "aiohttp": python.get("aiohttp", "unknown"),
            "httpx": python.get("httpx", "unknown"),
            "requests": python.get("requests", "unknown"),
            "Node": _said("node", "--version").removeprefix("v"),
            "undici": node["undici"],
            "axios, zod, uuid (the tutorial's)": ", ".join(node[name] for name in ("axios", "zod", "uuid")),
        },
    }
