"""Tokens of an OAuth server that none of us wrote (`tests/node/oauth-server.mjs`), from Python."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, INPUTS
from cxone_actions import AsyncClient, AuthenticationError, Client, Sandbox

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = (ROOT / "core" / "src" / "profile" / "gateway.toml").read_text(encoding="utf-8")
SCOPE = 'scope = "integration:actions:write integration:actions:read"'


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Sandbox, dict[str, Any]]]:
    """A sandbox, and where the server of its tokens is."""
    with Sandbox(complete_after=0.02) as sandbox:
        known = {
            "baseUrl": sandbox.base_url,
            "clientId": sandbox.client_id,
            "clientSecret": sandbox.client_secret,
        }
        server = subprocess.Popen(
            ["node", str(ROOT / "tests" / "node" / "oauth-server.mjs"), json.dumps(known)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert server.stdout is not None
        yield sandbox, json.loads(server.stdout.readline())
        server.communicate("", timeout=10)


@pytest.fixture
def options(served: tuple[Sandbox, dict[str, Any]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The options of a client that authenticates like this, and of an action's place that takes only those tokens."""
    _, where = served

    def options(
        auth: str, grant: str = "client_credentials", client: str | None = None, **others: Any
    ) -> dict[str, Any]:
        known = where["clients"][client or auth]
        place = (
            f'url = "{where["issuer"]}/token"'
            if grant == "client_credentials"
            else f'discover = "{where["issuer"]}/.well-known/openid-configuration"'
        )
        token = f'[token]\n{place}\ngrant = "{grant}"\nclient_auth = "{auth}"\n{SCOPE}\n'
        profile = tmp_path / f"{auth}-{grant}.toml"
        profile.write_text(re.sub(r"\[token\].*?(?=\n\[)", lambda _: token, GATEWAY, flags=re.DOTALL), "utf-8")
        return {
            "base_url": where["api"],
            "profile": profile,
            "client_id": known["id"],
            "client_secret": known["secret"],
            "poll_interval": 0.01,
            **others,
        }

    return options


@pytest.mark.parametrize("auth", ["post", "basic"])
def test_a_real_server_issues_a_token_and_the_action_runs_with_it(
    served: tuple[Sandbox, dict[str, Any]], options: Callable[..., dict[str, Any]], auth: str
) -> None:
    sandbox, _ = served
    with Client(**options(auth)) as client:
        assert client.run(CREATE_CASE, INPUTS, correlation_id=f"blocking-{auth}").ok
        assert sandbox.executions(f"blocking-{auth}") == 1

    async def main() -> int:
        async with AsyncClient(**options(auth)) as client:
            given = await asyncio.gather(*(client.run(AT_ONCE, {}) for _ in range(20)))
            assert all(result.ok for result in given)
            return client.metrics().token_refreshes

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(("auth", "client"), [("post", "basic"), ("basic", "post")])
def test_a_real_server_refuses_a_client_that_authenticates_otherwise(
    options: Callable[..., dict[str, Any]], auth: str, client: str
) -> None:
    with Client(**options(auth, client=client)) as refused, pytest.raises(AuthenticationError) as raised:
        refused.run(AT_ONCE, {})
    error = raised.value
    assert (error.gateway_code, error.executed) == ("invalid_client", "no")
    assert "s3cr3t" not in f"{error} {error!r} {error.to_dict()}"


def test_an_access_key_is_exchanged_at_an_endpoint_that_a_real_configuration_names(
    served: tuple[Sandbox, dict[str, Any]], options: Callable[..., dict[str, Any]]
) -> None:
    key = served[1]["accessKey"]
    access = {"access_key_id": key["id"], "access_key_secret": key["secret"]}
    with Client(**options("basic", "password", "key", **access)) as client:
        assert client.run(AT_ONCE, {}).ok
    wrong = {**access, "access_key_secret": "S3CR3T-of-somebody-else"}
    with Client(**options("basic", "password", "key", **wrong)) as client, pytest.raises(AuthenticationError) as raised:
        client.run(AT_ONCE, {})
    assert (raised.value.gateway_code, raised.value.executed) == ("invalid_grant", "no")
    assert "S3CR3T" not in f"{raised.value} {raised.value.to_dict()}"
