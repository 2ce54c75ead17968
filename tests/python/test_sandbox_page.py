"""Every block of docs/sandbox.md before its console runs as it stands and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from pages import Block, blocks, ran, shows

TENANT, *EXAMPLES = blocks("docs/sandbox.md")
# The last block is about the console, and needs one that runs.
EXAMPLES = EXAMPLES[:-1]


def test_the_page_has_a_tenant_and_examples_with_what_they_print() -> None:
    assert TENANT.language == "toml"
    assert [block.language for block in EXAMPLES] == ["python", "sh"]
    assert all(block.output for block in EXAMPLES)


@pytest.mark.parametrize("block", EXAMPLES, ids=["python", "sh"])
def test_an_example_of_the_page_prints_what_it_says(block: Block, gateway: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tenant.toml").write_text(TENANT.code, encoding="utf-8")
    run = ran(block, tmp_path, gateway, together=True)
    assert shows(block, run.stdout), run.stdout
    assert run.returncode == 0
