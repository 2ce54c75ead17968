"""`tests/vectors/profiles.json` from Python: what each vendor's gateway answers, and what becomes of the call."""

from __future__ import annotations

from typing import Any

import pytest

from exchanges import Vectors
from test_exchanges import sandbox_of
from vectors import load

PROFILES = Vectors(load("profiles.json"), sandbox_of)


@pytest.fixture(scope="module")
def complaints(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    return PROFILES.complaints(request)


@pytest.mark.parametrize("case", PROFILES.cases, ids=lambda case: case["name"])
def test_a_profile_gives_what_its_case_promises(case: dict[str, Any], complaints: dict[str, list[str]]) -> None:
    assert complaints[case["name"]] == []


def test_there_are_profiles() -> None:
    assert len(PROFILES.cases) >= 40
