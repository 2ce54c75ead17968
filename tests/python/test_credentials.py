"""What lets a client in: a token, a function for tokens, a client, an access key; said or from the environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import AT_ONCE
from cxone_actions import Client, ConfigError, Sandbox


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (7, "`token` must be a string or a function, got a number"),
        (b"s3cr3t", "`token` must be a string or a function, got bytes"),
        ("", "`token` must not be empty"),
        ("a b", "`token` must be a bearer token"),
    ],
)
def test_what_is_neither_a_token_nor_a_function_is_refused_at_once(
    options: dict[str, Any], given: Any, says: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        Client(**options, token=given)
    assert says in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_function_excludes_credentials_and_wins_over_those_of_the_environment(
    issue: Callable[[], tuple[str, float]],
    options: dict[str, Any],
    access: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="`token` excludes `client_id` and `client_secret`"):
        Client(**access, token=issue)
    for name in ("CLIENT_ID", "CLIENT_SECRET", "ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "TOKEN"):
        monkeypatch.setenv(f"CXONE_{name}", "of-somebody-else")
    with Client(**options, token=issue) as client:
        assert client.run(AT_ONCE, {}).ok


def test_credentials_of_the_environment_that_the_grant_does_not_use_are_for_somebody_else(
    options: dict[str, Any], access: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET"):
        monkeypatch.setenv(f"CXONE_{name}", "of-somebody-else")
    with Client(**access) as client:
        assert client.run(AT_ONCE, {}).ok
    for name in ("client_id", "client_secret"):
        monkeypatch.setenv(f"CXONE_{name.upper()}", access[name])
    with Client(**options) as client:
        assert client.run(AT_ONCE, {}).ok
    with pytest.raises(ConfigError, match="`access_key_id` is not used by this profile") as raised:
        Client(**access, access_key_id="s3cr3t")
    assert "s3cr3t" not in str(raised.value)


def test_an_access_key_comes_from_the_environment_or_from_a_file_that_it_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Sandbox("cxone-extraction", complete_after=0.02) as sandbox:
        access = {
            "BASE_URL": sandbox.base_url,
            "PROFILE": "cxone-extraction",
            "CLIENT_ID": sandbox.client_id,
            "CLIENT_SECRET": sandbox.client_secret,
            "ACCESS_KEY_ID": sandbox.access_key_id,
        }
        for name, value in access.items():
            monkeypatch.setenv(f"CXONE_{name}", value)
        with pytest.raises(ConfigError) as raised:
            Client()
        assert "`access_key_secret` is required: give it, or set `CXONE_ACCESS_KEY_SECRET`" in str(raised.value)
        secret = tmp_path / "secret"
        secret.write_text(f"{sandbox.access_key_secret}\n", "utf-8")
        monkeypatch.setenv("CXONE_ACCESS_KEY_SECRET_FILE", str(secret))
        with Client(poll_interval=0.02) as client:
            assert client.run("any-label", {"entityName": "at-once"}).ok
        points = [seen["point"] for seen in sandbox.requests]
        assert points[:3] == ["discovery", "token", "invoke"]
