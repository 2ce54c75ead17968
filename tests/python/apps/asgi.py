"""An ASGI application as it is deployed: one client, made when the module is loaded, closed with the worker's loop."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from actions import AT_ONCE, CREATE_CASE, INPUTS
from cxone_actions import AsyncClient

client = AsyncClient()
assert asyncio.run(client.run(AT_ONCE, {})).ok


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await client.aclose()
        await send({"type": "lifespan.shutdown.complete"})
        return
    result = await client.run(CREATE_CASE, INPUTS, correlation_id=scope["path"].strip("/"))
    body = json.dumps({"ok": result.ok, "pid": os.getpid()}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
