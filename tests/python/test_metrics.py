"""The numbers as Prometheus reads them: by its official parser, and by the linter of Prometheus itself."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actions import CREATE_CASE, FAILS, INPUTS
from cxone_actions import Client, Sandbox, ValidationError


@pytest.fixture
def busy(open_client: Callable[..., Client], sandbox: Sandbox) -> Client:
    policy = {"action": [{"id": CREATE_CASE, "name": 'open "case"\\now', "inputs": "*"}, {"id": FAILS, "inputs": "*"}]}
    client = open_client(policy=policy)
    for _ in range(20):
        client.run(CREATE_CASE, INPUTS)
    client.run(FAILS, {})
    client.invoke(CREATE_CASE, INPUTS)
    with pytest.raises(ValidationError):
        client.run("nonsense", {})
    return client


def families(text: str) -> dict[str, Any]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_the_official_parser_reads_every_family_with_its_type_and_its_samples(busy: Client) -> None:
    metrics = busy.metrics()
    read = families(metrics.prometheus())
    assert {name: family.type for name, family in read.items()} == {
        "cxone_invocations_started": "counter",
        "cxone_invocations": "counter",
        "cxone_invocations_in_flight": "gauge",
        "cxone_invocations_detached": "gauge",
        "cxone_requests_denied": "counter",
        "cxone_requests_invalid": "counter",
        "cxone_retries": "counter",
        "cxone_rate_limited": "counter",
        "cxone_polls": "counter",
        "cxone_token_refreshes": "counter",
        "cxone_callback_failures": "counter",
        "cxone_callbacks": "counter",
        "cxone_unknown_statuses": "counter",
        "cxone_audit_lost": "counter",
        "cxone_invoke_latency_seconds": "histogram",
        "cxone_duration_seconds": "histogram",
    }
    assert all(family.documentation for family in read.values())
    outcomes = {
        (sample.labels["action"], sample.labels["outcome"]): sample.value
        for sample in read["cxone_invocations"].samples
    }
    name = 'open "case"\\now'
    assert outcomes[name, "completed"] == 20
    assert outcomes[FAILS, "failed"] == 1
    assert set(metrics.by_action) == {name, FAILS}
    [polls] = read["cxone_polls"].samples
    assert polls.value == metrics.polls > 0


def test_a_histogram_has_the_count_the_sum_and_the_rising_buckets_of_its_distribution(busy: Client) -> None:
    metrics = busy.metrics()
    read = families(metrics.prometheus())
    for family, pick in (("cxone_invoke_latency_seconds", "invoke_latency"), ("cxone_duration_seconds", "duration")):
        for action, numbers in metrics.by_action.items():
            samples = [s for s in read[family].samples if s.labels["action"] == action]
            distribution = getattr(numbers, pick)
            [count] = [s.value for s in samples if s.name.endswith("_count")]
            [total] = [s.value for s in samples if s.name.endswith("_sum")]
            assert count == distribution.count
            assert total == pytest.approx(distribution.mean_ms * distribution.count / 1000)
            buckets = [(float(s.labels["le"]), s.value) for s in samples if s.name.endswith("_bucket")]
            assert [edge for edge, _ in buckets] == sorted(edge for edge, _ in buckets)
            assert [n for _, n in buckets] == sorted(n for _, n in buckets)
            assert buckets[-1] == (float("inf"), count)
            # The half that is at most the median lies in the buckets up to the one that has it.
            holding = next(n for edge, n in buckets if edge >= distribution.p50_ms / 1000 * 1.01)
            assert holding >= count / 2


def test_promtool_finds_nothing_to_say_of_the_names_units_and_types(busy: Client) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "on Debian and Ubuntu it is in the package `prometheus`"
    text = busy.metrics().prometheus()
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_promtool_would_have_said_something() -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None
    wrong = "# TYPE cxone_polls counter\ncxone_polls 1\n"
    checked = subprocess.run([promtool, "check", "metrics"], input=wrong, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 3
    assert "cxone_polls" in checked.stderr


def test_a_client_that_did_nothing_yet_has_every_family_that_needs_no_action(
    open_client: Callable[..., Client],
) -> None:
    read = families(open_client().metrics().prometheus())
    assert {"cxone_polls", "cxone_requests_denied", "cxone_duration_seconds"} <= set(read)
    assert [sample.value for sample in read["cxone_polls"].samples] == [0]


def test_the_text_is_of_the_snapshot_whenever_it_is_asked_for_and_so_is_that_of_a_copy(busy: Client) -> None:
    before = busy.metrics()
    copies = [copy.copy(before), copy.deepcopy(before), pickle.loads(pickle.dumps(before))]
    busy.run(CREATE_CASE, INPUTS)
    for metrics in (before, *copies):
        completed = [
            sample.value
            for sample in families(metrics.prometheus())["cxone_invocations"].samples
            if sample.labels["outcome"] == "completed"
        ]
        assert sum(completed) == metrics.completed == 20
        assert metrics == before
        assert json.loads(json.dumps(metrics.to_dict())) == before.to_dict()
        assert before.to_dict().items() <= json.loads(json.dumps(dataclasses.asdict(metrics))).items()
    assert busy.metrics().completed == 21
