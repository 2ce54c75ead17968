"""The numbers of a client, as one consistent snapshot."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ._json import exact
from ._native import NativeSnapshot


class _Text:
    """Prometheus text that is written when it is asked for. A copy, a pickle and `asdict` have the text itself."""

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: NativeSnapshot) -> None:
        self._snapshot = snapshot

    def __str__(self) -> str:
        return self._snapshot.prometheus()

    def __reduce__(self) -> Any:
        return str, (str(self),)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of times in milliseconds, each percentile within 1 %; None before the first value."""

    count: int
    mean_ms: float | None
    min_ms: float | None
    max_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class ActionMetrics:
    """The numbers of one action. `success_rate` is 0 to 1, None before the first terminal result."""

    started: int
    completed: int
    failed: int
    cancelled: int
    rejected: int
    aborted: int
    unknown: int
    in_flight: int
    detached: int
    success_rate: float | None
    invoke_latency: Distribution
    duration: Distribution


@dataclass(frozen=True, slots=True)
class Metrics:
    """A consistent snapshot of a client's numbers. Each invocation is counted once, and at every instant

    ``started == completed + failed + cancelled + rejected + aborted + unknown + in_flight + detached``

    - `completed`, `failed`, `cancelled`: terminal results; `success_rate`: completed among them, 0 to 1, None
      before the first
    - `rejected`: provably not executed; `aborted`: given up before anything was sent; `unknown`: sent, without a
      trustworthy answer
    - `in_flight`: somebody waits for it; `detached`: accepted, and nobody waits
    - `denied`, `invalid`: refused by the policy and by the contract; not among `started`
    - `callback_failures`: result handlers that failed; `callbacks`: requests of the gateway's, by what they came to:
      ``"woke"``, ``"duplicate"``, ``"unknown"``, ``"forged"`` or ``"too_large"``
    - `audit_lost`: records of the audit trail that could not be written, also where a `gap` has said so since
    - `by_action`: the same numbers by the action's name or id
    """

    started: int
    completed: int
    failed: int
    cancelled: int
    rejected: int
    aborted: int
    unknown: int
    in_flight: int
    detached: int
    denied: int
    invalid: int
    success_rate: float | None
    invoke_latency: Distribution
    duration: Distribution
    retries: int
    rate_limited: int
    polls: int
    token_refreshes: int
    callback_failures: int
    callbacks: Mapping[str, int]
    unknown_statuses: int
    audit_lost: int
    by_action: Mapping[str, ActionMetrics]
    _prometheus: _Text | str = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The snapshot as plain data, ready for `json.dumps`."""
        plain = asdict(replace(self, _prometheus=""))
        del plain["_prometheus"]
        return plain

    def prometheus(self) -> str:
        """The snapshot as Prometheus text; the metrics' names begin with ``cxone_``."""
        return str(self._prometheus)

    def __repr__(self) -> str:
        return (
            f"Metrics(started={self.started}, completed={self.completed}, failed={self.failed}, "
            f"in_flight={self.in_flight}, success_rate={self.success_rate})"
        )


def _action(plain: Mapping[str, Any]) -> ActionMetrics:
    return ActionMetrics(**_taken(ActionMetrics, plain))


def _taken(cls: type, plain: Mapping[str, Any]) -> dict[str, Any]:
    known = {each.name for each in fields(cls)}
    taken = {name: value for name, value in plain.items() if name in known}
    taken["invoke_latency"] = Distribution(**plain["invoke_latency"])
    taken["duration"] = Distribution(**plain["duration"])
    return taken


def read(snapshot: NativeSnapshot) -> Metrics:
    """The snapshot that the core has taken."""
    plain = exact(snapshot.json())
    taken = _taken(Metrics, plain)
    taken["by_action"] = {name: _action(numbers) for name, numbers in plain["by_action"].items()}
    return Metrics(**taken, _prometheus=_Text(snapshot))
