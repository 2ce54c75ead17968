"""Medians, quarters, ratios, and the goals. Everything here is a pure function of what was measured."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

#: What a driver says: see `protocol` in docs/performance.md.
FIGURES = ("cpu_us", "per_second", "p50_us", "p99_us", "peak_kb", "grew_kb", "ended")


class RefusedError(Exception):
    """A driver whose figures do not count."""


def accepted(said: dict[str, Any], invocations: int) -> dict[str, float]:
    """The figures of one measurement, where they are one: complete, and of invocations that all ended well."""
    missing = [name for name in FIGURES if not isinstance(said.get(name), (int, float))]
    if missing:
        raise RefusedError(f"says no {', '.join(missing)}")
    if said["ended"] != invocations:
        raise RefusedError(f"ended {said['ended']} of {invocations} invocations")
    return {name: float(said[name]) for name in FIGURES}


@dataclass(frozen=True)
class Spread:
    """A median with the quarters around it."""

    low: float
    middle: float
    high: float
    count: int

    @staticmethod
    def of(values: Iterable[float]) -> Spread | None:
        known = sorted(values)
        if not known:
            return None
        if len(known) == 1:
            return Spread(known[0], known[0], known[0], 1)
        low, middle, high = quantiles(known, n=4, method="inclusive")
        return Spread(low, middle, high, len(known))


class Measured:
    """All measurements of a raw file, by case, client and round."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(dict)
        for row in rows:
            figures = accepted(row["figures"], row["invocations"])
            figures["invocations"] = float(row["invocations"])
            self._rows[row["case"], row["client"]][row["round"]] = figures

    def cases(self) -> set[str]:
        return {case for case, _ in self._rows}

    def rounds(self, case: str, client: str, figure: str) -> dict[int, float]:
        return {n: _figure(row, figure) for n, row in self._rows.get((case, client), {}).items()}

    def spread(self, case: str, client: str, figure: str) -> Spread | None:
        return Spread.of(self.rounds(case, client, figure).values())

    def ratio(self, upper: tuple[str, str], lower: tuple[str, str], figure: str) -> Spread | None:
        """Of two measurements of the same round, which saw the same machine."""
        above, below = self.rounds(*upper, figure), self.rounds(*lower, figure)
        return Spread.of(above[n] / below[n] for n in above.keys() & below.keys() if below[n])


def _figure(row: dict[str, float], figure: str) -> float:
    if figure == "seconds":
        return row["invocations"] / row["per_second"]
    if figure == "grew_each_kb":
        return row["grew_kb"] / row["invocations"]
    return row[figure]


@dataclass(frozen=True)
class Goal:
    """What was set out for. Without `lower` it is the figure itself, in `unit`."""

    name: str
    most: float | None
    upper: tuple[str, str]
    lower: tuple[str, str] | None = None
    figure: str = "cpu_us"
    unit: str = ""

    def measured(self, measured: Measured) -> Spread | None:
        if self.lower is None:
            return measured.spread(*self.upper, self.figure)
        return measured.ratio(self.upper, self.lower, self.figure)


def _of(name: str, most: float | None, upper: str, lower: str, case: str = "64", figure: str = "cpu_us") -> Goal:
    return Goal(name, most, (case, upper), (case, lower), figure)


#: Of one invocation with policy and trail; what it takes is recorded by a command of its own.
MOST_INSTRUCTIONS = 75_000
_LANGUAGES = (("Rust", "rust"), ("Python", "python"), ("Node", "node"))
GOALS = (
    _of("Python `AsyncClient.run` : aiohttp, 64 in flight", 0.15, "python", "aiohttp"),
    _of("Python `AsyncClient.run` : aiohttp, 512 in flight", 0.20, "python", "aiohttp", "512"),
    _of("Python `AsyncClient.run` : httpx, 64 in flight", 0.015, "python", "httpx"),
    _of("Python `AsyncClient.run` : requests in threads, 64 in flight", 0.04, "python", "requests"),
    _of("Python `Client.run` in threads : requests in threads, 64 in flight", None, "python-threads", "requests"),
    _of("Node `run` : undici, `Pool`, 64 in flight", 0.45, "node", "undici"),
    _of("Node `run` : undici, `Pool`, 512 in flight", 0.60, "node", "undici", "512"),
    _of("Node `run` : undici, `request(url)`, 64 in flight", None, "node", "undici-request"),
    _of("Node `run` : Node's `fetch`, 64 in flight", None, "node", "fetch"),
    _of("Node `run` : the tutorial's module, 64 in flight", 0.06, "node", "tutorial"),
    _of("Rust : hyper `conn::http1`, 64 in flight", 1.6, "rust", "hyper"),
    _of("Python `run_many` : Rust, 64 in flight", 1.35, "python-many", "rust"),
    _of("Node `runMany` : Rust, 64 in flight", 1.35, "node-many", "rust"),
    *(
        Goal(f"{name}: 50,000 in flight for 5 s, memory each", 5.0, ("50000", key), None, "grew_each_kb", "KiB")
        for name, key in _LANGUAGES
    ),
    *(
        Goal(f"{name}: 50,000 in flight for 5 s, finished within", 8.0, ("50000", key), None, "seconds", "s")
        for name, key in _LANGUAGES
    ),
    *(Goal(f"{name}: 512 in flight : 64 in flight", 1.3, ("512", key), ("64", key)) for name, key in _LANGUAGES),
    *(
        _of(f"{name}: latency (p50) at 1 in flight : hyper `conn::http1`", most, key, "hyper", "1", "p50_us")
        for (name, key), most in zip(_LANGUAGES, (1.25, 1.6, 1.8), strict=True)
    ),
)
