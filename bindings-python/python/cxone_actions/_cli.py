"""The command `cxone-actions`: the same one that cargo and npm install."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command line; its exit code."""
    # Python's own handler would only take note of Ctrl-C until the command returns.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.cli(["cxone-actions", *sys.argv[1:]])
