"""What the process's surroundings decide, and what they never do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cxone_actions import Sandbox

RUN = """
from cxone_actions import Client, CxoneError
try:
    with Client() as client:
        result = client.run("a1b2c3d4-e5f6-7890-abcd-ef1234567890", {"customerId": "CUST-998877"})
        assert result.ok
except CxoneError as error:
    raise SystemExit(f"{error.kind}: {error}")
"""


def run(code: str, env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CXONE_")}
    return subprocess.run(
        [sys.executable, "-c", code], env={**plain, **env}, cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_the_environment_is_enough_and_nothing_is_printed(variables: dict[str, str], tmp_path: Path) -> None:
    done = run(RUN, variables, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), "tutorial defects S15, S43"


def test_no_dotenv_file_is_read(variables: dict[str, str], tmp_path: Path) -> None:
    lines = "".join(f"{name}={value}\n" for name, value in variables.items())
    (tmp_path / ".env").write_text(lines)
    done = run(RUN, {}, tmp_path)
    assert done.returncode == 1, "tutorial defect S15"
    assert "config" in done.stderr
    assert "CXONE_BASE_URL" in done.stderr


def test_a_mounted_file_holds_the_secret(variables: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(variables.pop("CXONE_CLIENT_SECRET") + "\n")
    done = run(RUN, {**variables, "CXONE_CLIENT_SECRET_FILE": str(secret)}, tmp_path)
    assert done.returncode == 0, done.stderr
    gone = run(RUN, {**variables, "CXONE_CLIENT_SECRET_FILE": str(tmp_path / "gone")}, tmp_path)
    assert "CXONE_CLIENT_SECRET_FILE" in gone.stderr


def test_an_argument_wins_over_the_environment(variables: dict[str, str], sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = {**variables, "CXONE_BASE_URL": "https://nowhere.invalid"}
    code = RUN.replace("Client()", f"Client({sandbox.base_url!r})")
    assert run(code, wrong, tmp_path).returncode == 0


def test_the_proxy_of_the_environment_is_not_asked_for_a_gateway_on_this_machine(
    variables: dict[str, str], tmp_path: Path
) -> None:
    nobody = "http://127.0.0.1:1"
    proxies = {"HTTP_PROXY": nobody, "http_proxy": nobody, "HTTPS_PROXY": nobody, "ALL_PROXY": nobody}
    done = run(RUN, {**variables, **proxies}, tmp_path)
    assert done.returncode == 0, done.stderr
