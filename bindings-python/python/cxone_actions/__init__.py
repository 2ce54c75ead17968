"""Invoke contact-centre *Data Actions* once, learn what became of them, and be able to prove it.

    import asyncio
    from cxone_actions import AsyncClient, Sandbox

    async def main() -> None:
        with Sandbox() as gateway:
            async with AsyncClient(**gateway.options) as client:
                result = await client.run(
                    "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
                    {"customerId": "CUST-998877", "orderReference": "ORD-2023-1122", "priority": 1},
                )
                print(result.status, result.outputs)

    asyncio.run(main())

`Client` is the same without `await`. Every error is a `CxoneError`, and its `executed` answers the one question that
matters after a failure: ``"no"`` (safe to call again), ``"unknown"``, or ``"yes"``. Types for annotations of your own
are in `cxone_actions.types`.
"""

from . import _process
from ._audit import AuditTrail
from ._callbacks import CallbackListener
from ._checkpoints import Checkpoint
from ._client import AsyncClient, Client
from ._errors import (
    AccessDeniedError,
    ActionCancelledError,
    ActionFailedError,
    AuditError,
    AuthenticationError,
    ClosedError,
    ConfigError,
    CxoneError,
    OutcomeUnknownError,
    OverloadedError,
    PermissionDeniedError,
    PollTimeoutError,
    ProtocolError,
    RateLimitedError,
    RequestRejectedError,
    UnavailableError,
    ValidationError,
    Violation,
)
from ._metrics import ActionMetrics, Distribution, Metrics
from ._native import VERSION as __version__  # noqa: N811 - the name is Python's
from ._results import (
    ActionDescription,
    ActionRequest,
    ActionResult,
    Invocation,
    Outcome,
    Problem,
    Unfinished,
    Verdict,
    Verification,
)
from ._sandbox import Sandbox

__all__ = [
    "AccessDeniedError",
    "ActionCancelledError",
    "ActionDescription",
    "ActionFailedError",
    "ActionMetrics",
    "ActionRequest",
    "ActionResult",
    "AsyncClient",
    "AuditError",
    "AuditTrail",
    "AuthenticationError",
    "CallbackListener",
    "Checkpoint",
    "Client",
    "ClosedError",
    "ConfigError",
    "CxoneError",
    "Distribution",
    "Invocation",
    "Metrics",
    "Outcome",
    "OutcomeUnknownError",
    "OverloadedError",
    "PermissionDeniedError",
    "PollTimeoutError",
    "Problem",
    "ProtocolError",
    "RateLimitedError",
    "RequestRejectedError",
    "Sandbox",
    "UnavailableError",
    "Unfinished",
    "ValidationError",
    "Verdict",
    "Verification",
    "Violation",
    "__version__",
]

_process.watch()

# As they are imported: a traceback says `cxone_actions.ValidationError`, and a pickle outlives our files.
for _name, _thing in list(globals().items()):
    if _name in __all__ and isinstance(_thing, type):
        _thing.__module__ = __name__
