"""The picture: what an invocation costs with each client, at 64 in flight. It brings its own background."""

from __future__ import annotations

from html import escape
from math import ceil, floor, log10

from .cases import CLIENTS
from .figures import Measured, Spread
from .table import number

CASE = "64"
WIDTH, LEFT, RIGHT = 860, 268, 96
TOP, STEP, BAR, BOTTOM = 92, 30, 18, 56
INK, FAINT, PAPER = "#1f2328", "#59636e", "#ffffff"
OURS, THEIRS, FLOOR, LINE = "#0969da", "#a9b4c0", "#d7dde3", "#e4e8ec"
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
#: What no client can be cheaper than: a program that knows the answer and parses nothing it need not.
FLOORS = ("raw", "hyper")


def _text(
    x: float, y: float, words: str, *, size: int = 13, fill: str = INK, anchor: str = "start", weight: int = 400
) -> str:
    style = f'font-size="{size}" fill="{fill}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'


def _ticks(low: float, high: float) -> list[float]:
    steps = [factor * 10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1) for factor in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def picture(measured: Measured) -> str:
    """The SVG, from the rows of the case with 64 in flight."""
    bars = [(key, cost) for key in CLIENTS if (cost := measured.spread(CASE, key, "cpu_us")) is not None]
    if not bars:
        raise ValueError("nothing was measured that could be drawn")
    bars.sort(key=lambda bar: bar[1].middle)
    low = 10 ** floor(log10(min(cost.low for _, cost in bars)))
    high = 1.05 * max(cost.high for _, cost in bars)
    height = TOP + STEP * len(bars) + BOTTOM

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * log10(max(value, low) / low) / log10(high / low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-labelledby="title about" font-family="{FONT}">',
        '<title id="title">CPU time of one invocation</title>',
        f'<desc id="about">{escape(_said(bars))}</desc>',
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{PAPER}"/>',
        _text(24, 34, "CPU time of one invocation", size=18, weight=600),
        _text(24, 56, "µs of the client's process, POST and GET, 64 in flight, 200 B; logarithmic, shorter is better"),
    ]
    base = TOP + STEP * len(bars)
    for tick in _ticks(low, high):
        parts.append(f'<path d="M{across(tick):.1f} {TOP - 8}V{base}" stroke="{LINE}"/>')
        parts.append(_text(across(tick), TOP - 13, f"{tick:,.0f}", size=11, fill=FAINT, anchor="middle"))
    for place, (key, cost) in enumerate(bars):
        parts += _bar(key, cost, TOP + place * STEP + (STEP - BAR) / 2, across)
    legend = (
        (OURS, "cxone-actions: contract, policy, trail on disk, metrics"),
        (THEIRS, "a loop with this client"),
        (FLOOR, "the floor"),
    )
    x = 24.0
    for fill, words in legend:
        parts.append(f'<rect x="{x:.1f}" y="{height - 34}" width="12" height="12" rx="2" fill="{fill}"/>')
        parts.append(_text(x + 18, height - 24, words, size=12, fill=FAINT))
        x += 48 + 6.4 * len(words)
    return "\n".join([*parts, "</svg>", ""])


def _bar(key: str, cost: Spread, y: float, across: object) -> list[str]:
    assert callable(across)
    client, end = CLIENTS[key], across(cost.middle)
    fill = OURS if client.ours else FLOOR if key in FLOORS else THEIRS
    weight, middle = 600 if client.ours else 400, y + BAR / 2
    spread = f"M{across(cost.low):.1f} {middle:.1f}H{across(cost.high):.1f}"
    return [
        _text(LEFT - 10, middle + 4.5, client.name.replace("`", ""), anchor="end", weight=weight),
        f'<rect x="{LEFT}" y="{y:.1f}" width="{max(end - LEFT, 1):.1f}" height="{BAR}" rx="3" fill="{fill}"/>',
        f'<path d="{spread}" stroke="{INK}" stroke-width="2" stroke-opacity="0.55"/>',
        _text(max(end, across(cost.high)) + 8, middle + 4.5, number(cost.middle), weight=weight),
    ]


def _said(bars: list[tuple[str, Spread]]) -> str:
    """The same for who cannot see it."""
    return "; ".join(f"{CLIENTS[key].name.replace('`', '')}: {number(cost.middle)} µs" for key, cost in bars)
