"""Every block of docs/policy.md runs as it stands and prints what the page says."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from pages import Block, blocks, ran, shows

BLOCKS = blocks("docs/policy.md")
EXAMPLES = blocks("docs/policy.md", "python", "sh")


def test_every_block_of_the_page_is_of_a_language_that_some_test_runs() -> None:
    # JavaScript is run by tests/node; the policy itself stands before all of them.
    assert BLOCKS[0].language == "toml"
    assert {block.language for block in BLOCKS[1:]} == {"python", "js", "sh"}
    assert all(block.output for block in BLOCKS[1:])


@pytest.mark.parametrize("block", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_of_the_page_prints_what_it_says(block: Block, gateway: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(BLOCKS[0].code, encoding="utf-8")
    # The command that comes with this package, whatever else the machine has of this name.
    assert shutil.which("cxone-actions", path=str(Path(sys.executable).parent))
    run = ran(block, tmp_path, gateway, together=True)
    assert shows(block, run.stdout), run.stdout
    assert run.returncode == (0 if block.language == "python" else 3 if "requests" in block.code else 2)
