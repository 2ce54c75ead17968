"""What the tests of callbacks share: what the gateway was told, and callbacks as the official package signs them."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from standardwebhooks import Webhook

from actions import NEVER_ENDS
from cxone_actions import Client, ClosedError, Sandbox

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, yes").decode()
FOREIGN = "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()
#: The first look without a callback comes after 24 s at the earliest: whatever took less was called back.
SAFETY_NET = 20.0


def posted(sandbox: Sandbox) -> list[dict[str, Any]]:
    """What it was asked to invoke."""
    return [json.loads(seen["body"]) for seen in sandbox.requests if seen["point"] == "invoke"]


def polls(sandbox: Sandbox) -> int:
    """How often somebody looked."""
    return sum(seen["point"] == "poll" for seen in sandbox.requests)


def signed(body: str, secret: str = SECRET, at: timedelta = timedelta(0), name: str = "msg_1") -> dict[str, str]:
    """The headers that the official package makes for a callback."""
    moment = datetime.now(tz=timezone.utc) + at
    signature = Webhook(secret).sign(name, moment, body)
    return {"Webhook-Id": name, "Webhook-Timestamp": str(int(moment.timestamp())), "Webhook-Signature": signature}


@contextmanager
def waited_for(client: Client, sandbox: Sandbox) -> Iterator[str]:
    """The callback URL of an invocation that never ends, for which somebody waits. The client is closed in the end."""
    sandbox.clear()
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(client.run, NEVER_ENDS, {})
        try:
            until = time.monotonic() + 30
            while not posted(sandbox):
                assert time.monotonic() < until
                time.sleep(0.005)
            yield posted(sandbox)[0]["callbackUrl"]
        finally:
            client.close(0)
            ended = waiting.exception(30)
            assert isinstance(ended, ClosedError), ended
