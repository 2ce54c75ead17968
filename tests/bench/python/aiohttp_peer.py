"""aiohttp as its users write it: one session, a connector with room for all, JSON both ways, a loop that looks."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
from driver import URL, Case, Measure, tasks


async def measured(case: Case) -> Measure:
    inputs = case.inputs()
    verified = ssl.create_default_context(cafile=case.ca_file) if case.ca_file else True
    connector = aiohttp.TCPConnector(limit=case.pool, ssl=verified)
    async with aiohttp.ClientSession(case.base_url, connector=connector) as session:
        async with session.post("/api/v2/oauth/token", data=case.form()) as answer:
            answer.raise_for_status()
            session.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"

        async def accepted() -> str:
            body = case.body(inputs)
            while True:
                async with session.post(URL, json=body) as answer:
                    if answer.status == 429:
                        await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
                        continue
                    answer.raise_for_status()
                    return str((await answer.json())["invocationId"])

        async def one() -> str:
            invocation = await accepted()
            if case.hold:
                await asyncio.sleep(case.hold)
            while True:
                async with session.get(f"{URL}/{invocation}") as answer:
                    answer.raise_for_status()
                    said = await answer.json()
                if said["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
                    return str(said["status"]) if said["outputs"] is not None else "no outputs"
                await asyncio.sleep(case.pause)

        await tasks(one, case.warmup, case.concurrency, [])
        measure = Measure()
        await tasks(one, case.invocations, case.concurrency, measure.took)
        measure.stop()
    return measure


if __name__ == "__main__":
    case = Case.read()
    asyncio.run(measured(case)).say(case)
