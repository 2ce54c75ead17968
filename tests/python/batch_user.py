"""A user's process that works off a batch and may be killed at any moment: `batch_user.py TAKEN COUNT DAWDLES`.

What processes before it have done it learns from the trail and from nothing else. Each result that its handler takes is
a line in the file TAKEN, which is what a user's own database would be; DAWDLES is how many seconds that takes. The
gateway and the trail come from the environment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from actions import CREATE_CASE, INPUTS
from cxone_actions import ActionResult, AsyncClient

taken = os.open(sys.argv[1], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
count, dawdles = int(sys.argv[2]), float(sys.argv[3])
AT_ONCE = 16


async def handler(result: ActionResult) -> None:
    os.write(taken, f"{result.correlation_id}\n".encode())
    await asyncio.sleep(dawdles)


def left(client: AsyncClient) -> list[Callable[[], Awaitable[ActionResult]]]:
    """First what others left behind, then what nobody has begun; what nobody knows the outcome of is left alone."""

    def run(correlation_id: str) -> Callable[[], Awaitable[ActionResult]]:
        return lambda: client.run(CREATE_CASE, INPUTS, correlation_id=correlation_id, on_result=handler)

    def poll(token: str) -> Callable[[], Awaitable[ActionResult]]:
        return lambda: client.poll(token, on_result=handler)

    work = []
    for one in client.recover():
        if one.state == "accepted":
            assert one.resume_token is not None
            work.append(poll(one.resume_token))
        elif one.state == "unsent":
            work.append(run(one.correlation_id))
    begun = {record["correlation_id"] for record in client.audit.records(event="started")}
    return work + [run(name) for name in (f"call-{n}" for n in range(count)) if name not in begun]


async def main() -> None:
    async with AsyncClient(poll_interval=0.005, max_in_flight=AT_ONCE, audit_segment_bytes=65536) as client:
        print("open", flush=True)
        work = left(client)
        print("working", flush=True)
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(call: Callable[[], Awaitable[ActionResult]]) -> bool:
            async with turns:
                return (await call()).ok

        assert all(await asyncio.gather(*map(one, work)))
    print("done", flush=True)


asyncio.run(main())
