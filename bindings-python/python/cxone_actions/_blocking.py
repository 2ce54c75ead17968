"""The blocking side of the completion queue: each call waits on a queue of its own, so any number of threads may call.

The promise: a blocked thread holds no lock of the interpreter's and looks for Ctrl-C every 50 ms.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable
from concurrent import futures
from typing import Any

from . import _log, _tokens
from ._errors import raise_native
from ._loop import OnResult, Start
from ._native import HANDLER_PATIENCE, NativeClient, NativeError, NativeQueue
from ._results import Told, read_result


def call(native: NativeClient, start: Start, *arguments: Any, on_result: OnResult | None = None) -> Any:
    """The answer to one call. Ctrl-C stops the waiting, not the action."""
    queue = NativeQueue(False)
    _log.follow()
    try:
        number = start(queue, *arguments)
    except NativeError as error:
        raise_native(error)
    try:
        while True:
            queue.wait()
            news = queue.drain()
            _log.deliver()
            for sender, kind, told in news:
                if kind == "done":
                    return told
                if kind == "token":
                    _tokens.serve(sender, told, None)
                else:
                    native.answer(number, _handle(on_result, told))
    except BaseException:
        native.cancel(number)
        raise


def _handle(on_result: OnResult | None, told: Told) -> str | None:
    """Calls the caller's handler; the class name of what it raised."""
    if on_result is None:
        return None
    try:
        returned = on_result(read_result(told))
        if inspect.isawaitable(returned):
            _finish(returned)
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - what a handler raises never changes the result
        return _log.handler_raised(error)
    return None


def _finish(returned: Awaitable[Any]) -> None:
    """Waits for an asynchronous handler; in a thread of its own where this one runs a loop, as in a notebook."""

    async def wait() -> None:
        await asyncio.wait_for(returned, HANDLER_PATIENCE)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(wait())
        return
    ended: futures.Future[None] = futures.Future()

    def follow() -> None:
        try:
            asyncio.run(wait())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            ended.set_exception(error)
        else:
            ended.set_result(None)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(follow,), name="cxone-actions-handler", daemon=True).start()
    while not ended.done():
        futures.wait([ended], 0.05)
    ended.result()
