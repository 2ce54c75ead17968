"""What the tests share: a gateway for each test, and clients of it."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cxone_actions import AsyncClient, Client, Sandbox
from tokens import fetch


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine exports is no part of a test."""
    for name in list(os.environ):
        if name.startswith("CXONE_") or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(complete_after=0.02) as sandbox:
        yield sandbox


@pytest.fixture
def access(sandbox: Sandbox) -> dict[str, Any]:
    """The options that reach the gateway of this test."""
    return {
        "base_url": sandbox.base_url,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "poll_interval": 0.02,
    }


@pytest.fixture
def variables(sandbox: Sandbox) -> dict[str, str]:
    """What an environment says of the gateway of this test."""
    return {
        "CXONE_BASE_URL": sandbox.base_url,
        "CXONE_CLIENT_ID": sandbox.client_id,
        "CXONE_CLIENT_SECRET": sandbox.client_secret,
    }


@pytest.fixture
def gateway(variables: dict[str, str]) -> dict[str, str]:
    """The environment of a process that uses the gateway of this test, and the commands that come with the package."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, **variables}


@pytest.fixture
def client(access: dict[str, Any]) -> Iterator[Client]:
    with Client(**access) as client:
        yield client


@pytest.fixture
def open_client(access: dict[str, Any]) -> Iterator[Callable[..., Client]]:
    """Opens clients with options of their own, closed after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Client(**{**access, **options}))


@pytest.fixture
def open_async(access: dict[str, Any]) -> Callable[..., AsyncClient]:
    """Makes async clients; the test closes them."""
    return lambda **options: AsyncClient(**{**access, **options})


@pytest.fixture
def issue(access: dict[str, Any]) -> Callable[[], tuple[str, float]]:
    """Gets a token from the gateway's own token service."""
    return functools.partial(fetch, access["base_url"], access["client_id"], access["client_secret"])


@pytest.fixture
def options(access: dict[str, Any]) -> dict[str, Any]:
    """What reaches the gateway, without credentials."""
    return {"base_url": access["base_url"], "poll_interval": access["poll_interval"]}
