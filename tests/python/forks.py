"""What a forked child does."""

from __future__ import annotations

import os
from collections.abc import Callable


def in_a_forked_child(work: Callable[[], object]) -> int:
    """Does this in a forked child, which has to end well; its process id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            # Nothing of pytest's may run in the child.
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return child
