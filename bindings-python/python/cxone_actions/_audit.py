"""The audit trail of a client: read it, export it, prove it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from . import _native
from ._arguments import in_utc, options_text, path_text
from ._errors import raise_native
from ._json import exact
from ._results import Problem, Verification

#: What a record says.
TrailEvent = Literal[
    "started",
    "joined",
    "denied",
    "invalid",
    "sending",
    "accepted",
    "rejected",
    "poll_failed",
    "terminal",
    "unknown",
    "aborted",
    "detached",
    "callback_failed",
    "delivered",
    "token_refreshed",
    "config",
    "checkpoint",
    "gap",
    "closed",
]


class AuditTrail:
    """What a client did, record by record. No record holds a value of an input or an output.

    The methods read or write files and block while they do.
    """

    __slots__ = ("_client",)

    def __init__(self, client: _native.NativeClient) -> None:
        self._client = client

    def records(
        self,
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        event: TrailEvent | None = None,
        action_id: UUID | str | None = None,
        status: str | None = None,
        correlation_id: UUID | str | None = None,
        invocation_id: UUID | str | None = None,
        actor: str | None = None,
    ) -> Iterator[Mapping[str, Any]]:
        """The records that match, oldest first. They are read as they are asked for, and the methods block meanwhile.

        :param since: not before this: a `datetime` (without a zone: local time), a day (its midnight in UTC) or text in
            RFC 3339
        :param until: before this, said likewise
        :param event: only records of this event, such as ``"terminal"``
        :param action_id: only of this action; the name that the policy gives it will do
        :param status: only with this status, in the gateway's word
        :param correlation_id: only of this invocation
        :param invocation_id: only of this invocation, by the gateway's id
        :param actor: only by who acts under this name
        :returns: an iterator of mappings with the trail's field names
        :raises ConfigError: a filter cannot be understood
        :raises AuditError: a segment cannot be read
        """
        chosen = _filter(since, until, event, action_id, status, correlation_id, invocation_id, actor)
        try:
            batches = self._client.records(chosen)
        except _native.NativeError as error:
            raise_native(error)
        return _records(batches)

    def export(
        self,
        path: str | os.PathLike[str],
        format: Literal["jsonl", "json", "csv"] = "jsonl",
        *,
        since: date | str | None = None,
        until: date | str | None = None,
        event: TrailEvent | None = None,
        action_id: UUID | str | None = None,
        status: str | None = None,
        correlation_id: UUID | str | None = None,
        invocation_id: UUID | str | None = None,
        actor: str | None = None,
    ) -> int:
        """Writes the records that match to a file, which appears when it is complete.

        :param path: the file; one that is there is replaced
        :param format: ``"jsonl"``, ``"json"`` or ``"csv"``
        :param since: not before this: a `datetime` (without a zone: local time), a day (its midnight in UTC) or text in
            RFC 3339
        :param until: before this, said likewise
        :param event: only records of this event, such as ``"terminal"``
        :param action_id: only of this action; the name that the policy gives it will do
        :param status: only with this status, in the gateway's word
        :param correlation_id: only of this invocation
        :param invocation_id: only of this invocation, by the gateway's id
        :param actor: only by who acts under this name
        :returns: how many records were written
        :raises ConfigError: a filter or the format cannot be understood
        :raises AuditError: a segment cannot be read, or the file cannot be written
        """
        chosen = _filter(since, until, event, action_id, status, correlation_id, invocation_id, actor)
        where = path_text("path", path)
        # What is no text is no format either, which the core says.
        form = format if isinstance(format, str) else type(format).__name__
        try:
            return self._client.export(where, form, chosen)
        except _native.NativeError as error:
            raise_native(error)

    def verify(self, *, checkpoints: str | os.PathLike[str] | None = None) -> Verification:
        """Checks every record, every link and every checkpoint.

        :param checkpoints: a file with one checkpoint as a JSON object a line: those that a function was told. Where
            it is left out, those of the option `audit_checkpoints`, where that names a file
        :returns: what was checked, and each `Problem`; `ok` is whether there is none
        :raises AuditError: the trail or the checkpoints cannot be read
        """
        elsewhere = None if checkpoints is None else path_text("checkpoints", checkpoints)
        try:
            plain = exact(self._client.verify(elsewhere))
        except _native.NativeError as error:
            raise_native(error)
        plain["problems"] = tuple(Problem(**problem) for problem in plain["problems"])
        return Verification(**plain)

    def flush(self) -> None:
        """Returns when everything recorded so far would survive a power failure.

        :raises AuditError: the trail cannot be written
        """
        try:
            self._client.flush()
        except _native.NativeError as error:
            raise_native(error)

    def __repr__(self) -> str:
        return "AuditTrail()"


def _records(batches: _native.NativeRecords) -> Iterator[Mapping[str, Any]]:
    try:
        while lines := batches.next_batch():
            for line in lines:
                yield exact(line)
    except _native.NativeError as error:
        raise_native(error)


def _filter(
    since: date | str | None,
    until: date | str | None,
    event: str | None,
    action_id: UUID | str | None,
    status: str | None,
    correlation_id: UUID | str | None,
    invocation_id: UUID | str | None,
    actor: str | None,
) -> str:
    chosen = {
        "since": _moment(since),
        "until": _moment(until),
        "event": event,
        "action_id": action_id,
        "status": status,
        "correlation_id": correlation_id,
        "invocation_id": invocation_id,
        "actor": actor,
    }
    return options_text(chosen)


def _moment(value: date | str | None) -> str | None:
    """As text; what is no time is left for the core to refuse."""
    if isinstance(value, datetime):
        return in_utc(value)
    return value.isoformat() if isinstance(value, date) else value
