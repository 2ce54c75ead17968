"""The exceptions: one for each kind that the core knows, in one family."""

from __future__ import annotations

import asyncio
import errno
import json
import pickle
import socket
import ssl
from pathlib import Path

import pytest

import cxone_actions
from cxone_actions import AuditError, Client, CxoneError, Sandbox, UnavailableError, Violation, _native
from cxone_actions._causes import system_error
from cxone_actions._errors import CLASSES, from_fields


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("PollTimeoutError", TimeoutError),
        ("ValidationError", ValueError),
        ("ConfigError", ValueError),
        ("AccessDeniedError", PermissionError),
        ("PermissionDeniedError", PermissionError),
        ("UnavailableError", ConnectionError),
    ],
)
def test_an_error_is_also_what_python_calls_it(name: str, builtin: type[BaseException]) -> None:
    cls = getattr(cxone_actions, name)
    assert issubclass(cls, builtin)
    with pytest.raises(builtin, match="what happened; what to do"):
        raise cls("what happened", hint="what to do")


@pytest.mark.parametrize("cls", [CxoneError, *CLASSES.values()], ids=lambda cls: cls.__name__)
def test_an_error_can_be_made_by_hand_and_keeps_its_fields(cls: type[CxoneError]) -> None:
    violation = Violation("/inputs/a", "type", "`inputs.a` must be a string")
    error = cls("what happened", executed="no", gateway_code="E-1", retry_after=2.0, attempts=3, violations=[violation])
    again = pickle.loads(pickle.dumps(error))
    for each in (error, again):
        assert str(each) == "what happened"
        assert repr(each) == f"{cls.__name__}('what happened', executed='no')"
        assert each.code == (f"CXONE_{cls.kind.upper()}" if cls.kind else "") == each.to_dict()["code"]
        assert (each.kind, each.retry_after, each.attempts, each.hint) == (cls.kind, 2.0, 3, None)
        assert (each.gateway_code, each.violations) == ("E-1", [violation])
        assert dict(violation)["path"] == violation.path == "/inputs/a"


def test_cancelling_is_never_one_of_ours() -> None:
    assert not issubclass(asyncio.CancelledError, CxoneError)
    assert not any(issubclass(cls, asyncio.CancelledError) for cls in CLASSES.values())


@pytest.mark.parametrize(
    ("code", "cls"),
    [
        ("ECONNREFUSED", ConnectionRefusedError),
        ("ECONNRESET", ConnectionResetError),
        ("ECONNABORTED", ConnectionAbortedError),
        ("EPIPE", BrokenPipeError),
        ("ETIMEDOUT", TimeoutError),
        ("ENOTFOUND", socket.gaierror),
        ("CERT_HAS_EXPIRED", ssl.SSLCertVerificationError),
        ("ERR_TLS_CERT_ALTNAME_INVALID", ssl.SSLCertVerificationError),
        ("ERR_TLS_ALERT", ssl.SSLError),
        ("ENOENT", FileNotFoundError),
        ("EACCES", PermissionError),
        ("ENOSPC", OSError),
    ],
)
def test_what_the_system_said_is_what_python_calls_it(code: str, cls: type[OSError]) -> None:
    error = from_fields(
        {"kind": "unavailable", "code": "CXONE_UNAVAILABLE", "cause": {"code": code, "message": "said"}}
    )
    assert type(error.__cause__) is cls
    assert "said" in str(error.__cause__)
    assert error.__suppress_context__
    assert "cause" not in error.to_dict()


def test_every_code_of_the_core_is_an_exception_of_its_own() -> None:
    made = {code: system_error(code, "said") for code in json.loads(_native.surface())["cause_codes"]}
    assert len(made) > 30
    for code, error in made.items():
        assert error.errno or isinstance(error, ssl.SSLError), code


def test_a_refused_connection_is_the_cause_of_what_is_raised() -> None:
    with Sandbox() as sandbox:
        gone = sandbox.base_url
    with (
        Client(gone, client_id="id", client_secret="s3cr3t", max_attempts=1) as client,
        pytest.raises(UnavailableError) as raised,
    ):
        client.run("00000000-0000-4000-8000-000000000004", {})
    assert type(raised.value.__cause__) is ConnectionRefusedError
    assert raised.value.__cause__.errno == errno.ECONNREFUSED


def test_a_directory_that_cannot_be_is_the_cause_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AuditError) as raised:
        Client("http://127.0.0.1:1", client_id="id", client_secret="s3cr3t", audit=str(tmp_path / "file"))
    assert isinstance(raised.value.__cause__, (NotADirectoryError, FileExistsError))
