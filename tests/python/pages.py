"""The pages of the documentation as programs: each block as it stands, and what the page shows of its output."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$(?:\s+^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A program, and what the page shows of its output where it shows any."""

    language: str
    code: str
    output: str | None


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page (a path in the checkout) in these languages, or in all of them."""
    found = [Block(*match.groups()) for match in _BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]
    return [block for block in found if not languages or block.language in languages]


def ran(
    block: Block, directory: Path, environment: dict[str, str], *, together: bool = False
) -> subprocess.CompletedProcess[str]:
    """What became of a block that was saved in this directory and run there, as a user would.

    `together`: what it prints is one stream, in the order in which a terminal shows it.
    """
    program = directory / "example"
    program.write_text(block.code, encoding="utf-8")
    command = [sys.executable] if block.language == "python" else ["sh", "-eu"]
    return subprocess.run(
        [*command, str(program)],
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if together else subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=60,
    )


def shows(block: Block, printed: str) -> bool:
    """Whether this is what the page shows; `…` on a line of its own stands for any lines."""
    if block.output is None:
        return True
    parts = [re.escape(part) for part in re.split(r"^…\n", block.output, flags=re.MULTILINE)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), printed) is not None
