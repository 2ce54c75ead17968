"""The exceptions: one for each kind that the core knows, in one family."""

from __future__ import annotations

import asyncio
import pickle

import pytest

import cxone_actions
from cxone_actions import CxoneError, Violation
from cxone_actions._errors import CLASSES


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
        assert dict(each.violations[0])["path"] == each.violations[0].path == "/inputs/a"


def test_cancelling_is_never_one_of_ours() -> None:
    assert not issubclass(asyncio.CancelledError, CxoneError)
    assert not any(issubclass(cls, asyncio.CancelledError) for cls in CLASSES.values())
