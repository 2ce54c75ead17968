"""What callers pass, on its way to the core: text where JSON can say it, a named type where it cannot.

It judges only what is Python's own (a deadline that is no time, a handler that cannot be called).
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any, TypeVar, cast
from uuid import UUID

from ._errors import Violation
from ._json import exact
from ._results import ActionResult, Invocation, Verdict

Seconds = float | timedelta
#: May be sync or async: what it returns is awaited where it can be, and else left alone.
ResultHandler = Callable[[ActionResult], object]

Init = TypeVar("Init", bound=Callable[..., None])


def options_to_open(init: Init) -> Init:
    """An `__init__` whose signature is for readers and type checkers: what was given goes to `_open` as it was given,
    so that an option that is none is named by whoever knows the others. None of it is left in a traceback's locals.
    """
    first = list(inspect.signature(init).parameters)[1]

    @functools.wraps(init)
    def opened(self: Any, *given: Any, **options: Any) -> None:
        try:
            if len(given) > 1 or (given and first in options):
                raise TypeError(f"{type(self).__name__}() takes one `{first}`, and everything else by its name")
            if given:
                options[first] = given[0]
            self._open(options)
        finally:
            given = ()
            options.clear()

    return cast("Init", opened)


def seconds(timeout: Seconds | None) -> float | None:
    if timeout is None or isinstance(timeout, float):
        return timeout
    if isinstance(timeout, int) and not isinstance(timeout, bool):
        try:
            return float(timeout)
        except OverflowError:
            return math.inf
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    raise TypeError(f"`timeout` must be seconds or a `timedelta`, got {type(timeout).__name__}")


def moment(at: datetime | str | None) -> str | None:
    """A time in UTC. What is no time is left for the core to refuse."""
    if at is None:
        return None
    if isinstance(at, str):
        return at.encode(errors="replace").decode()  # half of a character is none
    if isinstance(at, datetime):
        return in_utc(at)
    instead = "; of a day, name an hour: `datetime.combine(day, time(9))`" if isinstance(at, date) else ""
    raise TypeError(
        f'`at` must be a `datetime` or text such as "2026-11-22T15:00:00Z", got {type(at).__name__}{instead}'
    )


def in_utc(at: datetime) -> str:
    """As text; without a zone it is local time. What lies beyond the calendar is left for the core to refuse."""
    try:
        return at.astimezone(timezone.utc).isoformat()
    except (OverflowError, ValueError, OSError):
        return at.isoformat()


def path_text(name: str, path: str | os.PathLike[str]) -> str:
    try:
        return os.fsdecode(path)
    except TypeError:
        raise TypeError(f"`{name}` must be a path: text or a `pathlib.Path`, got {type(path).__name__}") from None


def policy_text(policy: str | os.PathLike[str] | Mapping[str, Any] | None) -> str | None:
    return None if policy is None else value_text(policy)


def verdict(text: str) -> Verdict:
    """What the core says of a request."""
    said = exact(text)
    said["reasons"] = tuple(said["reasons"])
    said["violations"] = tuple(Violation(**violation) for violation in said["violations"])
    if said["opens_at"] is not None:
        said["opens_at"] = datetime.fromisoformat(said["opens_at"].replace("Z", "+00:00"))
    return Verdict(**said)


def has_handler(on_result: ResultHandler | None) -> bool:
    """Whether there is a handler; anything else that was given is refused before anything is sent."""
    if on_result is not None and not callable(on_result):
        raise TypeError(f"`on_result` must be callable, got {type(on_result).__name__}")
    return on_result is not None


def id_text(value: UUID | str) -> str:
    return str(value) if isinstance(value, UUID) else value


def target_text(invocation: Invocation | UUID | str) -> str:
    if not isinstance(invocation, Invocation):
        return value_text(invocation)
    plain = {name: getattr(invocation, name) for name in Invocation.__slots__}
    try:
        return json.dumps(plain)
    except (TypeError, ValueError):
        # A number in the gateway's answer that Python cannot write down again: the gateway knows it still.
        return json.dumps({**plain, "raw": None})


def options_text(options: Mapping[str, Any]) -> str:
    """The options as JSON text; what JSON cannot say is left for the core to refuse by name."""
    return members_text({name: value for name, value in options.items() if value is not None})


def members_text(members: Mapping[str, Any]) -> str:
    """A JSON object, each member said apart: one that JSON cannot say is refused by its name."""
    said = (f"{json.dumps(str(name))}: {value_text(value)}" for name, value in members.items())
    return f"{{{', '.join(said)}}}"


def value_text(value: Any) -> str:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        value = -1  # as impossible as NaN or an infinity
    try:
        text = json.dumps(value, default=_foreign, allow_nan=False, ensure_ascii=False)
        text.encode()  # half of a character is none
    except (TypeError, ValueError, RecursionError):
        text = json.dumps({"$foreign": f"{type(value).__name__} that JSON cannot say"})
    return text


def must_be_sayable(name: str, value: object) -> None:
    """Refuses what JSON cannot say where any value is taken, so that the core has no rule that would."""
    try:
        json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise ValueError(
            f"`{name}` must be what JSON can say: text, a finite number, True, False, None, a list or a mapping of them"
        ) from None


def _foreign(value: object) -> Any:
    try:
        return _plain(value)
    except TypeError:
        return {"$foreign": type(value).__name__}


def _plain(value: object) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, set, frozenset)):
        return list(value)
    raise TypeError
