"""What both clients are made of: the options, and what needs no waiting."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from . import _checkpoints, _log, _metrics, _native, _tokens
from ._arguments import Seconds, moment, options_text, options_to_open, policy_text, verdict
from ._audit import AuditTrail
from ._callbacks import Headers, body_bytes, pairs, text_argument
from ._checkpoints import CheckpointFunction
from ._errors import raise_native
from ._json import exact
from ._results import Inputs, Unfinished, Verdict
from ._tokens import TokenFunction


class Opened:
    """What both clients are made of."""

    @options_to_open
    def __init__(
        self,
        base_url: str | None = None,
        *,
        profile: str | os.PathLike[str] | None = None,
        region: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        access_key_id: str | None = None,
        access_key_secret: str | None = None,
        token: str | TokenFunction | None = None,
        client_auth: Literal["post", "basic", "query"] | None = None,
        scope: str | None = None,
        policy: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        policy_refresh: Seconds | None = None,
        audit: str | os.PathLike[str] | None = None,
        actor: str | None = None,
        durability: Literal["process", "power"] | None = None,
        audit_failure: Literal["fail_closed", "continue_with_gap"] | None = None,
        audit_key: str | None = None,
        audit_checkpoints: str | os.PathLike[str] | CheckpointFunction | None = None,
        audit_segment_bytes: int | None = None,
        audit_retention_days: int | None = None,
        timeout: Seconds | None = None,
        request_timeout: Seconds | None = None,
        connect_timeout: Seconds | None = None,
        poll_interval: Seconds | None = None,
        max_attempts: int | None = None,
        delivery: Literal["at_most_once", "idempotent", "at_least_once"] | None = None,
        max_in_flight: int | None = None,
        max_queued: int | None = None,
        rate_limit: str | None = None,
        validate: Literal["contract", "schema"] | None = None,
        callback_hosts: Sequence[str] | None = None,
        callback_secret: str | Sequence[str] | None = None,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        http1_only: bool | None = None,
        traces: str | None = None,
    ) -> None:
        """Opens a client. It reads files (policy, certificates, the trail) and touches no network.

        None leaves an option to its environment variable (`CXONE_BASE_URL`, …), then to the profile, then to its
        default.

        :param base_url: where the gateway is: https, or http on a loopback address (`CXONE_BASE_URL`)
        :param profile: the wire contract: a built-in name or a path to a TOML file (`CXONE_PROFILE`, ``"gateway"``)
        :param region: fills ``{region}`` in a profile's URLs (`CXONE_REGION`)
        :param client_id, client_secret: OAuth client credentials (`CXONE_CLIENT_ID`, `CXONE_CLIENT_SECRET`, or
            `CXONE_CLIENT_SECRET_FILE` names a file that holds it)
        :param access_key_id, access_key_secret: an access key, where the profile's grant uses one
            (`CXONE_ACCESS_KEY_ID`, `CXONE_ACCESS_KEY_SECRET`)
        :param token: instead of credentials, a bearer token that somebody else keeps fresh (`CXONE_TOKEN`), or a
            function, sync or async, that returns one, or one and the seconds that it serves. It is called in a thread
            of its own when a token is needed, early enough before one runs out, and after a 401; never twice at a
            time, and valid tokens are used meanwhile. What it returns to be awaited is awaited in an event loop that
            waits for the client. A token without a time serves for five minutes. After 30 s it is waited for no longer
        :param client_auth: how the client authenticates at the token service (`CXONE_CLIENT_AUTH`; the profile's);
            ``"query"`` is unsafe
        :param scope: OAuth scopes, separated by spaces (`CXONE_SCOPE`; the profile's)
        :param policy: who may call what: a TOML or JSON file, or the same structure (`CXONE_POLICY`); without
            one every action is allowed
        :param policy_refresh: a policy file that changed is read again by a later call, looked at no more often than
            this; where it is not given, only `reload_policy` reads it again
        :param audit: directory of the durable audit trail (`CXONE_AUDIT_DIR`); without one the last 10,000
            records are kept in memory
        :param actor: who acts, as the trail says it (`CXONE_ACTOR`; the owner of the process)
        :param durability: what a record of the trail survives: the death of the process (``"process"``, the default),
            or the loss of ``"power"`` (`CXONE_DURABILITY`)
        :param audit_failure: while the trail cannot be written, ``"fail_closed"`` (the default) sends nothing;
            ``"continue_with_gap"`` goes on and writes later how many records are missing
        :param audit_key: seals the trail's records (HMAC-SHA256), at least 16 bytes (`CXONE_AUDIT_KEY`, or
            `CXONE_AUDIT_KEY_FILE` names a file that holds it)
        :param audit_checkpoints: a file elsewhere that is told the head of the chain, so that a cut tail is seen, or a
            (possibly async) function that is called with each `Checkpoint`, in a thread of its own: one after the
            other, after every thousand records, every minute in which there were any, when a segment ends, at `flush`
            and at `close`. It has 10 s; what it raises is logged and noted in the trail, and stops nothing
            (`CXONE_AUDIT_CHECKPOINTS`)
        :param audit_segment_bytes: the size at which a segment of the trail is ended and the next begun (64 MiB)
        :param audit_retention_days: segments of the trail that ended so many days ago are removed; all are kept where
            it is not given
        :param timeout: deadline of one `invoke`, `poll` or `run` from the call, seconds or `timedelta`
            (`CXONE_TIMEOUT`, 120)
        :param request_timeout: one HTTP attempt with its body (the profile's: 30 s, 65 s for Genesys data actions)
        :param connect_timeout: one connection with TLS (5 s, or half of a `request_timeout` below 10 s)
        :param poll_interval: a fixed time between two looks; adaptive where it is not given
        :param max_attempts: sends of one invocation (4)
        :param delivery: what is done about a request whose outcome is unknown: ``"at_most_once"`` (the default) never
            sends it again, ``"idempotent"`` does because the gateway deduplicates, and ``"at_least_once"`` although
            it may be executed twice
        :param max_in_flight: HTTP requests at once (64)
        :param max_queued: callers that wait for their turn (1024); one more gets an `OverloadedError`
        :param rate_limit: sends per time, as in ``"300/60s"`` (`CXONE_RATE_LIMIT`; the profile's)
        :param validate: ``"schema"`` checks inputs against the gateway's JSON Schema of the action before they are
            sent, where the profile knows how to ask for it; ``"contract"`` (the default) does not
        :param callback_hosts: hosts that `callback_url` may name; empty is any public https host
        :param callback_secret: what callbacks are signed with, or several while one takes the place of another
            (`CXONE_CALLBACK_SECRET`, or `CXONE_CALLBACK_SECRET_FILE` names a file that holds it); without one their
            address is their proof
        :param proxy: proxy URL (`HTTPS_PROXY`; `NO_PROXY` lists what goes around it)
        :param ca_file: certificates to trust, PEM, instead of the platform's (`SSL_CERT_FILE`)
        :param client_cert: client certificate and key, PEM
        :param http1_only: never speak HTTP/2
        :param traces: where spans are sent: the URL of an OTLP/HTTP collector (`CXONE_TRACES`)
        :raises ConfigError: options that cannot work, all of them at once, an unknown one with its nearest neighbour
        :raises AuditError: the durable trail cannot be written
        """

    def _open(self, options: dict[str, Any]) -> None:
        # Nothing of it is left in this frame, should a traceback show its locals.
        function = options.pop("token") if callable(options.get("token")) else None
        noting = options.pop("audit_checkpoints") if callable(options.get("audit_checkpoints")) else None
        text = options_text(options)
        options.clear()
        notes = _checkpoints.Notes(noting) if noting is not None else None
        _log.follow()
        try:
            self._native = _native.NativeClient(text, function is not None, notes.queue if notes else None)
        except _native.NativeError as error:
            text = ""
            raise_native(error)
        self._tokens = _tokens.Source(self._native, function) if function is not None else None
        self._notes = notes
        if notes is not None:
            notes.begin(self._native)
        self._audit = AuditTrail(self._native)

    @property
    def audit(self) -> AuditTrail:
        """The audit trail of this client: what it did, record by record. See `AuditTrail`."""
        return self._audit

    def metrics(self) -> _metrics.Metrics:
        """A consistent snapshot of this client's numbers; also after it was closed.

        :returns: counts, distributions in milliseconds and rates, see `Metrics`; `prometheus()` is the same as text
        """
        try:
            snapshot = self._native.metrics()
        except _native.NativeError as error:
            raise_native(error)
        return _metrics.read(snapshot)

    def recover(self) -> list[Unfinished]:
        """What processes that are gone left behind in the directory of the durable trail; empty without one.

        One process of a fleet recovers: nothing reserves what is listed, so two would call the same again.

        :returns: one `Unfinished` for each invocation; the accepted ones have a `resume_token` for `poll`
        :raises AuditError: the trail cannot be read
        """
        try:
            found = exact(self._native.recover())
        except _native.NativeError as error:
            raise_native(error)
        return [Unfinished(**unfinished) for unfinished in found]

    def check(
        self,
        action_id: str | UUID,
        inputs: Inputs | None = None,
        *,
        correlation_id: str | UUID | None = None,
        callback_url: str | None = None,
        at: datetime | str | None = None,
    ) -> Verdict:
        """What a call with these arguments would be told by contract and policy, with every reason for and against it.

        Nothing is sent, recorded or counted.

        :param action_id: which action, as for `run`
        :param inputs: string, number, bool or None by key
        :param correlation_id: 1 to 128 of ``[A-Za-z0-9._:-]``, a UUID is one; not needed for a verdict
        :param callback_url: where the gateway may call back, https
        :param at: judge it at another time than now: a `datetime` (without a zone: local time) or text in RFC 3339,
            ``"2026-11-22T15:00:00Z"``
        :returns: a `Verdict`, true where the call is allowed
        :raises ConfigError: `at` is no time
        :raises TypeError: `at` is neither a `datetime` nor text
        """
        try:
            text = self._native.check((action_id, inputs, correlation_id, callback_url), moment(at))
        except _native.NativeError as error:
            raise_native(error)
        return verdict(text)

    def expect_callbacks(self, public_url: str) -> None:
        """Callbacks come to a server of your own, which hands them to `notify`.

        From now on an invocation without a `callback_url` gets an unguessable one of its own below this.

        :param public_url: where the gateway reaches your server, https, or http on a loopback address
        :raises ConfigError: it cannot be called, or the profile's body takes no callback URL
        """
        try:
            self._native.expect_callbacks(text_argument("public_url", public_url))
        except _native.NativeError as error:
            raise_native(error)

    def notify(self, path: str, headers: Headers, raw_body: bytes | bytearray | memoryview | str) -> bool:
        """Hands on a request that your own server took for a callback. It waits for nothing.

        :param path: the path that was asked for, as your server says it
        :param headers: the headers as your server has them: a mapping, or pairs; text or bytes
        :param raw_body: the body as it came: a signature is over its bytes
        :returns: whether it was a callback for this client: answer 204, and 404 where it was not
        :raises TypeError: an argument is of another type, such as a body that was parsed already
        """
        return self._native.notify(text_argument("path", path), pairs(headers), body_bytes(raw_body))

    def reload_policy(self, policy: str | os.PathLike[str] | Mapping[str, Any] | None = None) -> str:
        """Reads the policy again, or another one from now on.

        Each call sees one whole policy, and the trail has a ``config`` record of the change.

        :param policy: a TOML or JSON file, or the same structure; the one that was last given where it is left out
        :returns: the digest of the policy that holds now
        :raises ConfigError: every mistake in it; then the policy that holds stays
        """
        try:
            return self._native.reload_policy(policy_text(policy))
        except _native.NativeError as error:
            raise_native(error)

    def __repr__(self) -> str:
        native = getattr(self, "_native", None)  # none where the options were refused
        if native is None:
            return f"<{type(self).__name__} closed>"
        origin, profile = native.gateway
        return f"<{type(self).__name__} {'closed' if native.closed else 'open'} {profile!r} at {origin!r}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"`{type(self).__name__}` cannot be pickled; open one in each process")
