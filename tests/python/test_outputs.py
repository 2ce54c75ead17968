"""`tests/vectors/outputs.json`: a number in the outputs of an action keeps its value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import Client, Sandbox

CASES = json.loads((Path(__file__).parents[1] / "vectors" / "outputs.json").read_text(encoding="utf-8"))["cases"]


def expected(case: dict[str, Any]) -> Any:
    if "integer" in case:
        return int(case["integer"])
    if "double" in case:
        plain = case["literal"].lstrip("-").isdigit()
        return int(case["literal"]) if plain else float(case["double"])
    return case["text"]


@pytest.fixture
def outputs(client: Client, sandbox: Sandbox) -> Any:
    members = ",".join(f'"{case["name"]}":{case["literal"]}' for case in CASES)
    body = f'{{"status":"COMPLETED","outputs":{{{members}}}}}'
    sandbox.inject("poll", {"status": 200, "body": body})
    return client.run(CREATE_CASE, INPUTS).outputs


def test_every_number_is_what_its_case_promises(outputs: Any) -> None:
    for case in CASES:
        wanted, seen = expected(case), outputs.pop(case["name"])
        assert (type(seen), repr(seen)) == (type(wanted), repr(wanted)), case["name"]
    assert outputs == {}


def test_whatever_a_number_was_it_can_be_written_again(outputs: Any) -> None:
    again = json.loads(json.dumps(outputs, allow_nan=False))
    assert {name: str(value) for name, value in again.items()} == {name: str(value) for name, value in outputs.items()}
