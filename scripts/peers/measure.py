"""`make peers`: what other clients do in the cases of docs/reliability.md. Prints a table, writes nothing.

Each client runs in a process of its own, one per case, against a gateway of its own that counts. Their versions are
pinned in package.json and rust/Cargo.toml of this folder, and in scripts/requirements.txt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from cases import CASES, Case, Ran
from gateway import SECRET, Gateway

HERE = Path(__file__).parent
RUST = str(HERE.parent.parent / "target/peers/release/peers")
PEERS: dict[str, list[str]] = {
    "cxone-actions": [sys.executable, str(HERE / "ours.py")],
    "the tutorial": ["node", str(HERE / "tutorial.mjs")],
    "Genesys, Python": [sys.executable, str(HERE / "genesys.py")],
    "Genesys, JavaScript": ["node", str(HERE / "genesys.mjs")],
    "Azure, JavaScript": ["node", str(HERE / "azure.mjs")],
    "Azure, Rust": [RUST, "azure"],
    "reqwest-retry": [RUST, "reqwest-retry"],
}


def memory(pid: int) -> int:
    """The peak so far in MiB. What `wait4` says counts the parent's memory too, from before the exec."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def run(command: list[str], case: Case) -> str:
    elsewhere = Gateway("127.0.0.2", None)
    gateway = Gateway("127.0.0.1", case.fault, case.faulty, elsewhere.url)
    environment = {**os.environ, "PEER_SECRET": SECRET}
    child = subprocess.Popen(
        [*command, gateway.url, *case.operation.split(maxsplit=1)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    stop = threading.Timer(case.limit, child.kill)
    stop.start()
    assert child.stdout is not None
    assert child.stderr is not None
    with ThreadPoolExecutor(max_workers=2) as pool:
        text, errors = pool.submit(child.stdout.read), pool.submit(child.stderr.read)
        peak = 0
        while child.poll() is None:
            peak = max(peak, memory(child.pid))
            time.sleep(0.02)
    stop.cancel()
    ended = time.monotonic()
    gateway.close()
    elsewhere.close()
    seconds = ended - gateway.requests[0].at if gateway.requests else 0.0
    lines = text.result().splitlines()
    said = json.loads(lines[-1]) if lines else None
    if said is None and child.returncode >= 0:
        return f"does not run: {(errors.result().strip().splitlines() or ['?'])[-1]}"
    if said is not None and said.get("skip"):
        return "-"
    return case.read(Ran(gateway, elsewhere, seconds, peak, said))


def main(wanted: list[str]) -> int:
    peers = {name: command for name, command in PEERS.items() if not wanted or name in wanted}
    print("| | " + " | ".join(peers) + " |\n|---" * 1 + "|---" * len(peers) + "|")
    # The slow cases sleep, so many of them fit on one processor.
    with ThreadPoolExecutor(max_workers=12) as pool:
        rows = [[pool.submit(run, command, case) for command in peers.values()] for case in CASES]
        for case, cells in zip(CASES, rows, strict=True):
            print(f"| {case.name} | " + " | ".join(cell.result() for cell in cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
