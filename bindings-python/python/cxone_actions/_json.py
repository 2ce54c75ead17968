"""JSON text to Python values, exactly.

The promise: a number keeps its value. Integers of any size become `int`, also beyond the interpreter's limit for
printing them, and a float that does not fit into one becomes a `Decimal` instead of an infinity.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

_CHUNK = 4000


def _integer(digits: str) -> int:
    """`int(digits)` without the limit of `sys.set_int_max_str_digits`; the caller has bounded the text's size."""
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits)
    value = 0
    for start in range(0, len(digits), _CHUNK):
        chunk = digits[start : start + _CHUNK]
        value = value * 10 ** len(chunk) + int(chunk)
    return sign * value


def _float(digits: str) -> float | Decimal:
    value = float(digits)
    return value if math.isfinite(value) else Decimal(digits)


def exact(text: str) -> Any:
    """The value of a JSON text that the core has written or passed on."""
    try:
        return json.loads(text, parse_float=_float)
    except ValueError:
        return json.loads(text, parse_float=_float, parse_int=_integer)
