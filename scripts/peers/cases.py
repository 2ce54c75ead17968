"""What is done to every client, and what is read off the gateway afterwards."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass

from gateway import (
    INPUT,
    SECRET,
    TOKEN,
    Fault,
    Gateway,
    breaks_off,
    closes,
    closes_the_second,
    drips,
    half_a_head,
    is_silent,
    pours,
    resets,
    says,
    state,
    unpacks_to,
)


@dataclass(frozen=True)
class Ran:
    """One client after one case."""

    gateway: Gateway
    elsewhere: Gateway
    #: From the first request to the end.
    seconds: float
    #: Peak memory of its process.
    mebibytes: int
    #: None where it had to be stopped.
    said: dict[str, object] | None

    def invokes(self) -> int:
        return len(self.gateway.seen("invoke"))

    def end(self) -> str:
        if self.said is None:
            return f"still waiting after {self.seconds:.0f} s"
        return "success" if self.said.get("ok") else "an error"


@dataclass(frozen=True)
class Case:
    name: str
    read: Callable[[Ran], str]
    fault: Fault | None = None
    operation: str = "invoke"
    faulty: str = "invoke"
    #: A client that has not ended by then is stopped.
    limit: float = 100


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def several(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"


def executed(ran: Ran) -> str:
    return f"executed {times(ran.invokes())}, {ran.end()}"


def executed_then(ran: Ran) -> str:
    return f"the second executed {times(ran.invokes() - 1)}, {ran.end()}"


def sends(ran: Ran) -> str:
    return f"sent {times(ran.invokes())} in {ran.seconds:.0f} s, {ran.end()}"


def gap(ran: Ran) -> str:
    seen = ran.gateway.seen("invoke")
    if len(seen) < 2:
        return f"not sent again, {ran.end()}"
    return f"again after {seen[1].at - seen[0].at:.1f} s"


def other_host(ran: Ran) -> str:
    saw = ran.elsewhere.requests
    if not saw:
        return f"saw nothing; {ran.end()}"
    parts = [f"a {saw[0].method}"]
    if INPUT.encode() in saw[0].body:
        parts.append("the body")
    if TOKEN in saw[0].headers.get("authorization", ""):
        parts.append("the token")
    scheme, _, credentials = saw[0].headers.get("authorization", "").partition(" ")
    if scheme == "Basic" and SECRET in b64decode(credentials).decode():
        parts.append("the client secret")
    return f"saw {', '.join(parts)}; {ran.end()}"


def unauthorized(ran: Ran) -> str:
    used = {request.headers.get("authorization", "") for request in ran.gateway.seen("invoke")}
    return f"sent {times(ran.invokes())} with {several(len(used), 'token')}, {ran.end()}"


def poured(ran: Ran) -> str:
    taken = f"took {ran.gateway.taken >> 20} MiB, " if ran.gateway.taken else ""
    return f"{taken}memory {ran.mebibytes} MiB, {ran.end()}"


def dripped(ran: Ran) -> str:
    return ran.end() if ran.said is None else f"an end after {ran.seconds:.0f} s"


def path(ran: Ran) -> str:
    looks = ran.gateway.seen("look")
    return f"`GET {looks[0].target}`" if looks else "refused, no request"


def number(ran: Ran) -> str:
    seen = ran.gateway.seen("invoke")
    if not seen:
        return "refused, no request"
    return "sent `NaN`" if b"NaN" in seen[0].body else "sent `null`" if b"null" in seen[0].body else "left out"


def value(ran: Ran) -> str:
    return json.dumps(None if ran.said is None else ran.said.get("value"))


def tokens(ran: Ran) -> str:
    return several(len(ran.gateway.seen("token")), "token request")


def secret(ran: Ran) -> str:
    return "in the URL" if any(SECRET in one.target for one in ran.gateway.seen("token")) else "not in the URL"


def leaks(ran: Ran) -> str:
    text = json.dumps(ran.said)
    found = [what for what, canary in (("the token", TOKEN), ("the input", INPUT)) if canary in text]
    return f"prints {' and '.join(found)}" if found else "prints neither"


def looked(ran: Ran) -> str:
    return f"{several(len(ran.gateway.seen('look')), 'look')}, {ran.end()}"


SHORT = b'{"access_token":"canary-token","expires_in":60}'
AWAY = says(307, "Location: {elsewhere}/elsewhere")


def look(status: int) -> Fault:
    return says(status, times=1)


CASES = [
    Case("reads the request, then FIN", executed, closes),
    Case("reads the request, then RST", executed, resets),
    Case("reads the request, then is silent", executed, is_silent, limit=70),
    Case("half a response head", executed, half_a_head),
    Case("half a response body", executed, breaks_off),
    Case("the second request of a kept connection, then FIN", executed_then, closes_the_second, operation="twice"),
    Case("200 with an HTML page", executed, says(200, body=b"<html>portal</html>")),
    Case("500 after executing", executed, says(500)),
    Case("503 after executing", executed, says(503)),
    Case("503 with Retry-After: 1 after executing", executed, says(503, "Retry-After: 1")),
    Case("429, always", sends, says(429)),
    Case("429 with Retry-After: 3, once", gap, says(429, "Retry-After: 3", times=1)),
    Case("429 with Retry-After: 10^21", sends, says(429, f"Retry-After: {10**21}"), limit=30),
    Case("307 to another host", other_host, says(307, "Location: {elsewhere}/elsewhere")),
    Case("302 to another host", other_host, says(302, "Location: {elsewhere}/elsewhere")),
    Case("401 once", unauthorized, says(401, times=1)),
    Case("a byte every 100 ms for 10 minutes", dripped, drips, limit=70),
    Case("an answer of 200 MiB", poured, pours(200)),
    Case("0.3 MiB of gzip that unpack to 256 MiB", poured, unpacks_to(256)),
    Case("an input that is NaN", number, operation="nan"),
    Case("look for the id `../../../admin?x=`", path, operation="look ../../../admin?x="),
    Case("look for the id `..`", path, operation="look .."),
    Case("503 to the first look", looked, look(503), "look inv-1", "look", 30),
    Case("404 to the first look", looked, look(404), "look inv-1", "look", 30),
    Case("the status is `completed`", looked, says(200, body=state(status="completed")), "look inv-1", "look", 30),
    Case("the answer is about another id", looked, says(200, body=state(about="inv-2")), "look inv-1", "look", 30),
    Case("outputs hold 2^53+1", value, operation="look inv-1"),
    Case("outputs are 0", value, says(200, body=state(0)), "look inv-1", "look"),
    Case("100 calls at once, no token yet", tokens, operation="many 100"),
    Case("5 calls in turn, tokens live 60 s", tokens, says(200, body=SHORT), "turns 5", "token"),
    Case("the client secret", secret, operation="many 1"),
    Case("the token service answers 307 to another host", other_host, AWAY, "many 1", "token"),
    Case("the error of a closed connection, printed whole", leaks, closes),
]
