"""Options: judged by the core, all at once, before any network."""

from __future__ import annotations

import inspect
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actions import CREATE_CASE, INPUTS
from cxone_actions import AccessDeniedError, AsyncClient, Client, ConfigError, Sandbox


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_every_mistake_is_named_at_once(make: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        make("https://api.example.com", tiemout=3, request_timeout=-1, max_attempts=0, client_auth=7)
    assert isinstance(raised.value, ValueError)
    assert raised.value.executed == "no"
    named = {violation.path for violation in raised.value.violations or ()}
    # What cannot be read, and what is missing; a wrong one is not a missing one.
    assert named == {"tiemout", "request_timeout", "max_attempts", "client_auth", "client_id", "client_secret"}
    assert "did you mean `timeout`?" in str(raised.value)


#: A structure that contains itself.
_CIRCLE: dict[str, Any] = {}
_CIRCLE["action"] = _CIRCLE


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", float("nan")),
        ("timeout", float("inf")),
        ("timeout", timedelta(0)),
        ("timeout", "soon"),
        ("client_secret", b"CANARY"),
        ("client_secret", 7),
        ("client_id", lambda: "CANARY"),
        ("audit", 7),
        ("policy", ["CANARY"]),
        ("policy", object()),
        ("policy", _CIRCLE),
        ("policy", {"action": [{"inputs": {"amount": {"minimum": float("nan")}}}]}),
        ("policy", {("CANARY",): 1}),
        ("client_secret", "CANARY\ud800"),
        pytest.param("max_attempts", 10**5000, id="max_attempts-beyond-printing"),
        ("callback_hosts", "hooks.example.com"),
        ("callback_hosts", [7]),
        ("http1_only", "yes"),
        ("max_in_flight", 1.5),
        ("profile", "no-such-profile"),
        ("delivery", "exactly_once"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(access: dict[str, Any], option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^`{option}`") as raised:
        Client(**{**access, option: value})
    assert "CANARY" not in f"{raised.value!r}"


def test_without_a_gateway_there_is_no_client() -> None:
    with pytest.raises(ConfigError, match="base_url"):
        Client()


def test_the_environment_stands_in_for_arguments(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Client() as client:
        assert client.run(CREATE_CASE, INPUTS).ok
    with pytest.raises(ConfigError), Client(timeout=0):
        pass


def test_paths_times_and_policies_may_be_given_as_python_says_them(
    access: dict[str, Any], tmp_path: Path, sandbox: Sandbox
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'[[action]]\nid = "{CREATE_CASE}"\ninputs = "*"\n', encoding="utf-8")
    action = {"id": CREATE_CASE, "inputs": "*"}
    for given in (policy, str(policy), {"action": [action]}, {"action": (action,)}):
        with Client(
            **access,
            policy=given,
            audit=tmp_path / "trail",
            timeout=timedelta(seconds=5),
            callback_hosts=("x.example",),
        ) as client:
            assert client.run(CREATE_CASE, INPUTS).ok
            with pytest.raises(AccessDeniedError) as raised:
                client.run("00000000-0000-4000-8000-000000000009", {})
            assert isinstance(raised.value, PermissionError)
    assert list((tmp_path / "trail").glob("*.jsonl"))


def test_the_signature_names_every_option_for_editors_and_help() -> None:
    names = list(inspect.signature(Client.__init__).parameters)
    assert names == list(inspect.signature(AsyncClient.__init__).parameters)
    assert {"base_url", "client_secret", "policy", "audit", "timeout", "max_in_flight", "http1_only"} <= set(names)


def test_what_json_cannot_say_is_named_by_its_type(access: dict[str, Any]) -> None:
    wrong = {"callback_hosts": (host for host in ["a.example"]), "client_auth": b"post", "policy": object()}
    with pytest.raises(ConfigError) as raised:
        Client(**{**access, **wrong})
    for said in ("got generator", "got bytes", "got object"):
        assert said in str(raised.value)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ((), {"timeout": -1}),
        ((), {"policy": _CIRCLE}),
        (("client", "s3cr3t-in-a-frame"), {}),
        (("https://user:s3cr3t-in-a-frame@api.example.com",), {}),
    ],
)
def test_a_client_that_was_refused_shows_itself_and_no_secret_in_a_traceback(
    given: tuple[Any, ...], options: dict[str, Any]
) -> None:
    try:
        Client(*given, **options, client_secret="s3cr3t-in-a-frame")
    except (ConfigError, TypeError) as error:
        inner = error.__traceback__.tb_next if error.__traceback__ else None
        shown = traceback.TracebackException(type(error), error, inner, capture_locals=True)
        text = "".join(shown.format())
        assert "Client" in text
        assert "s3cr3t-in-a-frame" not in text
    else:
        pytest.fail("it was not refused")
