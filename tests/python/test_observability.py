"""Every example of docs/observability.md runs as it stands and prints what the page says; its rules are rules."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from collector import attributes, collecting
from pages import Block, blocks, ran, shows

PAGE = "docs/observability.md"
EXAMPLES = blocks(PAGE, "python")


def test_every_block_of_the_page_is_of_a_language_that_some_test_runs() -> None:
    # JavaScript is run by tests/node, Rust as a doc test.
    assert {block.language for block in blocks(PAGE)} == {"python", "js", "rust", "yaml"}
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("block", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_of_the_page_prints_what_it_says(block: Block, gateway: dict[str, str], tmp_path: Path) -> None:
    with collecting() as collector:
        run = ran(block, tmp_path, {**gateway, "COLLECTOR": collector.url})
    assert run.returncode == 0, run.stderr
    # The example of logging prints where `basicConfig` does.
    printed = run.stderr if "basicConfig" in block.code else run.stdout
    assert shows(block, printed), printed
    if "COLLECTOR" in block.code:
        assert "completed" in [attributes(span).get("cxone.outcome") for span in collector.spans]


def test_the_rules_of_the_page_are_rules(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    [rules] = blocks(PAGE, "yaml")
    path = tmp_path / "rules.yml"
    path.write_text(rules.code, encoding="utf-8")
    checked = subprocess.run([promtool, "check", "rules", str(path)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "SUCCESS: 3 rules found" in checked.stdout
