"""The sandbox against its own description: schemathesis asks for all that it allows and for what it forbids."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cxone_actions import Sandbox

PROFILES = ["gateway", "genesys-data-action", "genesys-flow", "cxone-extraction"]
#: What schemathesis is told. A token endpoint refuses the clients that it does not know with 400, which RFC 6749 §5.2
#: asks for and which is no fault of the request's form.
SETTINGS = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404]
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415]
[[operations]]
include-path-regex = "token"
checks.positive_data_acceptance.expected-statuses = ["2xx", 400, 401]
"""


def token(sandbox: Sandbox) -> str:
    """A token, from where the description says that one is had."""
    if "access_key_id" in sandbox.options:
        key = {"accessKeyId": sandbox.access_key_id, "accessKeySecret": sandbox.access_key_secret}
        answer = httpx.post(f"{sandbox.base_url}/authentication/v1/token/access-key", json=key)
    else:
        client = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
        path = "/api/v2/oauth/token" if sandbox.options["profile"] == "gateway" else "/oauth/token"
        answer = httpx.post(sandbox.base_url + path, data={"grant_type": "client_credentials", **client})
    given: str = answer.raise_for_status().json()["access_token"]
    return given


@pytest.mark.parametrize("profile", PROFILES)
def test_schemathesis_finds_nothing(profile: str, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS, encoding="utf-8")
    with Sandbox(profile, rate_limit="100000/60s", complete_after=0.01) as sandbox:
        command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(settings), "run"]
        run = subprocess.run(
            [
                *command,
                f"{sandbox.base_url}/openapi.json",
                "--checks=all",
                "--max-examples=25",
                "--seed=1",
                "--generation-deterministic",
                "--request-timeout=10",
                "--continue-on-failure",
                # A busy machine is slow at making up examples, which says nothing of the sandbox.
                "--suppress-health-check=too_slow",
                "--no-color",
                f"--header=Authorization: Bearer {token(sandbox)}",
                "--header=Accept: application/json",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
        )
        asked = len(sandbox.requests)
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    assert asked > 100, run.stdout
