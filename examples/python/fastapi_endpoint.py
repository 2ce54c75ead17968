"""An endpoint that creates a case: one client for the whole process, and an HTTP status for each way a call can end.

pip install cxone-actions fastapi uvicorn
export CXONE_BASE_URL=… CXONE_CLIENT_ID=… CXONE_CLIENT_SECRET=…
uvicorn fastapi_endpoint:app

curl localhost:8000/cases -H 'X-Correlation-Id: order-1122' --json '{"customerId": "CUST-998877"}'
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from cxone_actions import ActionResult, AsyncClient, CxoneError, OutcomeUnknownError, PollTimeoutError

CREATE_CASE = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"

#: What a caller of ours has to know. Everything else is between us and the gateway: 502.
STATUS = {"validation": 422, "denied": 403, "rate_limited": 503, "overloaded": 503, "unavailable": 503}


class Case(BaseModel):
    customerId: str
    orderReference: str | None = None
    priority: int = 3


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Waits at the end for what is under way, so that a deployment loses no answer.
    async with AsyncClient(actor="cases-api") as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/cases")
async def create_case(
    case: Case,
    request: Request,
    x_correlation_id: Annotated[str | None, Header()] = None,
    traceparent: Annotated[str | None, Header()] = None,
) -> JSONResponse:
    client: AsyncClient = request.app.state.client
    inputs = case.model_dump(exclude_none=True)
    # The caller's name of this piece of work, to find it by. It is no idempotency key: sent again, it is another case.
    # A caller who goes away ends the waiting and not the action, which is recorded all the same.
    return told(
        await client.run(CREATE_CASE, inputs, correlation_id=x_correlation_id, traceparent=traceparent, timeout=20)
    )


@app.get("/cases/{token}")
async def wait_for_case(token: str, request: Request) -> JSONResponse:
    client: AsyncClient = request.app.state.client
    return told(await client.poll(token, timeout=20))


@app.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> str:
    client: AsyncClient = request.app.state.client
    return client.metrics().prometheus()


def told(result: ActionResult) -> JSONResponse:
    content = {"id": result.invocation_id, "status": result.status, "outputs": result.outputs}
    return JSONResponse(content | {"error": result.error_message}, status_code=200 if result.ok else 502)


@app.exception_handler(CxoneError)
async def failed(_: Request, error: CxoneError) -> JSONResponse:
    content: dict[str, Any] = {"code": error.code, "error": error.message, "executed": error.executed}
    headers = {}
    status = STATUS.get(error.kind, 502)
    if isinstance(error, PollTimeoutError):
        # It runs on: here is where to ask for its end.
        status, headers = 202, {"Location": f"/cases/{error.resume_token}"}
    elif isinstance(error, OutcomeUnknownError):
        content["look_for"] = error.correlation_id
    elif status == 503:
        headers = {"Retry-After": str(round(error.retry_after or 1))}
    if error.violations:
        content["violations"] = [dict(violation) for violation in error.violations]
    return JSONResponse(content, status_code=status, headers=headers)
