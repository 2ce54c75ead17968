"""What `kill -9` leaves behind, and what the next process makes of it: faults 39 to 41.

The gateway lives in this process, and its own count of executions is the judge of those that are killed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import AuditError, Client, Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are those of Unix")

USER = Path(__file__).parent / "batch_user.py"
FOR_EVER = 3600

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(gateway: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a user of this gateway, whose trail is in `trail` and whose results are in `taken`."""
    gateway["CXONE_AUDIT_DIR"] = str(tmp_path / "trail")
    started: list[subprocess.Popen[str]] = []

    def start(count: int, dawdles: float = 0.001) -> subprocess.Popen[str]:
        command = [sys.executable, str(USER), str(tmp_path / "taken"), str(count), str(dawdles)]
        child = subprocess.Popen(command, env=gateway, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        killed(child)


def says(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line == f"{word}\n":
            return
    pytest.fail(f"it ended without saying {word}")


def killed(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the moment did not come"
        time.sleep(0.001)


def taken(tmp_path: Path) -> list[str]:
    file = tmp_path / "taken"
    return file.read_text().split() if file.exists() else []


def on_disk(tmp_path: Path, event: str) -> bool:
    return any(f'"event":"{event}"' in segment.read_text() for segment in (tmp_path / "trail").glob("*.jsonl"))


def is_polled(sandbox: Sandbox) -> bool:
    return any("/invocations/" in request["path"] for request in sandbox.requests)


# the moment, what the gateway does until then, how it is seen, what is left, executions then;
# then what the next process makes of it: executions, results taken
MOMENTS: dict[str, tuple[Any, ...]] = {
    "before_the_post": ("token", lambda _, path: on_disk(path, "started"), "unsent", 0, 1, 1),
    "after_its_last_byte": ("invoke", lambda box, _: box.executions("call-0") == 1, "unknown", 1, 1, 0),
    "after_acceptance": ("poll", lambda box, _: is_polled(box), "accepted", 1, 1, 1),
    "while_the_handler_had_the_result": (None, lambda _, path: taken(path) == ["call-0"], "accepted", 1, 1, 2),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_death_at_each_moment_leaves_what_can_be_known(
    start: Start, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path, moment: str
) -> None:
    point, has_come, state, executed, afterwards, results = MOMENTS[moment]
    if point:
        sandbox.inject(point, {"delay": 60}, times=1)
    child = start(1, FOR_EVER)
    until(lambda: (tmp_path / "trail").exists() and bool(has_come(sandbox, tmp_path)))
    killed(child)
    with Client(**access, audit=tmp_path / "trail") as reader:
        [left] = reader.recover()
        assert (left.correlation_id, left.state) == ("call-0", state)
        assert (left.resume_token is not None) == (state == "accepted")
        assert reader.audit.verify().ok
    assert sandbox.executions("call-0") == executed
    next_one = start(1)
    says(next_one, "done")
    assert next_one.wait(60) == 0
    assert sandbox.executions("call-0") == afterwards
    assert taken(tmp_path) == ["call-0"] * results
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert [left.state for left in reader.recover()] == (["unknown"] if state == "unknown" else [])
        assert reader.audit.verify().ok


def test_a_batch_survives_kills_at_random_moments(
    start: Start, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path
) -> None:
    seed, calls, kills = int(os.environ.get("CRASH_SEED", "1")), 400, 12
    print(f"seed {seed}")
    lot = random.Random(seed)
    for _ in range(kills):
        child = start(calls)
        says(child, lot.choice(("open", "working", "working", "working")))
        time.sleep(lot.random() * 0.08)
        killed(child)
        with Client(**access, audit=tmp_path / "trail") as reader:
            verification = reader.audit.verify()
            assert verification.ok, verification.problems
            for left in reader.recover():
                possible = {"unsent": {0}, "unknown": {0, 1}, "accepted": {1}}[left.state]
                assert sandbox.executions(left.correlation_id) in possible, left
    last = start(calls)
    says(last, "done")
    assert last.wait(60) == 0

    names = [f"call-{n}" for n in range(calls)]
    handled = Counter(taken(tmp_path))
    with Client(**access, audit=tmp_path / "trail") as reader:
        unknown = {left.correlation_id for left in reader.recover() if left.state == "unknown"}
        assert len(reader.recover()) == len(unknown), "something could have been gone on with"
        ended = {record["correlation_id"] for record in reader.audit.records(event="terminal")}
        accepted = {record["correlation_id"] for record in reader.audit.records(event="accepted")}
        assert reader.audit.verify().ok
    assert ended.isdisjoint(unknown)
    assert ended | unknown == set(names)
    assert accepted <= ended, "something that was accepted is lost"
    assert all(sandbox.executions(name) == 1 for name in ended)
    assert all(sandbox.executions(name) <= 1 for name in unknown)
    assert all(handled[name] >= 1 for name in ended)
    print(f"{len(ended)} ended, {len(unknown)} unknown, {sum(handled[n] > 1 for n in names)} delivered again")


# faults 40: what a segment may look like when its writer died, or somebody touched it


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"v":1,"seq":99,"ts":"20')


def flipped(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    middle = bytearray(lines[2])
    middle[middle.index(b'"actor":"') + 9] ^= 1
    path.write_bytes(b"".join([*lines[:2], bytes(middle), *lines[3:]]))


def emptied(path: Path) -> None:
    (path.parent / f"29991231T235959.000000Z-1-{'0' * 12}.jsonl").touch()


@pytest.mark.parametrize(
    ("touch", "ok", "cut", "line"), [(torn, True, 1, None), (flipped, False, 0, 3), (emptied, True, 0, None)]
)
def test_a_torn_end_is_cut_a_flipped_bit_is_named_and_an_empty_segment_is_fine(
    access: dict[str, Any], tmp_path: Path, touch: Callable[[Path], None], ok: bool, cut: int, line: int | None
) -> None:
    with Client(**access, audit=tmp_path / "trail") as client:
        client.run(CREATE_CASE, INPUTS, correlation_id="call-0")
    [segment] = (tmp_path / "trail").glob("*.jsonl")
    touch(segment)
    with Client(**access, audit=tmp_path / "trail") as reader:
        found = reader.audit.verify()
        assert (found.ok, found.cut) == (ok, cut), found.problems
        assert [(problem.segment, problem.line) for problem in found.problems] == (
            [(segment.name, line)] if line else []
        )
        assert reader.recover() == []
        if ok:
            assert reader.run(CREATE_CASE, INPUTS).ok


# fault 41: no room, and no directory

FULL = """
import resource, sys
from cxone_actions import AuditError, Client
from actions import CREATE_CASE, INPUTS
with Client() as client:
    running = client.invoke(CREATE_CASE, INPUTS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    refused = 0
    for n in range(20):
        try:
            client.run(CREATE_CASE, INPUTS, correlation_id=f"call-{n}")
        except AuditError as error:
            assert error.executed == "no", error
            print("refused", f"call-{n}")
    assert client.poll(running).ok
"""


def test_where_there_is_no_room_nothing_is_sent_and_polls_go_on(
    sandbox: Sandbox, gateway: dict[str, str], access: dict[str, Any], tmp_path: Path
) -> None:
    """A write that does not fit fails half way; what was acknowledged is there, and what was refused was not sent."""
    gateway |= {"CXONE_AUDIT_DIR": str(tmp_path / "trail"), "PYTHONPATH": str(USER.parent)}
    child = subprocess.run([sys.executable, "-c", FULL], env=gateway, capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
    refused = [line.split()[1] for line in child.stdout.splitlines()]
    assert 10 < len(refused) < 20
    assert sum(sandbox.executions(name) for name in refused) == 0
    assert all(sandbox.executions(f"call-{n}") == (f"call-{n}" not in refused) for n in range(20))
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert reader.audit.verify().ok
        sent = {record["correlation_id"] for record in reader.audit.records(event="sending")}
        assert sent.isdisjoint(refused)


def test_where_the_directory_is_gone_nothing_is_sent_and_polls_go_on(
    sandbox: Sandbox, gateway: dict[str, str], access: dict[str, Any], tmp_path: Path
) -> None:
    with Client(**access, audit=tmp_path / "trail") as client:
        running = client.invoke(CREATE_CASE, INPUTS)
        shutil.rmtree(tmp_path / "trail")
        for n in range(3):
            with pytest.raises(AuditError) as raised:
                client.run(CREATE_CASE, INPUTS, correlation_id=f"call-{n}")
            assert raised.value.executed == "no"
        assert client.poll(running).ok
    assert sum(sandbox.executions(f"call-{n}") for n in range(3)) == 0
    assert not (tmp_path / "trail").exists(), "a directory that somebody deleted is not made again"
