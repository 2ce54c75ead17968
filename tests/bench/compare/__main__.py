"""The command: measures, prints the tables, and with `--write` puts them and the picture into docs/."""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import machine, measuring, svg, table
from .cases import CASES, QUICK, QUICK_CASES, ROOT
from .figures import Measured

DOCUMENT, PICTURE = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
RECORDED = ROOT / "tests/bench/instructions.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="compare", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="64 and 512 in flight, six clients, three rounds of half the length"
    )
    parser.add_argument("--only", metavar="REGEX", help="measures whose CASE/CLIENT matches: '^64/(rust|hyper)$'")
    parser.add_argument("--rounds", type=int, metavar="N", help="so many rounds of every case")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps the raw figures in FILE")
    parser.add_argument("--from", dest="raw", type=Path, metavar="FILE", help="measures nothing: takes these figures")
    parser.add_argument("--write", action="store_true", help="writes docs/performance.md and docs/performance.svg")
    parser.add_argument("--list", action="store_true", help="says what would be measured")
    said = parser.parse_args()
    if said.write and (said.quick or said.only):
        parser.error("a part of the figures is not written into the documents")
    return said


def measured(said: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The raw figures and what failed; kept after each measurement, so that a run that is stopped is not lost."""
    rows: list[dict[str, Any]] = []
    raw = {**machine.about(), "measured": rows}

    def keep(row: dict[str, Any]) -> None:
        rows.append(row)
        if said.json:
            said.json.parent.mkdir(parents=True, exist_ok=True)
            said.json.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")

    def tell(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    return raw, measuring.run(planned(said), tell, keep)


def kept(file: Path) -> tuple[dict[str, Any], list[str]]:
    return json.loads(file.read_text(encoding="utf-8")), []


def planned(said: argparse.Namespace) -> list[tuple[int, Any, Any]]:
    cases, only, rounds = list(CASES), said.only, said.rounds
    if said.quick:
        cases = [replace(case, share=2) for case in CASES if case.key in QUICK_CASES]
        only, rounds = only or f"/({'|'.join(QUICK)})$", rounds or 3
    found = list(measuring.plan(cases, only, rounds))
    if not found:
        sys.exit(f"nothing is called {only}; `--list` says what there is")
    return found


def document(raw: dict[str, Any], text: str) -> str:
    """The text with everything that is measured put in its place."""
    figures = Measured(raw["measured"])
    blocks = {"goals": table.goals(figures, recorded()), "machine": table.machine(raw), "cases": table.cases(figures)}
    return table.placed(text, blocks)


def recorded() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8"))) if RECORDED.exists() else {}


def main() -> int:
    said = arguments()
    # A client that is being measured ends with whoever measures it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if said.list:
        for number, case, client in planned(said):
            print(f"round {number + 1}: {case.key}/{client.key}: {case.invocations(client):,}")
        return 0
    raw, failed = kept(said.raw) if said.raw else measured(said)
    figures = Measured(raw["measured"])
    goals = table.goals(figures, recorded())
    if said.only or said.quick:
        goals = re.sub(r"^.*\| not measured \|.*\n?", "", goals, flags=re.MULTILINE)
    print(f"{goals}\n\n{table.cases(figures)}")
    if failed:
        print("\nfailed:\n  " + "\n  ".join(failed), file=sys.stderr)
        return 1
    if said.write:
        DOCUMENT.write_text(document(raw, DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
        PICTURE.write_text(svg.picture(figures), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
