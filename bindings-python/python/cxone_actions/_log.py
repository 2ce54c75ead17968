"""What the library has to say, told to `logging.getLogger("cxone_actions")`.

The promise: the caller's handlers run in the caller's threads, whenever one of them reads what calls came to, and
never in one of the library's; what they raise changes no result. Nothing is kept that no level asks for.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading

from . import _native

_logger = logging.getLogger("cxone_actions")
# A library prints nothing by itself: without this, warnings go to stderr where nobody configured anything.
_logger.addHandler(logging.NullHandler())

#: The levels that the library uses, the one that tells most first.
_LEVELS = {"debug": logging.DEBUG, "warning": logging.WARNING, "error": logging.ERROR}

_followed = "off"
#: Held while the level is changed. Whoever finds it held leaves the change to the next call.
_changing = threading.Lock()


def follow() -> None:
    """Has the core keep what the logger's level asks for, as it is now; costs a look into the logger's own cache."""
    global _followed
    wanted = _wanted()
    if wanted != _followed and _changing.acquire(blocking=False):
        try:
            _followed = wanted
            _native.set_log_level(wanted)
        finally:
            _changing.release()


def _wanted() -> str:
    # At each call: no loop where most loggers have said after two looks what they take.
    if _logger.isEnabledFor(logging.DEBUG):
        return "debug"
    if _logger.isEnabledFor(logging.WARNING):
        return "warning"
    return "error" if _logger.isEnabledFor(logging.ERROR) else "off"


def deliver() -> None:
    """Hands the logger what was said since the last time."""
    if _followed == "off":
        return
    for line in _native.take_log():
        said = json.loads(line)
        level = _LEVELS.get(said["level"], logging.INFO)
        if not _logger.isEnabledFor(level):
            continue
        record = _logger.makeRecord(
            _logger.name, level, "cxone_actions", 0, said["text"], (), None, extra=said["fields"]
        )
        record.created = said["ts"]
        record.msecs = int(record.created % 1 * 1000)
        # A filter of the caller's may raise; handlers take care of themselves.
        with contextlib.suppress(Exception):
            _logger.handle(record)


def handler_raised(error: BaseException) -> str:
    """Says what the caller's handler raised, with its traceback, and gives its class, which is all that goes on record.

    It is said by the thread that called the handler, to the caller's own log: what it holds is the caller's.
    """
    if isinstance(error, Exception):
        with contextlib.suppress(Exception):
            _logger.error("`on_result` raised `%s`", type(error).__name__, exc_info=error)
    return type(error).__name__


def left_behind(seconds: float) -> None:
    """Says that the source of a batch, which was told to end, goes on in its thread."""
    with contextlib.suppress(Exception):
        _logger.warning(
            "the source of `run_many` did not end within %g s of being told to; its thread goes on", seconds
        )


def _in_child() -> None:
    # The lock that one of the parent's threads may have held is no business of the child's.
    global _changing
    _changing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
