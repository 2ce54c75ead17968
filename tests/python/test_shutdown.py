"""Calls at the very end of a process, where nothing can be imported any more: each has an end, and an error of ours."""

from __future__ import annotations

import subprocess
import sys

import pytest

USER = """
import asyncio
import atexit
import sys

from cxone_actions import AsyncClient, Client, ClosedError

AT_ONCE = "00000000-0000-4000-8000-000000000004"


class Owner:
    def __init__(self, ClosedError=ClosedError, out=sys.stdout):
        self.client, self.asynchronous = Client(), AsyncClient()
        self.loop = asyncio.new_event_loop()
        assert self.client.run(AT_ONCE, {}).ok
        assert self.loop.run_until_complete(self.asynchronous.run(AT_ONCE, {})).ok
        self.invocation = self.client.invoke(AT_ONCE, {})
        self.closed, self.out, self.make = ClosedError, out, Client

    def use(self):
        for name, call in {
            "run": lambda: self.client.run(AT_ONCE, {}),
            "invoke": lambda: self.client.invoke(AT_ONCE, {}),
            "poll": lambda: self.client.poll(self.invocation),
            "describe": lambda: self.client.describe(AT_ONCE),
            "run_many": lambda: [outcome.unwrap() for outcome in self.client.run_many([{"action_id": AT_ONCE}])],
            "asynchronous": lambda: self.loop.run_until_complete(self.asynchronous.run(AT_ONCE, {})),
            "new": lambda: self.make(),
        }.items():
            try:
                call()
            except self.closed as error:
                self.out.write(f"{name} {error.executed}\\n")
        self.out.write(f"{self.client.metrics().completed} completed\\n")
        self.out.write(f"{len(list(self.client.audit.records(event='sending')))} sent\\n")
        self.client.close()
        self.out.write("closed\\n")
        self.out.flush()

"""
AS_IT_IS_COLLECTED = """
    def __del__(self):
        self.use()
        self.loop.close()

owner = Owner()
"""
# Handlers run last in, first out: those of what is imported later, as `logging`, have run already.
AFTER_EVERYBODY = """
import cxone_actions._process as process

owner = Owner()
atexit.unregister(process._drain)
atexit.register(owner.loop.close)
atexit.register(owner.use)
atexit.register(process._drain)
"""


@pytest.mark.parametrize(
    "end",
    [AS_IT_IS_COLLECTED, AS_IT_IS_COLLECTED + "owner.itself = owner\n", AFTER_EVERYBODY],
    ids=["del", "gc", "atexit"],
)
def test_a_call_at_the_end_of_the_interpreter_says_that_the_client_is_closed(gateway: dict[str, str], end: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", USER + end], env=gateway, capture_output=True, text=True, timeout=60
    )
    calls = ["run", "invoke", "poll", "describe", "run_many", "asynchronous", "new"]
    assert (ended.stdout.splitlines(), ended.stderr) == (
        [*(f"{name} no" for name in calls), "2 completed", "2 sent", "closed"],
        "",
    )
    assert ended.returncode == 0
