"""What the library says to `logging.getLogger("cxone_actions")`."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS, NEVER_ENDS
from cxone_actions import AsyncClient, Client, PollTimeoutError, RequestRejectedError, Sandbox, _log, _native
from forks import in_a_forked_child

LOGGER = logging.getLogger("cxone_actions")


class Kept(logging.Handler):
    """The records, and the threads that they came in."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.threads: set[int] = set()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.threads.add(threading.get_ident())

    def events(self) -> list[str]:
        return [getattr(record, "event", "") for record in self.records]


@pytest.fixture
def kept() -> Any:
    handler, level = Kept(), LOGGER.level
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield handler
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)
    _log.follow()


def test_every_record_of_the_trail_is_said_with_its_fields(kept: Kept, open_client: Callable[..., Client]) -> None:
    client = open_client()
    client.run(CREATE_CASE, INPUTS, correlation_id="corr-1")
    _log.deliver()
    trail = list(client.audit.records())
    assert kept.events() == [record["event"] for record in trail]
    for said, record in zip(kept.records, trail, strict=True):
        assert (said.name, said.levelno) == ("cxone_actions", logging.DEBUG)
        for name in ("action_id", "correlation_id", "invocation_id", "attempt", "http_status", "status", "executed"):
            assert getattr(said, name, None) == record.get(name), name
        assert abs(said.created - time.time()) < 60
        assert said.getMessage().startswith(record["event"])
        assert "\n" not in said.getMessage()
    assert kept.threads == {threading.get_ident()}


def test_what_went_wrong_is_a_warning_and_nothing_that_is_said_tells_a_secret(
    kept: Kept, open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    client = open_client()
    sandbox.inject("invoke", {"status": 400, "body": {"message": "no customer CANARY-1"}})
    with pytest.raises(RequestRejectedError):
        client.run(CREATE_CASE, {**INPUTS, "customerId": "CANARY-1"})
    client.close()
    assert [r.levelname for r in kept.records if getattr(r, "event", "") == "rejected"] == ["WARNING"]
    everything = repr([vars(record) for record in kept.records])
    for secret in ("CANARY-1", sandbox.client_secret, "Bearer"):
        assert secret not in everything


def test_an_event_loop_hears_of_a_running_call_before_it_ends(
    kept: Kept, open_async: Callable[..., AsyncClient], sandbox: Sandbox
) -> None:
    async def main() -> None:
        async with open_async() as client:
            call = asyncio.ensure_future(client.run(NEVER_ENDS, {}))
            deadline = time.monotonic() + 10
            while "accepted" not in kept.events() and time.monotonic() < deadline:
                await asyncio.sleep(0.005)
            assert "accepted" in kept.events()
            assert not call.done()
            call.cancel()
        assert kept.threads == {threading.get_ident()}

    asyncio.run(main())


def test_a_blocked_thread_hears_of_its_call_before_it_ends(kept: Kept, open_client: Callable[..., Client]) -> None:
    with pytest.raises(PollTimeoutError):
        open_client().run(NEVER_ENDS, {}, timeout=1.5)
    accepted = next(record for record in kept.records if getattr(record, "event", "") == "accepted")
    detached = next(record for record in kept.records if getattr(record, "event", "") == "detached")
    assert detached.created - accepted.created > 0.1


def test_the_level_that_holds_is_the_loggers_own_and_off_keeps_nothing(open_client: Callable[..., Client]) -> None:
    handler = Kept()
    LOGGER.addHandler(handler)
    try:
        client = open_client()
        LOGGER.setLevel(logging.CRITICAL)
        client.run(CREATE_CASE, INPUTS)
        assert _native.take_log() == []
        LOGGER.setLevel(logging.DEBUG)
        client.run(CREATE_CASE, INPUTS)
        assert "terminal" in handler.events()
        before = len(handler.records)
        LOGGER.setLevel(logging.WARNING)
        client.run(CREATE_CASE, INPUTS)
        assert len(handler.records) == before
    finally:
        LOGGER.removeHandler(handler)
        LOGGER.setLevel(logging.NOTSET)
        _log.follow()


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_what_a_handler_raises_is_said_with_its_traceback_and_goes_no_further(
    kept: Kept, client: Client, open_async: Callable[..., AsyncClient], asynchronous: bool
) -> None:
    def handler(_: Any) -> None:
        raise LookupError("CANARY")

    async def later(_: Any) -> None:
        handler(_)

    async def main() -> AsyncClient:
        async with open_async() as awaited:
            assert (await awaited.run(CREATE_CASE, INPUTS, on_result=later if asynchronous else handler)).ok
        return awaited

    assert client.run(CREATE_CASE, INPUTS, on_result=later if asynchronous else handler).ok
    awaited = asyncio.run(main())
    said = [record for record in kept.records if record.exc_info]
    assert [(record.levelname, record.getMessage()) for record in said] == [
        ("ERROR", "`on_result` raised `LookupError`")
    ] * 2
    for record in said:
        assert record.exc_info is not None
        assert [frame.name for frame in traceback.extract_tb(record.exc_info[2])][-1] == "handler"
    assert kept.threads == {threading.get_ident()}
    for each in (client, awaited):
        assert "CANARY" not in repr(list(each.audit.records()))
        assert [record["note"] for record in each.audit.records(event="callback_failed")] == ["LookupError"]


def test_what_a_filter_raises_changes_no_result(kept: Kept, open_client: Callable[..., Client]) -> None:
    def raising(record: logging.LogRecord) -> bool:
        raise RuntimeError(record.getMessage())

    LOGGER.addFilter(raising)
    try:
        assert open_client().run(CREATE_CASE, INPUTS).ok
    finally:
        LOGGER.removeFilter(raising)


def test_more_than_the_buffer_holds_is_counted(kept: Kept, open_client: Callable[..., Client]) -> None:
    client = open_client(max_in_flight=64)
    native, queue = client._native, _native.NativeQueue(False)
    for _ in range(1500):  # four records each, and nobody reads
        native.run(queue, ("not-a-uuid", {}, None, None, None), None, False)
    numbers = [native.run(queue, (CREATE_CASE, INPUTS, None, None, None), None, False) for _ in range(1000)]
    deadline = time.monotonic() + 30
    done = 0
    while done < len(numbers) + 1500 and time.monotonic() < deadline:
        queue.wait(1.0)
        done += sum(kind == "done" for _, kind, _ in queue.drain())
    _log.deliver()
    last = kept.records[-1]
    assert last.levelname == "WARNING"
    assert last.dropped == len(list(client.audit.records())) - 4096  # type: ignore[attr-defined]
    assert len(kept.records) == 4097


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_says_what_it_did_and_nothing_of_its_parents(
    kept: Kept, open_client: Callable[..., Client]
) -> None:
    client = open_client()
    client.run(CREATE_CASE, INPUTS, correlation_id="of-the-parent")
    reading, writing = os.pipe()

    def work() -> None:
        kept.records.clear()
        client.run(CREATE_CASE, INPUTS, correlation_id="of-the-child")
        ids = {getattr(record, "correlation_id", "") for record in kept.records} - {""}
        os.write(writing, ",".join(sorted(ids)).encode())

    in_a_forked_child(work)
    assert os.read(reading, 1000) == b"of-the-child"
    os.close(reading)
    os.close(writing)


def test_without_a_configured_logger_nothing_is_printed_and_with_one_the_end_is_heard_too(
    gateway: dict[str, str],
) -> None:
    script = f"""
import logging, sys
if len(sys.argv) > 1:
    logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from cxone_actions import Client
client = Client(max_attempts=1)
client.run({CREATE_CASE!r}, {INPUTS!r})
try:
    client.run("nonsense")
except Exception:
    pass
"""

    def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, env=gateway, capture_output=True, text=True, timeout=60, check=True)

    quiet = ran()
    assert (quiet.stdout, quiet.stderr) == ("", "")
    loud = ran("loud")
    assert "DEBUG:cxone_actions:terminal" in loud.stdout
    assert "WARNING:cxone_actions:invalid" in loud.stdout
    assert "DEBUG:cxone_actions:closed" in loud.stdout, "the last word of a process"
    assert loud.stderr == ""
