"""The examples that the gateway calls back: each under the server that it names, woken by a signed callback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from actions import CREATE_CASE
from callbacks import SAFETY_NET, SECRET, polls, posted, signed
from cxone_actions import Sandbox
from pages import ROOT

EXAMPLES = ROOT / "examples" / "python"
SERVED = {
    EXAMPLES / "fastapi_callbacks.py": "uvicorn --fd {fd} --no-use-colors fastapi_callbacks:app",
    EXAMPLES / "flask_callbacks.py": "gunicorn --bind fd://{fd} --workers 1 --threads 16 flask_callbacks:app",
}


@contextmanager
def served(command: str, gateway: Sandbox, log: Path) -> Iterator[httpx.Client]:
    """The program on a port that is open before it begins, so that no other test can take it."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        own = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environment = {**os.environ, **gateway.environ, "PUBLIC_URL": own, "CXONE_CALLBACK_SECRET": SECRET}
        fd = listening.fileno()
        arguments = [sys.executable, "-m", *command.format(fd=fd).split()]
        with (
            log.open("w") as out,
            subprocess.Popen(arguments, env=environment, cwd=EXAMPLES, stdout=out, stderr=out, pass_fds=[fd]) as server,
        ):
            try:
                # What is asked before it serves waits in the backlog.
                with httpx.Client(base_url=own, timeout=60, trust_env=False) as browser:
                    yield browser
            finally:
                server.terminate()
                try:
                    server.wait(30)
                finally:
                    server.kill()
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "Warning" not in said, said


@pytest.mark.skipif(sys.platform == "win32", reason="the servers are handed an open port, as Unix does it")
@pytest.mark.parametrize("example", SERVED, ids=lambda example: example.stem)
def test_a_case_is_answered_when_the_gateway_calls_back(example: Path, tmp_path: Path) -> None:
    with (
        Sandbox(complete_after=1.0, callback_secret=SECRET) as gateway,
        served(SERVED[example], gateway, tmp_path / "log") as browser,
    ):
        # It serves: how long its start takes is no part of the promise.
        assert browser.get("/callbacks/guessed").status_code == 405
        began = time.monotonic()
        answer = browser.post("/cases", json={"customerId": "CUST-998877"})
        assert (answer.status_code, answer.json()["outputs"]["queue"]) == (201, "support"), answer.text
        assert time.monotonic() - began < SAFETY_NET
        [told] = posted(gateway)
        assert (told["actionId"], polls(gateway) <= 2) == (CREATE_CASE, True)
        assert told["callbackUrl"].startswith(f"{browser.base_url!s}".rstrip("/") + "/callbacks/")

        # It is over: what comes now, signed or not, is for nobody.
        body = '{"status": "COMPLETED"}'
        late = [browser.post(told["callbackUrl"], content=body, headers=headers) for headers in (signed(body), {})]
        empty = browser.post("/callbacks/guessed")
        assert [answer.status_code for answer in (*late, empty)] == [404, 404, 404]
        assert browser.post("/callbacks/guessed", content=b"x" * 100_000).status_code == 413
        # It serves on; the connection on which it read no further is closed at its own time.
        assert httpx.get(browser.base_url.join("/callbacks/guessed"), trust_env=False).status_code == 405
