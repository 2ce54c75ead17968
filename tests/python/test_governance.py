"""Every command and every program of docs/governance.md runs as it stands, in its order and in one directory."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pages import Block, blocks, ran, shows

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of a Unix shell")

# What happens between two of them: a process dies after its invocation was accepted.
DIES = """
import os, signal
from cxone_actions import Client
client = Client(audit="trail", audit_key=open("key").read().strip())
client.invoke("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "CUST-998877"}, correlation_id="order-4711")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def directory(tmp_path: Path, gateway: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page is followed, up to its end."""
    monkeypatch.setenv("PATH", gateway["PATH"])
    for block in blocks("docs/governance.md", "sh", "python"):
        if "client.recover()" in block.code:
            assert ran(Block("python", DIES, None), tmp_path, gateway).returncode == -signal.SIGKILL
        run = ran(block, tmp_path, gateway)
        assert run.returncode == 0, run.stderr
        assert shows(block, run.stdout), run.stdout
    return tmp_path


def verified(directory: Path, *more: str) -> tuple[int, dict[str, object]]:
    command = ["cxone-actions", "audit", "verify", "trail", "--output", "json", *more]
    shown = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    return shown.returncode, json.loads(shown.stdout)


def test_the_page_can_be_followed_from_its_beginning_to_its_end(directory: Path) -> None:
    assert "svc-billing" in (directory / "report.html").read_text(encoding="utf-8")
    assert (directory / "key").stat().st_mode & 0o777 == 0o600
    [exported] = directory.glob("20??-??-??.jsonl")
    events = [json.loads(line)["event"] for line in exported.read_text(encoding="utf-8").splitlines()]
    assert {"started", "sending", "accepted", "terminal", "denied", "closed"} <= set(events)
    assert "create-case" in (directory / "cases.csv").read_text(encoding="utf-8")
    for trace in (*directory.glob("trail/*"), exported, directory / "report.html", directory / "cases.csv"):
        assert "CUST-998877" not in trace.read_text(encoding="utf-8", errors="replace")


def test_who_may_write_to_the_directory_is_found_out_as_the_page_says(directory: Path) -> None:
    """The table of what the chain proves: each row that key or checkpoints make the difference for."""
    keyed, anchored = ("--key-file", "key"), ("--checkpoints", "elsewhere/checkpoints.jsonl")
    code, whole = verified(directory, *keyed, *anchored)
    assert (code, whole["ok"]) == (0, True), whole
    assert whole["anchored"]
    segments = sorted((directory / "trail").glob("*.jsonl"))
    oldest, newest = segments[0], segments[-1]
    lines = newest.read_bytes().splitlines(keepends=True)

    def named(*witnesses: str) -> list[str]:
        _, found = verified(directory, *witnesses)
        problems: Any = found["problems"]
        return [problem["segment"] for problem in problems]

    newest.write_bytes(b"".join(lines[:-2]))
    assert named(*keyed) == [], "a cut end has no witness in the directory"
    assert newest.name in named(*keyed, *anchored)

    newest.write_bytes(forged(lines))
    assert named() == [], "without a key a history that was written anew holds"
    assert newest.name in named(*keyed)
    assert newest.name in named(*anchored)

    newest.unlink()
    assert named(*keyed) == [], "a newest file that is gone has no witness in the directory"
    assert newest.name in named(*keyed, *anchored)

    newest.write_bytes(b"".join(lines))
    assert named(*keyed, *anchored) == []
    whole_oldest = oldest.read_bytes()
    oldest.write_bytes(b"".join(whole_oldest.splitlines(keepends=True)[:-1]))
    assert oldest.name in named(), "the next one names its end"
    oldest.unlink()
    assert named() == [], "without key and checkpoints the oldest ones are believed to be kept no longer"
    assert oldest.name in named(*keyed)
    assert oldest.name in named(*anchored)
    oldest.write_bytes(whole_oldest)
    segments[1].unlink()
    assert segments[1].name in named(), "the next one names it"


def forged(lines: list[bytes]) -> bytes:
    """The same history, with another actor and without a key: each hash made anew."""
    out, previous = [], "0" * 64
    for line in lines:
        record = json.loads(line)
        record.pop("key", None)
        record.pop("hash")
        record.update(actor="nobody", prev=previous)
        text = json.dumps(record, separators=(",", ":"))[:-1].encode()
        previous = hashlib.sha256(text).hexdigest()
        out.append(text + f',"hash":"{previous}"}}\n'.encode())
    return b"".join(out)
