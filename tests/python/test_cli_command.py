"""The command that pip installs is the one that cargo builds: the same bytes, the same codes, the same signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from actions import CREATE_CASE
from cxone_actions import Sandbox

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "cxone_actions"]
NEVER_ENDS = "00000000-0000-4000-8000-000000000005"


@pytest.fixture(scope="module")
def cargo() -> list[str]:
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--package", "cxone-actions-cli"]
    subprocess.run(build, cwd=ROOT, check=True, timeout=900)
    return [str(ROOT / "target" / "release" / "cxone-actions")]


def clean(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CXONE_")}
    return {**kept, **variables}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["run", "--help"], 0),
        (["config", "show"], 0),
        (["config", "show", "--output", "json"], 0),
        (["config", "show", "--use", "none"], 2),
        (["run", CREATE_CASE], 2),
        (["run", "no-uuid", "--sandbox"], 3),
        (["run", CREATE_CASE, "--client-secret", "s"], 2),
        (["no-such-command"], 2),
        (["completion", "bash"], 0),
        (["man"], 0),
    ],
)
def test_it_says_what_the_one_of_cargo_says_and_ends_as_it_does(
    arguments: list[str], code: int, cargo: list[str], tmp_path: Path
) -> None:
    (tmp_path / "cxone-actions.toml").write_text('[settings]\nactor = "me"\n', encoding="utf-8")

    def said(command: list[str]) -> tuple[int, bytes, bytes]:
        done = subprocess.run([*command, *arguments], capture_output=True, cwd=tmp_path, env=clean(), timeout=60)
        return done.returncode, done.stdout, done.stderr

    ours = said(PIP)
    assert ours[0] == code
    if "no-uuid" in arguments:
        # The correlation id differs.
        return
    assert ours == said(cargo)


def test_ctrl_c_passes_and_the_resume_token_is_told(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        environment = clean(
            CXONE_BASE_URL=sandbox.base_url,
            CXONE_CLIENT_ID=sandbox.client_id,
            CXONE_CLIENT_SECRET=sandbox.client_secret,
        )
        command = [*PIP, "run", NEVER_ENDS, "--poll-interval", "0.02"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path, env=environment) as run:
            while not any(seen["method"] == "GET" for seen in sandbox.requests):
                assert run.poll() is None
            run.send_signal(signal.SIGINT)
            _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"cxone-actions poll cxr1." in said
