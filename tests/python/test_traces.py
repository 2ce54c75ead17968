"""Traces as a collector receives them over HTTP, read by OpenTelemetry's own package."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from actions import CREATE_CASE, FAILS, INPUTS
from collector import Collector, attributes, collecting
from cxone_actions import AsyncClient, Client, ConfigError, RequestRejectedError, Sandbox, ValidationError
from forks import in_a_forked_child

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def collector() -> Any:
    with collecting() as collector:
        yield collector


def test_an_invocation_and_its_sends_arrive_as_one_trace_that_the_gateway_was_told_of(
    collector: Collector, open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    client = open_client(traces=collector.url)
    result = client.run(CREATE_CASE, INPUTS, correlation_id="corr-1", traceparent=PARENT)
    client.run(FAILS, {})
    client.close()

    spans = collector.spans
    [request, *_] = collector.requests
    [resource] = request.resource_spans
    assert set(collector.paths) == {"/v1/traces"}
    assert attributes(resource.resource)["service.name"] == "cxone-actions"
    assert resource.scope_spans[0].scope.name == "cxone-actions"
    mine = [span for span in spans if span.trace_id.hex() == PARENT.split("-")[1]]
    [whole] = [span for span in mine if span.kind == Span.SPAN_KIND_INTERNAL]
    assert whole.name == CREATE_CASE
    assert whole.parent_span_id.hex() == PARENT.split("-")[2]
    assert attributes(whole) == {
        "cxone.action_id": CREATE_CASE,
        "cxone.correlation_id": "corr-1",
        "cxone.invocation_id": result.invocation_id,
        "cxone.outcome": "completed",
        "cxone.attempts": 1,
    }
    sends = [span for span in mine if span.kind == Span.SPAN_KIND_CLIENT]
    assert len(sends) == 1 + result.polls
    for span in sends:
        assert span.parent_span_id == whole.span_id
        assert whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert attributes(span)["http.response.status_code"] in (200, 202)
        assert attributes(span)["url.full"].startswith(sandbox.base_url)
    told = [seen["headers"]["traceparent"] for seen in sandbox.requests if "traceparent" in seen["headers"]]
    named = {f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01" for span in spans}
    assert len(told) == len(spans) - 2
    assert set(told) < named
    [failed] = [span for span in spans if span.name == FAILS]
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "action_failed"


def test_no_secret_and_no_input_value_is_in_any_span(
    collector: Collector, open_client: Callable[..., Client], sandbox: Sandbox
) -> None:
    client = open_client(traces=collector.url)
    sandbox.inject("invoke", {"status": 400, "body": {"message": "no customer CANARY-1"}})
    with pytest.raises(RequestRejectedError):
        client.run(CREATE_CASE, {**INPUTS, "customerId": "CANARY-1"})
    client.close()
    everything = b"".join(request.SerializeToString() for request in collector.requests)
    assert b"rejected" in everything
    for secret in ("CANARY-1", sandbox.client_secret, "Bearer"):
        assert secret.encode() not in everything


def test_spans_leave_by_themselves_and_a_busy_collector_is_asked_again(
    collector: Collector, open_client: Callable[..., Client]
) -> None:
    collector.answers = [503, 429]
    client = open_client(traces=f"{collector.url}/v1/traces")
    client.invoke(CREATE_CASE, INPUTS)
    assert len(collector.wait_for(2)) == 2
    assert collector.refused == 2


async def _many(client: AsyncClient, count: int) -> None:
    async with client:
        outcomes = [
            o async for o in client.run_many({"action_id": CREATE_CASE, "inputs": INPUTS} for _ in range(count))
        ]
        assert all(outcome.result and outcome.result.ok for outcome in outcomes)


def test_every_span_of_a_batch_arrives(collector: Collector, open_async: Callable[..., AsyncClient]) -> None:
    asyncio.run(_many(open_async(traces=collector.url), 300))
    whole = [span for span in collector.spans if span.kind == Span.SPAN_KIND_INTERNAL]
    assert len({span.trace_id for span in whole}) == 300


def test_a_collector_that_refuses_changes_no_result(
    collector: Collector, open_client: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    collector.answers = [400]
    client = open_client(traces=collector.url)
    assert client.run(CREATE_CASE, INPUTS).ok
    client.close()
    assert [record for record in caplog.records if getattr(record, "event", "") == "spans_lost"]
    assert "the collector answered 400" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_sends_its_own_spans_and_not_its_parents(
    collector: Collector, open_client: Callable[..., Client]
) -> None:
    client = open_client(traces=collector.url)
    client.run(CREATE_CASE, INPUTS, correlation_id="of-the-parent")

    def work() -> None:
        client.run(CREATE_CASE, INPUTS, correlation_id="of-the-child")
        client.close()

    in_a_forked_child(work)
    client.close()
    whole = [span for span in collector.spans if span.kind == Span.SPAN_KIND_INTERNAL]
    assert sorted(attributes(span)["cxone.correlation_id"] for span in whole) == ["of-the-child", "of-the-parent"]


def test_a_collector_that_never_answers_keeps_no_call_and_no_end_waiting(open_client: Callable[..., Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = open_client(traces=f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert client.run(CREATE_CASE, INPUTS).ok
        client.close()
        assert time.monotonic() - began < 60


def test_what_cannot_be_a_collector_or_a_parent_is_refused(open_client: Callable[..., Client]) -> None:
    for wrong in ("localhost:4318", "ftp://localhost", "http://user:word@localhost:4318"):
        with pytest.raises(ConfigError, match="`traces` must be the URL of a collector"):
            open_client(traces=wrong)
    client = open_client()
    for parent in ("", PARENT.upper(), "00-0-0-00", 7):
        with pytest.raises(ValidationError) as refused:
            client.run(CREATE_CASE, INPUTS, traceparent=parent)  # type: ignore[arg-type]
        assert [violation.path for violation in refused.value.violations or ()] == ["/traceparent"]
