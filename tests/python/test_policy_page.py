"""Every block of docs/policy.md runs as it stands and prints what the page says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxone_actions import Sandbox

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policy.md"
BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$(?:\s+^```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
EXAMPLES = [block for block in BLOCKS if block["language"] in ("python", "sh")]


def test_every_block_of_the_page_is_of_a_language_that_some_test_runs() -> None:
    # JavaScript is run by tests/node; the policy itself stands before all of them.
    assert BLOCKS[0]["language"] == "toml"
    assert {block["language"] for block in BLOCKS[1:]} == {"python", "js", "sh"}
    assert all(block["output"] for block in BLOCKS[1:])


@pytest.mark.parametrize("block", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_of_the_page_prints_what_it_says(block: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(BLOCKS[0]["code"], encoding="utf-8")
    script = tmp_path / "example"
    script.write_text(block["code"], encoding="utf-8")
    # The command that comes with this package, whatever else the machine has of this name.
    installed = str(Path(sys.executable).parent)
    assert shutil.which("cxone-actions", path=installed)
    with Sandbox() as sandbox:
        environment = {
            **os.environ,
            "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}",
            "CXONE_BASE_URL": sandbox.base_url,
            "CXONE_CLIENT_ID": sandbox.client_id,
            "CXONE_CLIENT_SECRET": sandbox.client_secret,
        }
        command = [sys.executable if block["language"] == "python" else "sh", str(script)]
        run = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            timeout=60,
        )
    assert run.stdout == block["output"]
    assert run.returncode == (0 if block["language"] == "python" else 3 if "requests" in block["code"] else 2)
