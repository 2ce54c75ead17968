"""cxone-actions, with its defaults."""

from __future__ import annotations

import asyncio
import json
import os
import sys

from cxone_actions import AsyncClient, CxoneError

base, operation, *rest = sys.argv[1:]
ACTION = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


async def main() -> dict[str, object]:
    async with AsyncClient(base, client_id="peer", client_secret=os.environ["PEER_SECRET"]) as client:
        try:
            if operation == "look":
                result = await client.poll(rest[0], timeout=10)
                return {"ok": True, "value": result.outputs}
            if operation == "many":
                calls = (client.invoke(ACTION, {"customerId": "canary-input"}) for _ in range(int(rest[0])))
                await asyncio.gather(*calls)
            elif operation == "turns":
                for _ in range(int(rest[0])):
                    await client.invoke(ACTION, {"customerId": "canary-input"})
            elif operation == "nan":
                await client.invoke(ACTION, {"amount": float("nan")})
            else:
                if operation == "twice":
                    await client.invoke(ACTION, {"customerId": "canary-input"})
                await client.invoke(ACTION, {"customerId": "canary-input"})
        except CxoneError as error:
            return {"ok": False, "text": f"{error!r} {error} {vars(error) if hasattr(error, '__dict__') else ''}"}
        return {"ok": True}


print(json.dumps(asyncio.run(main())))
