"""A shell on a terminal of its own: what a user types, and what then stands on the screen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pexpect
import pyte

COLUMNS, LINES = 120, 40
_PROMPT = "\x1b[0m\x07$ "
# Far beyond what any command of the pages takes, on a machine that is busy with something else.
_PATIENCE = 240.0


class Terminal:
    """A shell in a directory, whose screen is drawn as a terminal draws it: a progress bar leaves its last line."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._shell = pexpect.spawn(
            "bash",
            ["--noprofile", "--norc", "--noediting"],
            cwd=str(directory),
            env={**environment, "PS1": _PROMPT, "PS2": "", "TERM": "xterm"},
            dimensions=(LINES, COLUMNS),
            encoding="utf-8",
            timeout=_PATIENCE,
        )
        self._shell.expect_exact(_PROMPT)
        # Otherwise Ctrl-C is echoed as `^C`, somewhere in what the program prints meanwhile, of which what nobody has
        # read yet is thrown away. So the echo is one byte, which no terminal shows.
        self.run("stty -echoctl noflsh")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.close(force=True)

    def run(self, command: str, interrupt_when: Callable[[], bool] | None = None) -> list[str]:
        """The lines that stand on the screen after the command; Ctrl-C is pressed once that is so."""
        self._shell.sendline(command)
        if interrupt_when is not None:
            self._interrupt(interrupt_when)
        self._shell.expect_exact(_PROMPT)
        # The terminal echoes the command before anything else.
        printed = (self._shell.before or "").split("\r\n", command.count("\n") + 1)[-1]
        return drawn(printed.replace("\x03", ""))

    def start(self, command: str) -> None:
        """Types a command that goes on by itself."""
        self._shell.sendline(command)

    def status(self) -> int:
        """The exit code of the last command."""
        return int(self.run("echo $?")[0])

    def _interrupt(self, when: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE
        while not when():
            # Reading meanwhile: a program that cannot write to its terminal waits.
            came = self._shell.expect_exact([_PROMPT, pexpect.TIMEOUT], timeout=0.02)
            assert came == 1, f"it ended before Ctrl-C: {self._shell.before}"
            assert time.monotonic() < until, f"it was not the moment for Ctrl-C: {self._shell.before}"
        self._shell.sendintr()


def drawn(printed: str) -> list[str]:
    """What a terminal shows of this, from the first line to the last that is not empty, without trailing spaces."""
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=10_000, ratio=1)
    pyte.Stream(screen).feed(printed)
    scrolled = ["".join(row[column].data for column in range(COLUMNS)) for row in screen.history.top]
    lines = [re.sub(r"\s+$", "", line) for line in [*scrolled, *screen.display]]
    while lines and not lines[-1]:
        lines.pop()
    return lines
