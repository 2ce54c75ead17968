"""Under the servers that people deploy: processes that fork after the client was used, and again and again.

What is promised: the workers go on with the client of the module, each action is executed once, what ends is on record,
and nobody reads a warning.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cxone_actions import Client, Sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these servers fork")

HERE = Path(__file__).parent
PATIENCE = 60.0

Begin = Callable[..., "Server"]


class Server:
    """A server in a process of its own, and what it has written."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, env=env, stdout=file, stderr=file, cwd=HERE)

    @property
    def written(self) -> str:
        return self._log.read_text()

    def until(self, pattern: str, times: int = 1) -> re.Match[str]:
        """Waits until it has written this so many times."""
        end = time.monotonic() + PATIENCE
        while len(found := list(re.finditer(pattern, self.written))) < times:
            assert self.process.poll() is None, self.written
            assert time.monotonic() < end, self.written
            time.sleep(0.01)
        return found[0]

    def end(self) -> None:
        """Ends it as its supervisor does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0, self.written
        # Celery has a warning of its own for whoever is root, as one is in a container.
        assert re.findall("Traceback|(?<!Security)Warning|Fatal|panicked", self.written) == [], self.written


@pytest.fixture
def begin(gateway: dict[str, str], tmp_path: Path) -> Iterator[Begin]:
    """Starts a server of this gateway; it writes its trail where `trail` reads it."""
    env = {
        **gateway,
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        "CXONE_AUDIT_DIR": str(tmp_path / "trail"),
        "CELERY_SPOOL": str(tmp_path),
    }
    begun: list[Server] = []

    def begin(*arguments: str) -> Server:
        begun.append(Server([sys.executable, *arguments], env, tmp_path / f"log-{len(begun)}"))
        return begun[-1]

    yield begin
    for server in begun:
        server.process.kill()
        server.process.wait()


def judge(sandbox: Sandbox, access: dict[str, Any], trail: Path, ids: list[str], pids: set[int]) -> None:
    assert [sandbox.executions(correlation_id) for correlation_id in ids] == [1] * len(ids)
    with Client(**access, audit=trail) as reader:
        assert reader.audit.verify().ok
        assert reader.recover() == []
        # Every worker that had work has left in good order.
        assert pids <= {record["pid"] for record in reader.audit.records(event="closed")}


@pytest.mark.parametrize(
    ("worker", "application"), [("sync", "apps.wsgi"), ("gthread", "apps.wsgi"), ("asgi", "apps.asgi")]
)
def test_the_workers_of_gunicorn_share_the_client_of_the_application(
    begin: Begin, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path, worker: str, application: str
) -> None:
    options = ["--preload", "--workers", "2", "--worker-class", worker, "--bind", "127.0.0.1:0", "--no-control-socket"]
    server = begin("-m", "gunicorn", *options, f"{application}:application")
    url = server.until(r"Listening at: (http://[\d.:]+)").group(1)
    server.until("Booting worker", 2)

    def ask(number: int) -> int:
        with urllib.request.urlopen(f"{url}/order-{number}", timeout=PATIENCE) as answer:
            said = json.load(answer)
        assert said["ok"]
        return int(said["pid"])

    with ThreadPoolExecutor(8) as threads:
        before = set(threads.map(ask, range(20)))
        server.process.send_signal(signal.SIGHUP)
        server.until("Booting worker", 4)
        server.until("Worker exiting", 2)
        after = set(threads.map(ask, range(20, 40)))
    server.end()
    assert before.isdisjoint(after)
    judge(sandbox, access, tmp_path / "trail", [f"order-{number}" for number in range(40)], before | after)


def test_the_pool_of_celery_shares_the_client_of_the_tasks(
    begin: Begin, sandbox: Sandbox, access: dict[str, Any], tmp_path: Path
) -> None:
    options = [
        "--pool",
        "prefork",
        "--loglevel",
        "INFO",
        "--concurrency",
        "2",
        "--max-tasks-per-child",
        "5",
        "--without-mingle",
        "--without-gossip",
    ]
    worker = begin("-m", "celery", "--app", "apps.tasks", "worker", *options)
    worker.until(r"celery@\S+ ready")
    producer = begin("-m", "apps.tasks", "order", "20")
    assert producer.process.wait(PATIENCE) == 0, producer.written
    said = json.loads(producer.written)
    worker.end()
    assert [task["ok"] for task in said] == [True] * 20
    pids = {task["pid"] for task in said}
    assert len(pids) >= 4, "each process does five and is replaced"
    judge(sandbox, access, tmp_path / "trail", [f"order-{number}" for number in range(20)], pids)


#: A process of the pool: it is forked off, has tasks, says that it ends, and leaves past what Python does at exit.
OF_THE_POOL = """
import os
import celery.signals
child = os.fork()
if child == 0:
    from cxone_actions import Client
    client = Client()
    assert client.run("00000000-0000-4000-8000-000000000004", {}).ok
    celery.signals.worker_process_shutdown.send(sender=None, pid=os.getpid(), exitcode=0)
    os._exit(0)
assert os.waitpid(child, 0) == (child, 0)
"""


def test_a_task_of_celery_may_be_the_first_to_import_the_package(
    gateway: dict[str, str], access: dict[str, Any], tmp_path: Path
) -> None:
    environment = {**gateway, "CXONE_AUDIT_DIR": str(tmp_path / "trail")}
    run = subprocess.run([sys.executable, "-c", OF_THE_POOL], env=environment, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    with Client(**access, audit=tmp_path / "trail") as reader:
        assert len(list(reader.audit.records(event="closed"))) == 1
