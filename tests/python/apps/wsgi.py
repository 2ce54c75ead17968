"""A WSGI application as it is deployed: one client, in use already when the workers are forked off."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from typing import Any

from actions import AT_ONCE, CREATE_CASE, INPUTS
from cxone_actions import Client

client = Client()
assert client.run(AT_ONCE, {}).ok


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    result = client.run(CREATE_CASE, INPUTS, correlation_id=environ["PATH_INFO"].strip("/"))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"ok": result.ok, "pid": os.getpid()}).encode()]
