"""Checkpoints for a function of the caller's, which keeps them where this machine cannot change them.

The promise: the function runs in one thread of its own, one checkpoint after the other; no call waits for it; and of
what it raises, only the class goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ._native import NativeClient, NativeQueue


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The end of the trail's chain at some time: record `seq` of `segment` had this `hash`, and was on the disk.

    `ts` is that time, `host` the machine, `run` the opened trail that wrote it, and `v` the version of this form.
    """

    v: int
    ts: str
    host: str
    run: str
    segment: str
    seq: int
    hash: str


CheckpointFunction = Callable[[Checkpoint], Awaitable[None] | None]

_all: weakref.WeakSet[Notes] = weakref.WeakSet()


class Notes:
    """The function of one client, and the thread that calls it. They live as long as the client does."""

    __slots__ = ("__weakref__", "_context", "_function", "_native", "queue")

    def __init__(self, function: CheckpointFunction) -> None:
        self._function = function
        self._context = contextvars.copy_context()
        self._native: NativeClient | None = None
        self.queue = NativeQueue(False)

    def begin(self, native: NativeClient) -> None:
        """Takes the checkpoints of this client from now on."""
        self._native = native
        _all.add(self)
        weakref.finalize(self, self.queue.close).atexit = False
        reading = (weakref.ref(self), self.queue)
        threading.Thread(target=_read, args=reading, name="cxone-actions-checkpoints", daemon=True).start()

    def begin_in_child(self) -> None:
        """In a forked child: the parent's thread is not here, and its queue is the parent's."""
        if self._native is not None and not self._native.closed:
            self.queue = NativeQueue(False)
            self._native.checkpoints_to(self.queue)
            self.begin(self._native)

    def note(self, number: int, text: str) -> None:
        raised = None
        try:
            returned = self._context.copy().run(self._function, Checkpoint(**json.loads(text)["checkpoint"]))
            if inspect.isawaitable(returned):
                self._context.copy().run(asyncio.run, _awaited(returned))
        except BaseException as error:  # noqa: BLE001 - nothing that it raises may end anything but itself
            raised = type(error).__name__
        if self._native is not None:
            self._native.answer_checkpoint(number, raised)


async def _awaited(returned: Awaitable[Any]) -> None:
    await returned


def _read(notes: weakref.ref[Notes], queue: NativeQueue) -> None:
    while queue.listen():
        for number, _, text in queue.drain():
            mine = notes()
            if mine is None:
                return
            mine.note(number, text)
            del mine


def _in_child() -> None:
    for notes in list(_all):
        notes.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
