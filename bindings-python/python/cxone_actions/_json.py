"""JSON text to Python values, exactly.

The promise: a number keeps its value. Integers of any size become `int`, also beyond the interpreter's limit for
printing them; a number with a point or an exponent is a `float`, unless it is an integer of which a `float` would lose
digits, which is an `int` too; and what no `float` holds and no such integer is stays its text, instead of an infinity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

_CHUNK = 4000
#: Below this every integer is a float of its own.
_EXACT = 2.0**53
#: An exponent of a few digits stands for an integer of any length: so many digits are believed.
_LONGEST = 400


def _integer(digits: str) -> int:
    """`int(digits)` without the limit of `sys.set_int_max_str_digits`; the caller has bounded the text's size."""
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits)
    value = 0
    for start in range(0, len(digits), _CHUNK):
        chunk = digits[start : start + _CHUNK]
        value = value * 10 ** len(chunk) + int(chunk)
    return sign * value


def _number(literal: str) -> float | int | str:
    """A number with a point or an exponent: a float, unless it is an integer of which a float would lose digits."""
    value = float(literal)
    if abs(value) < _EXACT:
        return value
    whole = _whole(literal)
    if whole is None:
        return value if math.isfinite(value) else literal
    # Whoever sent a float wrote either its value or the shortest text that stands for it.
    is_float = math.isfinite(value) and whole in (int(value), _whole(repr(value)))
    return value if is_float else whole


def _whole(literal: str) -> int | None:
    """The integer that a literal is; none where it is a fraction, or longer than `_LONGEST`."""
    mantissa, _, exponent = literal.lower().partition("e")
    before, _, after = mantissa.removeprefix("-").partition(".")
    digits = (before + after).lstrip("0").rstrip("0")
    # Of an exponent with more digits nothing is left that could be said in so few.
    zeros = int(exponent[:_LONGEST] or 0) - len(after) + len(before + after) - len((before + after).rstrip("0"))
    if zeros < 0 or len(digits) + zeros > _LONGEST:
        return None
    value: int = int(digits) * 10**zeros
    return -value if literal.startswith("-") else value


#: Made once: `json.loads` makes a decoder for each text that it is to read in a way of its own.
_scan: Callable[[str, int], tuple[Any, int]] = vars(json.JSONDecoder(parse_float=_number))["scan_once"]


def exact(text: str) -> Any:
    """The value of a JSON text that the core has written or passed on."""
    try:
        value, end = _scan(text, 0)
    except (StopIteration, ValueError):
        return _read(text)
    return value if end == len(text) else _read(text)


def _read(text: str) -> Any:
    """What does not begin or end with its value, is no JSON text, or has an integer of thousands of digits."""
    try:
        return json.loads(text, parse_float=_number)
    except ValueError:
        return json.loads(text, parse_float=_number, parse_int=_integer)
