"""Tokens from a function of the caller's, instead of credentials.

The promise: the function runs in a thread of its own, so that one that blocks or hangs holds up nobody; what it returns
to be awaited is awaited in an event loop that waits for the client; and of what it raises, only the class goes on to
the core. The object itself stays in this process, as the cause of the errors that come of it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import os
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from ._arguments import Seconds, seconds
from ._native import TOKEN_PATIENCE, NativeClient

Token = str | tuple[str, Seconds]
TokenFunction = Callable[[], Token | Awaitable[Token]]

#: So many calls of a function that hangs are left behind; then it is not called until one of them returns.
_MOST_RUNNING = 4

#: A function that fails for good has an error of its own for each time; so many are kept.
_MOST_RAISED = 4

#: By the number that the core knows a client by.
_sources: weakref.WeakValueDictionary[int, Source] = weakref.WeakValueDictionary()


class Source:
    """The function of one client. It lives as long as the client does."""

    __slots__ = ("__weakref__", "_context", "_function", "_native", "_raised", "_running", "_serving")

    def __init__(self, native: NativeClient, function: TokenFunction) -> None:
        self._native = native
        self._function = function
        self._context = contextvars.copy_context()
        self._running: set[int] = set()
        self._raised: dict[int, BaseException] = {}
        self._serving = threading.Lock()
        _sources[native.number] = self

    def serve(self, request: int, loop: asyncio.AbstractEventLoop | None) -> None:
        """Calls the function, unless somebody else does already."""
        with self._serving:
            if len(self._running) >= _MOST_RUNNING or not self._native.take_token_request(request):
                return
            self._running.add(request)
        try:
            threading.Thread(target=self._ask, args=(request, loop), name="cxone-actions-token", daemon=True).start()
        except RuntimeError as error:  # no more threads, or the interpreter is about to end
            self._running.discard(request)
            self._native.answer_token_request(request, "given_back", type(error).__name__, None)

    def forget(self) -> None:
        """In a forked child: the parent's threads are not here."""
        self._running.clear()
        self._serving = threading.Lock()

    def _ask(self, request: int, loop: asyncio.AbstractEventLoop | None) -> None:
        try:
            returned = self._context.copy().run(self._function)
            if inspect.isawaitable(returned):
                returned = self._awaited(returned, loop)
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            # The loop that awaited it came to its end; another one may await the next.
            self._native.answer_token_request(request, "given_back", type(error).__name__, None)
        except BaseException as error:  # noqa: BLE001 - nothing that it raises may end anything but itself
            self._keep(request, error)
            self._native.answer_token_request(request, "raised", type(error).__name__, None)
        else:
            self._answer(request, returned)
        finally:
            self._running.discard(request)

    def raised(self, request: int) -> BaseException | None:
        """What the function raised when it was asked so, where that is not long ago."""
        return self._raised.get(request)

    def _keep(self, request: int, error: BaseException) -> None:
        # Without the frames of this module, which hold this object: it would keep itself alive.
        while error.__traceback__ is not None and error.__traceback__.tb_frame.f_code.co_filename == __file__:
            error.__traceback__ = error.__traceback__.tb_next
        self._raised[request] = error
        for oldest in list(self._raised)[:-_MOST_RAISED]:
            self._raised.pop(oldest, None)

    def _answer(self, request: int, returned: Any) -> None:
        token, lifetime = returned, None
        if isinstance(returned, (tuple, list)) and len(returned) == 2:
            token, lifetime = returned
        try:
            lifetime = None if lifetime is None else float(seconds(lifetime) or 0.0)
        except TypeError:
            token = None
        if isinstance(token, str):
            try:
                self._native.answer_token_request(request, "token", token, lifetime)
            except UnicodeEncodeError as error:  # half of a character; the error holds the token
                self._native.answer_token_request(request, "raised", type(error).__name__, None)
        else:
            self._native.answer_token_request(request, "returned", type(returned).__name__, None)

    def _awaited(self, returned: Awaitable[Any], loop: asyncio.AbstractEventLoop | None) -> Any:
        """What comes of it, in `loop` or in one of this thread's own."""
        waiting = _waiting(returned)
        if loop is None:
            return self._context.copy().run(asyncio.run, waiting)
        try:
            # The task gets the context in which it is asked for.
            asked = self._context.copy().run(asyncio.run_coroutine_threadsafe, waiting, loop)
        except RuntimeError:
            waiting.close()
            if inspect.iscoroutine(returned):
                returned.close()
            raise concurrent.futures.CancelledError from None
        until = time.monotonic() + TOKEN_PATIENCE
        while True:
            try:
                return asked.result(0.25)
            except concurrent.futures.TimeoutError:
                if asked.done():
                    raise
                if loop.is_closed() or time.monotonic() > until:
                    asked.cancel()


async def _waiting(returned: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(returned, TOKEN_PATIENCE)


def serve(request: int, client: str, loop: asyncio.AbstractEventLoop | None) -> None:
    """A client needs a token, and whoever reads this message may get one; `loop` awaits what has to be awaited."""
    source = _sources.get(int(client))
    if source is not None:
        source.serve(request, loop)


def raised_by(client: int, request: int) -> BaseException | None:
    """What the function of this client raised, where it is still known in this process."""
    source = _sources.get(client)
    return None if source is None else source.raised(request)


def _in_child() -> None:
    for source in list(_sources.values()):
        source.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
