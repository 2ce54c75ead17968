"""What callers pass, on its way to the core: text where JSON can say it, a named type where it cannot.

It judges only what is Python's own (a deadline that is no time, a handler that cannot be called).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

from ._results import ActionResult, Invocation

Seconds = float | timedelta
Handler = Callable[[ActionResult], Awaitable[Any] | None]


def seconds(timeout: Seconds | None) -> float | None:
    if timeout is None or (isinstance(timeout, (int, float)) and not isinstance(timeout, bool)):
        return timeout
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    raise TypeError(f"`timeout` must be seconds or a `timedelta`, got {type(timeout).__name__}")


def has_handler(on_result: Handler | None) -> bool:
    """Whether there is a handler; anything else that was given is refused before anything is sent."""
    if on_result is not None and not callable(on_result):
        raise TypeError(f"`on_result` must be callable, got {type(on_result).__name__}")
    return on_result is not None


def target_text(invocation: Invocation | str) -> str:
    if not isinstance(invocation, Invocation):
        return json.dumps(invocation, default=_foreign)
    plain = {name: getattr(invocation, name) for name in Invocation.__slots__}
    try:
        return json.dumps(plain)
    except (TypeError, ValueError):
        # A number in the gateway's answer that Python cannot write down again: the gateway knows it still.
        return json.dumps({**plain, "raw": None})


def options_text(options: Mapping[str, Any]) -> str:
    """The options as JSON text; what JSON cannot say is left for the core to refuse by name."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        if isinstance(value, timedelta):
            given[name] = value.total_seconds()
        elif isinstance(value, float) and not math.isfinite(value):
            given[name] = 0  # as impossible as NaN or an infinity
    return json.dumps(given, default=_foreign)


def _foreign(value: object) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    return {"$foreign": type(value).__name__}
