"""The sandbox speaks Genesys: the vendor's own SDK, which none of us wrote, works against it and understands it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from actions import INPUTS
from cxone_actions import Client, OutcomeUnknownError, Sandbox

PROGRAM = Path(__file__).parent / "vendor_sdk.py"
DATA, FLOW = "genesys-data-action", "genesys-flow"


def sdk(sandbox: Sandbox, what: str, home: Path) -> dict[str, Any]:
    """What the SDK says. It watches the home folder for its configuration: here an empty one."""
    gateway = {
        "GATEWAY_URL": sandbox.base_url,
        "GATEWAY_CLIENT_ID": sandbox.client_id,
        "GATEWAY_CLIENT_SECRET": sandbox.client_secret,
        "HOME": str(home),
    }
    done = subprocess.run(
        [sys.executable, str(PROGRAM), what],
        env={**os.environ, **gateway},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_sdk_executes_and_describes_data_actions_and_reads_their_errors(tmp_path: Path) -> None:
    with Sandbox(DATA, complete_after=0.01) as sandbox:
        said = sdk(sandbox, "data_actions", tmp_path)
        assert said["created"]["queue"] == "priority-support"
        assert {name: said["created"][name] for name in INPUTS} == INPUTS
        assert said["echoed"]
        assert said["headers"]["inin-correlation-id"] == "vendor-1"
        assert said["headers"]["inin-ratelimit-allowed"] == "300"
        assert said["headers"]["inin-ratelimit-count"] == "1"
        assert int(said["headers"]["inin-ratelimit-reset"]) in range(1, 61)
        assert said["action"] == ["Action", "custom_-_create-case", "create-case"]
        assert said["schema"]["required"] == ["customerId"]
        assert said["schema"]["properties"]["priority"]["maximum"] == 5
        assert said["output_type"] == "object"
        for name, status, code in (("unknown", 404, "not.found"), ("incomplete", 400, "bad.request")):
            refused = said[name]
            assert (refused["status"], refused["model"]["status"], refused["model"]["code"]) == (status, status, code)
            assert refused["model"]["message"] == refused["body"]["message"]
            assert refused["model"]["context_id"] == "vendor-1"
        assert said["failed"]["status"] == 400
        assert said["failed"]["body"]["errorCode"] == "action.failed"
        assert said["failed"]["body"]["userMessage"] == "the upstream system refused the request"
        # create-case, echo and fails; the two that were refused are not among them.
        assert sandbox.executions("vendor-1") == 3


def test_the_sdk_launches_flows_and_reads_how_they_ended(tmp_path: Path) -> None:
    with Sandbox(FLOW, complete_after=0.01) as sandbox:
        said = sdk(sandbox, "flows", tmp_path)
        created, failed, cancelled = said["created"], said["failed"], said["cancelled"]
        assert created["outputs"]["queue"] == "priority-support"
        assert said["echoed"]
        for ended, status in ((created, "COMPLETED"), (failed, "FAILED"), (cancelled, "TERMINATED")):
            assert (ended["type"], ended["status"], ended["same"]) == ("FlowRuntimeExecution", status, [True, True])
            age = datetime.now(timezone.utc) - datetime.fromisoformat(ended["launched"])
            assert timedelta(0) <= age < timedelta(minutes=2)
        assert failed["error"] == ["ErrorBody", "the upstream system refused the request"]
        assert (created["error"], created["reason"]) == (None, None)
        assert (cancelled["error"], cancelled["reason"]) == (None, "cancelled by an operator")
        assert said["headers"]["inin-ratelimit-allowed"] == "300"
        assert (said["unknown"]["status"], said["unknown"]["model"]["code"]) == (404, "not.found")


def test_the_sdk_is_told_when_its_secret_is_wrong_and_waits_as_long_as_it_is_told_to(tmp_path: Path) -> None:
    with Sandbox(DATA, complete_after=0, rate_limit="2/1s") as sandbox:
        refused = sdk(sandbox, "stranger", tmp_path)
        assert (refused["status"], refused["body"]["error"]) == (401, "invalid_client")
        sandbox.clear()
        assert sdk(sandbox, "hurried", tmp_path)["answers"] == [{"n": 0}, {"n": 1}, {"n": 2}]
        sent = [seen for seen in sandbox.requests if seen["point"] == "invoke"]
        assert [seen["status"] for seen in sent] == [200, 200, 429, 200]
        assert sent[3]["at"] - sent[2]["at"] >= 0.9


@pytest.mark.parametrize("ours", [False, True], ids=["the vendor's SDK", "this library"])
def test_a_lost_answer_is_executed_again_by_the_vendors_sdk_and_not_by_this_library(ours: bool, tmp_path: Path) -> None:
    with Sandbox(DATA, complete_after=0) as sandbox:
        sandbox.inject("invoke", {"close": "after_request"})
        if ours:
            client_id, client_secret = sandbox.client_id, sandbox.client_secret
            with (
                Client(sandbox.base_url, client_id=client_id, client_secret=client_secret, profile=DATA) as client,
                pytest.raises(OutcomeUnknownError) as caught,
            ):
                client.run("custom_-_echo", {"a": 1}, correlation_id="vendor-1")
            assert caught.value.executed == "unknown"
        else:
            assert sdk(sandbox, "lost", tmp_path)["answer"]["text"] == "é"
        assert sandbox.executions("vendor-1") == (1 if ours else 2)
