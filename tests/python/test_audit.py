"""The trail and the numbers from Python."""

from __future__ import annotations

import csv
import json
import os
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from actions import AT_ONCE, CREATE_CASE, FAILS, INPUTS, NEVER_ENDS
from cxone_actions import AuditError, Client, ConfigError, CxoneError, Sandbox, ValidationError


@pytest.fixture
def durable(access: dict[str, Any], tmp_path: Path) -> Any:
    with Client(**access, audit=tmp_path / "trail") as client:
        client.run(CREATE_CASE, INPUTS, correlation_id="corr-001")
        client.run(FAILS, {"customerId": "CANARY"}, correlation_id="corr-002")
        with pytest.raises(ValidationError):
            client.run(AT_ONCE, {"a": b"CANARY"}, correlation_id="corr-003")
        yield client


def test_records_are_mappings_that_a_filter_chooses(durable: Client) -> None:
    every = list(durable.audit.records())
    assert [record["event"] for record in every][:2] == ["config", "started"]
    assert [record["seq"] for record in every] == list(range(every[0]["seq"], every[0]["seq"] + len(every)))
    assert "CANARY" not in json.dumps(every)
    [terminal] = durable.audit.records(event="terminal", correlation_id="corr-002")
    assert terminal["status"] == "FAILED"
    assert [r["event"] for r in durable.audit.records(correlation_id="corr-003")] == ["invalid"]
    assert {r["action_id"] for r in durable.audit.records(action_id=CREATE_CASE.upper())} == {CREATE_CASE}


def test_a_trail_in_memory_is_not_said_to_agree_with_checkpoints(access: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "noted").write_text("")
    with Client(**access) as client:
        client.run(CREATE_CASE, INPUTS)
        assert client.audit.verify().ok
        found = client.audit.verify(checkpoints=tmp_path / "noted")
        assert not found.ok
        assert [problem.what.partition(",")[0] for problem in found.problems] == ["the trail is kept in memory"]


def test_times_may_be_datetimes(durable: Client) -> None:
    now = datetime.now(timezone.utc)
    assert list(durable.audit.records(since=now + timedelta(hours=1))) == []
    assert list(durable.audit.records(until=now - timedelta(hours=1))) == []
    every = len(list(durable.audit.records()))
    local = datetime.now() - timedelta(hours=1)
    assert len(list(durable.audit.records(since=local, until=now + timedelta(hours=1)))) == every
    assert len(list(durable.audit.records(since=(now - timedelta(hours=1)).isoformat()))) == every


def test_a_date_is_its_midnight_in_utc(durable: Client) -> None:
    every = len(list(durable.audit.records()))
    for day in ("2020-01-01", date(2020, 1, 1)):
        assert len(list(durable.audit.records(since=day))) == every
        assert list(durable.audit.records(until=day)) == []


def test_records_are_chosen_by_the_gateways_word_and_by_the_name_of_the_action(
    access: dict[str, Any], tmp_path: Path
) -> None:
    policy = {"action": [{"id": CREATE_CASE, "name": "create-case", "inputs": "*"}]}
    with Client(**access, audit=tmp_path / "trail", policy=policy) as client:
        client.run(CREATE_CASE, INPUTS)
        [terminal] = client.audit.records(action_id="create-case", status="COMPLETED")
        assert (terminal["event"], terminal["action_id"]) == ("terminal", CREATE_CASE)
        assert list(client.audit.records(action_id="create-cas")) == []
        assert client.audit.export(tmp_path / "out.jsonl", status="COMPLETED") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "send"},
        {"event": 7},
        {"since": "yesterday"},
        {"since": "2020-13-01"},
        {"since": 5},
        {"until": object()},
        {"status": b"COMPLETED"},
        {"actor": float("nan")},
        {"correlation_id": ["a"]},
    ],
)
def test_a_filter_that_means_nothing_is_refused(durable: Client, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"`{next(iter(wrong))}` must"):
        durable.audit.records(**wrong)


def test_a_trail_is_exported_in_three_formats(durable: Client, tmp_path: Path) -> None:
    """As a stream to a file: tutorial defect S65."""
    lines, array, table = (tmp_path / f"out.{format_}" for format_ in ("jsonl", "json", "csv"))
    count = durable.audit.export(lines)
    assert durable.audit.export(str(array), "json") == count
    assert durable.audit.export(table, "csv", event="terminal") == 2
    assert len(lines.read_text().splitlines()) == len(json.loads(array.read_text())) == count
    with table.open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["COMPLETED", "FAILED"]
    assert durable.audit.export(os.fsencode(lines)) == count  # type: ignore[arg-type]
    for path in (None, 5, ["out"]):
        with pytest.raises(TypeError):
            durable.audit.export(path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        durable.audit.export(lines, "xml")  # type: ignore[arg-type]
    with pytest.raises(AuditError):
        durable.audit.export(tmp_path / "no" / "such" / "folder" / "out.jsonl")


def test_a_flipped_bit_is_named_with_its_place(durable: Client, tmp_path: Path) -> None:
    durable.audit.flush()
    assert durable.audit.verify().ok
    durable.close()
    [segment] = (tmp_path / "trail").glob("*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[3] = (
        lines[3].replace(b'"started"', b'"aborted"').replace(b'"sending"', b'"started"').replace(b"token", b"taken")
    )
    segment.write_bytes(b"".join(lines))
    found = durable.audit.verify()
    assert not found.ok
    assert found.problems
    assert found.problems[0].line == 4


def test_metrics_are_a_snapshot_in_three_forms(durable: Client) -> None:
    metrics = durable.metrics()
    assert (metrics.started, metrics.completed, metrics.failed, metrics.invalid) == (2, 1, 1, 1)
    assert metrics.success_rate == 0.5
    assert metrics.duration.count == 2
    assert metrics.duration.p99_ms is not None
    assert metrics.by_action[CREATE_CASE].completed == 1
    plain = json.loads(json.dumps(metrics.to_dict()))
    assert plain["invoke_latency"]["count"] == 2
    assert plain["by_action"][FAILS]["failed"] == 1
    assert 'outcome="completed"' in metrics.prometheus()
    durable.run(AT_ONCE, {})
    assert metrics.started == 2
    assert durable.metrics().started == 3


def test_what_nobody_left_behind_is_not_recovered(durable: Client) -> None:
    assert durable.recover() == []


def test_a_trail_that_cannot_be_written_sends_nothing(access: dict[str, Any], tmp_path: Path, sandbox: Sandbox) -> None:
    file = tmp_path / "trail"
    file.write_text("not a directory", encoding="utf-8")
    with pytest.raises(AuditError) as raised:
        Client(**access, audit=file)
    assert raised.value.executed == "no"
    assert sandbox.requests == []


def test_an_error_that_left_something_running_says_so_in_the_trail(client: Client) -> None:
    assert client.run(AT_ONCE, {}).ok  # the token is no part of the time
    with pytest.raises(CxoneError):
        client.run(NEVER_ENDS, {}, timeout=0.5, correlation_id="corr-001")
    assert [r["event"] for r in client.audit.records(correlation_id="corr-001")][-1] == "detached"
