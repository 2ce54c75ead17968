"""Every example of docs/observability.md runs as it stands and prints what the page says; its rules are rules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector import attributes, collecting
from cxone_actions import Sandbox

PAGE = Path(__file__).resolve().parents[2] / "docs" / "observability.md"
BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```$(?:\s+^```text\n(?P<output>.*?)^```$)?", re.MULTILINE | re.DOTALL
)
BLOCKS = [match.groupdict() for match in BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]
EXAMPLES = [(block["code"], block["output"]) for block in BLOCKS if block["language"] == "python"]


def test_every_block_of_the_page_is_of_a_language_that_some_test_runs() -> None:
    # JavaScript is run by tests/node, Rust as a doc test.
    assert {block["language"] for block in BLOCKS} == {"python", "js", "rust", "yaml"}
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_of_the_page_prints_what_it_says(code: str, output: str | None, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code, encoding="utf-8")
    with Sandbox() as sandbox, collecting() as collector:
        environment = {
            **os.environ,
            "CXONE_BASE_URL": sandbox.base_url,
            "CXONE_CLIENT_ID": sandbox.client_id,
            "CXONE_CLIENT_SECRET": sandbox.client_secret,
            "COLLECTOR": collector.url,
        }
        command = [sys.executable, str(script)]
        run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    # The example of logging prints where `basicConfig` does.
    printed = run.stderr if "basicConfig" in code else run.stdout
    assert output is None or printed == output, printed
    if "COLLECTOR" in code:
        assert "completed" in [attributes(span).get("cxone.outcome") for span in collector.spans]


def test_the_rules_of_the_page_are_rules(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    [rules] = [block["code"] for block in BLOCKS if block["language"] == "yaml"]
    path = tmp_path / "rules.yml"
    path.write_text(rules, encoding="utf-8")
    checked = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS: 3 rules found" in checked.stdout
