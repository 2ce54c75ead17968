"""`tests/vectors/policies.json` from Python: what a policy allows and refuses, and what is no policy."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cxone_actions import AccessDeniedError, Client, ConfigError, Sandbox, ValidationError, Verdict
from vectors import load, python

CASES = load("policies.json")["cases"]
JUDGING = [case for case in CASES if not case.get("errors")]
BROKEN = [case for case in CASES if case.get("errors")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory: messages name a policy's file as it was given."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def policy_of(case: dict[str, Any], folder: Path) -> Any:
    """The policy as the option takes it: the structure itself, or a file."""
    if "policy" in case:
        return case["policy"]
    path = folder / ("policy.toml" if "policy_toml" in case else "policy.json")
    path.write_text(case.get("policy_toml") or case.get("policy_json") or "", encoding="utf-8")
    return path.name


def without_place(violations: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    """A policy in JSON text has no file to name; one in a file has."""
    return [(v["path"], v["code"], v["message"].rpartition(" (")[0]) for v in violations]


def arguments(request: dict[str, Any]) -> dict[str, Any]:
    """A request of the vectors as the arguments of a call."""
    names = {"actionId": "action_id", "correlationId": "correlation_id", "callbackUrl": "callback_url"}
    return {names.get(name, name): value for name, value in python(request).items()}


def agrees(verdict: Verdict, judged: dict[str, Any]) -> None:
    """The verdict is the one of the vectors, and says of itself what it is."""
    assert (verdict.allowed, bool(verdict), verdict.kind) == (judged["allowed"], judged["allowed"], judged.get("kind"))
    assert verdict.action_name == judged.get("action_name")
    assert [dict(violation) for violation in verdict.violations] == judged.get("violations", [])
    opens_at = judged.get("opens_at")
    assert verdict.opens_at == (None if opens_at is None else datetime.fromisoformat(opens_at.replace("Z", "+00:00")))
    assert list(verdict.reasons) == judged.get("reasons", list(verdict.reasons))
    assert len(verdict.policy or "") == 64
    assert "CANARY" not in repr(verdict)


@pytest.mark.parametrize("case", JUDGING, ids=lambda case: case["name"])
def test_a_policy_allows_and_refuses_what_the_vectors_promise(
    case: dict[str, Any], sandbox: Sandbox, access: dict[str, Any], here: Path
) -> None:
    with Client(**access, policy=policy_of(case, here)) as client:
        for judged in case["requests"]:
            agrees(client.check(**arguments(judged["request"]), at=judged.get("at")), judged)
            if "at" in judged:
                continue
            sandbox.clear()
            sandbox.inject("invoke", {"status": 200, "body": {"invocationId": "x", "status": "COMPLETED"}})
            [outcome] = client.run_many([python(judged["request"])])
            invoked = [seen for seen in sandbox.requests if seen["point"] == "invoke"]
            assert len(invoked) == judged["allowed"]
            if judged["allowed"]:
                assert outcome.error is None
                assert judged.get("action_name") is None or judged["action_name"] in client.metrics().by_action
            else:
                assert isinstance(outcome.error, (AccessDeniedError, ValidationError))
                assert outcome.error.kind == judged["kind"]
                assert [dict(violation) for violation in outcome.error.violations or ()] == judged["violations"]
                assert "CANARY" not in f"{outcome.error!r} {outcome.error.to_dict()}"


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
def test_every_mistake_of_a_policy_is_named_at_once_and_nothing_is_opened(
    case: dict[str, Any], access: dict[str, Any], here: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        Client(**access, policy=policy_of(case, here))
    assert raised.value.executed == "no"
    named = [dict(violation) for violation in raised.value.violations or ()]
    if "policy_json" in case:
        assert without_place(named) == without_place(case["errors"])
    else:
        assert named == case["errors"]
