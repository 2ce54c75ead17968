"""Every example of the README for Python and for the terminal runs as it stands, and prints what the README says.

The tutorial's did not even load: tutorial defect S1.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actions import CREATE_CASE
from cxone_actions import AccessDeniedError, Client, Sandbox
from pages import ROOT, Block, blocks, ran, shows

README = ROOT / "README.md"
EXAMPLES = [block for block in blocks("README.md", "python", "sh") if not block.code.startswith("make ")]


def test_the_readme_has_examples_for_python_and_for_a_terminal() -> None:
    assert len(EXAMPLES) >= 4
    assert {block.language for block in EXAMPLES} == {"python", "sh"}


@pytest.mark.parametrize("block", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_an_example_of_the_readme_prints_what_it_says(block: Block, gateway: dict[str, str], tmp_path: Path) -> None:
    run = ran(block, tmp_path, gateway)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert shows(block, run.stdout), run.stdout


def test_the_policy_of_the_readme_allows_what_it_lists_and_nothing_else(tmp_path: Path) -> None:
    policy = re.search(r"^```toml\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert policy is not None
    path = tmp_path / "policy.toml"
    path.write_text(policy[1], encoding="utf-8")
    listed = {"customerId": "CUST-998877", "orderReference": "ORD-2023-1122", "priority": 1}
    with (
        Sandbox() as sandbox,
        Client(
            sandbox.base_url, client_id=sandbox.client_id, client_secret=sandbox.client_secret, policy=str(path)
        ) as client,
    ):
        assert client.run(CREATE_CASE, listed).ok
        for refused in (
            {},
            {**listed, "priority": 6},
            {**listed, "orderReference": "1122"},
            {**listed, "discount": 1},
        ):
            with pytest.raises(AccessDeniedError):
                client.run(CREATE_CASE, refused)
