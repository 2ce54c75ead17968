"""The gateway on a loopback port, as users' own tests order it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cxone_actions import Client, RequestRejectedError, Sandbox
from cxone_actions.types import SandboxAction


@pytest.mark.parametrize("profile", ["gateway", "genesys-data-action", "genesys-flow", "cxone-extraction"])
def test_each_profile_has_the_credentials_that_it_asks_for(profile: str) -> None:
    with Sandbox(profile) as sandbox, Sandbox(profile, seed=7) as other:
        assert re.fullmatch(r"[A-Z2-7]{52}====", sandbox.access_key_id)
        assert re.fullmatch(r"[A-Z2-7]{52}====", sandbox.access_key_secret)
        told = {other.client_id, other.client_secret, other.access_key_id, other.access_key_secret}
        assert len(told) == 4
        assert not told & {sandbox.client_id, sandbox.client_secret, sandbox.access_key_id, sandbox.access_key_secret}
        assert sandbox.client_secret not in repr(sandbox)


def test_what_is_given_is_taken_and_what_cannot_work_is_named() -> None:
    given: dict[str, Any] = {
        "access_key_id": "mine",
        "access_key_secret": "s3cret",
        "rate_limit": "none",
        "deduplicate": True,
    }
    with Sandbox("cxone-extraction", actions=[{"id": "my-entity"}], **given) as sandbox:
        assert (sandbox.access_key_id, sandbox.access_key_secret) == ("mine", "s3cret")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"profile": "cxone"}, "`profile` must be `gateway`, `genesys-data-action`, `genesys-flow` or"),
        ({"access_key_secret": 5551234}, "`access_key_secret` must be a string, got a number"),
        ({"deduplicate": "yes"}, "`deduplicate` must be true or false, got a string"),
        ({"actions": [{"id": "x", "outcome": "DONE"}]}, r"`actions\[0\].outcome` must be `COMPLETED`, .* got `DONE`"),
        ({"sed": 1}, "`sed` is no member of the options of a sandbox"),
    ]
    for options, what in wrong:
        with pytest.raises(ValueError, match=what):
            Sandbox(**options)


def test_a_tenant_is_modelled_by_options_or_by_a_file(tmp_path: Path) -> None:
    action = "6f9619ff-8b86-4d01-b42d-00c04fc964ff"
    outputs = {"customer": "{{ inputs.customerId }}", "said": "for {{ inputs.customerId }}"}
    schema = {"type": "object", "required": ["customerId"]}
    said: SandboxAction = {"id": action, "outputs": outputs, "input_schema": schema, "time": {"min": 0, "max": 0.01}}
    file = tmp_path / "tenant.json"
    file.write_text(json.dumps({"actions": [said]}), encoding="utf-8")
    said["time"] = {"median": timedelta(milliseconds=1), "p99": 0.01}
    given: list[dict[str, Any]] = [{"actions_file": file}, {"actions_file": str(file)}, {"actions": [said]}]
    for options in given:
        with Sandbox(**options) as sandbox, Client(**sandbox.options, poll_interval=0.01) as client:
            assert client.run(action, {"customerId": "a"}).outputs == {"customer": "a", "said": "for a"}
            with pytest.raises(RequestRejectedError, match='"customerId" is a required property'):
                client.run(action, {})
    file = tmp_path / "tenant.toml"
    file.write_text('[[actions]]\nid = "x"\nfailure_rate = 2\ntiem = 1\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"failure_rate` must be .*, line 3\); `actions\[0\]\.tiem` .*, line 4\)"):
        Sandbox(actions_file=file)


@pytest.mark.parametrize("times", [-1, 0, 1.5, 2**32, float("nan"), "3", None, True])
def test_a_fault_is_ordered_a_whole_number_of_times(sandbox: Sandbox, times: Any) -> None:
    with pytest.raises(ValueError, match="`times` must be a whole number from 1 to 4294967295, got "):
        sandbox.inject("invoke", {"status": 500}, times)


def test_a_fault_is_ordered_where_the_profile_has_requests() -> None:
    with Sandbox("genesys-data-action") as sandbox:
        sandbox.inject("describe", {"status": 500})
        with pytest.raises(ValueError, match="`point` must be `token`, `invoke` or `describe`, got `poll`"):
            sandbox.inject("poll", {"status": 500})
