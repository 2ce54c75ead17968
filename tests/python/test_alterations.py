"""`tests/vectors/alterations.json` from Python: what is altered in a trail, and where `verify` sees it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import Client
from vectors import load

VECTORS = load("alterations.json")
MARK = b',"hash":"'


def alter(segment: Path, how: dict[str, Any]) -> None:
    [(name, number)] = how.items()
    whole = segment.read_bytes()
    lines = whole.splitlines(keepends=True)
    at = number - 1 if number > 0 else number
    if name == "edit":
        lines[at] = lines[at].replace(b"svc-billing", b"svc-milling")
    elif name == "delete":
        del lines[at]
    elif name == "insert":
        lines.insert(at, lines[at])
    elif name == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif name == "truncate":
        del lines[-number:]
    elif name == "cut":
        lines = [whole[:-number]]
    elif name == "forge":
        lines[at:] = forged(lines[at:])
    else:
        segment.unlink()
        return
    segment.write_bytes(b"".join(lines))


def forged(lines: list[bytes]) -> list[bytes]:
    """As whoever knows the rule of the chain, and not the key, would write them."""
    sealed, prev = [], None
    for line in lines:
        content = re.sub(b'"key":"[0-9a-f]{8}",', b"", line.partition(MARK)[0])
        if prev is None:
            content = content.replace(b"svc-billing", b"svc-milling")
        else:
            content = re.sub(b'"prev":"[0-9a-f]{64}"', b'"prev":"' + prev + b'"', content)
        prev = hashlib.sha256(content).hexdigest().encode()
        sealed.append(content + MARK + prev + b'"}\n')
    return sealed


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_every_alteration_is_named_with_its_place(
    case: dict[str, Any], open_client: Callable[..., Client], tmp_path: Path
) -> None:
    trail, checkpoints = tmp_path / "trail", tmp_path / "checkpoints"
    keys = {True: VECTORS["key"], False: None, "other": VECTORS["other_key"]}
    writes, reads = (keys[key] for key in case.get("keys", [False, False]))
    with open_client(audit=trail, audit_checkpoints=checkpoints, audit_key=writes, actor="svc-billing") as client:
        for correlation_id in ("corr-001", "corr-002"):
            client.run(CREATE_CASE, INPUTS, correlation_id=correlation_id)
    [segment] = trail.glob("*.jsonl")
    many = len(segment.read_bytes().splitlines())
    if "alter" in case:
        alter(segment, case["alter"])
    left = len(segment.read_bytes().splitlines()) if segment.exists() else 0

    told = checkpoints if case.get("checkpoints", True) else None
    audit = open_client(audit=trail, audit_key=reads).audit
    found = audit.verify(checkpoints=told)
    places = [(problem.segment, problem.line) for problem in found.problems]
    expected = case.get("problems", [])
    lines = [problem["line"] if problem["line"] >= 0 else many + 1 + problem["line"] for problem in expected]
    assert places == [(segment.name, line) for line in lines], found
    for problem, promised in zip(found.problems, expected, strict=True):
        assert problem.what.startswith(promised["what"])
    assert found.ok is (not expected)
    assert found.unchecked == (left if case.get("unchecked") else 0)
    if case.get("anchored"):
        assert found.anchored == many
    if told is None:
        assert found.anchored == 0


def test_a_client_compares_with_its_own_checkpoints(open_client: Callable[..., Client], tmp_path: Path) -> None:
    client = open_client(audit=tmp_path / "trail", audit_checkpoints=tmp_path / "checkpoints")
    client.run(CREATE_CASE, INPUTS)
    client.audit.flush()
    found = client.audit.verify()
    assert found.ok
    assert found.anchored > 0
    assert client.audit.verify(checkpoints=str(tmp_path / "checkpoints")).ok
    missing = client.audit.verify(checkpoints=tmp_path / "missing")
    assert not missing.ok
    assert "missing` cannot be read" in missing.problems[0].what
    with pytest.raises(TypeError):
        client.audit.verify(checkpoints=5)  # type: ignore[arg-type]
