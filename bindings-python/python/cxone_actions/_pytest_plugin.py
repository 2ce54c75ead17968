"""The pytest fixture `cxone_sandbox`: a gateway for one test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._sandbox import Sandbox


@pytest.fixture
def cxone_sandbox() -> Iterator[Sandbox]:
    """A fresh `cxone_actions.Sandbox`, closed after the test."""
    from ._sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox
