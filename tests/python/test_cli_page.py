"""docs/cli.md is one session in a terminal: each command as it stands, and each line that the page shows of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pages import ROOT
from terminal import COLUMNS, Terminal

PAGE = ROOT / "docs/cli.md"
# A file that the page shows with its name in the first line, or commands with what a terminal shows of them. A comment
# before a block says which terminal it is, or when Ctrl-C is pressed; a reader of the page does not see it.
_BLOCK = re.compile(r"(?:^<!-- (.+?) -->\n+)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What no two runs have in common, by what stands in its place.
_VARIES = {
    r"/tmp/cases-\w{8}": "HERE",
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b": "UUID",
    r"CASE-[0-9A-F]{8}": "CASE",
    r"127\.0\.0\.1:\d+": "GATEWAY",
    r"(?:\d+ ?(?:h|min|m|s) ?)+left": "TIME left",
    r"\d[\d,.]* ?(?:µs|ms|s)\b": "TIME",
    r"\d+ looks?": "LOOKS",
    r"\d+/s\b": "RATE",
    r"\d+\.\d+": "MEASURED",
    r"(?<=records) +\d+$|\d+(?= records$)": "RECORDS",
    # A run begins a segment, and is as long as it was before somebody pressed Ctrl-C.
    r"(?<=^segments) +\d+$": "SEGMENTS",
}


@dataclass(frozen=True)
class Shown:
    """A command, and what the page shows of it."""

    command: str
    lines: list[str]

    def __str__(self) -> str:
        return "\n".join(["$ " + self.command, *self.lines])


def commands(code: str) -> Iterator[Shown]:
    """What is typed after each `$`, and the lines below it."""
    for part in re.split(r"^\$ ", code, flags=re.MULTILINE)[1:]:
        command, *lines = part.rstrip("\n").split("\n")
        yield Shown(command, lines)


def masked(shown: Shown, *, figures: bool) -> list[str]:
    """The words without what varies, for a longer figure may break a line elsewhere; where somebody pressed Ctrl-C all
    `figures` vary."""
    # A line as long as the terminal is wide goes on in the next.
    text = "".join(line if len(line) == COLUMNS else f"{line}\n" for line in shown.lines)
    for pattern, name in _VARIES.items():
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    if figures:
        text = re.sub(r"\d+", "N", text)
    return re.sub(r"[█░]+", "BAR", text).split()


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.fixture
def here() -> Iterator[Path]:
    """A directory whose name is as long each time: where a line is broken depends on it."""
    directory = Path(tempfile.mkdtemp(prefix="cases-", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def outside() -> dict[str, str]:
    """The environment of somebody who has nothing but a shell, and an index of packages that has ours."""
    taken = ("PYTHON", "PIP_", "VIRTUAL", "NO_COLOR", "SSL_", "CXONE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(taken)}
    return environment | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(ROOT / "target/wheels"),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "VIRTUAL_ENV_DISABLE_PROMPT": "1",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
    }


def test_the_page_is_one_session_and_shows_what_a_terminal_showed(here: Path, outside: dict[str, str]) -> None:
    page = PAGE.read_text(encoding="utf-8")
    wrong: list[str] = []
    with Terminal(here, outside) as first, Terminal(here, outside) as second:

        def seen(said: str | None, shown: Shown) -> Shown:
            if said == "a second terminal":
                second.start(shown.command)
                first.run("until [ -s .env ]; do sleep 0.1; done")
                return shown
            stop = re.fullmatch(r"Ctrl-C at (\d+) results", said or "")
            due = (lambda: lines_of(here / "results.jsonl") >= int(stop[1])) if stop else None
            now = Shown(shown.command, first.run(shown.command, interrupt_when=due))
            if masked(now, figures=bool(stop)) == masked(shown, figures=bool(stop)):
                return shown
            wrong.append(str(now))
            return now

        def taken(match: re.Match[str]) -> str:
            said, language, code = match.groups()
            if language != "console":
                name = re.match(r"# (\S+)\n", code)
                assert name, f"a block that is neither run nor a file: {code}"
                (here / name[1]).write_text(code, encoding="utf-8")
                return match[0]
            lines = "".join(f"{seen(said, shown)}\n" for shown in commands(code))
            return match[0].replace(code, lines)

        recorded = _BLOCK.sub(taken, page)
    if os.environ.get("RECORD"):
        PAGE.write_text(recorded, encoding="utf-8")
    assert not wrong, "a terminal shows (RECORD=1 writes it into the page):\n\n" + "\n\n".join(wrong)
    results = [json.loads(line) for line in (here / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(results) == len({line["correlationId"] for line in results}) == 100_000
    assert {(line["status"], line["executed"]) for line in results} == {("COMPLETED", "yes")}
