"""What a type checker says of code that uses the package: it finds each mistake, and nothing where there is none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

import cxone_actions
from cxone_actions import AsyncClient, Client, types
from pages import ROOT

#: Each line that ends in `# wrong` is a mistake, and no other.
PROGRAM = """
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, TypedDict
from uuid import uuid4

from typing_extensions import Unpack, assert_type

from cxone_actions import ActionRequest, ActionResult, AsyncClient, Client, Outcome, Sandbox
from cxone_actions.types import ClientOptions, Fault, RequestFields, ResultHandler, SandboxAction, Seconds


class Case(TypedDict):
    customerId: str


class Row(ActionRequest):
    line: int = 0


client = Client("https://gateway.example", timeout=timedelta(seconds=5))
Client(timout=3)  # wrong
Client(timeout="5")  # wrong
AsyncClient(delivery="twice")  # wrong
Client("https://gateway.example", "secret")  # wrong


def wrapped(limit: Seconds, **options: Unpack[ClientOptions]) -> Client:
    return Client(**options)


wrapped(1, client_id="x")
wrapped(1, client_idd="x")  # wrong

inputs = {"customerId": "CUST-998877", "priority": 1}
seen: dict[str, Any] = {}
case: Case = {"customerId": "CUST-998877"}


async def handler(result: ActionResult) -> None:
    print(result.outputs)


named: ResultHandler = handler
client.run("a", inputs, on_result=lambda result: seen.setdefault("a", result))
client.run(uuid4(), case, correlation_id=uuid4(), timeout=2, on_result=named)
client.poll(uuid4())
client.poll(client.invoke("a"))
client.run("a", inptus={})  # wrong
client.run(7)  # wrong
client.run("a", on_result=5)  # wrong
client.run("a").outptus  # wrong
assert_type(client.run("a").ok, bool)

rows = [{"action_id": "a", "inputs": inputs}]
for outcome in client.run_many(rows, concurrency=2):
    print(outcome.request["action_id"], outcome.unwrap().outputs, outcome.result.outputs)  # wrong
for of_row in client.run_many([Row("a"), Row("b")]):
    assert_type(of_row, Outcome[Row])
    assert_type(of_row.request.line, int)
client.run_many(rows, concurency=3)  # wrong
client.run_many("abc")  # wrong
client.run_many(rows[0])  # wrong
checked: list[RequestFields] = [{"action_id": "a"}]
checked = [{"action_idd": "a"}]  # wrong
ActionRequest("a", input={})  # wrong
kept: list[Outcome] = list(client.run_many(checked))


async def source() -> AsyncIterator[ActionRequest]:
    yield ActionRequest("a")


async def main(client: AsyncClient) -> None:
    assert_type(await client.run("a"), ActionResult)
    async for outcome in client.run_many(source()):
        assert_type(outcome, Outcome[ActionRequest])
    client.run("a").ok  # wrong


fault: Fault = {"status": 429, "retry_after": 2}
action: SandboxAction = {"id": "a", "outcome": "FAILED"}
with Sandbox(complete_after=0.1, actions=[action]) as sandbox:
    sandbox.inject("invoke", fault)
    sandbox.inject("invoke", {"statuss": 503})  # wrong
    sandbox.inject("invok", fault)  # wrong
    Client(**sandbox.options, poll_interval=0.1)
Sandbox(complet_after=1)  # wrong
Sandbox(actions=[{"id": "a", "outcome": "DONE"}])  # wrong
made = ActionResult(status="COMPLETED", outputs={"caseId": "C-1"})
ActionResult(status="DONE")  # wrong
"""

MISTAKES = {number for number, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")}


def mypy(program: Path) -> set[int]:
    cache = program.parent / "cache"
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), program.name]
    run = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=300)
    return {int(line) for line in re.findall(r"^\S+:(\d+): error", run.stdout, re.MULTILINE)}


def pyright(program: Path) -> set[int]:
    checker = ROOT / "node_modules" / ".bin" / "pyright"
    command = [str(checker), "--pythonpath", sys.executable, "--outputjson", program.name]
    run = subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=300)
    said = json.loads(run.stdout)["generalDiagnostics"]
    return {each["range"]["start"]["line"] + 1 for each in said if each["severity"] == "error"}


@pytest.mark.parametrize("checker", [mypy, pyright])
def test_a_checker_finds_each_mistake_and_nothing_else(tmp_path: Path, checker: Callable[[Path], set[int]]) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    assert checker(program) == MISTAKES


def test_the_types_of_options_are_those_of_the_clients() -> None:
    listed = typing.get_type_hints(types.ClientOptions)
    for cls in (AsyncClient, Client):
        taken = typing.get_type_hints(cls.__init__)
        assert taken.pop("return") is type(None)
        assert taken == listed


@pytest.mark.parametrize("name", cxone_actions.__all__)
def test_what_reads_annotations_at_run_time_understands_ours(name: str) -> None:
    """As pydantic and FastAPI do."""
    thing = getattr(cxone_actions, name)
    if isinstance(thing, type):
        assert thing.__module__ == "cxone_actions"
        if hasattr(thing, "__dataclass_fields__"):
            typing.get_type_hints(thing)
