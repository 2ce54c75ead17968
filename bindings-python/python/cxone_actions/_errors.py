"""One exception class for each kind of error that the core knows.

The promise: every failure of this library is a `CxoneError` whose attributes say what happened, and none of
them, nor its text, its repr or its pickle, ever holds a secret, a token, an input value or a URL's query. What the
caller's own function for tokens raised is the `__cause__` of what came of it: it is the caller's, as it was raised.
"""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from ._causes import cause_of
from ._json import exact

if TYPE_CHECKING:
    from ._results import ActionResult

Executed = Literal["no", "unknown", "yes"]

#: A request may have any number of mistakes: `violations` has them all, what is shown does not.
_shown = reprlib.Repr()
_shown.maxstring = 600


@dataclass(frozen=True, slots=True)
class Violation:
    """One mistake in a request: where it is (a JSON pointer in wire names), a stable word for it, and a sentence."""

    path: str
    code: str
    message: str

    def keys(self) -> tuple[str, ...]:
        """The names of the fields, so that `dict(violation)` works."""
        return ("path", "code", "message")

    def __getitem__(self, name: str) -> str:
        if name not in self.keys():
            raise KeyError(name)
        value: str = getattr(self, name)
        return value


class CxoneError(Exception):
    """What went wrong, what became of the invocation, and what to do now.

    Attributes other than `kind`, `message` and `executed` are None where they do not apply.

    - `kind`: the stable word of the class, the same in all languages; `code`: the same as ``"CXONE_…"``, in capitals
    - `message`, `hint`: what happened, and what to do now
    - `executed`: was the action executed? ``"no"`` (safe to call again), ``"unknown"`` or ``"yes"``
    - `http_status`, `gateway_code`, `request_id`: what the gateway said
    - `retry_after`: how long the gateway asks us to wait, in seconds
    - `attempts`: how often the request was sent
    - `action_id`, `correlation_id`, `invocation_id`: which invocation it is about
    - `resume_token`: hand it to `poll` to go on waiting
    - `last_status`: the last status word that a poll saw
    - `violations`: every mistake in the request or in the options, all at once

    Where the system decided, `__cause__` is what Python calls that: `ConnectionRefusedError`, `socket.gaierror`,
    `ssl.SSLCertVerificationError`, `TimeoutError`, …; where your `token` function did, it is what the function raised.
    Neither is in `to_dict()` or in a pickle.
    """

    kind: str = ""
    code: str = ""
    message: str
    hint: str | None
    executed: Executed = "unknown"
    http_status: int | None
    gateway_code: str | None
    request_id: str | None
    retry_after: float | None
    attempts: int | None
    action_id: str | None
    correlation_id: str | None
    invocation_id: str | None
    resume_token: str | None
    last_status: str | None
    violations: list[Violation] | None

    _FIELDS: ClassVar[tuple[str, ...]] = (
        "kind",
        "code",
        "message",
        "hint",
        "executed",
        "http_status",
        "gateway_code",
        "request_id",
        "retry_after",
        "attempts",
        "action_id",
        "correlation_id",
        "invocation_id",
        "resume_token",
        "last_status",
        "violations",
    )

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        executed: Executed | None = None,
        http_status: int | None = None,
        gateway_code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        attempts: int | None = None,
        action_id: str | None = None,
        correlation_id: str | None = None,
        invocation_id: str | None = None,
        resume_token: str | None = None,
        last_status: str | None = None,
        violations: Sequence[Violation] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        # The class knows what its kind means; the core knows better where it says so.
        self.executed = type(self).executed if executed is None else executed
        self.http_status = http_status
        self.gateway_code = gateway_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.attempts = attempts
        self.action_id = action_id
        self.correlation_id = correlation_id
        self.invocation_id = invocation_id
        self.resume_token = resume_token
        self.last_status = last_status
        self.violations = None if violations is None else list(violations)

    def to_dict(self) -> dict[str, Any]:
        """Every field as plain data, in the order of the documentation."""
        fields = {name: getattr(self, name) for name in self._FIELDS}
        if self.violations is not None:
            fields["violations"] = [dict(violation) for violation in self.violations]
        return fields

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}; {self.hint}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_shown.repr(str(self))}, executed={self.executed!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message,), {name: it for name, it in self.__dict__.items() if name != "result"})


class ConfigError(CxoneError, ValueError):
    """Options that cannot work, found before any network. Nothing was executed."""

    kind = "config"
    code = "CXONE_CONFIG"
    executed: Executed = "no"


class ValidationError(CxoneError, ValueError):
    """The request breaks the contract; `violations` names every mistake. Nothing was sent."""

    kind = "validation"
    code = "CXONE_VALIDATION"
    executed: Executed = "no"


class AccessDeniedError(CxoneError, PermissionError):
    """The policy refuses it; `violations` names every reason. Nothing was sent."""

    kind = "denied"
    code = "CXONE_DENIED"
    executed: Executed = "no"


class AuthenticationError(CxoneError):
    """The token service refuses the credentials, or the gateway answers 401 after one refresh. Nothing was
    executed."""

    kind = "auth"
    code = "CXONE_AUTH"
    executed: Executed = "no"


class PermissionDeniedError(CxoneError, PermissionError):
    """The gateway answers 403. Nothing was executed."""

    kind = "forbidden"
    code = "CXONE_FORBIDDEN"
    executed: Executed = "no"


class RequestRejectedError(CxoneError):
    """Any other definite refusal by the gateway. Nothing was executed."""

    kind = "rejected"
    code = "CXONE_REJECTED"
    executed: Executed = "no"


class RateLimitedError(CxoneError):
    """429 beyond the attempts or the patience; `retry_after` in seconds where known. Nothing was executed."""

    kind = "rate_limited"
    code = "CXONE_RATE_LIMITED"
    executed: Executed = "no"


class UnavailableError(CxoneError, ConnectionError):
    """Nothing was sent: DNS, refused, TLS, or the token service is down."""

    kind = "unavailable"
    code = "CXONE_UNAVAILABLE"
    executed: Executed = "no"


class OverloadedError(CxoneError):
    """The local queue is full. Nothing was sent."""

    kind = "overloaded"
    code = "CXONE_OVERLOADED"
    executed: Executed = "no"


class OutcomeUnknownError(CxoneError):
    """It was sent, and no trustworthy answer came back. Look at the gateway before calling it again."""

    kind = "outcome_unknown"
    code = "CXONE_OUTCOME_UNKNOWN"


class PollTimeoutError(CxoneError, TimeoutError):
    """The deadline passed while the action was running, as far as anyone knows; `resume_token` goes on waiting."""

    kind = "poll_timeout"
    code = "CXONE_POLL_TIMEOUT"
    executed: Executed = "yes"


class ProtocolError(CxoneError):
    """The gateway's answers to polls cannot be understood. The action was accepted."""

    kind = "protocol"
    code = "CXONE_PROTOCOL"
    executed: Executed = "yes"


class ActionFailedError(CxoneError):
    """From `ActionResult.raise_for_status()`: the action ended as ``FAILED``. `result` is that result.

    It stays in this process: its outputs may repeat inputs, so that a pickle of the error has None.
    """

    result: "ActionResult | None" = None

    kind = "action_failed"
    code = "CXONE_ACTION_FAILED"
    executed: Executed = "yes"


class ActionCancelledError(CxoneError):
    """From `ActionResult.raise_for_status()`: the action ended as ``CANCELLED``. `result` is that result.

    It stays in this process: its outputs may repeat inputs, so that a pickle of the error has None.
    """

    result: "ActionResult | None" = None

    kind = "action_cancelled"
    code = "CXONE_ACTION_CANCELLED"
    executed: Executed = "yes"


class AuditError(CxoneError):
    """The durable trail cannot be written or read: nothing is sent."""

    kind = "audit"
    code = "CXONE_AUDIT"
    executed: Executed = "no"


class ClosedError(CxoneError):
    """The client was used after it was closed, or while its process was about to end."""

    kind = "closed"
    code = "CXONE_CLOSED"
    executed: Executed = "no"


CLASSES: Mapping[str, type[CxoneError]] = {
    cls.kind: cls
    for cls in (
        ConfigError,
        ValidationError,
        AccessDeniedError,
        AuthenticationError,
        PermissionDeniedError,
        RequestRejectedError,
        RateLimitedError,
        UnavailableError,
        OverloadedError,
        OutcomeUnknownError,
        PollTimeoutError,
        ProtocolError,
        ActionFailedError,
        ActionCancelledError,
        AuditError,
        ClosedError,
    )
}


def from_fields(fields: Mapping[str, Any]) -> CxoneError:
    """The exception that stands for an error of the core."""
    rest = {name: value for name, value in fields.items() if name in CxoneError._FIELDS}
    kind, _ = rest.pop("kind"), rest.pop("code")
    if rest.get("violations") is not None:
        rest["violations"] = [Violation(**violation) for violation in rest["violations"]]
    error = CLASSES.get(kind, CxoneError)(**rest)
    error.__cause__ = cause_of(fields)
    return error


def checked(text: Any) -> Any:
    """The answer to a call.

    :raises CxoneError: the error that it is
    """
    answer = exact(text)
    if "error" in answer:
        raise from_fields(answer["error"])
    return answer


def raise_native(error: BaseException) -> NoReturn:
    """Raises what a `NativeError` stands for."""
    said = from_fields(exact(error.args[0]))
    raise said from said.__cause__
