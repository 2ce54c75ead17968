"""What happens when the process ends.

The promise: the interpreter ends within five seconds whatever is in flight, and what was on the wire by then is
recorded.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any

from . import _log, _native


def _drain() -> None:
    _native.shutdown()
    _log.deliver()


def _drain_at(**_: Any) -> None:
    _drain()


def _in_child() -> None:
    # `multiprocessing` forgets its finalizers after this, and then calls what is registered here.
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(_drain, lambda _: _finalize())
    _follow_celery()


def _follow_celery() -> None:
    # Its pool runs neither `atexit` nor the finalizers of `multiprocessing`. It has a signal instead.
    signals = sys.modules.get("celery.signals")
    if signals is not None:
        signals.worker_process_shutdown.connect(_drain_at, weak=False, dispatch_uid=__name__)


def _finalize() -> None:
    """A child of `multiprocessing` leaves by `os._exit`, past `atexit`; it has finalizers of its own instead."""
    sys.modules["multiprocessing.util"].Finalize(None, _drain, exitpriority=0)


def watch() -> None:
    """Takes care of the end of this process, and of its children's."""
    atexit.register(_drain)
    # A task may be the first to import the package, in a process of the pool.
    _follow_celery()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_child)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _finalize()
