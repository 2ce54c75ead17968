"""Fixtures for the tests of those who use this package: a gateway of the test's own, and clients of it.

The promise: `cxone_client` and `cxone_async_client` talk to `cxone_sandbox`, whatever the machine exports, and all
three are closed after the test. pytest imports this in every run of everybody who has the package installed, so it
lies beside `cxone_actions` and imports nothing of it before a fixture is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cxone_actions import AsyncClient, Client, Sandbox

MARKER = "cxone_sandbox(profile='gateway', **options): what a test's `cxone_sandbox` is made with, as `Sandbox` says"


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest of the marker."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture
def cxone_sandbox(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A fresh `cxone_actions.Sandbox`, closed after the test. Its actions end at once.

    ``@pytest.mark.cxone_sandbox(profile="genesys-flow", complete_after=0.2)`` gives it options; the marker of a test
    goes over that of its class and its module. For this test the ``CXONE_…`` variables, proxies and ``SSL_CERT_FILE``
    are gone.
    """
    from cxone_actions import Sandbox

    for name in list(os.environ):
        if name.upper().startswith("CXONE_") or name.upper().endswith(("_PROXY", "SSL_CERT_FILE")):
            monkeypatch.delenv(name)
    options: dict[str, Any] = {"complete_after": 0.0}
    for marker in reversed(list(request.node.iter_markers("cxone_sandbox"))):
        options |= dict(zip(["profile"], marker.args, strict=False)) | marker.kwargs
    with Sandbox(**options) as sandbox:
        yield sandbox


@pytest.fixture
def cxone_client(cxone_sandbox: Sandbox) -> Iterator[Client]:
    """A `cxone_actions.Client` of this test's sandbox, closed after the test. It polls every 10 ms."""
    from cxone_actions import Client

    with Client(**cxone_sandbox.options, poll_interval=0.01) as client:
        yield client


@pytest.fixture
def cxone_async_client(cxone_sandbox: Sandbox) -> Iterator[AsyncClient]:
    """A `cxone_actions.AsyncClient` of this test's sandbox, closed after the test. It polls every 10 ms.

    It needs no event loop to be opened or closed, so that it goes with any plugin for asynchronous tests.
    """
    from cxone_actions import AsyncClient

    client = AsyncClient(**cxone_sandbox.options, poll_interval=0.01)
    yield client
    client._close_without_a_loop()
