"""What `make bench` makes of its raw figures: medians, ratios within a round, verdicts, the tables and the picture."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import compare.cases as cases
import compare.figures as figures
import compare.measuring as measuring
import compare.svg as svg
import compare.table as table


def row(client: str, number: int, cpu: float, case: str = "64", invocations: int = 1000) -> dict[str, Any]:
    said = {"cpu_us": cpu, "per_second": 2000.0, "p50_us": cpu * 60, "p99_us": cpu * 90, "peak_kb": 40960}
    ended = {"grew_kb": 4 * invocations, "ended": invocations}
    return {"round": number, "case": case, "client": client, "invocations": invocations, "figures": {**said, **ended}}


# The machine is twice as slow in the second round, and four times in the third.
RAW = [
    *(row("python", number, cpu) for number, cpu in enumerate((60, 160, 200))),
    *(row("aiohttp", number, cpu) for number, cpu in enumerate((600, 1200, 2400))),
    *(row("rust", number, cpu) for number, cpu in enumerate((50, 100, 200))),
    *(row("hyper", number, cpu) for number, cpu in enumerate((25, 50, 100))),
    row("rust", 0, 90, "50000", 50_000),
]


def test_a_ratio_is_of_measurements_that_stand_beside_each_other() -> None:
    measured = figures.Measured(RAW)
    ratio = measured.ratio(("64", "python"), ("64", "aiohttp"), "cpu_us")
    assert ratio is not None
    # Within the rounds: 0.1, 0.1333, 0.0833; a ratio of the medians would be 160 to 1200.
    assert ratio.middle == pytest.approx(0.1)
    assert ratio.low == pytest.approx((0.1 + 200 / 2400) / 2)
    assert ratio.high == pytest.approx((0.1 + 160 / 1200) / 2)


def test_rounds_that_only_one_of_two_was_in_are_no_ratio() -> None:
    measured = figures.Measured([row("python", 0, 60), row("aiohttp", 1, 600)])
    assert measured.ratio(("64", "python"), ("64", "aiohttp"), "cpu_us") is None
    assert measured.ratio(("64", "python"), ("64", "undici"), "cpu_us") is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [({"ended": 999}, "ended 999 of 1000"), ({"cpu_us": None}, "says no cpu_us"), ({"p99_us": "1"}, "says no p99_us")],
)
def test_a_driver_that_says_fewer_ended_is_refused(changed: dict[str, Any], why: str) -> None:
    said = {**RAW[0]["figures"], **changed}
    with pytest.raises(figures.RefusedError, match=why):
        figures.accepted(said, 1000)
    with pytest.raises(figures.RefusedError, match=why):
        figures.Measured([{**RAW[0], "figures": said}])


def test_the_goals_say_met_or_missed_or_that_nothing_was_measured() -> None:
    lines = table.goals(figures.Measured(RAW), {"instructions_per_invocation": 74_000}).splitlines()
    said = {line.split(" | ")[0].strip("| "): line for line in lines}
    assert said["Python `AsyncClient.run` : aiohttp, 64 in flight"].endswith("| ≤ 0.15 | 0.10 (0.0917 to 0.12) | met |")
    assert said["Rust : hyper `conn::http1`, 64 in flight"].endswith("| ≤ 1.6 | 2.00 (2.00 to 2.00) | **missed** |")
    assert said["Node `run` : undici, `Pool`, 64 in flight"].endswith("| ≤ 0.45 | not measured | not measured |")
    assert said["Rust: 50,000 in flight for 5 s, memory each"].endswith("| ≤ 5 KiB | 4.00 KiB (one round) | met |")
    assert said["Rust: 50,000 in flight for 5 s, finished within"].endswith("| 25.0 s (one round) | **missed** |")
    assert said["Rust: instructions of one invocation, by callgrind"].endswith("| ≤ 75,000 | 74,000 | met |")


def test_a_table_has_the_cheapest_first_and_ours_in_bold() -> None:
    case = next(case for case in cases.CASES if case.key == "64")
    lines = table.case_table(figures.Measured(RAW), case).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == [
        "| hyper `conn::http1`",
        "| **Rust, `run`**",
        "| **Python, `AsyncClient.run`**",
        "| aiohttp",
    ]
    assert lines[-1].endswith("| 1,200 (900 to 1,800) | 2,000 | 72.0 ms | 108 ms | 40.0 |")


def test_what_is_written_by_hand_stays() -> None:
    document = "before\n<!-- measured: goals -->\nold\n<!-- end -->\nwhy it was missed\n"
    assert table.placed(document, {"goals": "new"}) == (
        "before\n<!-- measured: goals -->\n\nnew\n\n<!-- end -->\nwhy it was missed\n"
    )
    with pytest.raises(ValueError, match="not one place for `cases`"):
        table.placed(document, {"cases": "new"})


def test_the_page_has_a_place_for_everything() -> None:
    text = (cases.ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    once = table.placed(text, {"goals": "a", "machine": "b", "cases": "c"})
    assert table.placed(once, {"goals": "a", "machine": "b", "cases": "c"}) == once


def test_the_picture_has_a_bar_for_each_client_and_says_it_in_words() -> None:
    text = svg.picture(figures.Measured(RAW))
    picture = ElementTree.fromstring(text)
    space = "{http://www.w3.org/2000/svg}"
    words = [element.text or "" for element in picture.iter(f"{space}text")]
    assert words.index("hyper conn::http1") < words.index("Rust, run") < words.index("aiohttp")
    assert {"50.0", "100", "160", "1,200"} <= set(words)
    bars = [element for element in picture.iter(f"{space}rect") if element.get("height") == str(svg.BAR)]
    assert [bar.get("fill") for bar in bars] == [svg.FLOOR, svg.OURS, svg.OURS, svg.THEIRS]
    assert "aiohttp: 1,200 µs" in (picture.findtext(f"{space}desc") or "")
    with pytest.raises(ValueError, match="nothing was measured"):
        svg.picture(figures.Measured([]))


def test_every_round_begins_with_another_client() -> None:
    planned = list(measuring.plan(list(cases.CASES), "^(64|50000)/", None))
    first = {number: client.key for number, case, client in reversed(planned) if case.key == "64"}
    assert len(set(first.values())) == len(first) == 5
    assert sum(case.key == "50000" for _, case, _ in planned) == 2 * len(cases.HELD)


def test_as_many_are_measured_as_keep_the_load_up() -> None:
    for case in cases.CASES:
        for client in case.clients():
            many = case.invocations(client)
            assert many == case.concurrency if case.held else many >= 2 * case.concurrency
            assert case.held or case.warmup(client) >= case.concurrency
