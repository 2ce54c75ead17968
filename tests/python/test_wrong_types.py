"""What is said of a value of a wrong type: the parameter, the rule, and a way out."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions import AT_ONCE
from cxone_actions import Client, ConfigError, Sandbox

DAY = datetime.date(2026, 11, 23)


def at(value: Any) -> Callable[[Client, Sandbox], object]:
    return lambda client, _: client.check(AT_ONCE, at=value)


def injected(fault: Any, point: Any = "invoke", times: Any = 1) -> Callable[[Client, Sandbox], object]:
    return lambda _, sandbox: sandbox.inject(point, fault, times)


def opened(**options: Any) -> Sandbox:
    return Sandbox(**options)


@pytest.mark.parametrize(
    ("call", "raised", "said"),
    [
        (
            at(DAY),
            TypeError,
            '`at` must be a `datetime` or text such as "2026-11-22T15:00:00Z", got date; of a day, name',
        ),
        (at(7), TypeError, '`at` must be a `datetime` or text such as "2026-11-22T15:00:00Z", got int'),
        (at(datetime.datetime.min), ConfigError, "`at` must be a time"),
        (at(datetime.datetime.max), ConfigError, "`at` must be a time"),
        (at("\ud800"), ConfigError, "`at` must be a time"),
        (lambda client, _: client.audit.records(since=datetime.datetime.min), ConfigError, "`since` must be a time"),
        (
            lambda client, _: client.audit.export(5),
            TypeError,
            "`path` must be a path: text or a `pathlib.Path`, got int",
        ),
        (
            lambda client, _: client.audit.export("out", 5),
            ConfigError,
            "`format` must be jsonl, json or csv, got `int`",
        ),
        (
            lambda client, _: client.audit.verify(checkpoints=["a"]),
            TypeError,
            "`checkpoints` must be a path: text or a `pathlib.Path`, got list",
        ),
        (lambda _, sandbox: sandbox.executions(5), TypeError, "`correlation_id` must be text or a `UUID`, got int"),
        (injected(503), TypeError, '`fault` must be a mapping such as {"status": 503}, got int'),
        (injected({"status": 200, "body": float("nan")}), ValueError, "`body` must be what JSON can say"),
        (injected({"status": 200, "body": {"day": [DAY]}}), ValueError, "`body` must be what JSON can say"),
        (injected({"merge": {"a": object()}}), ValueError, "`merge` must be what JSON can say"),
        (
            lambda *_: opened(actions=[{"id": AT_ONCE, "outputs": {"a": DAY}}]),
            ValueError,
            "`actions[0].outputs` must be what JSON can say",
        ),
        (injected({"status": {1}}), ValueError, "`status` must be"),
        (injected({"delay": float("nan")}), ValueError, "`delay` must be"),
        (injected({"delay": b"1"}), ValueError, "`delay` must be"),
        (injected({7: 1}), ValueError, "`7` is no member of a fault"),
        (
            injected({"status": 503}, point=7),
            ValueError,
            "`point` must be `token`, `invoke`, `poll` or `callback`, got `int`",
        ),
        (injected({"status": 503}, times="2"), ValueError, "`times` must be a whole number from 1"),
        (injected({"status": 503}, times={2}), ValueError, "`times` must be a whole number from 1"),
        (lambda *_: opened(actions=5), TypeError, "`actions` must be an iterable of mappings, got int"),
        (lambda *_: opened(complete_after=float("nan")), ValueError, "`complete_after` must be"),
        (lambda *_: opened(port=float("inf")), ValueError, "`port` must be"),
    ],
)
def test_the_parameter_the_rule_and_a_way_out_are_named(
    client: Client, sandbox: Sandbox, call: Callable[[Client, Sandbox], object], raised: type[Exception], said: str
) -> None:
    with pytest.raises(raised) as refused:
        call(client, sandbox)
    assert said in str(refused.value)
    assert sandbox.requests == []


def test_what_an_error_advises_works(client: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    assert client.check(AT_ONCE, at=datetime.datetime.combine(DAY, datetime.time(9)))
    assert client.check(AT_ONCE, at="2026-11-22T15:00:00Z")
    sandbox.inject("invoke", {"delay": datetime.timedelta(milliseconds=20)})
    assert (client.run(AT_ONCE, {}).invoke_latency_ms or 0) >= 20
    assert client.audit.export(tmp_path / "out.jsonl") > 0
