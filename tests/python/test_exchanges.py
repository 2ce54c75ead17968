"""`tests/vectors/exchanges.json` from Python: what a gateway answers, and what becomes of the call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cxone_actions import Sandbox
from exchanges import Case, Vectors, merged
from vectors import load


@contextmanager
def sandbox_of(defaults: Case, case: Case) -> Iterator[Sandbox]:
    with Sandbox(**merged(defaults, case, "sandbox")) as sandbox:
        for order in case.get("inject", ()):
            sandbox.inject(order["point"], order["fault"], order.get("times", 1))
        yield sandbox


EXCHANGES = Vectors(load("exchanges.json"), sandbox_of)


@pytest.fixture(scope="module")
def complaints(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    return EXCHANGES.complaints(request)


@pytest.mark.parametrize("case", EXCHANGES.cases, ids=lambda case: case["name"])
def test_an_exchange_gives_what_its_case_promises(case: dict[str, Any], complaints: dict[str, list[str]]) -> None:
    assert complaints[case["name"]] == []


def test_there_are_exchanges() -> None:
    assert len(EXCHANGES.cases) >= 100
