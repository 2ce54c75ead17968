"""httpx as its users write it: one `AsyncClient` with limits that leave room for all, and a loop that looks."""

from __future__ import annotations

import asyncio
import ssl

import httpx
from driver import URL, Case, Measure, tasks


async def measured(case: Case) -> Measure:
    inputs = case.inputs()
    verified = ssl.create_default_context(cafile=case.ca_file) if case.ca_file else True
    limits = httpx.Limits(max_connections=case.pool, max_keepalive_connections=case.pool)
    async with httpx.AsyncClient(base_url=case.base_url, limits=limits, timeout=30, verify=verified) as client:
        answer = await client.post("/api/v2/oauth/token", data=case.form())
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

        async def accepted() -> str:
            body = case.body(inputs)
            while True:
                answer = await client.post(URL, json=body)
                if answer.status_code == 429:
                    await asyncio.sleep(float(answer.headers.get("Retry-After", "1")))
                    continue
                return str(answer.raise_for_status().json()["invocationId"])

        async def one() -> str:
            invocation = await accepted()
            if case.hold:
                await asyncio.sleep(case.hold)
            while True:
                said = (await client.get(f"{URL}/{invocation}")).raise_for_status().json()
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
