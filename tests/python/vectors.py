"""The shared vectors, and the values that they spell, as Python says them."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

FOLDER = Path(__file__).resolve().parents[1] / "vectors"


def load(name: str) -> Any:
    """The content of one file."""
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


class Opaque:
    """A type of which nobody knows anything."""

    def __repr__(self) -> str:
        return "CANARY"


class Colour(Enum):
    """A choice, as programs write it."""

    RED = "CANARY"


VALUES: dict[str, Any] = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
    "lone_surrogate": "a\ud800b",
    "many_digits": 1 << 20_000,
    "int_key": 7,
    "type:Decimal": Decimal("1.5"),
    "type:datetime": datetime(2026, 11, 22, 15, 0),
    "type:UUID": UUID(int=7),
    "type:bytes": b"CANARY",
    "type:set": {"CANARY"},
    "type:Colour, an Enum": Colour.RED,
    "type:Opaque": Opaque(),
}


def python(value: Any) -> Any:
    """A value of the vectors as Python says it."""
    if isinstance(value, list):
        return [python(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$value" in value:
        return tagged(value["$value"])
    if "$repeat" in value:
        text, times = value["$repeat"]
        return text * times
    entries = value["$entries"] if "$entries" in value else value.items()
    return {python(key): python(item) for key, item in entries}


def tagged(tag: str) -> Any:
    sort, _, rest = tag.partition(":")
    if sort == "bigint":
        return int(rest)
    if sort == "float":
        return float(rest)
    if sort == "cycle":
        cycle: list[Any] = []
        cycle.append(cycle)
        return cycle
    return VALUES[tag]
