"""The gateway on a loopback port, as users' own tests order it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cxone_actions import Sandbox


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


@pytest.mark.parametrize("times", [-1, 0, 1.5, 2**32, float("nan"), "3", None, True])
def test_a_fault_is_ordered_a_whole_number_of_times(sandbox: Sandbox, times: Any) -> None:
    with pytest.raises(ValueError, match="`times` must be a whole number from 1 to 4294967295, got "):
        sandbox.inject("invoke", {"status": 500}, times)


def test_a_fault_is_ordered_where_the_profile_has_requests() -> None:
    with Sandbox("genesys-data-action") as sandbox:
        sandbox.inject("describe", {"status": 500})
        with pytest.raises(ValueError, match="`point` must be `token`, `invoke` or `describe`, got `poll`"):
            sandbox.inject("poll", {"status": 500})
