"""An endpoint that the gateway calls back, so that a case is answered the moment it has ended.

pip install cxone-actions fastapi uvicorn
export CXONE_BASE_URL=… CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=… CXONE_CALLBACK_SECRET=whsec_…
PUBLIC_URL=https://cases.example.com uvicorn fastapi_callbacks:app

One process, or an address of its own for each: a callback means nothing to a process that did not send the request.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from cxone_actions import AsyncClient

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"
LONGEST = 64 * 1024


class Case(BaseModel):
    customerId: str
    orderReference: str | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with AsyncClient(actor="cases-api") as client:
        client.expect_callbacks(os.environ["PUBLIC_URL"] + "/callbacks")
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/callbacks/{_:path}")
async def called_back(request: Request) -> Response:
    body = b""
    # Read as it comes: whoever knows this path may send what they want.
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return Response(status_code=413)
    client: AsyncClient = request.app.state.client
    # The bytes as they came: what a JSON parser makes of them has another signature.
    ours = client.notify(request.url.path, request.headers, body)
    return Response(status_code=204 if ours else 404)


@app.post("/cases", status_code=201)
async def create_case(case: Case, request: Request) -> dict[str, Any]:
    client: AsyncClient = request.app.state.client
    result = (await client.run(CREATE_CASE, case.model_dump(exclude_none=True))).raise_for_status()
    return {"id": result.invocation_id, "outputs": result.outputs}
