"""docs/python.md is one session: an empty folder, and each of its blocks in turn, as it stands, with what it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from pages import ROOT, Block, blocks, shows

PAGE = "docs/python.md"


def name(block: Block) -> str | None:
    """The file that the first line of a block names."""
    named = re.match(r"# (\S+\.(?:py|toml))\n", block.code)
    return named[1] if named else None


def ran(block: Block, directory: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["sh", "-euc", block.code] if block.language == "sh" else ["python", name(block) or ""]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=120)


def test_each_block_of_the_page_is_run_and_each_program_shows_what_it_prints() -> None:
    found = blocks(PAGE)
    assert {block.language for block in found} == {"sh", "python", "toml", "text"}
    assert all(name(block) for block in found if block.language in ("python", "toml"))
    silent = {name(block) for block in found if block.language == "python" and not block.output}
    assert silent == {"batch.py", "test_cases.py"}, "these two are run by a command of the page"
    text = (ROOT / PAGE).read_text(encoding="utf-8")
    assert text.count("<!-- not run: ") == sum(block.language == "text" for block in found) == 1


def test_the_page_is_a_session_from_an_empty_folder_to_a_gateway(variables: dict[str, str], tmp_path: Path) -> None:
    # The page's own environment comes first; pytest, which the page takes for granted, from that of the checkout.
    path = [str(tmp_path / ".venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "VIRTUAL"))
    }
    environment |= {"PATH": os.pathsep.join(path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(ROOT / "target/wheels")}
    production = {**variables, "CXONE_POLICY": "policy.toml", "CXONE_AUDIT_DIR": "trail"}
    for block in blocks(PAGE):
        if named := name(block):
            (tmp_path / named).write_text(block.code, encoding="utf-8")
        if block.language not in ("sh", "python") or (block.language == "python" and not block.output):
            continue
        run = ran(block, tmp_path, environment | (production if named == "production.py" else {}))
        assert run.returncode == 0, f"{block.code}\n{run.stdout}{run.stderr}"
        assert shows(block, run.stdout), f"{block.code}\n{run.stdout}{run.stderr}"
    assert "Cases of last night" in (tmp_path / "report.html").read_text(encoding="utf-8")
