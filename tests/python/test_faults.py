"""`tests/vectors/faults.json` from Python: what a gateway does to a connection, and what becomes of the call."""

from __future__ import annotations

from typing import Any

import pytest

from exchanges import Case, Vectors
from fault_gateway import FaultGateway
from vectors import load


def gateway_of(_: Case, case: Case) -> FaultGateway:
    return FaultGateway({part: case[part] for part in ("gateway", "script", "always") if part in case})


FAULTS = Vectors(load("faults.json"), gateway_of)


@pytest.fixture(scope="module")
def complaints(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    return FAULTS.complaints(request)


@pytest.mark.parametrize("case", FAULTS.cases, ids=lambda case: case["name"])
def test_a_fault_is_survived_as_its_case_promises(case: dict[str, Any], complaints: dict[str, list[str]]) -> None:
    assert complaints[case["name"]] == []


def test_there_are_faults() -> None:
    assert len(FAULTS.cases) >= 90
