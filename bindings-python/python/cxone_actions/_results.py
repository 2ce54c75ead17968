"""What goes in and what comes back: plain, frozen, typed values.

The promise: their reprs are short and show ids and words only, never an input, an output or a token; they can be
pickled, copied, compared and hashed, and made by hand for a test.
"""

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, cast
from uuid import UUID

from . import _native
from ._errors import ActionCancelledError, ActionFailedError, CxoneError, Violation, from_fields
from ._json import exact

if TYPE_CHECKING:
    # Its `default` is younger than the oldest Python: a checker knows it, the interpreter need not.
    from typing_extensions import TypeVar

    R_co = TypeVar("R_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    R_co = TypeVar("R_co", covariant=True)

Status = Literal["COMPLETED", "FAILED", "CANCELLED"]
#: String, number, bool or None by key; some profiles take lists and objects too. Not narrower: a checker would refuse
#: `inputs = {"name": "x", "priority": 1}`, whose values it sees as `object`.
Inputs = Mapping[str, Any]


class Record:
    """A value with fields."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, ready for `json.dumps`."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(cast("Any", self))}


def plain(value: Any) -> Any:
    """What `json.dumps` takes; what has no fields is left as it is."""
    if isinstance(value, (Record, CxoneError)):
        return value.to_dict()
    if isinstance(value, Violation):
        return dict(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, UUID):
        return str(value)
    return {key: plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


#: What a caller passes may be of any length; what is shown of it is not.
_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = 120
_shown.maxlist = _shown.maxtuple = 10


def _short(value: object, *names: str) -> str:
    shown = ", ".join(f"{name}={_shown.repr(getattr(value, name))}" for name in names)
    return f"{type(value).__name__}({shown})"


@dataclass(frozen=True, slots=True, repr=False)
class ActionRequest(Record):
    """One invocation that is asked for: what `run_many` takes, with the fields that `Client.run` takes as arguments.

    Checked by the core when it is sent, not here.
    """

    action_id: str | UUID
    inputs: Inputs | None = field(default=None, hash=False)
    correlation_id: str | UUID | None = None
    callback_url: str | None = None
    traceparent: str | None = None

    def __repr__(self) -> str:
        keys = sorted(str(key) for key in self.inputs) if isinstance(self.inputs, Mapping) else None
        named = f"action_id={_shown.repr(self.action_id)}, input_keys={_shown.repr(keys)}"
        return f"ActionRequest({named}, correlation_id={_shown.repr(self.correlation_id)})"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Invocation(Record):
    """An accepted invocation: what `invoke` returns and `poll` takes.

    - `invocation_id`: the gateway's id; None where the gateway gives none
    - `status`: the status word of the gateway's answer, as it was sent
    - `invoke_latency_ms`: from the call to the acceptance, waits included
    - `attempts`: how often the request was sent
    - `resume_token`: hand it to `poll`, from this process or another, now or tomorrow; it holds ids, never a URL
    - `raw`: the gateway's answer, parsed
    """

    invocation_id: str | None = None
    action_id: str = ""
    correlation_id: str = ""
    status: str
    invoke_latency_ms: float = 0.0
    attempts: int = 1
    resume_token: str | None = None
    raw: Any = field(default=None, hash=False)

    def __repr__(self) -> str:
        return _short(self, "invocation_id", "action_id", "correlation_id", "status")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class ActionResult(Record):
    """The terminal result of an invocation. ``FAILED`` and ``CANCELLED`` are results, not exceptions.

    - `status`: ``"COMPLETED"``, ``"FAILED"`` or ``"CANCELLED"``; `ok` is whether it is the first
    - `outputs`: exactly what the gateway sent (integers of any size are `int`); None where it sent none
    - `error_message`: why it failed, in the gateway's words
    - `invoke_latency_ms`: from the call to the acceptance; None when the acceptance was not seen
    - `duration_ms`: from the call to the terminal state
    - `attempts`, `polls`: how often the request was sent, and the state asked for
    - `action_id`, `correlation_id`: None when only a bare invocation id was polled
    - `raw`: the gateway's last answer, parsed
    """

    invocation_id: str | None = None
    action_id: str | None = None
    correlation_id: str | None = None
    status: Status
    outputs: Any = field(default=None, hash=False)
    error_message: str | None = None
    invoke_latency_ms: float | None = None
    duration_ms: float = 0.0
    attempts: int = 1
    polls: int = 0
    raw: Any = field(default=None, hash=False)

    @property
    def ok(self) -> bool:
        """Whether the action completed."""
        return self.status == "COMPLETED"

    def raise_for_status(self) -> "ActionResult":
        """This result if it completed.

        :raises ActionFailedError: it ended as ``FAILED``; `executed` is ``"yes"``, and `result` is this one
        :raises ActionCancelledError: it ended as ``CANCELLED``
        :raises ValueError: it was made by hand with a `status` that there is not
        """
        if self.ok:
            return self
        told = ("status", "error_message", "action_id", "correlation_id", "invocation_id", "attempts")
        text = _native.status_error(json.dumps({name: getattr(self, name) for name in told}))
        if text is None:
            raise ValueError(f"`status` must be COMPLETED, FAILED or CANCELLED, got {_shown.repr(self.status)}")
        error = from_fields(exact(text))
        if isinstance(error, (ActionFailedError, ActionCancelledError)):
            error.result = self
        raise error

    def to_dict(self) -> dict[str, Any]:
        """The fields and `ok` as plain data, ready for `json.dumps`."""
        return {**Record.to_dict(self), "ok": self.ok}

    def __repr__(self) -> str:
        return _short(self, "invocation_id", "action_id", "correlation_id", "status", "duration_ms")


@dataclass(frozen=True, slots=True, repr=False)
class ActionDescription(Record):
    """What the gateway itself says of an action.

    - `name`: what the gateway calls it; None where it does not
    - `input_schema`, `output_schema`: JSON Schemas, parsed; None where the gateway has none
    - `raw`: the gateway's answer, parsed
    """

    action_id: str
    name: str | None = None
    input_schema: Any = field(default=None, hash=False)
    output_schema: Any = field(default=None, hash=False)
    raw: Any = field(default=None, hash=False)

    def __repr__(self) -> str:
        return _short(self, "action_id", "name")


# Without slots: with them `Outcome[Row](…)` is refused by the dataclasses of CPython before 3.13.
@dataclass(frozen=True, repr=False)
class Outcome(Record, Generic[R_co]):
    """What became of one request of `run_many`: exactly one of `result` and `error` is set.

    `index` is the request's place in the iterable, from 0; `request` is the object that the iterable gave.
    """

    index: int
    request: R_co = field(hash=False)
    result: ActionResult | None = None
    error: Exception | None = None

    def unwrap(self) -> ActionResult:
        """The result; where there is none, its error is raised.

        :raises CxoneError: what went wrong, see `executed`
        """
        if self.result is None:
            raise self.error or ValueError("an outcome has a `result` or an `error`, and this one has neither")
        return self.result

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain data, ready for `json.dumps`; an error that is not of this package is its text."""
        known = Record.to_dict(self)
        if self.error is not None and not isinstance(self.error, CxoneError):
            known["error"] = f"{type(self.error).__name__}: {self.error}"
        return known

    @property
    def ok(self) -> bool:
        """Whether the action completed."""
        return self.result is not None and self.result.ok

    def __repr__(self) -> str:
        what = "result" if self.error is None else "error"
        return f"Outcome(index={self.index}, {what}={getattr(self, what)!r})"


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Unfinished(Record):
    """An invocation that a process which is gone left behind.

    `state` is ``"unsent"`` (safe to call again), ``"unknown"`` (sent, without a known answer) or ``"accepted"``;
    only the last has a `resume_token`, for `poll`.
    """

    action_id: str | None = None
    correlation_id: str
    invocation_id: str | None = None
    state: Literal["unsent", "unknown", "accepted"]
    resume_token: str | None = None

    def __repr__(self) -> str:
        return _short(self, "action_id", "correlation_id", "invocation_id", "state")


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(Record):
    """What a call would be told by contract and policy. True where it is allowed.

    - `kind`: of the error that it would raise, ``"validation"`` or ``"denied"``; None where it is allowed
    - `action_id`, `action_name`: which action it is, and what the policy calls it
    - `reasons`: everything that was looked at, in sentences: what speaks for the request, then each violation
    - `violations`: every reason against it
    - `opens_at`: when the policy allows the action again, where it does not at this time
    - `policy`: the digest of the policy; None where there is no policy
    """

    allowed: bool
    kind: Literal["validation", "denied"] | None
    action_id: str | None
    action_name: str | None
    reasons: tuple[str, ...]
    violations: tuple[Violation, ...]
    opens_at: datetime | None
    policy: str | None

    def __bool__(self) -> bool:
        return self.allowed

    def __repr__(self) -> str:
        return _short(self, "allowed", "kind", "action_id", "action_name", "reasons")


@dataclass(frozen=True, slots=True)
class Problem(Record):
    """One place where the trail is not what was written.

    `segment` is the file (empty in memory), `line` counts from 1 (0 is the segment as a whole).
    """

    segment: str
    line: int
    what: str


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Record):
    """Whether the trail is complete and unaltered, as far as its chain can tell.

    `anchored` counts the records that a checkpoint elsewhere covers: truncation shows only there. `cut` counts
    the segments that end in half a record because their writer died in the middle of it; that is no problem.
    `unchecked` counts the records that are sealed with a key that is not at hand: of those only the order and the
    links were checked. `removed` counts the segments that are known of and gone because only a limited history is kept.
    """

    ok: bool
    records: int
    segments: int
    anchored: int
    cut: int
    unchecked: int
    removed: int
    problems: tuple[Problem, ...]

    def __repr__(self) -> str:
        return _short(self, "ok", "records", "segments", "anchored", "problems")


#: What a call ended with: the fields of a result in their order, and everything else as JSON text.
Told = str | tuple[Any, ...]


class _Unread:
    """A field that is read when somebody looks at it: until then it is the text that the gateway sent."""

    __slots__ = ("_field",)

    def __init__(self, field: Any) -> None:
        self._field = field

    def __get__(self, result: Any, owner: Any = None) -> Any:
        value = self._field.__get__(result, owner)
        if type(value) is _native.NativeText:
            value = exact(value.text())
            self._field.__set__(result, value)
        return value

    def __set__(self, result: Any, value: Any) -> None:
        self._field.__set__(result, value)


#: A frozen class looks up how to set a field for each field of each value; here it is looked up once.
_PLACES = tuple(getattr(ActionResult, each.name).__set__ for each in fields(ActionResult))

for _name in ("outputs", "raw"):
    setattr(ActionResult, _name, _Unread(getattr(ActionResult, _name)))


def read_result(told: Told) -> ActionResult:
    """The result that a call ended with. Its `ok` follows from its status.

    :raises CxoneError: the error that it ended with instead
    """
    if isinstance(told, str):
        raise from_fields(exact(told)["error"])
    result = object.__new__(ActionResult)
    for put, value in zip(_PLACES, told):  # noqa: B905 - being strict costs as much as the rest of it
        put(result, value)
    return result
