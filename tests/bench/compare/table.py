"""The figures as Markdown, and where they go in docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .cases import CASES, CLIENTS, Case
from .figures import GOALS, MOST_INSTRUCTIONS, Goal, Measured, Spread


def number(value: float) -> str:
    """Three digits that count, and no more."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    if value >= 0.1:
        return f"{value:.2f}"
    return f"{value:.4f}"


def spread(figure: Spread | None, unit: str = "") -> str:
    """The median and the quarters around it, or that there is none."""
    if figure is None:
        return "not measured"
    unit = f" {unit}" if unit else ""
    if figure.count == 1:
        return f"{number(figure.middle)}{unit} (one round)"
    return f"{number(figure.middle)}{unit} ({number(figure.low)} to {number(figure.high)})"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def verdict(goal: Goal, figure: Spread | None) -> str:
    """Whether the median keeps to the goal; the figure is judged as it was measured, not as it is rounded."""
    if goal.most is None:
        return "no goal"
    if figure is None:
        return "not measured"
    return "met" if figure.middle <= goal.most else "**missed**"


def goals(measured: Measured, recorded: Mapping[str, Any]) -> str:
    """The table of goals. `recorded` is what lies in the tree of the instructions that were counted."""
    lines = [_row("", "goal", "measured (quarters)", ""), _row("---", "---:", "---:", "---")]
    for goal in GOALS:
        figure = goal.measured(measured)
        unit = f" {goal.unit}" if goal.unit else ""
        most = "" if goal.most is None else f"≤ {goal.most:g}{unit}"
        lines.append(_row(goal.name, most, spread(figure, goal.unit), verdict(goal, figure)))
    if (counted := recorded.get("instructions_per_invocation")) is not None:
        word = "met" if counted <= MOST_INSTRUCTIONS else "**missed**"
        name = "Rust: instructions of one invocation, by callgrind"
        lines.append(_row(name, f"≤ {MOST_INSTRUCTIONS:,}", f"{counted:,}", word))
    return "\n".join(lines)


def _cheapest_first(measured: Measured, case: Case) -> list[tuple[str, Spread]]:
    found = ((client.key, measured.spread(case.key, client.key, "cpu_us")) for client in case.clients())
    return sorted(((key, cpu) for key, cpu in found if cpu is not None), key=lambda pair: pair[1].middle)


def case_table(measured: Measured, case: Case) -> str:
    """One case: who took part, the cheapest first."""
    heads = ["", "CPU, ms for 1,000 (quarters)", "a second", "p50", "p99", "peak, MiB"]
    heads += ["KiB each", "seconds"] if case.held else []
    lines = [_row(*heads), _row("---", *["---:"] * (len(heads) - 1))]
    for key, cpu in _cheapest_first(measured, case):
        client = CLIENTS[key]

        def middle(figure: str, scale: float = 1, key: str = key) -> str:
            found = measured.spread(case.key, key, figure)
            return "" if found is None else number(found.middle / scale)

        name = f"**{client.name}**" if client.ours else client.name
        latency = [f"{middle(figure, 1000)} ms" for figure in ("p50_us", "p99_us")]
        cells = [name, spread(cpu), middle("per_second"), *latency, middle("peak_kb", 1024)]
        cells += [middle("grew_each_kb"), middle("seconds")] if case.held else []
        lines.append(_row(*cells))
    return "\n".join(lines)


def cases(measured: Measured) -> str:
    parts = [f"### {case.name}\n\n{case_table(measured, case)}" for case in CASES if case.key in measured.cases()]
    return "\n\n".join(parts)


def machine(about: Mapping[str, Any]) -> str:
    """Where it was measured and with what."""
    lines = [_row("", ""), _row("---", "---")]
    lines += [_row(name, str(value)) for name, value in {**about["machine"], **about["versions"]}.items()]
    return "\n".join(lines)


def placed(document: str, blocks: Mapping[str, str]) -> str:
    """The document with each block between its own markers; what is written by hand around them stays."""
    for name, text in blocks.items():
        before, begin, rest = document.partition(f"<!-- measured: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        if not begin or not end or begin in after:
            raise ValueError(f"the document has not one place for `{name}`")
        document = f"{before}{begin}\n{text}\n\n{end}{after}"
    return document
