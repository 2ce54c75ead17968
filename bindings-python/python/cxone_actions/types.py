"""The types of what is passed in, for the annotations of your own code: wrappers, sources of requests, fixtures.

The promise: with what the package itself exports, each type that a public signature names can be imported.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict
from uuid import UUID

from ._arguments import ResultHandler, Seconds
from ._audit import TrailEvent
from ._callbacks import Headers
from ._checkpoints import CheckpointFunction
from ._errors import Executed
from ._results import Inputs, Status
from ._tokens import Token, TokenFunction

__all__ = [
    "CheckpointFunction",
    "ClientOptions",
    "Executed",
    "Fault",
    "Headers",
    "Inputs",
    "RequestFields",
    "ResultHandler",
    "SandboxAction",
    "Seconds",
    "Status",
    "Token",
    "TokenFunction",
    "TrailEvent",
]


class _Action(TypedDict):
    action_id: str | UUID


class RequestFields(_Action, total=False):
    """A request of `run_many` as a mapping, for a checker to check: the fields of `ActionRequest`."""

    inputs: Inputs | None
    correlation_id: str | UUID | None
    callback_url: str | None
    traceparent: str | None


class ClientOptions(TypedDict, total=False):
    """The options of `AsyncClient` and `Client`, for a wrapper with ``**options: Unpack[ClientOptions]``."""

    base_url: str | None
    profile: str | os.PathLike[str] | None
    region: str | None
    client_id: str | None
    client_secret: str | None
    access_key_id: str | None
    access_key_secret: str | None
    token: str | TokenFunction | None
    client_auth: Literal["post", "basic", "query"] | None
    scope: str | None
    policy: str | os.PathLike[str] | Mapping[str, Any] | None
    policy_refresh: Seconds | None
    audit: str | os.PathLike[str] | None
    actor: str | None
    durability: Literal["process", "power"] | None
    audit_failure: Literal["fail_closed", "continue_with_gap"] | None
    audit_key: str | None
    audit_checkpoints: str | os.PathLike[str] | CheckpointFunction | None
    audit_segment_bytes: int | None
    audit_retention_days: int | None
    timeout: Seconds | None
    request_timeout: Seconds | None
    connect_timeout: Seconds | None
    poll_interval: Seconds | None
    max_attempts: int | None
    delivery: Literal["at_most_once", "idempotent", "at_least_once"] | None
    max_in_flight: int | None
    max_queued: int | None
    rate_limit: str | None
    validate: Literal["contract", "schema"] | None
    callback_hosts: Sequence[str] | None
    callback_secret: str | Sequence[str] | None
    proxy: str | None
    ca_file: str | os.PathLike[str] | None
    client_cert: str | os.PathLike[str] | None
    http1_only: bool | None
    traces: str | None


class Fault(TypedDict, total=False):
    """What a `Sandbox` does wrong, instead of or beside its own answer.

    - `status`, `headers` (None removes one), `body`: the answer itself; `retry_after`: seconds, or the header's text
    - `merge`: members that take the place of those of the gateway's answer; None removes one
    - `executed`: whether the action is executed all the same
    - `close`: where the connection is cut
    - `delay`, `drip`: the time before the answer, and between its bytes, seconds or a `timedelta`
    - `copies`: how many times more a callback is sent; it knows `delay` and `close` besides, which loses it
    """

    status: int
    retry_after: float | str
    headers: Mapping[str, str | None]
    body: Any
    merge: Mapping[str, Any]
    executed: bool
    close: Literal["before_request", "after_request", "reset", "mid_head", "mid_response"]
    delay: Seconds
    drip: Seconds
    copies: int


class _Known(TypedDict):
    id: str


class SandboxAction(_Known, total=False):
    """An action that a `Sandbox` knows beyond those out of the box; one with a known `id` takes its place.

    - `name`: what the gateway calls it; `required`: inputs without which an invocation is refused
    - `outcome`: how it ends, ``"COMPLETED"`` unless it is said; ``"NEVER"`` stays ``RUNNING``
    - `outputs`, `echo`, `error_message`: what it puts out: this, or its inputs; and why it failed. A text in `outputs`
      may hold ``{{ inputs.NAME }}``, ``{{ uuid }}``, ``{{ now }}`` and ``{{ random 1 100 }}``
    - `complete_after` (seconds or a `timedelta`), `complete_after_polls`, `at_once`: when it ends; the last in the
      answer to the POST
    - `time`: how long it takes where that differs: ``{"min": 0.1, "max": 2}``, or ``{"median": 0.3, "p99": 4}``
    - `failure_rate`, `errors`, `cancel_rate`: which share fails, and why (``[{"message": "…", "weight": 3}]``); which
      share is cancelled
    - `input_schema`, `output_schema`: JSON Schemas; inputs that break theirs are refused
    """

    name: str
    required: Sequence[str]
    outcome: Literal["COMPLETED", "FAILED", "CANCELLED", "NEVER"]
    outputs: Any
    echo: bool
    error_message: str
    complete_after: Seconds
    complete_after_polls: int
    at_once: bool
    time: Seconds | Mapping[Literal["min", "max", "median", "p99"], Seconds]
    failure_rate: float
    errors: Sequence[Mapping[str, Any]]
    cancel_rate: float
    input_schema: Any
    output_schema: Any
