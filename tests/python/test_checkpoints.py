"""Checkpoints for a function: told in a thread of its own, in order, and nobody waits for it."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, Checkpoint, Client, ConfigError
from forks import in_a_forked_child


def until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"it did not come to this: {what}"
        time.sleep(0.002)


def test_the_function_is_told_the_end_of_the_chain_at_flush_and_at_close(
    access: dict[str, Any], tmp_path: Path
) -> None:
    told: list[Checkpoint] = []
    threads: set[str] = set()

    def note(checkpoint: Checkpoint) -> None:
        threads.add(threading.current_thread().name)
        told.append(checkpoint)

    with Client(**access, audit=tmp_path, audit_checkpoints=note) as client:
        client.run(CREATE_CASE, INPUTS)
        client.audit.flush()
        until("flushed", lambda: len(told) == 1)
        client.run(CREATE_CASE, INPUTS)
    lines = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    hashes = {record["seq"]: record["hash"] for record in lines}
    assert [checkpoint.hash for checkpoint in told] == [hashes[checkpoint.seq] for checkpoint in told]
    assert told[-1].seq == lines[-1]["seq"]
    assert lines[-1]["event"] == "closed"
    assert threads == {"cxone-actions-checkpoints"}


def test_an_async_function_is_awaited_and_of_what_it_raises_only_the_class_is_said(
    access: dict[str, Any], tmp_path: Path
) -> None:
    class VaultSealedError(Exception):
        pass

    asked = 0

    async def note(checkpoint: Checkpoint) -> None:
        nonlocal asked
        await asyncio.sleep(0)
        asked += 1
        raise VaultSealedError("s3cret")

    async def main() -> None:
        async with AsyncClient(**access, audit=tmp_path, audit_checkpoints=note) as client:
            for expected in (1, 2):
                assert (await client.run(CREATE_CASE, INPUTS)).ok
                client.audit.flush()
                while asked < expected:
                    await asyncio.sleep(0.002)
            # The second is tried again only when there is something new.
            notes = [record["note"] for record in client.audit.records(event="checkpoint")]
            assert len(notes) == 1
            assert "VaultSealedError" in notes[0]
            assert "s3cret" not in notes[0]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_function_that_hangs_stops_no_call_and_no_close(access: dict[str, Any], tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    def note(checkpoint: Checkpoint) -> None:
        entered.set()
        leave.wait()

    try:
        client = Client(**access, audit=tmp_path, audit_checkpoints=note)
        client.run(CREATE_CASE, INPUTS)
        client.audit.flush()
        assert entered.wait(60)
        assert client.run(CREATE_CASE, INPUTS).ok
        began = time.monotonic()
        client.close()
        # The function alone would be given ten seconds.
        assert time.monotonic() - began < 9
    finally:
        leave.set()


def test_a_client_that_nobody_has_any_more_takes_its_thread_along(access: dict[str, Any], tmp_path: Path) -> None:
    def reading() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "cxone-actions-checkpoints"}

    before = reading()
    client = Client(**access, audit=tmp_path, audit_checkpoints=lambda checkpoint: None)
    (mine,) = reading() - before
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    until("the thread has ended", lambda: not mine.is_alive())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_its_own_checkpoints(access: dict[str, Any], tmp_path: Path) -> None:
    trail, file = tmp_path / "trail", tmp_path / "told"

    def note(checkpoint: Checkpoint) -> None:
        with file.open("a") as told:
            told.write(f"{os.getpid()} {checkpoint.segment}\n")

    with Client(**access, audit=trail, audit_checkpoints=note) as client:
        client.run(CREATE_CASE, INPUTS)

        def work() -> None:
            client.run(CREATE_CASE, INPUTS)
            client.close()

        child = in_a_forked_child(work)
        assert [line.split()[0] for line in file.read_text().splitlines()] == [str(child)]
        assert f"-{child}-" in file.read_text()


def test_what_is_no_path_and_no_function_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="audit_checkpoints"):
        Client("http://127.0.0.1:1", token="t", audit=tmp_path, audit_checkpoints=7)  # type: ignore[arg-type]
