"""The life of a process: exit with calls in flight, fork, Ctrl-C. Each in processes of their own, several times over.

What is promised: it ends in time and without a crash, nothing is executed twice, and the trail verifies.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import Client, Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and fork are those of Unix")

CHILD = Path(__file__).parent / "child.py"
CALLS = 300
# The library's own limit is five seconds; the rest is the interpreter's and this machine's. What hangs, hangs for ever.
IN_TIME = 40.0

# CPython says so from 3.12 on of every process that forks and has a thread, as one with a client in use does.
FORKS = "ignore:This process:DeprecationWarning"

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(gateway: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a child of this gateway; it writes its trail where `trail` reads it."""
    gateway["CXONE_AUDIT_DIR"] = str(tmp_path / "trail")
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-X", "dev", "-W", FORKS, str(CHILD), *map(str, arguments)],
            env=gateway,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = child.communicate(timeout=120)
    return child.returncode, stdout, stderr


def until_ready(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n", finish(child)


@pytest.mark.parametrize("how", ["returns", "exits", "raises", "threads", "many", "mixed"])
@pytest.mark.parametrize("turn", range(5))
def test_a_process_ends_in_time_with_calls_in_flight(
    start: Start, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path, how: str, turn: int
) -> None:
    child = start("exit", how, CALLS)
    until_ready(child)
    began = time.monotonic()
    code, _, stderr = finish(child)
    assert time.monotonic() - began < IN_TIME
    assert code == (1 if how == "raises" else 0), stderr
    if how == "raises":
        assert stderr.startswith("Traceback"), stderr
        assert stderr.endswith("RuntimeError: the user's own\n"), stderr
        assert stderr.count("Traceback") == 1, stderr
    else:
        assert stderr == ""
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert reader.audit.verify().ok
        sent = {record["correlation_id"] for record in reader.audit.records(event="sending")}
        # What was on the wire is on record: nobody has to guess.
        assert [left for left in reader.recover() if left.state == "unknown"] == []
    assert sent
    assert max(sandbox.executions(correlation_id) for correlation_id in sent) == 1
    # The reader's own, and more than one of the child's.
    assert len(list((tmp_path / "trail").glob("*.jsonl"))) > 2


@pytest.mark.parametrize("how", ["fork", "fork_in_flight", "fork_in_thread", "fork_twice", "fork_async", "fork_unused"])
@pytest.mark.parametrize("turn", range(3))
def test_the_child_of_a_fork_uses_the_same_client(
    start: Start, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path, how: str, turn: int
) -> None:
    code, stdout, stderr = finish(start("fork", how, 20))
    assert code == 0, stderr
    assert stdout.count("child ok") == (2 if how == "fork_twice" else 1)
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert reader.audit.verify().ok
        every = list(reader.audit.records())
    pids = {record["pid"] for record in every if record["event"] == "sending"}
    assert len(pids) == (3 if how == "fork_twice" else 1 if how == "fork_unused" else 2)
    sent = {record["correlation_id"] for record in every if record["event"] == "sending"}
    assert max(sandbox.executions(correlation_id) for correlation_id in sent) == 1


@pytest.mark.parametrize("how", ["sync_hangs", "async_hangs", "fork_hangs", "fork"])
@pytest.mark.parametrize("turn", range(3))
def test_a_function_for_tokens_survives_exit_and_fork(start: Start, how: str, turn: int) -> None:
    child = start("tokens", how, 1)
    if how != "fork":
        until_ready(child)
    began = time.monotonic()
    code, stdout, stderr = finish(child)
    assert time.monotonic() - began < IN_TIME
    assert code == 0, stderr
    assert stdout.count("child ok") == how.startswith("fork")
    assert all(word not in stderr for word in ("Fatal", "panicked", "never awaited", "leaked"))


def test_a_child_is_told_that_a_batch_is_its_parents(start: Start) -> None:
    code, stdout, stderr = finish(start("fork", "fork_in_batch", 1))
    assert (code, stdout, stderr) == (0, "child ok\n", "")


def test_what_a_killed_parent_left_is_recovered_while_its_child_lives(
    start: Start, access: dict[str, Any], tmp_path: Path
) -> None:
    parent = start("fork", "fork_outlived", 5)
    until_ready(parent)
    parent.kill()
    parent.wait()
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert len(reader.recover()) == 5
        assert reader.audit.verify().ok
    finish(parent)  # closes its standard input, which its child has too


def test_forks_in_the_middle_of_everything_never_hang(start: Start) -> None:
    code, stdout, stderr = finish(start("fork", "fork_hammered", 50))
    assert code == 0, stderr
    assert stdout.split("\n").count("child ok") == 50


@pytest.mark.parametrize("what", ["multiprocessing", "executor"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_with_every_start_method(
    start: Start, access: dict[str, Any], tmp_path: Path, method: str, what: str
) -> None:
    code, stdout, stderr = finish(start(what, method, 4))
    assert (code, stderr) == (0, "")
    assert stdout.split() == ["COMPLETED"] * 8
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert reader.audit.verify().ok
        closed = [record["pid"] for record in reader.audit.records(event="closed")]
    # The workers leave past `atexit`, and drain all the same.
    assert len(set(closed)) >= 2


@pytest.mark.parametrize("how", ["run", "poll", "run_many", "close", "asyncio", "handler_in_a_loop"])
def test_ctrl_c_ends_a_call_that_blocks_at_once(start: Start, access: dict[str, Any], tmp_path: Path, how: str) -> None:
    child = start("interrupt", how, 1)
    until_ready(child)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    code, stdout, stderr = finish(child)
    assert time.monotonic() - began < IN_TIME
    assert code == 0, stderr
    assert "interrupted after" in stdout
    # What is interrupted would go on for a minute or longer.
    assert float(stdout.split()[-1]) < 5
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert reader.audit.verify().ok


@pytest.mark.parametrize("turn", range(3))
def test_what_was_accepted_before_a_kill_is_recovered(
    start: Start, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path, turn: int
) -> None:
    child = start("exit", "waits", 20)
    until_ready(child)
    child.kill()
    finish(child)
    with Client(**access, audit=tmp_path / "trail") as reader:
        left = reader.recover()
        assert len(left) == 20
        for unfinished in left:
            possible = {"unsent": {0}, "unknown": {0, 1}, "accepted": {1}}[unfinished.state]
            assert sandbox.executions(unfinished.correlation_id) in possible
            assert (unfinished.resume_token is not None) == (unfinished.state == "accepted")
        assert reader.audit.verify().ok


def test_after_the_end_has_begun_calls_are_refused_and_do_not_hang(start: Start) -> None:
    code, stdout, stderr = finish(start("late", "", 1))
    assert code == 0, stderr
    assert stdout.split() == ["ClosedError", "ClosedError", "ClosedError"]


def test_importing_and_opening_prints_nothing_and_starts_no_thread(start: Start) -> None:
    code, stdout, stderr = finish(start("quiet", "", 1))
    assert (code, stdout, stderr) == (0, "1 1\n", "")


def test_the_command_is_the_same_from_pip(sandbox: Sandbox) -> None:
    for command in ([sys.executable, "-m", "cxone_actions"], [str(Path(sys.executable).parent / "cxone-actions")]):
        shown = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert shown.stdout.startswith("cxone-actions ")
        wrong = subprocess.run([*command, "no-such-command"], capture_output=True, text=True, timeout=60)
        assert (wrong.returncode, wrong.stdout) == (2, "")


def test_the_sandbox_command_ends_on_ctrl_c(tmp_path: Path) -> None:
    server = subprocess.Popen([sys.executable, "-m", "cxone_actions", "sandbox"], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        lines = [server.stdout.readline().removeprefix("export ").strip().split("=", 1) for _ in range(3)]
        access: dict[str, Any] = {name.removeprefix("CXONE_").lower(): value.strip("'\"") for name, value in lines}
        with Client(**access) as client:
            assert client.run(CREATE_CASE, INPUTS).ok
        server.send_signal(signal.SIGINT)
        assert server.wait(60) in (0, 130)
    finally:
        server.kill()
        server.communicate()
